package gost

import (
	"encoding/asn1"
	"math/big"
	"testing"
)

func TestCurvesAreTheAllowedOnes(t *testing.T) {
	want := map[string]string{
		"1.2.643.7.1.2.1.1.1": "id-tc26-gost-3410-2012-256-paramSetA",
		"1.2.643.7.1.2.1.1.2": "id-tc26-gost-3410-2012-256-paramSetB",
		"1.2.643.7.1.2.1.1.3": "id-tc26-gost-3410-2012-256-paramSetC",
		"1.2.643.7.1.2.1.1.4": "id-tc26-gost-3410-2012-256-paramSetD",
		"1.2.643.2.2.35.1":    "id-GostR3410-2001-CryptoPro-A-ParamSet",
		"1.2.643.2.2.35.2":    "id-GostR3410-2001-CryptoPro-B-ParamSet",
		"1.2.643.2.2.35.3":    "id-GostR3410-2001-CryptoPro-C-ParamSet",
		"1.2.643.2.2.36.0":    "id-GostR3410-2001-CryptoPro-XchA-ParamSet",
		"1.2.643.2.2.36.1":    "id-GostR3410-2001-CryptoPro-XchB-ParamSet",
		"1.2.643.7.1.2.1.2.1": "id-tc26-gost-3410-2012-512-paramSetA",
		"1.2.643.7.1.2.1.2.2": "id-tc26-gost-3410-2012-512-paramSetB",
		"1.2.643.7.1.2.1.2.3": "id-tc26-gost-3410-2012-512-paramSetC",
	}
	if len(Curves()) != len(want) {
		t.Errorf("%d curves, want %d", len(Curves()), len(want))
	}
	for _, c := range Curves() {
		if want[c.OID().String()] != c.Name() {
			t.Errorf("%v is called %s, want %s", c.OID(), c.Name(), want[c.OID().String()])
		}
		if found, ok := CurveByOID(c.OID()); !ok || found != c {
			t.Errorf("%s is not found by its own identifier", c.Name())
		}
	}
}

func TestCurveByOIDRefuses(t *testing.T) {
	for name, oid := range map[string]asn1.ObjectIdentifier{
		"the test set of 2001":          {1, 2, 643, 2, 2, 35, 0},
		"the 256-bit test set":          {1, 2, 643, 7, 1, 2, 1, 1, 0},
		"the 512-bit test set":          {1, 2, 643, 7, 1, 2, 1, 2, 0},
		"a 256-bit set without a name":  {1, 2, 643, 7, 1, 2, 1, 1, 5},
		"a 512-bit set without a name":  {1, 2, 643, 7, 1, 2, 1, 2, 4},
		"the key algorithm of 2001":     {1, 2, 643, 2, 2, 19},
		"P-256":                         {1, 2, 840, 10045, 3, 1, 7},
		"a name that is one arc longer": {1, 2, 643, 2, 2, 35, 1, 0},
		"nothing":                       nil,
	} {
		t.Run(name, func(t *testing.T) {
			if c, ok := CurveByOID(oid); ok {
				t.Errorf("%v gives %s", oid, c.Name())
			}
		})
	}
}

func TestCallersCannotChangeCurves(t *testing.T) {
	Curves()[0] = nil
	if Curves()[0] == nil {
		t.Error("the list is shared")
	}
	Curves()[0].OID()[0] = 2
	if Curves()[0].OID()[0] != 1 {
		t.Error("the identifier is shared")
	}
}

func TestNamesOfOneCurve(t *testing.T) {
	groups := map[*domain][]string{}
	for _, c := range Curves() {
		groups[c.math()] = append(groups[c.math()], c.Name())
	}
	if len(groups) != 7 {
		t.Errorf("%d different curves, want 7: %v", len(groups), groups)
	}
	for _, same := range [][]int{{1, 4, 7}, {2, 5}, {3, 6, 8}} {
		for _, i := range same {
			if Curves()[i].math() != Curves()[same[0]].math() {
				t.Errorf("%s and %s must be one curve", Curves()[i].Name(), Curves()[same[0]].Name())
			}
		}
	}
}

// TestParameters checks what the standard demands of a set (RFC 7091, section 5.2)
// and that the generated field has the set's prime.
func TestParameters(t *testing.T) {
	primes := map[string]func() []uint64{
		"fd97": func() []uint64 { p := a256Prime(); return p[:] },
		"0c99": func() []uint64 { p := b256Prime(); return p[:] },
		"759b": func() []uint64 { p := c256Prime(); return p[:] },
		"fdc7": func() []uint64 { p := a512Prime(); return p[:] },
		"006f": func() []uint64 { p := b512Prime(); return p[:] },
	}
	for _, c := range Curves() {
		t.Run(c.Name(), func(t *testing.T) {
			g, s := reference(c), c.math().setting
			digits := g.p.Text(16)
			for i, w := range primes[digits[len(digits)-4:]]() {
				if w != s.p[i] {
					t.Errorf("the field's prime differs in word %d", i)
				}
			}
			if g.p.BitLen() != 8*c.Size() || !g.p.ProbablyPrime(20) || !g.q.ProbablyPrime(20) {
				t.Error("p or q is not a prime of the right size")
			}
			if !g.on(g.x, g.y) {
				t.Error("the base point is off the curve")
			}
			if x, _ := g.times(g.q, g.x, g.y); x != nil {
				t.Error("the base point is not of order q")
			}
			// Hasse: the group's order is p+1-d with d^2 <= 4p.
			d := new(big.Int).Mul(g.q, big.NewInt(int64(s.cofactor)))
			d.Sub(d, g.p).Sub(d, big.NewInt(1))
			if d.Mul(d, d).Cmp(new(big.Int).Lsh(g.p, 2)) > 0 {
				t.Error("cofactor times q cannot be the curve's order")
			}
			if g.p.Cmp(g.q) == 0 {
				t.Error("an anomalous curve")
			}
		})
	}
}
