// Package cms makes and judges detached signatures: CMS SignedData (RFC 5652) with the signed attributes of
// CAdES-BES (RFC 5126, ETSI EN 319 122), under GOST R 34.10-2012 (RFC 9215 names), RSA or ECDSA keys.
//
// What a bank signed is what is accepted, nothing else: strict DER, exactly the signers the policy pins, the certificate
// bound into the signature, the chain and revocation judged at the time of receipt. Every refusal carries a stable code
// and a sentence for the people of both sides. Signer makes signatures and verifies each one before it hands it out,
// whoever made it. Inspect explains any message without trusting it.
//
// It does not encrypt, does not keep the record of replays (the journal does), does not fetch anything, knows no XML.
// It may call crypto/pki and its inner rooms message and trust.
package cms

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/cms/message"
	"bankconnector/crypto/pki"
)

// Object identifiers: RFC 5652, RFC 5035, RFC 5126, RFC 8017, RFC 5754, RFC 9215.
const (
	oidData          = "1.2.840.113549.1.7.1"
	oidSignedData    = "1.2.840.113549.1.7.2"
	oidContentType   = "1.2.840.113549.1.9.3"
	oidMessageDigest = "1.2.840.113549.1.9.4"
	oidSigningTime   = "1.2.840.113549.1.9.5"
	oidSigningCert1  = "1.2.840.113549.1.9.16.2.12"
	oidSigningCert2  = "1.2.840.113549.1.9.16.2.47"
	oidReceipt       = "1.2.840.113549.1.9.16.2.1"
	oidProtection    = "1.2.840.113549.1.9.52"
	oidCountersign   = "1.2.840.113549.1.9.6"
	oidRSA           = "1.2.840.113549.1.1.1"
	oidPSS           = "1.2.840.113549.1.1.10"
	oidMGF1          = "1.2.840.113549.1.1.8"
	oidGOST256       = "1.2.643.7.1.1.1.1"
	oidGOST512       = "1.2.643.7.1.1.1.2"
)

func refuse(code, format string, args ...any) *pki.Refusal {
	return &pki.Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// digestOf names an allowed hash function by its OID; known is true also for those that are refused as weak.
func digestOf(id string) (h pki.Digest, known bool) {
	switch id {
	case "1.2.643.7.1.1.2.2":
		return pki.Streebog256, true
	case "1.2.643.7.1.1.2.3":
		return pki.Streebog512, true
	case "2.16.840.1.101.3.4.2.1":
		return pki.SHA256, true
	case "2.16.840.1.101.3.4.2.2":
		return pki.SHA384, true
	case "2.16.840.1.101.3.4.2.3":
		return pki.SHA512, true
	case "1.2.840.113549.2.5", "1.3.14.3.2.26", "1.2.643.2.2.9", "1.2.840.113549.2.2", "2.16.840.1.101.3.4.2.4":
		return "", true // MD5, SHA-1, GOST R 34.11-94, MD2, SHA-224
	default:
		return "", false
	}
}

func digestOID(h pki.Digest) string {
	switch h {
	case pki.Streebog256:
		return "1.2.643.7.1.1.2.2"
	case pki.Streebog512:
		return "1.2.643.7.1.1.2.3"
	case pki.SHA256:
		return "2.16.840.1.101.3.4.2.1"
	case pki.SHA384:
		return "2.16.840.1.101.3.4.2.2"
	case pki.SHA512:
		return "2.16.840.1.101.3.4.2.3"
	default:
		return ""
	}
}

// readTime reads the claimed time (RFC 5652 section 11.3): UTCTime up to 2049, GeneralizedTime without fractions after.
func readTime(value []byte) (time.Time, bool) {
	s := cryptobyte.String(value)
	var at time.Time
	if s.PeekASN1Tag(der.UTCTime) {
		ok := s.ReadASN1UTCTime(&at) && s.Empty()
		return at, ok && bytes.HasSuffix(value, []byte("Z")) && len(value) == 15
	}
	ok := s.ReadASN1GeneralizedTime(&at) && s.Empty()
	return at, ok && bytes.HasSuffix(value, []byte("Z")) && len(value) == 17 && at.Year() >= 2050
}

// signerID tells in words whom a SignerInfo names.
func signerID(si *message.Signer) string {
	if si.KeyID != nil {
		return fmt.Sprintf("key identifier %x", si.KeyID)
	}
	var rdn pkix.RDNSequence
	if rest, err := asn1.Unmarshal(si.Issuer, &rdn); err != nil || len(rest) > 0 {
		return fmt.Sprintf("serial number %X of an unreadable issuer", si.Serial[2:])
	}
	return fmt.Sprintf("serial number %X of %q", si.Serial[2:], rdn)
}
