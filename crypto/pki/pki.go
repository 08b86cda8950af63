// Package pki holds what a signature rests on: keys, certificates, chains and what was said about revocation.
//
// It knows GOST R 34.10-2012 (256 and 512 bits), RSA and ECDSA on P-256 and P-384, and refuses every weaker or older
// key while parsing, so a *Certificate in hand always carries a key fit for use. Certificates are read by crypto/x509
// and, where it is silent about GOST, by this package; chains, CRLs (RFC 5280) and OCSP answers (RFC 6960) are proven
// here with the same signature checks for all algorithms.
//
// It does not read CMS, does not fetch anything from the network and keeps no state outside the values it returns.
// It may call crypto/gost only.
package pki

import "fmt"

// Refusal says why a key, a certificate, a chain or a revocation answer was not accepted.
// Code is one of the stable refusal codes that cms.Codes lists ("weak-key", "revoked", ...); Detail names the facts
// in English: which certificate, which date, which algorithm.
type Refusal struct{ Code, Detail string }

// Error gives "code: detail".
func (r *Refusal) Error() string { return r.Code + ": " + r.Detail }

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}
