package token

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/pki"
)

// Mechanisms: PKCS #11 v2.40, and for 512-bit keys the numbers that the Russian vendors share (TC26).
const (
	mechanismRSA     = 0x00000001 // CKM_RSA_PKCS over a DigestInfo
	mechanismECDSA   = 0x00001041 // CKM_ECDSA over a digest
	mechanismGOST256 = 0x00001201 // CKM_GOSTR3410 over 32 octets of Streebog
	mechanismGOST512 = 0xD4321006 // CKM_GOSTR3410_512 over 64 octets of Streebog
)

// mechanism says how a token is asked to sign a digest with a key of an algorithm.
func mechanism(a pki.Algorithm, h pki.Digest, digest []byte) (uint, []byte, error) {
	switch a {
	case pki.RSA:
		prefix, ok := digestInfo(h)
		if !ok {
			return 0, nil, fmt.Errorf("sign with token: RSA over %s is not supported", h)
		}
		return mechanismRSA, append(prefix, digest...), nil
	case pki.ECDSAP256, pki.ECDSAP384:
		return mechanismECDSA, digest, nil
	case pki.GOST256:
		return mechanismGOST256, digest, nil
	case pki.GOST512:
		return mechanismGOST512, digest, nil
	}
	return 0, nil, fmt.Errorf("sign with token: %s is not supported", a)
}

// digestInfo is the DER before a digest in a PKCS#1 v1.5 signature (RFC 8017 section 9.2, note 1).
func digestInfo(h pki.Digest) ([]byte, bool) {
	switch h {
	case pki.SHA256:
		return []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}, true
	case pki.SHA384:
		return []byte{0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30}, true
	case pki.SHA512:
		return []byte{0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40}, true
	case pki.Streebog256, pki.Streebog512:
	}
	return nil, false
}

// arrange brings a token's signature value into the form of a CMS.
func (k *Key) arrange(h pki.Digest, digest, value []byte) ([]byte, error) {
	switch k.public.Algorithm() {
	case pki.ECDSAP256, pki.ECDSAP384:
		return sequence(value)
	case pki.GOST256, pki.GOST512:
		return k.arrangeGOST(h, digest, value)
	case pki.RSA:
	}
	return value, nil
}

// sequence makes r||s a DER SEQUENCE (RFC 3279 section 2.2.3).
func sequence(value []byte) ([]byte, error) {
	if len(value) == 0 || len(value)%2 != 0 {
		return nil, fmt.Errorf("the token returned %d octets as an ECDSA signature", len(value))
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(value[:len(value)/2]))
		b.AddASN1BigInt(new(big.Int).SetBytes(value[len(value)/2:]))
	})
	return b.Bytes()
}

// arrangeGOST finds out in which order a token returns s and r. RFC 4490 has s||r big-endian; tokens differ, and the
// public key tells which reading is right.
func (k *Key) arrangeGOST(h pki.Digest, digest, value []byte) ([]byte, error) {
	readings := []func([]byte) []byte{
		bytes.Clone,
		func(v []byte) []byte { return append(bytes.Clone(v[len(v)/2:]), v[:len(v)/2]...) },
		reversed,
		func(v []byte) []byte { return append(reversed(v[:len(v)/2]), reversed(v[len(v)/2:])...) },
	}
	for i := range readings {
		at := (k.order + i) % len(readings)
		if sig := readings[at](value); k.public.Verify(h, digest, sig) {
			k.order = at
			return sig, nil
		}
	}
	return nil, errors.New("the token's signature does not verify under our certificate: it is another key, or the token orders octets in a way not known here")
}

func reversed(v []byte) []byte {
	v = bytes.Clone(v)
	slices.Reverse(v)
	return v
}
