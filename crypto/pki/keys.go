package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"fmt"
	"hash"
	"io"

	"bankconnector/crypto/gost"
)

// Algorithm names a kind of signature key. The strings are stable: they stand in configuration, journal and JSON.
type Algorithm string

// The keys this program signs and verifies with; everything else is refused as weak-key or algorithm.
const (
	GOST256   Algorithm = "gost256"    // GOST R 34.10-2012, 256 bits, any allowed parameter set
	GOST512   Algorithm = "gost512"    // GOST R 34.10-2012, 512 bits
	RSA       Algorithm = "rsa"        // 2048 to 8192 bits, public exponent 65537 or larger
	ECDSAP256 Algorithm = "ecdsa-p256" // NIST P-256
	ECDSAP384 Algorithm = "ecdsa-p384" // NIST P-384
)

// Digest is the hash that goes with a key of this algorithm when the signer may choose:
// Streebog of the key's length for GOST, SHA-256, and SHA-384 for P-384.
func (a Algorithm) Digest() Digest {
	switch a {
	case GOST256:
		return Streebog256
	case GOST512:
		return Streebog512
	case ECDSAP384:
		return SHA384
	case RSA, ECDSAP256:
		return SHA256
	default:
		return ""
	}
}

// Digest names a hash function.
type Digest string

// The allowed hash functions: GOST R 34.11-2012 (RFC 6986) and SHA-2. MD5, SHA-1 and GOST R 34.11-94 are refused.
const (
	Streebog256 Digest = "streebog256"
	Streebog512 Digest = "streebog512"
	SHA256      Digest = "sha256"
	SHA384      Digest = "sha384"
	SHA512      Digest = "sha512"
)

// New returns a fresh hash, or nil for a name that is not one of the allowed hash functions.
func (d Digest) New() hash.Hash {
	switch d {
	case Streebog256:
		return gost.NewStreebog256()
	case Streebog512:
		return gost.NewStreebog512()
	case SHA256:
		return sha256.New()
	case SHA384:
		return sha512.New384()
	case SHA512:
		return sha512.New()
	default:
		return nil
	}
}

// Sum is the digest of data.
func (d Digest) Sum(data []byte) []byte {
	h := d.New()
	h.Write(data)
	return h.Sum(nil)
}

func (d Digest) std() crypto.Hash {
	switch d {
	case SHA256:
		return crypto.SHA256
	case SHA384:
		return crypto.SHA384
	case SHA512:
		return crypto.SHA512
	case Streebog256, Streebog512: // no number in the standard library, and an RSA or ECDSA key must not meet them
		return 0
	default:
		return 0
	}
}

// PublicKey verifies signatures. Verify wants the digest that h gave over the signed octets and the signature as it
// stands in a CMS or a certificate: s||r big-endian for GOST, PKCS#1 v1.5 for RSA, a DER SEQUENCE for ECDSA.
// It returns false for a hash that does not belong to the key. SPKI is the key's SubjectPublicKeyInfo in DER.
type PublicKey interface {
	Algorithm() Algorithm
	Verify(h Digest, digest, sig []byte) bool
	SPKI() []byte
}

// PrivateKey makes signatures that its Public key verifies. Printed in any way it shows only its algorithm.
type PrivateKey interface {
	Algorithm() Algorithm
	Public() PublicKey
	Sign(rand io.Reader, h Digest, digest []byte) ([]byte, error)
}

// GenerateKey makes a key: GOST on the CryptoPro-A set (256 bits) or the TC26 set A (512 bits), RSA with 3072 bits,
// ECDSA on the named curve. rand must be a source of secret randomness; errors are those of the source.
func GenerateKey(a Algorithm, rand io.Reader) (PrivateKey, error) {
	switch a {
	case GOST256:
		return generateGOST(oidCryptoProA, rand)
	case GOST512:
		return generateGOST(oidTC26512A, rand)
	case RSA:
		k, err := rsa.GenerateKey(rand, 3072)
		if err != nil {
			return nil, fmt.Errorf("generate rsa key: %w", err)
		}
		return wrapPrivate(k)
	case ECDSAP256, ECDSAP384:
		c := elliptic.P256()
		if a == ECDSAP384 {
			c = elliptic.P384()
		}
		k, err := ecdsa.GenerateKey(c, rand)
		if err != nil {
			return nil, fmt.Errorf("generate ecdsa key: %w", err)
		}
		return wrapPrivate(k)
	default:
		return nil, refuse(codeAlgorithm, "no keys of algorithm %q", string(a))
	}
}

func generateGOST(set string, rand io.Reader) (PrivateKey, error) {
	c, ok := gost.CurveByOID(oid(set))
	if !ok {
		return nil, refuse(codeWeakKey, "parameter set %s is not available", set)
	}
	k, err := gost.GenerateKey(c, rand)
	if err != nil {
		return nil, fmt.Errorf("generate gost key: %w", err)
	}
	return &gostPrivate{key: k, public: newGOSTPublic(k.Public(), set)}, nil
}

// secret keeps a private key out of every way of printing: %v, %+v, %#v, slog, errors.
type secret struct{}

func (secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[private key]") }

type gostPublic struct {
	key  *gost.PublicKey
	spki []byte
}

func (k *gostPublic) Algorithm() Algorithm {
	if k.key.Curve().Size() == 64 {
		return GOST512
	}
	return GOST256
}
func (k *gostPublic) SPKI() []byte { return bytes.Clone(k.spki) }

func (k *gostPublic) Verify(h Digest, digest, sig []byte) bool {
	if h != k.Algorithm().Digest() || len(digest) != k.key.Curve().Size() || len(sig) != 2*k.key.Curve().Size() {
		return false
	}
	return k.key.Verify(digest, sig)
}

func (k *gostPublic) same(other PublicKey) bool {
	o, ok := other.(*gostPublic)
	return ok && o.key.Curve() == k.key.Curve() && bytes.Equal(o.key.Bytes(), k.key.Bytes())
}

type gostPrivate struct {
	secret
	key    *gost.PrivateKey
	public *gostPublic
}

func (k *gostPrivate) Algorithm() Algorithm { return k.public.Algorithm() }
func (k *gostPrivate) Public() PublicKey    { return k.public }

func (k *gostPrivate) Sign(rand io.Reader, h Digest, digest []byte) ([]byte, error) {
	if h != k.Algorithm().Digest() || len(digest) != k.public.key.Curve().Size() {
		return nil, refuse(codeAlgorithm, "a %s key signs only %s", k.Algorithm(), k.Algorithm().Digest())
	}
	return k.key.Sign(rand, digest)
}

type rsaPublic struct {
	key  *rsa.PublicKey
	spki []byte
}

func (k *rsaPublic) Algorithm() Algorithm { return RSA }
func (k *rsaPublic) SPKI() []byte         { return bytes.Clone(k.spki) }

func (k *rsaPublic) Verify(h Digest, digest, sig []byte) bool {
	return h.std() != 0 && rsa.VerifyPKCS1v15(k.key, h.std(), digest, sig) == nil
}

// VerifyPSS checks an RSASSA-PSS signature (RFC 8017) with MGF1 over the same hash and a salt of exactly that length.
func (k *rsaPublic) VerifyPSS(h Digest, digest, sig []byte, salt int) bool {
	return h.std() != 0 && salt > 0 && rsa.VerifyPSS(k.key, h.std(), digest, sig, &rsa.PSSOptions{SaltLength: salt}) == nil
}

func (k *rsaPublic) same(other PublicKey) bool {
	o, ok := other.(*rsaPublic)
	return ok && o.key.Equal(k.key)
}

type ecdsaPublic struct {
	key  *ecdsa.PublicKey
	spki []byte
}

func (k *ecdsaPublic) Algorithm() Algorithm {
	if k.key.Curve == elliptic.P384() {
		return ECDSAP384
	}
	return ECDSAP256
}
func (k *ecdsaPublic) SPKI() []byte { return bytes.Clone(k.spki) }

func (k *ecdsaPublic) Verify(h Digest, digest, sig []byte) bool {
	return h.std() != 0 && ecdsa.VerifyASN1(k.key, digest, sig)
}

func (k *ecdsaPublic) same(other PublicKey) bool {
	o, ok := other.(*ecdsaPublic)
	return ok && o.key.Equal(k.key)
}

// stdPrivate is an RSA or ECDSA key of the standard library.
type stdPrivate struct {
	secret
	key    crypto.Signer
	public PublicKey
}

func (k *stdPrivate) Algorithm() Algorithm { return k.public.Algorithm() }
func (k *stdPrivate) Public() PublicKey    { return k.public }

func (k *stdPrivate) Sign(rand io.Reader, h Digest, digest []byte) ([]byte, error) {
	if h.std() == 0 || len(digest) != h.std().Size() {
		return nil, refuse(codeAlgorithm, "a %s key does not sign %s", k.Algorithm(), h)
	}
	return k.key.Sign(rand, digest, h.std())
}

func wrapPrivate(key any) (PrivateKey, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, refuse(codeAlgorithm, "%T does not sign", key)
	}
	spki, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil, refuse(codeWeakKey, "%v", err)
	}
	public, refusal := parsePublicKey(spki)
	if refusal != nil {
		return nil, refusal
	}
	return &stdPrivate{key: signer, public: public}, nil
}

// sameKey tells whether two public keys are one, however their SubjectPublicKeyInfo was written
// (GOST parameters may be spelled with or without the digest set and under alias names).
func sameKey(a, b PublicKey) bool {
	k, ok := a.(interface{ same(PublicKey) bool })
	return ok && b != nil && k.same(b)
}
