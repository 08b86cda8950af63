package gen

import (
	"bytes"
	_ "embed" // carries the templates
	"fmt"
	"math/big"
	"strings"
	"text/template"
)

//go:embed field.tmpl
var fieldTemplate string

//go:embed point.tmpl
var pointTemplate string

// How products come back to the field's words. A prime near a power of two folds:
// the upper half of a product, times a small number, is added to the lower half.
const (
	under      = "under"      // p = 2^Bits - Gap
	half       = "half"       // 2p = 2^Bits + Gap
	montgomery = "montgomery" // any other prime
)

// field is a prime and what the template needs to know of it.
type field struct {
	Name  string // of the element's type and of the file
	Words int
	Way   string
	Gap   uint64
	Prime *big.Int
}

// fields are the five primes of the allowed parameter sets.
func fields() []*field {
	general, _ := new(big.Int).SetString("9b9f605f5a858107ab1ec85e6b41c8aacf846e86789051d37998f7b9022d759b", 16)
	return []*field{
		{Name: "a256", Words: 4, Way: under, Gap: 617, Prime: near(256, -617)},
		{Name: "b256", Words: 4, Way: half, Gap: 2 * 0xc99, Prime: near(255, 0xc99)},
		{Name: "c256", Words: 4, Way: montgomery, Prime: general},
		{Name: "a512", Words: 8, Way: under, Gap: 569, Prime: near(512, -569)},
		{Name: "b512", Words: 8, Way: half, Gap: 2 * 111, Prime: near(511, 111)},
	}
}

// near is 2^bits + distance.
func near(bits uint, distance int64) *big.Int {
	p := new(big.Int).Lsh(big.NewInt(1), bits)
	return p.Add(p, big.NewInt(distance))
}

func (f *field) arithmetic() ([]byte, error) {
	t, err := template.New(f.Name).Parse(fieldTemplate + pointTemplate)
	if err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	var b bytes.Buffer
	b.WriteString(header)
	if err := t.Execute(&b, f); err != nil {
		return nil, fmt.Errorf("fill template for %s: %w", f.Name, err)
	}
	return b.Bytes(), nil
}

// Bits is the length of the prime's words.
func (f *field) Bits() int { return 64 * f.Words }

// Folds reports that an element stands as it is, not in Montgomery's form.
func (f *field) Folds() bool { return f.Way != montgomery }

// Range is 0 to Words-1.
func (f *field) Range() []int {
	out := make([]int, f.Words)
	for i := range out {
		out[i] = i
	}
	return out
}

// Limbs is the prime in words.
func (f *field) Limbs() string { return f.literal(f.Prime) }

// One is what stands for 1 inside.
func (f *field) One() string {
	if f.Folds() {
		return f.literal(big.NewInt(1))
	}
	return f.literal(new(big.Int).Mod(near(uint(f.Bits()), 0), f.Prime))
}

// Square is 4^Bits modulo the prime, by which a number is multiplied to come in.
func (f *field) Square() string {
	return f.literal(new(big.Int).Mod(near(uint(2*f.Bits()), 0), f.Prime))
}

// literal prints a number as words, the least significant first.
func (f *field) literal(n *big.Int) string {
	parts := make([]string, f.Words)
	for i, w := range limbs(n, f.Words) {
		parts[i] = fmt.Sprintf("%#x", w)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func limbs(n *big.Int, words int) []uint64 {
	mask := new(big.Int).SetUint64(^uint64(0))
	out := make([]uint64, words)
	for i := range out {
		w := new(big.Int).Rsh(n, uint(64*i))
		out[i] = w.And(w, mask).Uint64()
	}
	return out
}
