package gost

import (
	"crypto/hmac"
	"crypto/sha512"
	"fmt"
	"io"
)

// Sign makes a signature of RFC 7091, section 6.1, over a digest of Size octets: the
// number s and then r, each Size octets big-endian. The time taken does not depend
// on the key. The nonce follows from key, digest and 64 octets of rand: should rand
// be broken, two digests still do not share one. Errors: a digest of another
// length, or rand's.
func (k *PrivateKey) Sign(rand io.Reader, digest []byte) ([]byte, error) {
	c := k.public.curve
	if len(digest) != c.size {
		return nil, fmt.Errorf("sign on %s: digest of %d octets, want %d", c.name, len(digest), c.size)
	}
	var salt [64]byte
	if _, err := io.ReadFull(rand, salt[:]); err != nil {
		return nil, fmt.Errorf("sign on %s: read randomness: %w", c.name, err)
	}
	e := c.math().exponent(digest)
	for try := byte(0); ; try++ {
		nonce := k.nonce(try, digest, salt[:])
		if sig, ok := k.finish(&nonce, &e); ok {
			return sig, nil
		}
	}
}

// finish makes the signature with a nonce, or reports false where the standard
// wants another one, which no one will ever see.
func (k *PrivateKey) finish(nonce, e *number) ([]byte, bool) {
	c := k.public.curve
	group, order := c.math().group, c.math().order
	if nonce.zero() {
		return nil, false
	}
	x, _ := group.multiply(nonce)
	r := order.reduce(&x)
	left, right := order.multiply(&r, &k.d), order.multiply(nonce, e)
	s := order.add(&left, &right)
	if r.zero() || s.zero() {
		return nil, false
	}
	return r.big(s.big(make([]byte, 0, 2*c.size), c.size), c.size), true
}

// nonce expands key, digest and randomness to Size+16 octets and reduces them
// modulo q; the 128 extra bits leave no bias that could be gathered.
func (k *PrivateKey) nonce(try byte, digest, salt []byte) number {
	c := k.public.curve
	mac := hmac.New(sha512.New, k.Bytes())
	pool := make([]byte, 0, 2*sha512.Size)
	for part := byte(0); len(pool) < c.size+16; part++ {
		mac.Reset()
		mac.Write([]byte{try, part})
		mac.Write(digest)
		mac.Write(salt)
		pool = mac.Sum(pool)
	}
	low, high := readLittle(pool[:c.size]), readLittle(pool[c.size:c.size+16])
	return c.math().order.wide(&low, &high)
}

// exponent reads a digest as the number e of the standard, never zero.
func (d *domain) exponent(digest []byte) number {
	e := readLittle(digest)
	e = d.order.reduce(&e)
	if e.zero() {
		e[0] = 1
	}
	return e
}
