package trust

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // certID names an issuer by SHA-1 (RFC 6960); the signature is what proves
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/pki"
)

// answer is a successful basic OCSP response (RFC 6960 section 4.2.1). It is read here and not by x/crypto/ocsp,
// because that one cannot verify GOST.
type answer struct {
	signed    []byte
	algorithm []byte
	signature []byte
	embedded  []*pki.Certificate
	single    []single
	critical  bool
	by        map[string]*pki.Certificate // by the issuer's fingerprint: whose key was found to have signed
}

// single is what an answer says about one certificate.
type single struct {
	hash               string // OID of the hash that names the issuer
	nameHash, keyHash  []byte
	serial             *big.Int
	revoked, good      bool
	revokedAt          time.Time
	thisUpdate, nextUp time.Time
}

func context(n uint8) der.Tag { return der.Tag(n).ContextSpecific() }

func isAnswer(raw []byte) bool {
	s := cryptobyte.String(raw)
	var seq cryptobyte.String
	return s.ReadASN1(&seq, der.SEQUENCE) && seq.PeekASN1Tag(der.ENUM)
}

func parseAnswer(raw []byte) (*answer, error) {
	s := cryptobyte.String(bytes.Clone(raw))
	var seq, wrapped, body, octets, basic cryptobyte.String
	var status int
	if !s.ReadASN1(&seq, der.SEQUENCE) || !s.Empty() || !seq.ReadASN1Enum(&status) {
		return nil, errors.New("malformed response")
	}
	if status != 0 {
		return nil, refuse("ocsp-unknown", "the responder gave no answer (status %d)", status)
	}
	var kind asn1.ObjectIdentifier
	if !seq.ReadASN1(&wrapped, context(0).Constructed()) || !wrapped.ReadASN1(&body, der.SEQUENCE) ||
		!body.ReadASN1ObjectIdentifier(&kind) || kind.String() != "1.3.6.1.5.5.7.48.1.1" ||
		!body.ReadASN1(&octets, der.OCTET_STRING) || !octets.ReadASN1(&basic, der.SEQUENCE) || !octets.Empty() {
		return nil, errors.New("not a basic response")
	}
	a := new(answer)
	var tbs, algorithm, certs cryptobyte.String
	var present bool
	if !basic.ReadASN1Element(&tbs, der.SEQUENCE) || !basic.ReadASN1Element(&algorithm, der.SEQUENCE) ||
		!basic.ReadASN1BitStringAsBytes(&a.signature) || !basic.ReadOptionalASN1(&certs, &present, context(0).Constructed()) || !basic.Empty() {
		return nil, errors.New("malformed basic response")
	}
	a.signed, a.algorithm = tbs, algorithm
	if present {
		var list, one cryptobyte.String
		if !certs.ReadASN1(&list, der.SEQUENCE) {
			return nil, errors.New("malformed certificates")
		}
		for !list.Empty() && len(a.embedded) < maxPath {
			if !list.ReadASN1Element(&one, der.SEQUENCE) {
				return nil, errors.New("malformed certificates")
			}
			if c, err := pki.ParseCertificate(one); err == nil {
				a.embedded = append(a.embedded, c)
			}
		}
	}
	if !a.readData(tbs) {
		return nil, errors.New("malformed response data")
	}
	return a, nil
}

// readData reads ResponseData: version, responderID, producedAt, responses, extensions.
func (a *answer) readData(tbs cryptobyte.String) bool {
	var data, responses cryptobyte.String
	if !tbs.ReadASN1(&data, der.SEQUENCE) || !data.SkipOptionalASN1(context(0).Constructed()) ||
		!data.SkipOptionalASN1(context(1).Constructed()) || !data.SkipOptionalASN1(context(2).Constructed()) ||
		!data.SkipASN1(der.GeneralizedTime) || !data.ReadASN1(&responses, der.SEQUENCE) || !a.noCritical(&data) || !data.Empty() {
		return false
	}
	for !responses.Empty() {
		var one cryptobyte.String
		if !responses.ReadASN1(&one, der.SEQUENCE) || !a.readSingle(one) || len(a.single) > 64 {
			return false
		}
	}
	return true
}

func (a *answer) readSingle(one cryptobyte.String) bool {
	var id, algorithm cryptobyte.String
	var hash asn1.ObjectIdentifier
	x := single{serial: new(big.Int)}
	if !one.ReadASN1(&id, der.SEQUENCE) || !id.ReadASN1(&algorithm, der.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&hash) ||
		!id.ReadASN1Bytes(&x.nameHash, der.OCTET_STRING) || !id.ReadASN1Bytes(&x.keyHash, der.OCTET_STRING) || !id.ReadASN1Integer(x.serial) {
		return false
	}
	x.hash = hash.String()
	var info cryptobyte.String
	switch {
	case one.PeekASN1Tag(context(0)):
		x.good = one.SkipASN1(context(0))
	case one.PeekASN1Tag(context(1).Constructed()):
		x.revoked = true
		if !one.ReadASN1(&info, context(1).Constructed()) || !info.ReadASN1GeneralizedTime(&x.revokedAt) {
			return false
		}
	default:
		if !one.SkipASN1(context(2)) {
			return false
		}
	}
	var next cryptobyte.String
	var present bool
	if !one.ReadASN1GeneralizedTime(&x.thisUpdate) || !one.ReadOptionalASN1(&next, &present, context(0).Constructed()) ||
		present && !next.ReadASN1GeneralizedTime(&x.nextUp) || !a.noCritical(&one) || !one.Empty() {
		return false
	}
	a.single = append(a.single, x)
	return true
}

// noCritical skips the optional [1] extensions and notes a critical one, which makes the whole answer unusable.
func (a *answer) noCritical(s *cryptobyte.String) bool {
	var wrapped, list, one cryptobyte.String
	var present bool
	if !s.ReadOptionalASN1(&wrapped, &present, context(1).Constructed()) {
		return false
	}
	if !present {
		return true
	}
	if !wrapped.ReadASN1(&list, der.SEQUENCE) {
		return false
	}
	for !list.Empty() {
		if !list.ReadASN1(&one, der.SEQUENCE) || !one.SkipASN1(der.OBJECT_IDENTIFIER) {
			return false
		}
		if one.PeekASN1Tag(der.BOOLEAN) {
			a.critical = true
		}
	}
	return true
}

// checkOCSP looks for an answer about c. ocsp-other-cert tells that there are answers, but none about this one.
func (r *Revocations) checkOCSP(c, issuer *pki.Certificate, at time.Time) *pki.Refusal {
	if len(r.ocsp) == 0 {
		return refuse("no-crl", "no CRL of %q and no OCSP answer about %s", issuer.Subject().Text, c)
	}
	refusal := refuse("ocsp-other-cert", "no OCSP answer is about %s", c)
	for _, a := range r.ocsp {
		for _, x := range a.single {
			if !x.names(c, issuer) {
				continue
			}
			if bad := a.prove(issuer, at); bad != nil {
				refusal = bad
				continue
			}
			if x.revoked && (!x.revokedAt.After(at) || !x.thisUpdate.After(at)) {
				return refuse("revoked", "%s was revoked at %s (OCSP)", c, stamp(x.revokedAt))
			}
			switch {
			case r.future(x.thisUpdate, at) || x.nextUp.IsZero() || at.After(x.nextUp):
				refusal = refuse("ocsp-stale", "the OCSP answer about %s holds from %s to %s", c, stamp(x.thisUpdate), stamp(x.nextUp))
			case x.good || x.revoked:
				return nil
			default:
				refusal = refuse("ocsp-unknown", "the responder does not know %s", c)
			}
		}
	}
	return refusal
}

// names tells whether the answer is about c as issued by issuer: serial number and both hashes (RFC 6960 section 4.1.1).
func (x *single) names(c, issuer *pki.Certificate) bool {
	if x.serial.Cmp(c.X509.SerialNumber) != 0 {
		return false
	}
	s := cryptobyte.String(issuer.X509.RawSubjectPublicKeyInfo)
	var seq cryptobyte.String
	var key []byte
	if !s.ReadASN1(&seq, der.SEQUENCE) || !seq.SkipASN1(der.SEQUENCE) || !seq.ReadASN1BitStringAsBytes(&key) {
		return false
	}
	name, sum := issuer.X509.RawSubject, pki.Digest("")
	switch x.hash {
	case "1.3.14.3.2.26":
		n, k := sha1.Sum(name), sha1.Sum(key) //nolint:gosec // see the import
		return bytes.Equal(n[:], x.nameHash) && bytes.Equal(k[:], x.keyHash)
	case "2.16.840.1.101.3.4.2.1":
		sum = pki.SHA256
	case "1.2.643.7.1.1.2.2":
		sum = pki.Streebog256
	case "1.2.643.7.1.1.2.3":
		sum = pki.Streebog512
	default:
		return false
	}
	return bytes.Equal(sum.Sum(name), x.nameHash) && bytes.Equal(sum.Sum(key), x.keyHash)
}

// prove verifies who signed: the authority itself, or a responder it certified for OCSP (RFC 6960 section 4.2.2.2).
func (a *answer) prove(issuer *pki.Certificate, at time.Time) *pki.Refusal {
	if a.critical {
		return refuse("ocsp-signature", "the OCSP answer has a critical extension")
	}
	by, known := a.by[issuer.Fingerprint()]
	if !known {
		by = a.signer(issuer)
		if a.by == nil {
			a.by = make(map[string]*pki.Certificate)
		}
		a.by[issuer.Fingerprint()] = by
	}
	if by == nil {
		return refuse("ocsp-signature", "the OCSP answer is signed neither by %s nor by its responder", issuer)
	}
	if by != issuer {
		if refusal := CheckSigner(by, at, false); refusal != nil {
			return refuse("ocsp-signature", "the OCSP responder: %s", refusal.Detail)
		}
	}
	return nil
}

func (a *answer) signer(issuer *pki.Certificate) *pki.Certificate {
	if issuer.Verifies(a.algorithm, a.signed, a.signature) == nil {
		return issuer
	}
	for _, c := range a.embedded {
		if slices.Contains(c.X509.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) && bytes.Equal(c.X509.RawIssuer, issuer.X509.RawSubject) &&
			c.SignedBy(issuer) == nil && c.Verifies(a.algorithm, a.signed, a.signature) == nil {
			return c
		}
	}
	return nil
}
