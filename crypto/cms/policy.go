package cms

import (
	"bytes"
	"time"

	"bankconnector/crypto/cms/trust"
	"bankconnector/crypto/pki"
)

// Revocations is what is known about revoked certificates: CRLs and OCSP answers, read by Add. The zero value is ready.
// It belongs to the installation, not to a bank: share one between policies, and keep its Floors over a restart.
type Revocations = trust.Revocations

// defaultSkew is how far a signer's clock may run ahead of ours.
const defaultSkew = 5 * time.Minute

// Pin is a certificate that may sign, and when we rely on it: From and Until are the bounds of our reliance (a rollover
// has two pins that overlap), not those of the certificate; zero is open.
type Pin struct {
	Certificate *pki.Certificate
	From, Until time.Time
}

// Policy says whose signatures are accepted and in what form. The zero value of every switch is the strict one.
// It is safe for concurrent use as long as nobody changes it. What was proven once is remembered by the certificates
// themselves, so keep those of Signers, Roots and Intermediates and do not read their files for every message.
type Policy struct {
	// Signers are the only certificates that may sign. Without any, Roots together with INN or OGRN say who may:
	// a signer whose certificate came with the message, chains to a root and names the bank.
	Signers []Pin
	// INN and OGRN of the bank, from its card; when set the signer's certificate must name the same.
	INN, OGRN string
	// Signatures is the exact number of SignerInfos in a message, each by another pinned certificate; 0 means 1.
	Signatures int

	BER                        bool   // also take indefinite lengths (BouncyCastle-based bank software), rewritten as DER
	DEROnly                    bool   // refuse PEM and base64 wrapping
	PSS                        bool   // also take RSASSA-PSS
	ContentType                string // of what is signed, "" = data
	Attached                   bool   // also take a message that holds the content, when it is octet for octet ours
	SigningCertificateOptional bool   // do not demand signingCertificateV2 (csptest, plain openssl); only with pinned signers
	LooseBag                   bool   // ignore certificates and CRLs in the message that cannot be read

	// Roots and Intermediates prove the signer's certificate; CRLs its status. Without Roots and CRLs the pin alone is
	// relied on.
	Roots, Intermediates []*pki.Certificate
	CRLs                 *Revocations
	RevocationOptional   bool // accept a signer whose revocation status cannot be told; the default is "unchecked"
	KeyPeriodOptional    bool // ignore privateKeyUsagePeriod
	// Purposes are identifiers (OIDs), one of which the signer's extendedKeyUsage must have; nil: it is not looked at.
	Purposes []string

	// Skew is how far signingTime may lie after the time of receipt; 0 means 5 minutes.
	Skew time.Duration
}

// Check judges a certificate as a signer at a moment, without any message: its place in the policy, its fitness, chain
// and revocation. It rehearses an announced rollover before its date and warns of an end that comes near.
func (p *Policy) Check(c *pki.Certificate, at time.Time) Verdict {
	v := Verdict{Signer: c}
	refusal := p.admit(c, at)
	if refusal == nil {
		refusal = trust.CheckSigner(c, at, p.KeyPeriodOptional, p.Purposes...)
	}
	if refusal == nil {
		v.Chain, refusal = p.chain(c, nil, at)
	}
	return v.conclude(refusal, c, at)
}

// admit tells whether the policy lets c sign at a moment: not-pinned, pin-period or subject.
func (p *Policy) admit(c *pki.Certificate, at time.Time) *pki.Refusal {
	if len(p.Signers) == 0 {
		if len(p.Roots) == 0 || p.INN == "" && p.OGRN == "" {
			return refuse("not-pinned", "the policy names no signer")
		}
		return p.card(c)
	}
	var late *pki.Refusal
	for _, pin := range p.Signers {
		if !bytes.Equal(pin.Certificate.Raw, c.Raw) {
			continue
		}
		if !pin.From.IsZero() && at.Before(pin.From) || !pin.Until.IsZero() && at.After(pin.Until) {
			late = refuse("pin-period", "%s is relied on from %s until %s, not at %s", c, bound(pin.From), bound(pin.Until), bound(at))
			continue
		}
		return p.card(c)
	}
	if late != nil {
		return late
	}
	return refuse("not-pinned", "%s is none of the %d certificates of the policy", c, len(p.Signers))
}

func bound(t time.Time) string {
	if t.IsZero() {
		return "(open)"
	}
	return t.UTC().Format(time.RFC3339)
}

// card compares the certificate's INN and OGRN with those of the bank's card.
func (p *Policy) card(c *pki.Certificate) *pki.Refusal {
	s := c.Subject()
	switch {
	case p.INN != "" && s.Taxpayer() != p.INN:
		return refuse("subject", "%s names INN %q, the bank's is %q", c, s.Taxpayer(), p.INN)
	case p.OGRN != "" && s.OGRN != p.OGRN:
		return refuse("subject", "%s names OGRN %q, the bank's is %q", c, s.OGRN, p.OGRN)
	}
	return nil
}

// chain proves c when the policy has anything to prove it with.
func (p *Policy) chain(c *pki.Certificate, bag []*pki.Certificate, at time.Time) ([]*pki.Certificate, *pki.Refusal) {
	if len(p.Roots) == 0 && p.CRLs == nil {
		return []*pki.Certificate{c}, nil
	}
	store := &trust.Store{
		Roots: p.Roots, Intermediates: p.Intermediates, Revocations: p.CRLs,
		RevocationOptional: p.RevocationOptional, KeyPeriodOptional: p.KeyPeriodOptional,
	}
	path, refusal := store.Chain(c, nil, at)
	if refusal == nil || len(bag) == 0 || refusal.Code != "issuer-not-ca" {
		return path, refusal
	}
	// Only now the message's own certificates: they may fill a gap, and most messages have none to fill.
	return store.Chain(c, bag, at)
}

// certificate reads a certificate of a message, or finds it among those of the policy.
func (p *Policy) certificate(raw []byte) (*pki.Certificate, error) {
	for _, pin := range p.Signers {
		if bytes.Equal(pin.Certificate.Raw, raw) {
			return pin.Certificate, nil
		}
	}
	for _, group := range [][]*pki.Certificate{p.Intermediates, p.Roots} {
		for _, c := range group {
			if bytes.Equal(c.Raw, raw) {
				return c, nil
			}
		}
	}
	return pki.ParseCertificate(raw)
}
