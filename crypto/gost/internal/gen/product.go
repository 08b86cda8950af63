package gen

import "fmt"

// Mul is the body of z = xy.
func (f *field) Mul() string {
	p, n := newProgram(), f.Words
	p.load("y", "y", n)
	for i := range n {
		p.set("x0", "x[%d]", i)
		for j := range n {
			p.multiply(j, "x0", fmt.Sprintf("y%d", j))
		}
		p.row(i, 0, n)
	}
	f.shrink(p)
	return p.text.String()
}

// Sqr is the body of z = x^2: each mixed product once, doubled, and the squares.
func (f *field) Sqr() string {
	p, n := newProgram(), f.Words
	p.load("x", "x", n)
	for i := range n - 1 {
		for j := i + 1; j < n; j++ {
			p.multiply(j, fmt.Sprintf("x%d", i), fmt.Sprintf("x%d", j))
		}
		p.row(i, i+1, n)
	}
	var twice, squares []term
	for k := 1; k < 2*n-1; k++ {
		twice = append(twice, term{k, fmt.Sprintf("t%d", k)})
	}
	p.set(fmt.Sprintf("t%d", 2*n-1), "%s", p.add("e", twice...))
	for i := range n {
		p.multiply(i, fmt.Sprintf("x%d", i), fmt.Sprintf("x%d", i))
		squares = append(squares, term{2 * i, fmt.Sprintf("l%d", i)}, term{2*i + 1, fmt.Sprintf("h%d", i)})
	}
	p.set("t0", "l0")
	p.addLast("g", squares[1:]...)
	f.shrink(p)
	return p.text.String()
}

// row adds the products from to n of row i to the words t, which end before i+n.
func (p *program) row(i, from, n int) {
	if i > 0 {
		p.set(fmt.Sprintf("t%d", i+n), "%s", p.add("c", lows(i, from, n)...))
		p.addLast("d", highs(i+1, from, n)...)
		return
	}
	for _, t := range lows(0, from, n) {
		p.set(fmt.Sprintf("t%d", t.at), "%s", t.word)
	}
	p.set(fmt.Sprintf("t%d", n), "h%d", n-1)
	p.line("t%d += %s", n, p.add("c", highs(1, from, n-1)...))
}

// shrink brings the words t, twice as many, down to the field's in z.
func (f *field) shrink(p *program) {
	switch f.Way {
	case montgomery:
		f.montgomery(p)
	case under:
		f.fold(p)
	case half:
		f.complement(p)
	}
}

// fold: 2^Bits is Gap. The upper half times Gap, the word above that times Gap, the
// last carry times Gap. After that carry the number is so small that there is
// none again.
func (f *field) fold(p *program) {
	n := f.Words
	for i := range n {
		p.multiply(i, fmt.Sprintf("t%d", n+i), fmt.Sprint(f.Gap))
	}
	p.set("top", "h%d + %s", n-1, p.add("c", lows(0, 0, n)...))
	p.line("top += %s", p.add("d", highs(1, 0, n-1)...))
	once := append([]term{{0, fmt.Sprintf("top*%d", f.Gap)}}, rest(1, n)...)
	p.line("t0 += -%s & %d", p.add("k", once...), f.Gap)
	p.store(n)
}

// complement: 2^Bits is -Gap. With the upper half H inverted to N = 2^Bits-1-H,
// -Gap*H is Gap*N + Gap + Gap^2, a sum without a minus; the word above it is at most
// Gap, so taking Gap times that leaves the constant positive. Where the last sum
// carries, one prime less fits.
func (f *field) complement(p *program) {
	n := f.Words
	for i := range n {
		p.multiply(i, fmt.Sprintf("^t%d", n+i), fmt.Sprint(f.Gap))
	}
	p.set("top", "h%d + %s", n-1, p.add("c", lows(0, 0, n)...))
	p.line("top += %s", p.add("d", highs(1, 0, n-1)...))
	once := append([]term{{0, fmt.Sprintf("(%d-top)*%d", f.Gap+1, f.Gap)}}, rest(1, n)...)
	p.set("mask", "-%s", p.add("k", once...))
	p.subLast("b", f.masked("mask", f.Prime)...)
	p.store(n)
}

// montgomery clears the lower half word by word with multiples of the prime and
// leaves the upper one, the product over 2^Bits, below 2p until the last step.
func (f *field) montgomery(p *program) {
	n, prime := f.Words, limbs(f.Prime, f.Words)
	inverse := prime[0]
	for range 5 {
		inverse *= 2 - prime[0]*inverse
	}
	for i := range n {
		p.set("m", "t%d * %#x", i, -inverse)
		for j, w := range prime {
			p.multiply(j, "m", fmt.Sprintf("%#x", w))
		}
		over := "0"
		if i > 0 {
			over = "over"
		}
		carry := p.add("c", lows(i, 0, n)...)
		p.set(fmt.Sprintf("t%d, e0", i+n), "bits.Add64(t%d, %s, %s)", i+n, over, carry)
		p.set("over", "e0 + %s", p.add("d", highs(i+1, 0, n)...))
	}
	for j := range n {
		p.line("t%d = t%d", j, n+j)
	}
	p.set("top", "over")
	f.once(p)
}

// once takes the prime from top and the words t where they are not below it.
func (f *field) once(p *program) {
	n := f.Words
	for j := range n {
		p.set(fmt.Sprintf("s%d", j), "t%d", j)
	}
	var terms []term
	for j, w := range limbs(f.Prime, n) {
		terms = append(terms, term{j, fmt.Sprintf("%#x", w)})
	}
	p.set("_, b0", "bits.Sub64(top, 0, %s)", p.sub("b", terms...))
	p.line("keep := -b0")
	for j := range n {
		p.line("z[%d] = t%d ^ keep&(t%d^s%d)", j, j, j, j)
	}
}
