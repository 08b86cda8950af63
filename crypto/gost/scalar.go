package gost

import "math/bits"

// Secret scalars are cut in digits of combWidth bits, each of which reads a whole
// line of combLine points.
const (
	combWidth     = 5
	combLine      = 1 << (combWidth - 1)
	combDigits256 = (256 + combWidth - 1) / combWidth
	combDigits512 = (512 + combWidth - 1) / combWidth
)

// Public scalars are cut in quarters, whose tables spare three doublings of four,
// and these in digits: wider for G, whose table is made once, than for a key.
const (
	quarters   = 4
	fixedWidth = 8
	pointWidth = 5
)

// A grid says which multiples of a point a table holds: line i starts with the point
// times 2^(step*i) and has that point's odd multiples 1, 3, 5 and so on.
type grid struct{ lines, step, entries int }

// A comb is a scalar cut in odd digits: digit i stands for the sum of 2^j or -2^j
// over its bits j, by whether the bit is 1 or 0.
type comb [9]uint64

// odd rewrites a scalar below q, or q less the scalar if it is even, so that every
// digit is odd and none is zero. negative is all ones if it took q less k.
func odd(k, q *number, words int) (c comb, negative uint64) {
	negative = k[0]&1 - 1
	var borrow uint64
	for i := range words {
		var w uint64
		w, borrow = bits.Sub64(q[i], k[i], borrow)
		c[i] = k[i] ^ negative&(k[i]^w)
	}
	// k = sum of (2b-1) 2^j over n bits means b = (k + 2^n - 1)/2.
	for i := range words {
		c[i] = c[i]>>1 | c[i+1]<<63
	}
	top := combDigits256*combWidth - 1
	if words == 8 {
		top = combDigits512*combWidth - 1
	}
	c[top/64] |= 1 << (top % 64)
	return c, negative
}

// window returns digit i. The place is public, the value is not.
func (c *comb) window(i int) uint64 {
	at := i * combWidth
	w := c[at/64] >> (at % 64)
	if at%64+combWidth > 64 {
		w |= c[at/64+1] << (64 - at%64)
	}
	return w & (1<<combWidth - 1)
}

// equal is all ones for x = y and zero otherwise.
func equal(x, y uint64) uint64 {
	_, borrow := bits.Sub64(x^y, 1, 0)
	return -borrow
}

// sparse writes a public number in digits that are zero or odd and below
// 2^(width-1), with at least width-1 zeros between two that are not. The one digit
// more than bits takes the carry.
func sparse(n *number, width int) (digits [64*len(number{}) + 1]int8) {
	var full [len(n) + 1]uint64
	limit := 0
	for i, w := range n {
		full[i] = w
		if w != 0 {
			limit = 64 * (i + 1)
		}
	}
	carry := uint64(0)
	for at := 0; at < limit || carry == 1; {
		w := full[at/64] >> (at % 64)
		if w&1 == carry {
			at++
			continue
		}
		if at%64 > 64-width {
			w |= full[at/64+1] << (64 - at%64)
		}
		digit := w&(1<<width-1) + carry
		carry = digit >> (width - 1)
		//nolint:gosec // Between -2^(width-1) and 2^(width-1), and width is at most 8.
		digits[at] = int8(digit - carry<<width)
		at += width
	}
	return digits
}

// raise adds q and reports whether that went over the words.
func (n *number) raise(q *number) bool {
	var carry uint64
	for i := range n {
		n[i], carry = bits.Add64(n[i], q[i], carry)
	}
	return carry == 1
}
