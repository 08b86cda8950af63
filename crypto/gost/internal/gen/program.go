package gen

import (
	"fmt"
	"math/big"
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

// multiply sets the words high and low of index j to the product of two words.
func (p *program) multiply(j int, x, y string) {
	p.set(fmt.Sprintf("h%d, l%d", j, j), "bits.Mul64(%s, %s)", x, y)
}

// term is one word to be added to the word t of that index, or taken from it.
type term struct {
	at   int
	word string
}

// lows and highs are the halves of the products from to to, each at its place.
func lows(at, from, to int) []term { return halves("l", at, from, to) }

func highs(at, from, to int) []term { return halves("h", at, from, to) }

func halves(name string, at, from, to int) []term {
	var out []term
	for j := from; j < to; j++ {
		out = append(out, term{at + j, fmt.Sprintf("%s%d", name, j)})
	}
	return out
}

// rest is zeros at the places from to to, to carry a carry on.
func rest(from, to int) []term {
	var out []term
	for j := from; j < to; j++ {
		out = append(out, term{j, "0"})
	}
	return out
}

// masked is the words of a constant where mask is all ones.
func (f *field) masked(mask string, constant *big.Int) []term {
	var out []term
	for j, w := range limbs(constant, f.Words) {
		switch w {
		case 0:
			out = append(out, term{j, "0"})
		case ^uint64(0):
			out = append(out, term{j, mask})
		default:
			out = append(out, term{j, fmt.Sprintf("%s&%#x", mask, w)})
		}
	}
	return out
}

// add adds terms, the lowest first and without gaps, to the words t and gives the
// name of the carry out.
func (p *program) add(name string, terms ...term) string {
	return p.chain("Add64", name, false, terms)
}

// addLast is add where the sum is known to fit.
func (p *program) addLast(name string, terms ...term) { p.chain("Add64", name, true, terms) }

// sub takes terms away and gives the name of the borrow.
func (p *program) sub(name string, terms ...term) string {
	return p.chain("Sub64", name, false, terms)
}

// subLast is sub where the borrow is of no interest.
func (p *program) subLast(name string, terms ...term) { p.chain("Sub64", name, true, terms) }

func (p *program) chain(op, name string, last bool, terms []term) string {
	carry := "0"
	for i, t := range terms {
		out := fmt.Sprintf("%s%d", name, i)
		if last && i == len(terms)-1 {
			out = "_"
		}
		p.set(fmt.Sprintf("t%d, %s", t.at, out), "bits.%s(t%d, %s, %s)", op, t.at, t.word, carry)
		carry = out
	}
	return carry
}

// load names the words of a variable.
func (p *program) load(name, from string, n int) {
	for i := range n {
		p.set(fmt.Sprintf("%s%d", name, i), "%s[%d]", from, i)
	}
}

// store puts the words t in z.
func (p *program) store(n int) {
	for i := range n {
		p.line("z[%d] = t%d", i, i)
	}
}
