package pki

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/gost"
)

// Refusal codes given by this room; cms lists and explains them.
const (
	codeNotDER      = "not-der"
	codeAlgorithm   = "algorithm"
	codeWeakKey     = "weak-key"
	codeWeakDigest  = "weak-digest"
	codeCertificate = "certificate"
	codeTrailing    = "trailing-data"
	codeLimits      = "limits"
)

// Object identifiers by RFC 9215, RFC 7836, RFC 4357, RFC 8017, RFC 5480.
const (
	oidKeyGOST256  = "1.2.643.7.1.1.1.1"
	oidKeyGOST512  = "1.2.643.7.1.1.1.2"
	oidSignGOST256 = "1.2.643.7.1.1.3.2"
	oidSignGOST512 = "1.2.643.7.1.1.3.3"
	oidStreebog256 = "1.2.643.7.1.1.2.2"
	oidStreebog512 = "1.2.643.7.1.1.2.3"
	oidCryptoProA  = "1.2.643.2.2.35.1"
	oidTC26512A    = "1.2.643.7.1.2.1.2.1"
	oidTC26512C    = "1.2.643.7.1.2.1.2.3"
	oidTC26256     = "1.2.643.7.1.2.1.1." // sets A to D
	oidKeyGOST2001 = "1.2.643.2.2.19"
	oidKeyRSA      = "1.2.840.113549.1.1.1"
	oidKeyEC       = "1.2.840.10045.2.1"
)

func oid(dotted string) asn1.ObjectIdentifier {
	var o asn1.ObjectIdentifier
	for arc := range strings.SplitSeq(dotted, ".") {
		n, _ := strconv.Atoi(arc) // only constants of this room come here
		o = append(o, n)
	}
	return o
}

// algorithm is an AlgorithmIdentifier: the OID and its parameters in DER, nil when absent.
type algorithm struct {
	oid    string
	params []byte
}

// plain tells that the parameters are absent or NULL. Both are in use for every algorithm here except PSS:
// gost-engine writes NULL where RFC 9215 wants them absent.
func (a algorithm) plain() bool {
	return len(a.params) == 0 || (len(a.params) == 2 && a.params[0] == 5 && a.params[1] == 0)
}

func readAlgorithm(s *cryptobyte.String) (algorithm, bool) {
	var seq cryptobyte.String
	var o asn1.ObjectIdentifier
	if !s.ReadASN1(&seq, der.SEQUENCE) || !seq.ReadASN1ObjectIdentifier(&o) {
		return algorithm{}, false
	}
	a := algorithm{oid: o.String()}
	if !seq.Empty() {
		var params cryptobyte.String
		if !seq.ReadAnyASN1Element(&params, new(der.Tag)) || !seq.Empty() {
			return algorithm{}, false
		}
		a.params = params
	}
	return a, true
}

// ParsePublicKey reads a SubjectPublicKeyInfo in DER. It refuses, with a *Refusal, every key that is too weak to be trusted.
func ParsePublicKey(spki []byte) (PublicKey, error) {
	key, refusal := parsePublicKey(spki)
	if refusal != nil {
		return nil, refusal
	}
	return key, nil
}

// GOSTPublicKey makes a key of what a PKCS#11 token tells: the OID of its parameter set in DER, and X||Y little-endian.
func GOSTPublicKey(set, point []byte) (PublicKey, error) {
	s := cryptobyte.String(set)
	var id asn1.ObjectIdentifier
	if !s.ReadASN1ObjectIdentifier(&id) || !s.Empty() {
		return nil, refuse(codeNotDER, "the parameter set of a GOST key is not an object identifier")
	}
	curve, ok := gost.CurveByOID(id)
	if !ok {
		return nil, refuse(codeWeakKey, "GOST parameter set %s is not allowed", id)
	}
	key, err := gost.NewPublicKey(curve, point)
	if err != nil {
		return nil, refuse(codeWeakKey, "GOST public key on %s: %v", id, err)
	}
	return newGOSTPublic(key, id.String()), nil
}

// parsePublicKey reads a SubjectPublicKeyInfo and refuses every key that is too weak to be trusted.
func parsePublicKey(spki []byte) (PublicKey, *Refusal) {
	s := cryptobyte.String(spki)
	var seq cryptobyte.String
	var bits []byte
	if !s.ReadASN1(&seq, der.SEQUENCE) || !s.Empty() {
		return nil, refuse(codeNotDER, "SubjectPublicKeyInfo is not one SEQUENCE")
	}
	a, ok := readAlgorithm(&seq)
	if !ok || !seq.ReadASN1BitStringAsBytes(&bits) || !seq.Empty() {
		return nil, refuse(codeNotDER, "SubjectPublicKeyInfo is malformed")
	}
	switch a.oid {
	case oidKeyGOST256, oidKeyGOST512:
		return parseGOST(spki, a, bits)
	case oidKeyGOST2001:
		return nil, refuse(codeWeakKey, "GOST R 34.10-2001 key: out of force since 2019")
	case oidKeyRSA, oidKeyEC:
		return parseStandard(spki)
	default:
		return nil, refuse(codeAlgorithm, "key algorithm %s is not supported", a.oid)
	}
}

func parseStandard(spki []byte) (PublicKey, *Refusal) {
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, refuse(codeWeakKey, "public key: %v", err)
	}
	switch k := key.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < 2048 || n > 8192 {
			return nil, refuse(codeWeakKey, "RSA key of %d bits, 2048 to 8192 are allowed", n)
		}
		if k.E < 65537 {
			return nil, refuse(codeWeakKey, "RSA public exponent %d, 65537 or larger is wanted", k.E)
		}
		return &rsaPublic{key: k, spki: spki}, nil
	case *ecdsa.PublicKey:
		if name := k.Curve.Params().Name; name != "P-256" && name != "P-384" {
			return nil, refuse(codeWeakKey, "elliptic curve %s, P-256 and P-384 are allowed", name)
		}
		return &ecdsaPublic{key: k, spki: spki}, nil
	default:
		return nil, refuse(codeAlgorithm, "key of type %T is not supported", key)
	}
}

// parseGOST reads a key by RFC 9215: parameters { publicKeyParamSet, digestParamSet OPTIONAL },
// value OCTET STRING of X||Y little-endian.
func parseGOST(spki []byte, a algorithm, bits []byte) (PublicKey, *Refusal) {
	set, curve, refusal := parseGOSTParams(a)
	if refusal != nil {
		return nil, refusal
	}
	s := cryptobyte.String(bits)
	var raw []byte
	if !s.ReadASN1Bytes(&raw, der.OCTET_STRING) || !s.Empty() {
		return nil, refuse(codeNotDER, "GOST public key is not an OCTET STRING")
	}
	key, err := gost.NewPublicKey(curve, raw)
	if err != nil {
		return nil, refuse(codeWeakKey, "GOST public key on %s: %v", set, err)
	}
	return &gostPublic{key: key, spki: spki}, nil
}

// parseGOSTParams reads the parameters of a GOST key algorithm: its set of parameters (as spelled) and the curve.
func parseGOSTParams(a algorithm) (string, *gost.Curve, *Refusal) {
	size, digest := 32, oidStreebog256
	if a.oid == oidKeyGOST512 {
		size, digest = 64, oidStreebog512
	}
	s := cryptobyte.String(a.params)
	var seq cryptobyte.String
	var set, sum asn1.ObjectIdentifier
	if !s.ReadASN1(&seq, der.SEQUENCE) || !s.Empty() || !seq.ReadASN1ObjectIdentifier(&set) {
		return "", nil, refuse(codeNotDER, "GOST key parameters are malformed")
	}
	if !seq.Empty() {
		if !seq.ReadASN1ObjectIdentifier(&sum) || !seq.Empty() {
			return "", nil, refuse(codeNotDER, "GOST key parameters are malformed")
		}
		if sum.String() != digest {
			return "", nil, refuse(codeAlgorithm, "digest parameter set %s does not fit a %d-bit key", sum, size*8)
		}
	}
	curve, ok := gost.CurveByOID(set)
	if !ok {
		return "", nil, refuse(codeWeakKey, "GOST parameter set %s is not allowed", set)
	}
	if curve.Size() != size {
		return "", nil, refuse(codeAlgorithm, "GOST parameter set %s does not fit a %d-bit key", set, size*8)
	}
	return set.String(), curve, nil
}

// newGOSTPublic writes the SubjectPublicKeyInfo as banks' tools expect it: the digest set is named for the
// CryptoPro sets and the 512-bit sets A and B, and left out for the TC26 256-bit sets and 512-C (RFC 9215 section 4.2).
func newGOSTPublic(k *gost.PublicKey, set string) *gostPublic {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		addGOSTAlgorithm(b, k.Curve(), set)
		b.AddASN1(der.BIT_STRING, func(b *cryptobyte.Builder) {
			b.AddUint8(0)
			b.AddASN1OctetString(k.Bytes())
		})
	})
	return &gostPublic{key: k, spki: b.BytesOrPanic()}
}

func addGOSTAlgorithm(b *cryptobyte.Builder, c *gost.Curve, set string) {
	key, digest := oidKeyGOST256, oidStreebog256
	if c.Size() == 64 {
		key, digest = oidKeyGOST512, oidStreebog512
	}
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid(key))
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid(set))
			if !strings.HasPrefix(set, oidTC26256) && set != oidTC26512C {
				b.AddASN1ObjectIdentifier(oid(digest))
			}
		})
	})
}

// checkSigned verifies the signature of a certificate, a CRL or an OCSP answer under key.
// GOST signatures here must carry the signature-with-digest OID; a bare key OID is for CMS only.
func checkSigned(a algorithm, key PublicKey, signed, sig []byte) *Refusal {
	var alg Algorithm
	var h Digest
	switch a.oid {
	case oidSignGOST256:
		alg, h = GOST256, Streebog256
	case oidSignGOST512:
		alg, h = GOST512, Streebog512
	case "1.2.840.113549.1.1.11":
		alg, h = RSA, SHA256
	case "1.2.840.113549.1.1.12":
		alg, h = RSA, SHA384
	case "1.2.840.113549.1.1.13":
		alg, h = RSA, SHA512
	case "1.2.840.10045.4.3.2":
		alg, h = "ecdsa", SHA256
	case "1.2.840.10045.4.3.3":
		alg, h = "ecdsa", SHA384
	case "1.2.840.10045.4.3.4":
		alg, h = "ecdsa", SHA512
	case "1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1", "1.2.643.2.2.3":
		return refuse(codeWeakDigest, "signature algorithm %s rests on a broken or withdrawn hash", a.oid)
	default:
		return refuse(codeAlgorithm, "signature algorithm %s is not supported", a.oid)
	}
	if !strings.HasPrefix(string(key.Algorithm()), string(alg)) || !a.plain() {
		return refuse(codeAlgorithm, "signature algorithm %s does not fit a %s key", a.oid, key.Algorithm())
	}
	if !key.Verify(h, h.Sum(signed), sig) {
		return refuse("issuer-signature", "the signature does not verify under the issuer's key")
	}
	return nil
}
