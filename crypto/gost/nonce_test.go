package gost

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"io"
	"math/big"
	"testing"
)

// stuck is a broken source of randomness.
type stuck struct{}

func (stuck) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestNoncesDiffer: a repeated nonce shows as a repeated r and gives the key away.
func TestNoncesDiffer(t *testing.T) {
	everyCurve(t, func(t *testing.T, c *Curve, k *PrivateKey) {
		other, err := GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]string{}
		sign := func(what string, k *PrivateKey, source io.Reader, digest []byte) []byte {
			sig, err := k.Sign(source, digest)
			if err != nil {
				t.Fatal(err)
			}
			r := string(sig[c.Size():])
			if seen[r] != "" {
				t.Errorf("%s and %s have one nonce", what, seen[r])
			}
			seen[r] = what
			return sig
		}
		one, two := digestOf(c, messageOne), digestOf(c, messageTwo)
		for range 10 {
			sign("a digest signed again", k, rand.Reader, one)
		}
		first := sign("the first digest without randomness", k, stuck{}, one)
		sign("the second digest without randomness", k, stuck{}, two)
		sign("another key without randomness", other, stuck{}, one)
		again, err := k.Sign(stuck{}, one)
		if err != nil || !bytes.Equal(again, first) {
			t.Errorf("equal randomness gives another signature: %x, %v", again, err)
		}
		salt := make([]byte, 64)
		for try := range byte(3) {
			nonce := k.nonce(try, one, salt)
			if seen[string(nonce.big(nil, 64))] != "" {
				t.Error("another try has the same nonce")
			}
			seen[string(nonce.big(nil, 64))] = "a try"
		}
	})
}

// TestNonceIsTheWholeExpansion computes the nonce again, octet by octet.
func TestNonceIsTheWholeExpansion(t *testing.T) {
	everyCurve(t, func(t *testing.T, c *Curve, k *PrivateKey) {
		digest, salt := digestOf(c, messageOne), bytes.Repeat([]byte{0xa5}, 64)
		var pool []byte
		for part := range byte(2) {
			mac := hmac.New(sha512.New, k.Bytes())
			mac.Write(append(append([]byte{3, part}, digest...), salt...))
			pool = mac.Sum(pool)
		}
		pool = pool[:c.Size()+16]
		reverse(pool)
		want := new(big.Int).SetBytes(pool)
		want.Mod(want, c.math().order.prime)
		if got := k.nonce(3, digest, salt); toBig(&got).Cmp(want) != 0 {
			t.Errorf("the nonce is %x, want %x", toBig(&got), want)
		}
	})
}

// TestNonceFillsItsRange looks for the bias a short expansion would leave: the top bits
// of q must be met as often as they should.
func TestNonceFillsItsRange(t *testing.T) {
	for _, i := range []int{0, 3, 9, 11} {
		c := Curves()[i]
		k, err := NewPrivateKey(c, append([]byte{7}, make([]byte, c.Size()-1)...))
		if err != nil {
			t.Fatal(err)
		}
		q, upper := c.math().order.prime, 0
		for n := range 400 {
			salt := append([]byte{byte(n), byte(n >> 8)}, make([]byte, 62)...)
			nonce := k.nonce(0, make([]byte, c.Size()), salt)
			if toBig(&nonce).Cmp(q) >= 0 {
				t.Fatalf("%s: a nonce is not below q", c.Name())
			}
			if new(big.Int).Lsh(toBig(&nonce), 1).Cmp(q) > 0 {
				upper++
			}
		}
		// Fixed input, so the count never changes; 3 standard deviations are 30.
		if upper < 170 || upper > 230 {
			t.Errorf("%s: %d of 400 nonces are in the upper half", c.Name(), upper)
		}
	}
}

func TestFinishAsksForAnotherNonce(t *testing.T) {
	everyCurve(t, func(t *testing.T, c *Curve, k *PrivateKey) {
		if _, ok := k.finish(&number{}, &number{1}); ok {
			t.Error("a nonce of zero is taken")
		}
		// s = rd + ke is zero for e = -rd/k.
		nonce := number{5}
		x, _ := c.math().group.multiply(&nonce)
		o := c.math().order
		r := o.reduce(&x)
		inverse, minus := o.inverse(&nonce), o.negate(&r)
		e := o.multiply(&minus, &k.d)
		e = o.multiply(&e, &inverse)
		if _, ok := k.finish(&nonce, &e); ok {
			t.Error("s = 0 is taken")
		}
	})
	// On CryptoPro C the base point has x = 0, so k = 1 gives r = 0.
	k, err := GenerateKey(Curves()[3], rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := k.finish(&number{1}, &number{1}); ok {
		t.Error("r = 0 is taken")
	}
}
