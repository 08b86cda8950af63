package cms

import (
	"bytes"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/cms/message"
	"bankconnector/crypto/pki"
)

// scheme is how a signature value is made: the kind of key ("ecdsa" for either curve), the hash, and for PSS the salt.
type scheme struct {
	key    pki.Algorithm
	digest pki.Digest
	pss    bool
	salt   int
}

func (s scheme) verify(k pki.PublicKey, digest, sig []byte) bool {
	if !s.pss {
		return k.Verify(s.digest, digest, sig)
	}
	v, ok := k.(interface {
		VerifyPSS(h pki.Digest, digest, sig []byte, salt int) bool
	})
	return ok && v.VerifyPSS(s.digest, digest, sig, s.salt)
}

// fits tells that a key is of the kind the signature algorithm names.
func (s scheme) fits(k pki.PublicKey) bool {
	a := k.Algorithm()
	return a == s.key || s.key == "ecdsa" && (a == pki.ECDSAP256 || a == pki.ECDSAP384)
}

// scheme judges the two algorithm identifiers of a signer together: each allowed, and fitting the other.
// Where RFC 5652 leaves freedom: the signature algorithm may be the bare key OID (GOST, RSA) or the one with digest.
func (p *Policy) scheme(m *message.Message, si *message.Signer) (scheme, *pki.Refusal) {
	var s scheme
	for _, a := range append([]message.Algorithm{si.Digest}, m.Digests...) {
		switch h, known := digestOf(a.OID); {
		case known && h == "":
			return s, refuse("weak-digest", "digest algorithm %s is broken or withdrawn", a.OID)
		case !known:
			return s, refuse("algorithm", "digest algorithm %s is not supported", a.OID)
		case !a.Plain():
			return s, refuse("algorithm", "digest algorithm %s with parameters", a.OID)
		}
	}
	if !slices.ContainsFunc(m.Digests, func(a message.Algorithm) bool { return a.OID == si.Digest.OID }) {
		return s, refuse("algorithm", "digestAlgorithms does not list %s, which the signer used", si.Digest.OID)
	}
	h, _ := digestOf(si.Digest.OID)
	s.digest = h
	if si.Signature.OID == oidPSS {
		if !p.PSS {
			return s, refuse("rsa-pss", "the signature is RSASSA-PSS")
		}
		s.key, s.pss = pki.RSA, true
		return s, s.readPSS(si.Signature.Params)
	}
	var digest pki.Digest
	if s.key, digest = signatureOf(si.Signature.OID); s.key == "" {
		return s, refuse("algorithm", "signature algorithm %s is not supported", si.Signature.OID)
	}
	if digest == "" && s.key == pki.RSA {
		digest = h // rsaEncryption goes with any hash of SHA-2
	}
	if digest != h || s.key == pki.RSA && (h == pki.Streebog256 || h == pki.Streebog512) {
		return s, refuse("algorithm", "signature algorithm %s does not go with digest algorithm %s", si.Signature.OID, si.Digest.OID)
	}
	if !si.Signature.Plain() {
		return s, refuse("algorithm", "signature algorithm %s with parameters", si.Signature.OID)
	}
	return s, nil
}

// protection compares CMSAlgorithmProtection (RFC 6211), where a signer wrote it, with the algorithms of his signature:
// SEQUENCE { digestAlgorithm, [1] signatureAlgorithm OPTIONAL, [2] macAlgorithm OPTIONAL }.
func protection(si *message.Signer) *pki.Refusal {
	value := si.One(oidProtection)
	if value == nil {
		return nil
	}
	in := cryptobyte.String(value)
	var seq cryptobyte.String
	if !in.ReadASN1(&seq, der.SEQUENCE) || !in.Empty() {
		return refuse("algorithm", "the attribute CMSAlgorithmProtection is malformed")
	}
	digest, ok := message.ReadAlgorithm(&seq)
	var kind der.Tag
	var inner cryptobyte.String
	if !ok || !seq.ReadAnyASN1(&inner, &kind) || !seq.Empty() || kind != der.Tag(1).Constructed().ContextSpecific() {
		return refuse("algorithm", "the attribute CMSAlgorithmProtection is malformed")
	}
	signature, ok := message.ReadAlgorithm(asSequence(inner))
	if !ok || digest.OID != si.Digest.OID || signature.OID != si.Signature.OID || !digest.Plain() ||
		(!signature.Plain() || !si.Signature.Plain()) && !bytes.Equal(signature.Params, si.Signature.Params) {
		return refuse("algorithm", "the attribute CMSAlgorithmProtection names other algorithms than the signature")
	}
	return nil
}

// asSequence puts the tag of a SEQUENCE before what stood under an implicit one.
func asSequence(inner cryptobyte.String) *cryptobyte.String {
	s := cryptobyte.String(message.Encode(0x30, inner))
	return &s
}

// signatureOf tells the key and the hash of a signature OID; the hash is "" where any may be.
func signatureOf(id string) (pki.Algorithm, pki.Digest) {
	switch id {
	case oidGOST256, "1.2.643.7.1.1.3.2":
		return pki.GOST256, pki.Streebog256
	case oidGOST512, "1.2.643.7.1.1.3.3":
		return pki.GOST512, pki.Streebog512
	case oidRSA:
		return pki.RSA, ""
	case "1.2.840.113549.1.1.11":
		return pki.RSA, pki.SHA256
	case "1.2.840.113549.1.1.12":
		return pki.RSA, pki.SHA384
	case "1.2.840.113549.1.1.13":
		return pki.RSA, pki.SHA512
	case "1.2.840.10045.4.3.2":
		return "ecdsa", pki.SHA256
	case "1.2.840.10045.4.3.3":
		return "ecdsa", pki.SHA384
	case "1.2.840.10045.4.3.4":
		return "ecdsa", pki.SHA512
	default:
		return "", ""
	}
}

// readPSS reads RSASSA-PSS-params (RFC 4055 section 3.1). The hash must be the signer's, MGF1 must use the same, the
// salt must be as long as the hash or longer, the trailer the usual one.
func (s *scheme) readPSS(params []byte) *pki.Refusal {
	bad := func(what string) *pki.Refusal { return refuse("algorithm", "RSASSA-PSS: %s", what) }
	in := cryptobyte.String(params)
	var seq, hash, mask, salt cryptobyte.String
	var p1, p2, p3 bool
	if !in.ReadASN1(&seq, der.SEQUENCE) || !in.Empty() ||
		!seq.ReadOptionalASN1(&hash, &p1, der.Tag(0).Constructed().ContextSpecific()) ||
		!seq.ReadOptionalASN1(&mask, &p2, der.Tag(1).Constructed().ContextSpecific()) ||
		!seq.ReadOptionalASN1(&salt, &p3, der.Tag(2).Constructed().ContextSpecific()) || !seq.Empty() {
		return bad("malformed parameters")
	}
	if !p1 || !p2 || !p3 {
		return refuse("weak-digest", "RSASSA-PSS: the defaults of its parameters mean SHA-1")
	}
	h, ok1 := message.ReadAlgorithm(&hash)
	m, ok2 := message.ReadAlgorithm(&mask)
	inner := cryptobyte.String(m.Params)
	g, ok3 := message.ReadAlgorithm(&inner)
	if !ok1 || !ok2 || !ok3 || !hash.Empty() || !mask.Empty() || !inner.Empty() || !salt.ReadASN1Integer(&s.salt) || !salt.Empty() {
		return bad("malformed parameters")
	}
	want := digestOID(s.digest)
	if h.OID != want || g.OID != want || m.OID != oidMGF1 || !h.Plain() || !g.Plain() {
		return bad("its hashes are not the signer's digest algorithm")
	}
	if s.salt < s.digest.New().Size() || s.salt > 512 {
		return bad("the salt is too short or too long")
	}
	return nil
}
