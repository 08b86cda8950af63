package gost

import (
	"math/big"
	"math/bits"
)

// order is arithmetic modulo the prime order q of a group. Everything but inverse
// takes the same time for all values; factors travel through Montgomery's form
// inside and never leave in it.
type order struct {
	words  int
	q      number
	square number // 2^(128 words) mod q
	minus  uint64 // -1/q mod 2^64
	prime  *big.Int
}

func newOrder(words int, q *big.Int) *order {
	o := &order{words: words, prime: q, q: fromBig(q)}
	r := new(big.Int).Lsh(big.NewInt(1), uint(128*words))
	o.square = fromBig(r.Mod(r, q))
	inverse := o.q[0]
	for range 5 {
		inverse *= 2 - o.q[0]*inverse
	}
	o.minus = -inverse
	return o
}

// fromBig and toBig are for public values only: math/big is not constant time.
func fromBig(b *big.Int) number {
	var p [64]byte
	return readBig(b.FillBytes(p[:]))
}

func toBig(n *number) *big.Int { return new(big.Int).SetBytes(n.big(nil, 64)) }

// montgomery returns xy/2^(64 words) mod q for xy < 2^(64 words) q.
func (o *order) montgomery(x, y *number) number {
	var t number
	var last uint64 // the word above t, 0 or 1
	n := o.words
	for i := range n {
		var carry, over, low, high uint64
		for j := range n {
			high, low = bits.Mul64(x[i], y[j])
			low, over = bits.Add64(low, carry, 0)
			high += over
			t[j], over = bits.Add64(t[j], low, 0)
			carry = high + over
		}
		top, overflow := bits.Add64(last, carry, 0)
		m := t[0] * o.minus
		carry = 0
		for j := range n {
			high, low = bits.Mul64(m, o.q[j])
			low, over = bits.Add64(low, carry, 0)
			high += over
			t[j], over = bits.Add64(t[j], low, 0)
			carry = high + over
		}
		copy(t[:n-1], t[1:n])                    // the lowest word has become zero
		t[n-1], over = bits.Add64(top, carry, 0) //nolint:gosec // n is 4 or 8.
		last = overflow + over
	}
	return o.once(&t, last)
}

// once takes q away from top*2^(64 words) + x where that does not go below zero.
func (o *order) once(x *number, top uint64) number {
	var z number
	var borrow uint64
	for i := range o.words {
		z[i], borrow = bits.Sub64(x[i], o.q[i], borrow)
	}
	_, borrow = bits.Sub64(top, 0, borrow)
	keep := -borrow
	for i := range o.words {
		z[i] ^= keep & (z[i] ^ x[i])
	}
	return z
}

// reduce returns x mod q for any x of the order's words.
func (o *order) reduce(x *number) number {
	inside := o.montgomery(x, &o.square)
	return o.montgomery(&inside, &number{1})
}

// multiply returns xy mod q for x of any size and y < q.
func (o *order) multiply(x, y *number) number {
	inside := o.montgomery(x, &o.square)
	return o.montgomery(&inside, y)
}

// add returns x+y mod q for x, y < q.
func (o *order) add(x, y *number) number {
	var z number
	var carry uint64
	for i := range o.words {
		z[i], carry = bits.Add64(x[i], y[i], carry)
	}
	return o.once(&z, carry)
}

// negate returns -x mod q for 0 < x < q.
func (o *order) negate(x *number) number {
	var z number
	var borrow uint64
	for i := range o.words {
		z[i], borrow = bits.Sub64(o.q[i], x[i], borrow)
	}
	return z
}

// wide returns high*2^(64 words) + low mod q.
func (o *order) wide(low, high *number) number {
	shifted := o.montgomery(high, &o.square)
	rest := o.reduce(low)
	return o.add(&shifted, &rest)
}

// inverse returns 1/x mod q for public x, 0 < x < q.
func (o *order) inverse(x *number) number {
	b := toBig(x)
	return fromBig(b.ModInverse(b, o.prime))
}

// inside reports 0 < x < q.
func (o *order) inside(x *number) bool { return !x.zero() && x.below(&o.q) }
