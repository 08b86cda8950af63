package cms

import (
	"fmt"
	"strings"
	"time"

	"bankconnector/crypto/cms/codes"
	"bankconnector/crypto/pki"
)

// Status is the outcome of a verification in one word. The strings are stable: they stand in journal and JSON.
type Status string

// The six outcomes. Only Valid may be acted on; Unchecked may become any other when it is tried again.
const (
	Valid         Status = "valid"          // the pinned signer signed exactly this content and was entitled to at receipt
	Invalid       Status = "invalid"        // not a good signature, whoever made it
	UnknownSigner Status = "unknown-signer" // signed by someone this policy does not know at this date
	Expired       Status = "expired"        // certificate or key out of its time at receipt
	Revoked       Status = "revoked"        // certificate revoked at receipt
	Unchecked     Status = "unchecked"      // cannot tell now whether the certificate is revoked: hold the document
)

// Verdict is what Verify found.
type Verdict struct {
	Status      Status
	Code        string           // one of Codes, "" when valid
	Detail      string           // the facts in English: which certificate, which date, which algorithm
	Signer      *pki.Certificate // the (first) signer as far as he was recognised; nil when not. Trust it only when Valid
	SigningTime time.Time        // claimed by the signer, zero when he claims none
	At          time.Time        // the moment of receipt that was judged

	Signers []*pki.Certificate // when Valid: all signers in the order of the message
	Chain   []*pki.Certificate // when Valid: the first signer's chain, root last; evidence to keep with the document
}

// Valid tells that the signature may be relied on.
func (v Verdict) Valid() bool { return v.Status == Valid }

// conclude fills the verdict from the first refusal met, nil for none.
func (v Verdict) conclude(r *pki.Refusal, c *pki.Certificate, at time.Time) Verdict {
	v.At = at
	if r == nil {
		v.Status = Valid
		return v
	}
	v.Code, v.Detail, v.Status, v.Signers, v.Chain = r.Code, r.Detail, statusOf(r.Code), nil, nil
	if r.Code == "validity" && c != nil && at.Before(c.X509.NotBefore) {
		v.Status = Invalid
	}
	return v
}

func statusOf(code string) Status {
	switch code {
	case "not-pinned", "pin-period", "subject":
		return UnknownSigner
	case "validity", "key-period":
		return Expired
	case "revoked":
		return Revoked
	case "no-crl":
		return Unchecked
	}
	if strings.HasPrefix(code, "crl-") || strings.HasPrefix(code, "ocsp-") {
		return Unchecked
	}
	return Invalid
}

// Text tells the verdict to the integration engineer: what is wrong, the facts, and what to tell the bank.
// lang is "ru" or "en"; anything else is English.
func (v Verdict) Text(lang string) string {
	if v.Valid() {
		if lang == "ru" {
			return fmt.Sprintf("Подпись верна: %s.", v.Signer.Subject().Text)
		}
		return fmt.Sprintf("The signature is good: %s.", v.Signer.Subject().Text)
	}
	what, todo := codes.Explain(v.Code, lang)
	if lang == "ru" {
		return fmt.Sprintf("%s Подробно (%s): %s. Что делать: %s", what, v.Code, v.Detail, todo)
	}
	return fmt.Sprintf("%s In detail (%s): %s. What to do: %s", what, v.Code, v.Detail, todo)
}

// Codes lists every refusal code that Verify can give.
func Codes() []string { return codes.All() }
