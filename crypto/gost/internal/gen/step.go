package gen

import (
	"fmt"
	"math/big"
)

// Add is the body of z = x+y.
func (f *field) Add() string {
	p, n := newProgram(), f.Words
	p.load("t", "x", n)
	carry := p.add("c", f.second()...)
	if f.Way == montgomery {
		p.set("top", "%s", carry)
		f.once(p)
		return p.text.String()
	}
	f.settle(p, true, fmt.Sprintf("-%s&%d", carry, f.Gap))
	return p.text.String()
}

// Sub is the body of z = x-y.
func (f *field) Sub() string {
	p, n := newProgram(), f.Words
	p.load("t", "x", n)
	borrow := p.sub("c", f.second()...)
	if f.Way == montgomery {
		p.set("mask", "-%s", borrow)
		p.addLast("d", f.masked("mask", f.Prime)...)
		p.store(n)
		return p.text.String()
	}
	f.settle(p, false, fmt.Sprintf("-%s&%d", borrow, f.Gap))
	return p.text.String()
}

// second is the words of y.
func (f *field) second() []term {
	out := make([]term, f.Words)
	for j := range out {
		out[j] = term{j, fmt.Sprintf("y[%d]", j)}
	}
	return out
}

// Triple is the body of z = 3x.
func (f *field) Triple() string {
	p, n := newProgram(), f.Words
	if f.Way == montgomery {
		return "t := *x\nz.add(x, x)\nz.add(z, &t)\n"
	}
	p.load("x", "x", n)
	var once []term
	for j := range n {
		p.set(fmt.Sprintf("t%d", j), "x%d", j)
		once = append(once, term{j, fmt.Sprintf("x%d", j)})
	}
	p.set("over", "%s", p.add("c", once...))
	p.line("over += %s", p.add("d", once...))
	f.settle(p, true, fmt.Sprintf("over*%d", f.Gap))
	return p.text.String()
}

// settle makes up for what left the words t: word is Gap times the carry of a sum
// or the borrow of a difference. Where that wraps in turn, the words are so near
// to the end that one more step has room: Gap again, or one prime back.
func (f *field) settle(p *program, sum bool, word string) {
	n := f.Words
	once := append([]term{{0, word}}, rest(1, n)...)
	switch {
	case f.Way == under && sum:
		p.line("t0 += -%s & %d", p.add("k", once...), f.Gap)
	case f.Way == under:
		p.line("t0 -= -%s & %d", p.sub("k", once...), f.Gap)
	case sum:
		p.set("mask", "-%s", p.sub("k", once...))
		p.addLast("b", f.masked("mask", f.Prime)...)
	default:
		p.set("mask", "-%s", p.add("k", once...))
		p.subLast("b", f.masked("mask", f.Prime)...)
	}
	p.store(n)
}

// Halve is the body of z = x/2: an odd x becomes even with the prime.
func (f *field) Halve() string {
	p, n := newProgram(), f.Words
	p.load("t", "x", n)
	p.line("odd := -(t0 & 1)")
	p.set(fmt.Sprintf("t%d", n), "%s", p.add("c", f.masked("odd", f.Prime)...))
	for j := range n {
		p.line("z[%d] = t%d>>1 | t%d<<63", j, j, j+1)
	}
	return p.text.String()
}

// Invert is the body of z = x^(p-2): a leading run of ones by doubling its length,
// the rest by odd windows.
func (f *field) Invert() string {
	p, e := newProgram(), new(big.Int).Sub(f.Prime, big.NewInt(2))
	run, at := 0, e.BitLen()
	for e.Bit(at-1) == 1 {
		run, at = run+1, at-1
	}
	p.line("// Entry i is x^(2i+1).")
	p.line("var powers [8]%s\npowers[0] = *x", f.Name)
	p.line("var r %s\nr.square(x)", f.Name)
	p.line("for i := range 7 {\npowers[i+1].mul(&powers[i], &r)\n}\nr = *x")
	if run > 16 {
		p.line("var part %s", f.Name)
		p.ones(run)
	} else {
		at = e.BitLen() - 1
	}
	p.windows(e, at)
	p.line("*z = r")
	return p.text.String()
}

// windows takes r on by the lower bits of an exponent, up to four at a time.
func (p *program) windows(e *big.Int, bits int) {
	squares := 0
	for bits > 0 {
		if e.Bit(bits-1) == 0 {
			bits, squares = bits-1, squares+1
			continue
		}
		size := min(bits, 4)
		for e.Bit(bits-size) == 0 {
			size--
		}
		window := uint(0)
		for range size {
			bits--
			window = window<<1 | e.Bit(bits)
		}
		p.line("r.squares(%d)\nr.mul(&r, &powers[%d])", squares+size, window>>1)
		squares = 0
	}
	if squares > 0 {
		p.line("r.squares(%d)", squares)
	}
}

// ones makes r = x^(2^n - 1) from r = x.
func (p *program) ones(n int) {
	length := 1
	for bit := big.NewInt(int64(n)).BitLen() - 2; bit >= 0; bit-- {
		p.line("part = r\nr.squares(%d)\nr.mul(&r, &part)", length)
		length *= 2
		if n>>bit&1 == 1 {
			p.line("r.square(&r)\nr.mul(&r, x)")
			length++
		}
	}
}
