package gost

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// PublicKey is a point of a curve's group of order q. It is safe for concurrent use.
type PublicKey struct {
	curve *Curve
	raw   []byte
	point point
}

// NewPublicKey takes a key of 2*Size octets, X then Y, each little-endian (RFC
// 9215, section 4.2). It refuses another length, a point off the curve and a point
// outside the group of order q, which the sets with cofactor 4 have too.
func NewPublicKey(c *Curve, raw []byte) (*PublicKey, error) {
	if len(raw) != 2*c.size {
		return nil, fmt.Errorf("read public key on %s: %d octets, want %d", c.name, len(raw), 2*c.size)
	}
	x, y := readLittle(raw[:c.size]), readLittle(raw[c.size:])
	p, ok := c.math().group.point(&x, &y)
	if !ok {
		return nil, fmt.Errorf("read public key on %s: not a point of the curve's group", c.name)
	}
	return &PublicKey{curve: c, raw: bytes.Clone(raw), point: p}, nil
}

// Curve is the parameter set the key was given with.
func (k *PublicKey) Curve() *Curve { return k.curve }

// Bytes gives a copy of the key, X then Y, each little-endian.
func (k *PublicKey) Bytes() []byte { return bytes.Clone(k.raw) }

// Equal reports whether both keys are the same point of the same curve, by
// whatever name the curve was given.
func (k *PublicKey) Equal(other *PublicKey) bool {
	return k.curve.math() == other.curve.math() && bytes.Equal(k.raw, other.raw)
}

// PrivateKey is a number 0 < d < q with its public key. It is safe for concurrent
// use. Printing it shows the parameter set only.
type PrivateKey struct {
	d      number
	public *PublicKey
}

// GenerateKey draws a key from rand, reading Size+16 octets so that the remainder
// modulo q is even. An error is rand's.
func GenerateKey(c *Curve, rand io.Reader) (*PrivateKey, error) {
	order := c.math().order
	for {
		var pool [80]byte
		if _, err := io.ReadFull(rand, pool[:c.size+16]); err != nil {
			return nil, fmt.Errorf("generate key on %s: %w", c.name, err)
		}
		low, high := readLittle(pool[:c.size]), readLittle(pool[c.size:c.size+16])
		d := order.wide(&low, &high)
		if d.zero() {
			continue
		}
		return newPrivateKey(c, d)
	}
}

// NewPrivateKey takes a little-endian number of Size octets and refuses zero and
// everything from q up. The public key is computed.
func NewPrivateKey(c *Curve, raw []byte) (*PrivateKey, error) {
	if len(raw) != c.size {
		return nil, fmt.Errorf("read private key on %s: %d octets, want %d", c.name, len(raw), c.size)
	}
	d := readLittle(raw)
	if !c.math().order.inside(&d) {
		return nil, fmt.Errorf("read private key on %s: %w", c.name, errRange)
	}
	return newPrivateKey(c, d)
}

var errRange = errors.New("the number is zero or not below the order of the group")

func newPrivateKey(c *Curve, d number) (*PrivateKey, error) {
	x, y := c.math().group.multiply(&d)
	public, err := NewPublicKey(c, y.little(x.little(nil, c.size), c.size))
	if err != nil {
		return nil, fmt.Errorf("compute public key: %w", err)
	}
	return &PrivateKey{d: d, public: public}, nil
}

// Public gives the key others verify with.
func (k *PrivateKey) Public() *PublicKey { return k.public }

// Bytes gives the number as Size little-endian octets. They are the secret itself.
func (k *PrivateKey) Bytes() []byte { return k.d.little(nil, k.public.curve.size) }

// Format keeps the number out of logs under every verb of package fmt.
func (k *PrivateKey) Format(f fmt.State, _ rune) {
	// A failed write here has nobody to go to: fmt owns the destination.
	_, _ = io.WriteString(f, "private key on "+k.public.curve.name)
}
