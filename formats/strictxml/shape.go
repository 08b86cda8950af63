package strictxml

import (
	"slices"
	"strconv"
	"strings"
)

// Rule judges one value.
type Rule func(string) Why

// Shape declares a block: its children in the order of writing, and the rules that join several of them.
type Shape struct {
	Parts []Part
	Check func(*Cursor) // format-logic control of the block; runs after its children were read
	Open  bool          // unknown children and attributes are passed over
}

// Part is one child element.
type Part struct {
	Name  string
	Also  string // second spelling accepted when reading
	Logic Rule   // format-logic control of the value, after its form was found right
	Twice bool   // a second occurrence is passed over, the first counts

	required, many bool
	value          Value           // a leaf
	enter          func() Shape    // a block: makes room for one more and gives its shape
	written        func() []Shape  // a block: shapes to write
	leaves         func() []string // repeated leaf: values to write
}

// Value is a leaf: it reads itself from text, and writes itself; set is false when there is nothing to write.
type Value interface {
	Read(text string) Why
	Write() (text string, set bool)
}

// One declares a required leaf.
func One(name string, v Value) Part { return Part{Name: name, value: v, required: true} }

// Maybe declares an optional leaf.
func Maybe(name string, v Value) Part { return Part{Name: name, value: v} }

// Leaves declares a leaf that stands min times or more.
func Leaves(name string, p *[]string, rule Rule, required bool) Part {
	return Part{
		Name: name, value: appended{p, rule}, required: required, many: true,
		leaves: func() []string { return *p },
	}
}

// Block declares a required block.
func Block[T any](name string, p *T, shape func(*T) Shape) Part {
	return Part{
		Name: name, required: true,
		enter:   func() Shape { return shape(p) },
		written: func() []Shape { return []Shape{shape(p)} },
	}
}

// MaybeBlock declares an optional block.
func MaybeBlock[T any](name string, p **T, shape func(*T) Shape) Part {
	return Part{
		Name:  name,
		enter: func() Shape { *p = new(T); return shape(*p) },
		written: func() []Shape {
			if *p == nil {
				return nil
			}
			return []Shape{shape(*p)}
		},
	}
}

// Blocks declares a block that repeats.
func Blocks[T any](name string, p *[]T, shape func(*T) Shape) Part {
	return Part{
		Name: name, many: true,
		enter: func() Shape {
			*p = append(*p, *new(T))
			return shape(&(*p)[len(*p)-1])
		},
		written: func() []Shape {
			all := make([]Shape, len(*p))
			for i := range *p {
				all[i] = shape(&(*p)[i])
			}
			return all
		},
	}
}

// Required makes the part stand at least once.
func (p Part) Required() Part { p.required = true; return p }

// With adds format-logic control of the value.
func (p Part) With(r Rule) Part { p.Logic = r; return p }

type text[S ~string] struct {
	p    *S
	rule Rule
}

// Text is a leaf kept as it is written; a refused text is not kept.
func Text[S ~string](p *S, rule Rule) Value { return text[S]{p, rule} }

func (t text[S]) Read(s string) Why {
	if why := t.rule(s); why != (Why{}) {
		return why
	}
	*t.p = S(s)
	return Why{}
}

func (t text[S]) Write() (string, bool) { return string(*t.p), *t.p != "" }

type appended struct {
	p    *[]string
	rule Rule
}

func (a appended) Read(s string) Why {
	if why := a.rule(s); why != (Why{}) {
		return why
	}
	*a.p = append(*a.p, s)
	return Why{}
}

func (a appended) Write() (string, bool) { return "", false }

// Wrapped declares an optional element that holds nothing but one or more blocks.
func Wrapped[T any](name, inner string, p *[]T, shape func(*T) Shape) Part {
	whole := Shape{Parts: []Part{Blocks(inner, p, shape).Required()}}
	return Part{
		Name:  name,
		enter: func() Shape { return whole },
		written: func() []Shape {
			if len(*p) == 0 {
				return nil
			}
			return []Shape{whole}
		},
	}
}

// Range is what a Number may be: from Least to Most, or one of Among when that is given.
type Range[N ~int | ~int64] struct {
	Least, Most N
	Among       []N
	Width       int // digits to write, so that a code reads 03; leading zeros up to it are read as well
}

func (r Range[N]) holds(v N) bool {
	if len(r.Among) > 0 {
		return slices.Contains(r.Among, v)
	}
	return v >= r.Least && v <= r.Most
}

type number[N ~int | ~int64] struct {
	p *N
	Range[N]
}

// Number is a leaf of decimal digits within a range. Zero is not written when the part is optional.
func Number[N ~int | ~int64](p *N, r Range[N]) Value { return number[N]{p, r} }

func (n number[N]) Read(s string) Why {
	digits := s != "" && strings.Trim(s, "0123456789") == ""
	v, err := strconv.ParseInt(s, 10, 64)
	switch {
	case !digits || err != nil || s[0] == '0' && len(s) > max(n.Width, 1):
		return Why{"ожидается целое число цифрами, без знака и пробелов", "a whole number in digits is expected, without sign or blanks"}
	case !n.holds(N(v)) && len(n.Among) > 0:
		return Why{"кода нет в списке допустимых", "the code is not in its list"}
	case !n.holds(N(v)):
		return Why{"число вне допустимых пределов", "the number is outside of its limits"}
	}
	*n.p = N(v)
	return Why{}
}

func (n number[N]) Write() (string, bool) {
	s := strconv.FormatInt(int64(*n.p), 10)
	for len(s) < n.Width {
		s = "0" + s
	}
	return s, *n.p != 0
}
