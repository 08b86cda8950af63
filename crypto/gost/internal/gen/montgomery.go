package gen

import "fmt"

// montgomery writes xy/2^Bits mod p, a row and a reduction in turn. t is below 2p
// before each row, so it has Words words and one bit, in word Words.
func (f *field) montgomery(p *program) {
	n := f.Words
	for i := range n {
		p.set("x0", "x[%d]", i)
		low, high := make([]term, n), make([]term, n)
		for j := range n {
			p.set(fmt.Sprintf("h%d, l%d", j, j), "bits.Mul64(x0, y%d)", j)
			low[j], high[j] = term{j, fmt.Sprintf("l%d", j)}, term{j + 1, fmt.Sprintf("h%d", j)}
		}
		if i == 0 {
			for j := range n {
				p.set(fmt.Sprintf("t%d", j), "l%d", j)
			}
			p.set(fmt.Sprintf("t%d", n), "h%d", n-1)
			p.line("t%d += %s", n, p.chain("c", false, high[:n-1]...))
		} else {
			p.line("t%d += %s", n, p.chain("c", false, low...))
			// The row cannot overflow: t < 2p, so t + x0*y < (2^64+1)p.
			p.chain("d", true, high...)
		}
		f.reduce(p)
	}
	f.once(p)
}

// reduce adds the multiple of the prime that clears the lowest word and shifts one
// word down. Words of the prime that are zero or a power of two cost no product.
func (f *field) reduce(p *program) {
	n := f.Words
	inverse := f.limb(0)
	for range 5 {
		inverse *= 2 - f.limb(0)*inverse
	}
	p.set("m", "t0 * %#x", -inverse)
	low, high := make([]term, n), make([]term, n)
	for j := range n {
		low[j], high[j] = term{j, "0"}, term{j + 1, "0"}
		switch w := f.limb(j); {
		case w == 0:
		case w == 1<<63:
			low[j].word, high[j].word = "m<<63", "m>>1"
		default:
			p.set(fmt.Sprintf("h%d, l%d", j, j), "bits.Mul64(m, %#x)", w)
			low[j].word, high[j].word = fmt.Sprintf("l%d", j), fmt.Sprintf("h%d", j)
		}
	}
	carry := p.chain("c", false, low...)
	p.set(fmt.Sprintf("t%d, e0", n), "bits.Add64(t%d, %s, 0)", n, carry)
	over := p.chain("d", false, high...)
	for j := range n {
		p.line("t%d = t%d", j, j+1)
	}
	p.line("t%d = e0 + %s", n, over)
}

// once takes the prime away where t is not below it.
func (f *field) once(p *program) {
	n, borrow := f.Words, "0"
	for j := range n {
		p.set(fmt.Sprintf("s%d, b%d", j, j), "bits.Sub64(t%d, %#x, %s)", j, f.limb(j), borrow)
		borrow = fmt.Sprintf("b%d", j)
	}
	p.set("_, b0", "bits.Sub64(t%d, 0, %s)", n, borrow)
	p.line("keep := -b0")
	for j := range n {
		p.line("z[%d] = s%d ^ keep&(s%d^t%d)", j, j, j, j)
	}
}

// Add is the body of z = x+y.
func (f *field) Add() string {
	p, n := newProgram(), f.Words
	carry := "0"
	for j := range n {
		p.set(fmt.Sprintf("t%d, c%d", j, j), "bits.Add64(x[%d], y[%d], %s)", j, j, carry)
		carry = fmt.Sprintf("c%d", j)
	}
	if f.Fold == 0 {
		p.set(fmt.Sprintf("t%d", n), "%s", carry)
		f.once(p)
		return p.text.String()
	}
	f.settle(p, "Add64", carry)
	return p.text.String()
}

// Sub is the body of z = x-y.
func (f *field) Sub() string {
	p, n := newProgram(), f.Words
	borrow := "0"
	for j := range n {
		p.set(fmt.Sprintf("t%d, b%d", j, j), "bits.Sub64(x[%d], y[%d], %s)", j, j, borrow)
		borrow = fmt.Sprintf("b%d", j)
	}
	if f.Fold > 0 {
		f.settle(p, "Sub64", borrow)
		return p.text.String()
	}
	p.line("keep := -%s", borrow)
	terms := make([]term, n)
	for j := range n {
		terms[j] = term{j, fmt.Sprintf("keep&%#x", f.limb(j))}
		if f.limb(j) == 0 {
			terms[j].word = "0"
		}
	}
	p.chain("c", true, terms...)
	for j := range n {
		p.line("z[%d] = t%d", j, j)
	}
	return p.text.String()
}

// settle adds or takes c for the carry or borrow out of 2^Bits, and once more where
// that wraps; then the lowest word has room.
func (f *field) settle(p *program, op, carry string) {
	n := f.Words
	word := fmt.Sprintf("-%s&%d", carry, f.Fold)
	carry = "0"
	for j := range n {
		p.set(fmt.Sprintf("t%d, d%d", j, j), "bits.%s(t%d, %s, %s)", op, j, word, carry)
		word, carry = "0", fmt.Sprintf("d%d", j)
	}
	sign := map[string]string{"Add64": "+", "Sub64": "-"}[op]
	p.line("z[0] = t0 %s -%s&%d", sign, carry, f.Fold)
	for j := 1; j < n; j++ {
		p.line("z[%d] = t%d", j, j)
	}
}
