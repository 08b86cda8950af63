package message

import (
	"encoding/asn1"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

const oidData = "1.2.840.113549.1.7.1"

// Parts are what a detached SignedData with one signer is made of, each in DER.
type Parts struct {
	Hash, Scheme []byte // AlgorithmIdentifiers of digest and signature
	ID           []byte // issuerAndSerialNumber
	Certificate  []byte
	Attributes   []byte // the content of the signed attributes' SET
	Value        []byte // the signature itself
}

// Write puts a message together (RFC 5652 sections 5.1 and 5.3, version 1). It judges nothing; the error is that of a
// length which DER cannot say.
func Write(p Parts) ([]byte, error) {
	b := cryptobyte.NewBuilder(make([]byte, 0, 256+len(p.Certificate)+len(p.Attributes)+len(p.ID)+len(p.Value)))
	seq := func(b *cryptobyte.Builder, body func(*cryptobyte.Builder)) { b.AddASN1(der.SEQUENCE, body) }
	seq(b, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(OID(oidSignedData))
		b.AddASN1(context(0), func(b *cryptobyte.Builder) {
			seq(b, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(1)
				b.AddASN1(der.SET, func(b *cryptobyte.Builder) { b.AddBytes(p.Hash) })
				seq(b, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(OID(oidData)) })
				b.AddASN1(context(0), func(b *cryptobyte.Builder) { b.AddBytes(p.Certificate) })
				b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
					seq(b, func(b *cryptobyte.Builder) {
						b.AddASN1Int64(1)
						b.AddBytes(p.ID)
						b.AddBytes(p.Hash)
						b.AddASN1(context(0), func(b *cryptobyte.Builder) { b.AddBytes(p.Attributes) })
						b.AddBytes(p.Scheme)
						b.AddASN1OctetString(p.Value)
					})
				})
			})
		})
	})
	return b.Bytes()
}

// One writes an Attribute with one value.
func One(id string, value func(*cryptobyte.Builder)) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(OID(id))
			b.AddASN1(der.SET, value)
		})
	}
}

// AddAlgorithm writes an AlgorithmIdentifier without parameters, or with NULL.
func AddAlgorithm(b *cryptobyte.Builder, id string, null bool) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(OID(id))
		if null {
			b.AddASN1NULL()
		}
	})
}

// OID reads an object identifier in dotted form, which must be a constant of the program.
func OID(dotted string) asn1.ObjectIdentifier {
	var o asn1.ObjectIdentifier
	for arc := range strings.SplitSeq(dotted, ".") {
		n, _ := strconv.Atoi(arc) // a constant
		o = append(o, n)
	}
	return o
}
