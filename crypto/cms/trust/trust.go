// Package trust decides whether a certificate may be relied on at a moment: its own fitness to sign, its chain to a
// pinned root (RFC 5280 section 6), and what the authorities said about revocation (CRL and OCSP, RFC 5280 and 6960),
// with the same rules for GOST, RSA and ECDSA.
//
// It does not fetch anything and believes nothing that came along with a message: roots, intermediates, CRLs and OCSP
// answers are given by the caller; intermediates from a message only help to find a path. Time is an argument.
// It is an inner room of crypto/cms and may call crypto/pki.
package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/pki"
)

const (
	maxPath     = 4  // leaf, two intermediates, root
	maxAttempts = 32 // signatures verified while one path is looked for
)

func refuse(code, format string, args ...any) *pki.Refusal {
	return &pki.Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Store holds the authorities that are relied on. It is safe for concurrent use as long as nobody changes it.
type Store struct {
	Roots         []*pki.Certificate // trusted as they are, but only one that is its own issuer ends a path
	Intermediates []*pki.Certificate // help to find the path
	Revocations   *Revocations       // nil: nothing is known

	// RevocationOptional accepts a certificate whose status cannot be told. A known revocation still refuses.
	RevocationOptional bool
	// KeyPeriodOptional ignores privateKeyUsagePeriod.
	KeyPeriodOptional bool
}

// CheckSigner judges the certificate of a signer by itself at a moment: extensions, key usage, validity, and the usage
// period of the private key. With purposes, extendedKeyUsage must be there and name one of them; "any" counts only when it
// is listed. It gives nil or one of critical-extension, key-usage, validity, key-period.
func CheckSigner(c *pki.Certificate, at time.Time, keyPeriodOptional bool, purposes ...string) *pki.Refusal {
	if refusal := checkCritical(c); refusal != nil {
		return refusal
	}
	if !allows(c, x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) {
		return refuse("key-usage", "%s allows neither digitalSignature nor nonRepudiation", c)
	}
	if len(purposes) > 0 && !serves(c, purposes) {
		return refuse("key-usage", "%s has none of the purposes %s in extendedKeyUsage", c, strings.Join(purposes, ", "))
	}
	if refusal := checkValidity(c, at); refusal != nil {
		return refusal
	}
	if keyPeriodOptional {
		return nil
	}
	return checkPeriod(c, at)
}

// serves tells whether extendedKeyUsage (RFC 5280 section 4.2.1.12) names one of the purposes.
func serves(c *pki.Certificate, purposes []string) bool {
	var named []asn1.ObjectIdentifier
	rest, err := asn1.Unmarshal(extension(c, "2.5.29.37"), &named)
	return err == nil && len(rest) == 0 && slices.ContainsFunc(named, func(id asn1.ObjectIdentifier) bool {
		return slices.Contains(purposes, id.String())
	})
}

// allows tells whether keyUsage has one of the bits, or is not there at all: then nothing is forbidden.
func allows(c *pki.Certificate, bits x509.KeyUsage) bool {
	return c.X509.KeyUsage&bits != 0 || extension(c, "2.5.29.15") == nil
}

func extension(c *pki.Certificate, id string) []byte {
	for _, e := range c.X509.Extensions {
		if e.Id.String() == id {
			return e.Value
		}
	}
	return nil
}

// checkCritical refuses every critical extension whose meaning is not applied here (RFC 5280 section 4.2). Name and
// policy constraints are among them: no Russian authority uses them, and to half-apply them would be worse. Names that
// an authority constrains, and proxies, are refused also where they are not marked: other software heeds them.
func checkCritical(c *pki.Certificate) *pki.Refusal {
	for _, e := range c.X509.Extensions {
		switch id := e.Id.String(); id {
		case "2.5.29.30", "1.3.6.1.5.5.7.1.14": // nameConstraints, proxyCertInfo
			return refuse("critical-extension", "%s has the extension %s, which is not applied here", c, id)
		case "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.32", "2.5.29.37":
			// keyUsage, subjectAltName, basicConstraints, certificatePolicies, extKeyUsage
		default:
			if e.Critical {
				return refuse("critical-extension", "%s has the unknown critical extension %s", c, id)
			}
		}
	}
	return nil
}

func checkValidity(c *pki.Certificate, at time.Time) *pki.Refusal {
	switch {
	case at.Before(c.X509.NotBefore):
		return refuse("validity", "%s is not valid yet at %s", c, stamp(at))
	case at.After(c.X509.NotAfter):
		return refuse("validity", "%s is no longer valid at %s", c, stamp(at))
	}
	return nil
}

func checkPeriod(c *pki.Certificate, at time.Time) *pki.Refusal {
	from, until := c.KeyPeriod()
	if !from.IsZero() && at.Before(from) || !until.IsZero() && at.After(until) {
		return refuse("key-period", "the private key of %s may be used %s to %s, not at %s", c, stamp(from), stamp(until), stamp(at))
	}
	return nil
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "any time"
	}
	return t.UTC().Format(time.RFC3339)
}

// Chain finds and proves a path from leaf to a root at a moment, the leaf first and the root last, and asks for the
// revocation status of every certificate below the root. extra are certificates that came with a message: they may
// stand in the middle of a path and nowhere else. The refusal is that of the most promising path: issuer-not-ca,
// issuer-signature, path-length, validity, critical-extension, key-period, revoked, no-crl, crl-..., ocsp-..., limits.
func (s *Store) Chain(leaf *pki.Certificate, extra []*pki.Certificate, at time.Time) ([]*pki.Certificate, *pki.Refusal) {
	w := walk{store: s, extra: extra, at: at, budget: maxAttempts}
	return w.extend([]*pki.Certificate{leaf})
}

// Root tells whether a certificate names itself as its issuer. Any other one has an authority above it that can revoke
// it, so no path may end there.
func Root(c *pki.Certificate) bool {
	return bytes.Equal(c.X509.RawSubject, c.X509.RawIssuer) && points(c, c)
}

type walk struct {
	store  *Store
	extra  []*pki.Certificate
	at     time.Time
	budget int
}

// extend grows a proven path upwards by one certificate in every possible way and takes the first that reaches a root.
func (w *walk) extend(path []*pki.Certificate) ([]*pki.Certificate, *pki.Refusal) {
	last := path[len(path)-1]
	for _, r := range w.store.Roots {
		if bytes.Equal(r.Raw, last.Raw) && Root(r) {
			return path, w.revocation(path)
		}
	}
	if len(path) == maxPath {
		return nil, refuse("path-length", "no root within %d certificates", maxPath)
	}
	var first *pki.Refusal
	for _, issuer := range w.candidates(path) {
		refusal := w.checkIssuer(path, issuer)
		if refusal == nil {
			var whole []*pki.Certificate
			if whole, refusal = w.extend(append(path[:len(path):len(path)], issuer)); refusal == nil {
				return whole, nil
			}
		}
		if first == nil || first.Code == "issuer-signature" {
			first = refusal // another key under the same name is the least telling reason
		}
	}
	if first == nil {
		first = refuse("issuer-not-ca", "%s was issued by %q, which is not among the known authorities", last, last.Issuer().Text)
	}
	return nil, first
}

// candidates are the certificates that bear the name of the issuer of the last one in the path (compared octet by octet).
func (w *walk) candidates(path []*pki.Certificate) []*pki.Certificate {
	last := path[len(path)-1]
	var all []*pki.Certificate
	for _, group := range [][]*pki.Certificate{w.store.Roots, w.store.Intermediates, w.extra} {
		for _, c := range group {
			if bytes.Equal(c.X509.RawSubject, last.X509.RawIssuer) && !within(path, c) {
				all = append(all, c)
			}
		}
	}
	return all
}

func within(path []*pki.Certificate, c *pki.Certificate) bool {
	for _, p := range path {
		if bytes.Equal(p.Raw, c.Raw) {
			return true
		}
	}
	return false
}

// checkIssuer judges issuer as the authority over the last certificate of the path (RFC 5280 section 6.1.4).
func (w *walk) checkIssuer(path []*pki.Certificate, issuer *pki.Certificate) *pki.Refusal {
	last := path[len(path)-1]
	x := issuer.X509
	if !x.BasicConstraintsValid || !x.IsCA || !allows(issuer, x509.KeyUsageCertSign) {
		return refuse("issuer-not-ca", "%s was issued by %s, which is not an authority", last, issuer)
	}
	if !points(last, issuer) {
		return refuse("issuer-not-ca", "%s names another key or certificate of its issuer than %s", last, issuer)
	}
	if x.MaxPathLen > 0 || x.MaxPathLenZero {
		between := 0
		for _, c := range path[1:] {
			if !bytes.Equal(c.X509.RawSubject, c.X509.RawIssuer) {
				between++
			}
		}
		if between > x.MaxPathLen {
			return refuse("path-length", "%s allows %d authorities below it, the path has %d", issuer, x.MaxPathLen, between)
		}
	}
	if refusal := checkCritical(issuer); refusal != nil {
		return refusal
	}
	if refusal := checkValidity(issuer, w.at); refusal != nil {
		return refusal
	}
	if !w.store.KeyPeriodOptional { // an authority's key may only have signed within its period
		if refusal := checkPeriod(issuer, last.X509.NotBefore); refusal != nil {
			return refusal
		}
	}
	return w.prove(last, issuer)
}

// prove verifies that issuer's key signed child; issuer remembers the outcome.
func (w *walk) prove(child, issuer *pki.Certificate) *pki.Refusal {
	if w.budget--; w.budget < 0 {
		return refuse("limits", "no path found within %d attempts", maxAttempts)
	}
	return child.SignedBy(issuer)
}

// revocation asks about every certificate of a finished path but the root.
func (w *walk) revocation(path []*pki.Certificate) *pki.Refusal {
	for i := range len(path) - 1 {
		refusal := w.store.Revocations.check(path[i], path[i+1], w.at)
		if refusal != nil && (refusal.Code == "revoked" || !w.store.RevocationOptional) {
			return refusal
		}
	}
	return nil
}

// points tells whether authorityKeyIdentifier of a certificate, as far as it is there, names issuer (RFC 5280 section
// 4.2.1.1): the key by its identifier, the certificate by its own issuer and number.
func points(last, issuer *pki.Certificate) bool {
	if id := issuer.X509.SubjectKeyId; len(last.X509.AuthorityKeyId) > 0 && len(id) > 0 && !bytes.Equal(last.X509.AuthorityKeyId, id) {
		return false
	}
	value := extension(last, "2.5.29.35")
	if value == nil {
		return true
	}
	in := cryptobyte.String(value)
	var seq, names, serial cryptobyte.String
	var named, numbered bool
	if !in.ReadASN1(&seq, der.SEQUENCE) || !in.Empty() || !seq.SkipOptionalASN1(context(0)) ||
		!seq.ReadOptionalASN1(&names, &named, context(1).Constructed()) ||
		!seq.ReadOptionalASN1(&serial, &numbered, context(2)) || !seq.Empty() {
		return false
	}
	for named && !names.Empty() {
		var one, name cryptobyte.String
		var tag der.Tag
		if !names.ReadAnyASN1(&one, &tag) {
			return false
		}
		if tag != context(4).Constructed() {
			continue
		}
		if !one.ReadASN1Element(&name, der.SEQUENCE) || !bytes.Equal(name, issuer.X509.RawIssuer) {
			return false
		}
	}
	return !numbered || new(big.Int).SetBytes(serial).Cmp(issuer.X509.SerialNumber) == 0
}
