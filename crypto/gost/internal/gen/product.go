package gen

import (
	"fmt"
	"strings"
)

// program is a straight run of statements on words. It remembers which names
// stand, so that each is declared once and assigned afterwards.
type program struct {
	text  strings.Builder
	known map[string]bool
}

func newProgram() *program { return &program{known: map[string]bool{"_": true}} }

// set writes "names = value", declaring what is new.
func (p *program) set(names, value string, args ...any) {
	op := "="
	for name := range strings.SplitSeq(names, ", ") {
		if !p.known[name] {
			p.known[name] = true
			op = ":="
		}
	}
	fmt.Fprintf(&p.text, "%s %s %s\n", names, op, fmt.Sprintf(value, args...))
}

// line writes a statement as it is.
func (p *program) line(format string, args ...any) {
	fmt.Fprintf(&p.text, format+"\n", args...)
}

// term is one word to be added to the word t of that index.
type term struct {
	at   int
	word string
}

// chain adds terms, the lowest first and without gaps, to the words t, and returns
// the name of the carry out, "" if the last sum cannot overflow.
func (p *program) chain(name string, last bool, terms ...term) string {
	carry := "0"
	for i, t := range terms {
		out := fmt.Sprintf("%s%d", name, i)
		if last && i == len(terms)-1 {
			out = "_"
		}
		p.set(fmt.Sprintf("t%d, %s", t.at, out), "bits.Add64(t%d, %s, %s)", t.at, t.word, carry)
		carry = out
	}
	return carry
}

// Mul is the body of a multiplication z = xy.
func (f *field) Mul() string {
	p := newProgram()
	for i := range f.Words {
		p.set(fmt.Sprintf("y%d", i), "y[%d]", i)
	}
	if f.Fold == 0 {
		f.montgomery(p)
		return p.text.String()
	}
	for i := range f.Words {
		f.row(p, i)
	}
	f.fold(p)
	return p.text.String()
}

// row adds x[i]*y to the words t from i on; t has no word i+Words before.
func (f *field) row(p *program, i int) {
	n := f.Words
	p.set("x0", "x[%d]", i)
	low, high := make([]term, n), make([]term, n)
	for j := range n {
		p.set(fmt.Sprintf("h%d, l%d", j, j), "bits.Mul64(x0, y%d)", j)
		low[j] = term{i + j, fmt.Sprintf("l%d", j)}
		high[j] = term{i + j + 1, fmt.Sprintf("h%d", j)}
	}
	if i == 0 {
		p.set("t0", "l0")
		for j := 1; j < n; j++ {
			p.set(fmt.Sprintf("t%d", j), "l%d", j)
		}
		p.set(fmt.Sprintf("t%d", n), "h%d", n-1)
		carry := p.chain("c", false, high[:n-1]...)
		p.line("t%d += %s", n, carry)
		return
	}
	p.set(fmt.Sprintf("t%d", i+n), "%s", p.chain("c", false, low...))
	p.chain("d", true, high...)
}

// Square is the body of z = x^2: each mixed product once, doubled, and the squares.
func (f *field) Sqr() string {
	if f.Fold == 0 {
		return ""
	}
	p, n := newProgram(), f.Words
	for i := range n {
		p.set(fmt.Sprintf("x%d", i), "x[%d]", i)
	}
	for i := range n - 1 {
		f.mixed(p, i)
	}
	carry := "0"
	for k := 1; k < 2*n-1; k++ {
		p.set(fmt.Sprintf("t%d, e%d", k, k), "bits.Add64(t%d, t%d, %s)", k, k, carry)
		carry = fmt.Sprintf("e%d", k)
	}
	p.set(fmt.Sprintf("t%d", 2*n-1), "%s", carry)
	terms := make([]term, 0, 2*n)
	for i := range n {
		p.set(fmt.Sprintf("h%d, l%d", i, i), "bits.Mul64(x%d, x%d)", i, i)
		terms = append(terms, term{2 * i, fmt.Sprintf("l%d", i)}, term{2*i + 1, fmt.Sprintf("h%d", i)})
	}
	p.set("t0", "l0")
	p.chain("g", true, terms[1:]...)
	f.fold(p)
	return p.text.String()
}

// mixed adds x[i]*x[j] for all j above i to the words t.
func (f *field) mixed(p *program, i int) {
	n := f.Words
	var low, high []term
	for j := i + 1; j < n; j++ {
		p.set(fmt.Sprintf("h%d, l%d", j, j), "bits.Mul64(x%d, x%d)", i, j)
		low = append(low, term{i + j, fmt.Sprintf("l%d", j)})
		high = append(high, term{i + j + 1, fmt.Sprintf("h%d", j)})
	}
	if i > 0 {
		p.set(fmt.Sprintf("t%d", i+n), "%s", p.chain("c", false, low...))
		p.chain("d", true, high...)
		return
	}
	for _, t := range low {
		p.set(fmt.Sprintf("t%d", t.at), "%s", t.word)
	}
	p.set(fmt.Sprintf("t%d", n), "h%d", n-1)
	if n > 2 {
		p.line("t%d += %s", n, p.chain("c", false, high[:len(high)-1]...))
	}
}

// fold brings the words t, twice as many, below 2^Bits: once with the upper half
// times c, once with the word above that, once with the last carry. After a carry
// out of the second step the number is so small that the third cannot carry.
func (f *field) fold(p *program) {
	n := f.Words
	low, high := make([]term, n), make([]term, n-1)
	for i := range n {
		p.set(fmt.Sprintf("u%d, v%d", i, i), "bits.Mul64(t%d, %d)", n+i, f.Fold)
		low[i] = term{i, fmt.Sprintf("v%d", i)}
		if i < n-1 {
			high[i] = term{i + 1, fmt.Sprintf("u%d", i)}
		}
	}
	p.line("u%d += %s", n-1, p.chain("c", false, low...))
	p.line("u%d += %s", n-1, p.chain("d", false, high...))
	rest := []term{{0, fmt.Sprintf("u%d*%d", n-1, f.Fold)}}
	for i := 1; i < n; i++ {
		rest = append(rest, term{i, "0"})
	}
	carry := p.chain("k", false, rest...)
	p.line("z[0] = t0 + -%s&%d", carry, f.Fold)
	for i := 1; i < n; i++ {
		p.line("z[%d] = t%d", i, i)
	}
}
