package token

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/pki"
)

// Classes, kinds of key and attributes of PKCS #11 v2.40 from which a public key is read; kindGOST512 is TC26's.
const (
	classPublic  = 2
	classPrivate = 3

	kindRSA     = 0x00
	kindEC      = 0x03
	kindGOST256 = 0x30
	kindGOST512 = 0xD4321003

	attributeValue    = 0x11
	attributeKind     = 0x100
	attributeModulus  = 0x120
	attributeExponent = 0x122
	attributeECParams = 0x180
	attributeECPoint  = 0x181
	attributeGOSTSet  = 0x250
)

// Public is the public half of the key: that of our certificate, or what the token told when there was none yet.
func (k *Key) Public() pki.PublicKey { return k.public }

// readPublic asks the token for the public half, which lies there as an object of its own under the same names. Whether
// it belongs to the private half only a signature shows.
func (k *Key) readPublic() (pki.PublicKey, error) {
	id, err := hex.DecodeString(k.opts.ID)
	if err != nil {
		return nil, fmt.Errorf("key id %q is not hexadecimal", k.opts.ID)
	}
	found, err := k.module.find(k.session, classPublic, k.opts.Label, id)
	if err != nil {
		return nil, fmt.Errorf("find public key: %w", err)
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d public keys with label %q and id %q, exactly one must be there; "+
			"a token keeps it when the pair is made with the vendor's tool or `pkcs11-tool --keypairgen`", len(found), k.opts.Label, k.opts.ID)
	}
	read := func(types ...uint) ([][]byte, error) {
		values, err := k.module.attributes(k.session, found[0], types...)
		if err == nil && len(values) != len(types) {
			err = errors.New("the token left some of it out")
		}
		if err != nil {
			return nil, fmt.Errorf("read public key: %w", err)
		}
		return values, nil
	}
	kind, err := k.module.kind(k.session, found[0])
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	switch kind {
	case kindRSA:
		v, err := read(attributeModulus, attributeExponent)
		if err != nil {
			return nil, err
		}
		return rsaKey(v[0], v[1])
	case kindEC:
		v, err := read(attributeECParams, attributeECPoint)
		if err != nil {
			return nil, err
		}
		return ecKey(v[0], v[1])
	case kindGOST256, kindGOST512:
		v, err := read(attributeGOSTSet, attributeValue)
		if err != nil {
			return nil, err
		}
		return pki.GOSTPublicKey(v[0], v[1])
	}
	return nil, fmt.Errorf("a key of kind %#x is not supported", kind)
}

func rsaKey(modulus, exponent []byte) (pki.PublicKey, error) {
	e := new(big.Int).SetBytes(exponent)
	if !e.IsInt64() || e.Int64() > 1<<31-1 {
		return nil, errors.New("the RSA exponent is too large")
	}
	spki, err := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(e.Int64())})
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	return pki.ParsePublicKey(spki)
}

// ecKey takes the point as the standard has it, inside an OCTET STRING, and bare as some tokens return it.
func ecKey(params, point []byte) (pki.PublicKey, error) {
	s := cryptobyte.String(point)
	var inner cryptobyte.String
	if s.ReadASN1(&inner, der.OCTET_STRING) && s.Empty() {
		point = inner
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}) // id-ecPublicKey, RFC 5480
			b.AddBytes(params)
		})
		b.AddASN1BitString(point)
	})
	spki, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	return pki.ParsePublicKey(spki)
}
