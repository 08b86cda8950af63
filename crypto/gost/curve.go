package gost

import (
	"encoding/asn1"
	"slices"
)

// Curve is one named parameter set of GOST R 34.10-2012. Several names may stand
// for the same equation: a set of RFC 4357 and its later name in RFC 7836 are two
// values here, so that a key keeps the name it came with. Values are immutable.
type Curve struct {
	name string
	oid  asn1.ObjectIdentifier
	size int
	math func() *domain
}

// CurveByOID finds a parameter set by its object identifier. The test sets, the
// sets of the 2001 standard that nobody may use for exchange and everything
// unknown are not found.
func CurveByOID(oid asn1.ObjectIdentifier) (*Curve, bool) {
	for _, c := range curves {
		if c.oid.Equal(oid) {
			return c, true
		}
	}
	return nil, false
}

// Curves lists every allowed parameter set, the 256-bit ones first.
func Curves() []*Curve { return slices.Clone(curves) }

// Name is the set's name as the standards print it.
func (c *Curve) Name() string { return c.name }

// OID is the set's object identifier.
func (c *Curve) OID() asn1.ObjectIdentifier { return slices.Clone(c.oid) }

// Size is the octets of a coordinate, a private key and a digest: 32 or 64. A
// public key and a signature take twice as many.
func (c *Curve) Size() int { return c.size }

// curves is the closed list of what is allowed: RFC 4357, section 11.4 and
// RFC 7836, appendix A.
var curves = []*Curve{
	tc26("256-paramSetA", 32, tc26A, 1, 1),
	tc26("256-paramSetB", 32, cryptoProA, 1, 2),
	tc26("256-paramSetC", 32, cryptoProB, 1, 3),
	tc26("256-paramSetD", 32, cryptoProC, 1, 4),
	cryptoPro("A", cryptoProA, 35, 1),
	cryptoPro("B", cryptoProB, 35, 2),
	cryptoPro("C", cryptoProC, 35, 3),
	cryptoPro("XchA", cryptoProA, 36, 0),
	cryptoPro("XchB", cryptoProC, 36, 1),
	tc26("512-paramSetA", 64, wideA, 2, 1),
	tc26("512-paramSetB", 64, wideB, 2, 2),
	tc26("512-paramSetC", 64, wideC, 2, 3),
}

func tc26(name string, size int, math func() *domain, arcs ...int) *Curve {
	return &Curve{
		name: "id-tc26-gost-3410-2012-" + name,
		oid:  append(asn1.ObjectIdentifier{1, 2, 643, 7, 1, 2, 1}, arcs...),
		size: size,
		math: math,
	}
}

func cryptoPro(name string, math func() *domain, arcs ...int) *Curve {
	return &Curve{
		name: "id-GostR3410-2001-CryptoPro-" + name + "-ParamSet",
		oid:  append(asn1.ObjectIdentifier{1, 2, 643, 2, 2}, arcs...),
		size: 32,
		math: math,
	}
}
