package gost

import (
	"bytes"
	"crypto/rand"
	"math/big"
	"testing"
)

func TestSignatureRefused(t *testing.T) {
	everyCurve(t, func(t *testing.T, c *Curve, k *PrivateKey) {
		n, digest := c.Size(), digestOf(c, messageOne)
		good, err := k.Sign(rand.Reader, digest)
		if err != nil {
			t.Fatal(err)
		}
		s, r := good[:n:n], good[n:]
		zero, all := make([]byte, n), bytes.Repeat([]byte{0xff}, n)
		order := c.math().order
		q, minus := order.q.big(nil, n), negative(order, s)
		backwards := bytes.Clone(good)
		reverse(backwards)
		for name, sig := range map[string][]byte{
			"nothing":          nil,
			"r = 0":            append(s, zero...),
			"s = 0":            append(zero[:n:n], r...),
			"both 0":           make([]byte, 2*n),
			"r = q":            append(s, q...),
			"s = q":            append(q[:n:n], r...),
			"all ones":         append(all[:n:n], all...),
			"r above q":        append(s, all...),
			"s and r swapped":  append(r[:n:n], s...),
			"written reversed": backwards,
			"-s":               append(minus[:n:n], r...),
			"an octet short":   good[:2*n-1],
			"an octet long":    append(good[:2*n:2*n], 0),
			"an octet before":  append([]byte{0}, good...),
			"half":             s,
			"twice":            append(good[:2*n:2*n], good...),
		} {
			if k.Public().Verify(digest, sig) {
				t.Errorf("%s: accepted", name)
			}
		}
		refuseDigests(t, k, digest, good)
	})
}

// TestSignatureNotReduced adds q to a half where that fits: a second encoding of a good
// signature would pass a journal that looks for replays.
func TestSignatureNotReduced(t *testing.T) {
	for _, i := range []int{0, 2, 10, 11} {
		c := Curves()[i]
		t.Run(c.Name(), func(t *testing.T) {
			k, err := GenerateKey(c, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			n, digest, tried := c.Size(), digestOf(c, messageOne), 0
			for range 12 {
				sig, err := k.Sign(rand.Reader, digest)
				if err != nil {
					t.Fatal(err)
				}
				for _, half := range [][]byte{sig[:n:n], sig[n:]} {
					good := bytes.Clone(half)
					for raiseOctets(half, c.math().order.prime) {
						tried++
						if k.Public().Verify(digest, sig) {
							t.Errorf("accepted with %x for %x", half, good)
						}
					}
					copy(half, good)
				}
			}
			if tried == 0 {
				t.Error("q never fitted")
			}
		})
	}
}

// raiseOctets adds q to a big-endian half and reports whether that fits.
func raiseOctets(half []byte, q *big.Int) bool {
	sum := new(big.Int).SetBytes(half)
	if sum.Add(sum, q).BitLen() > 8*len(half) {
		return false
	}
	sum.FillBytes(half)
	return true
}

func negative(o *order, octets []byte) []byte {
	s := readBig(octets)
	s = o.negate(&s)
	return s.big(nil, len(octets))
}

func refuseDigests(t *testing.T, k *PrivateKey, digest, good []byte) {
	t.Helper()
	backwards := bytes.Clone(digest)
	reverse(backwards)
	for name, digest := range map[string][]byte{
		"another digest": digestOf(k.Public().Curve(), messageTwo),
		"reversed":       backwards,
		"nothing":        nil,
		"an octet short": digest[1:],
		"an octet long":  append(bytes.Clone(digest), 0),
	} {
		if k.Public().Verify(digest, good) {
			t.Errorf("%s: accepted", name)
		}
	}
	other, err := GenerateKey(k.Public().Curve(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if other.Public().Verify(digest, good) {
		t.Error("another key accepts it")
	}
}

// TestZeroRRefused: CryptoPro C's base point has x = 0. Unless r = 0 is refused by itself,
// s = e and r = 0 is a signature by anybody under any key.
func TestZeroRRefused(t *testing.T) {
	for _, i := range []int{3, 6, 8} {
		c := Curves()[i]
		k, err := GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		digest := append([]byte{77}, make([]byte, c.Size()-1)...)
		e := readLittle(digest)
		if k.Public().Verify(digest, append(e.big(nil, c.Size()), make([]byte, c.Size())...)) {
			t.Errorf("%s: a forgery is accepted", c.Name())
		}
	}
}

// TestEveryBitCounts flips each bit of a signature and of a digest.
func TestEveryBitCounts(t *testing.T) {
	for _, i := range []int{0, 1, 5, 6, 9} {
		c := Curves()[i]
		k, err := GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		digest := digestOf(c, messageTwo)
		sig, err := k.Sign(rand.Reader, digest)
		if err != nil {
			t.Fatal(err)
		}
		for _, octets := range [][]byte{sig, digest} {
			for bit := range 8 * len(octets) {
				octets[bit/8] ^= 1 << (bit % 8)
				if k.Public().Verify(digest, sig) {
					t.Fatalf("%s: accepted with bit %d changed", c.Name(), bit)
				}
				octets[bit/8] ^= 1 << (bit % 8)
			}
		}
	}
}

// TestSignatureOfAnotherCurve: the same private number on every curve of a size.
func TestSignatureOfAnotherCurve(t *testing.T) {
	everyCurve(t, func(t *testing.T, c *Curve, k *PrivateKey) {
		digest := digestOf(c, messageOne)
		for _, other := range Curves() {
			if other.math() == c.math() || other.Size() != c.Size() {
				continue
			}
			raw := k.Bytes()
			raw[c.Size()-1] &= 0x1f // below every q
			foreign, err := NewPrivateKey(other, raw)
			if err != nil {
				t.Fatal(err)
			}
			sig, err := foreign.Sign(rand.Reader, digest)
			if err != nil {
				t.Fatal(err)
			}
			if k.Public().Verify(digest, sig) {
				t.Errorf("a signature on %s is accepted", other.Name())
			}
		}
	})
}

// TestZeroDigestCountsAsOne is the rule for e = 0 (RFC 7091, section 6.1, step 2): zero,
// q and one are the same to a signature.
func TestZeroDigestCountsAsOne(t *testing.T) {
	everyCurve(t, func(t *testing.T, c *Curve, k *PrivateKey) {
		q := c.math().order.q
		digests := [][]byte{
			make([]byte, c.Size()), q.little(nil, c.Size()),
			append([]byte{1}, make([]byte, c.Size()-1)...),
		}
		for _, signed := range digests {
			sig, err := k.Sign(rand.Reader, signed)
			if err != nil {
				t.Fatal(err)
			}
			for _, shown := range digests {
				if !k.Public().Verify(shown, sig) {
					t.Errorf("signed as %x, refused as %x", signed, shown)
				}
			}
			two := append([]byte{2}, make([]byte, c.Size()-1)...)
			if k.Public().Verify(two, sig) {
				t.Error("accepted for e = 2")
			}
		}
	})
}
