package gost

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// element is what the five generated fields have in common.
type element[T any] interface {
	*T
	mul(x, y *T)
	square(x *T)
	add(x, y *T)
	sub(x, y *T)
	double(x *T)
	triple(x *T)
	halve(x *T)
	negate(x *T)
	invert(x *T)
	choose(x *T, mask uint64)
	set(n *number)
	number() number
	zero() bool
}

func TestFields(t *testing.T) {
	t.Run("2^256-617", func(t *testing.T) { checkField[a256](t, cryptoProA(), 4) })
	t.Run("2^255+3225", func(t *testing.T) { checkField[b256](t, cryptoProB(), 4) })
	t.Run("CryptoPro C", func(t *testing.T) { checkField[c256](t, cryptoProC(), 4) })
	t.Run("2^512-569", func(t *testing.T) { checkField[a512](t, wideA(), 8) })
	t.Run("2^511+111", func(t *testing.T) { checkField[b512](t, wideB(), 8) })
}

// checkField holds every operation against math/big: all pairs of the values where a
// carry or a borrow may wrap twice, then random ones.
func checkField[T any, P element[T]](t *testing.T, d *domain, words int) {
	t.Helper()
	f := &fieldCheck[T, P]{t: t, p: toBig(&d.setting.p)}
	edges := edgeNumbers(f.p, words)
	for _, x := range edges {
		for _, y := range edges {
			f.pair(x, y)
		}
		f.single(x)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		x, y := randomNumber(random, words), randomNumber(random, words)
		f.pair(x, y)
		if f.rounds%50 == 0 {
			f.single(x)
		}
	}
}

// edgeNumbers are values around 0, the halves, the prime, 2^64 steps and the end of the
// words, whether or not they are below the prime.
func edgeNumbers(p *big.Int, words int) []number {
	top := new(big.Int).Lsh(big.NewInt(1), uint(64*words))
	centers := []*big.Int{
		new(big.Int), p, top, new(big.Int).Rsh(p, 1), new(big.Int).Rsh(top, 1),
		new(big.Int).Sub(top, p), new(big.Int).Lsh(big.NewInt(1), 64), new(big.Int).Rsh(top, 64),
	}
	var out []number
	for _, c := range centers {
		for _, d := range []int64{-7000, -3225, -618, -223, -112, -2, -1, 0, 1, 2, 111, 569, 617, 3226, 6450, 6451} {
			n := new(big.Int).Add(c, big.NewInt(d))
			if n.Sign() >= 0 && n.Cmp(top) < 0 {
				out = append(out, fromBig(n))
			}
		}
	}
	return out
}

// randomNumber makes words that are often all zeros or all ones.
func randomNumber(r *rand.Rand, words int) (n number) {
	for i := range words {
		switch r.IntN(8) {
		case 0:
		case 1:
			n[i] = ^uint64(0)
		default:
			n[i] = r.Uint64()
		}
	}
	return n
}

type fieldCheck[T any, P element[T]] struct {
	t      *testing.T
	p      *big.Int
	rounds int
}

func (f *fieldCheck[T, P]) want(what string, got P, x, y *number, want *big.Int) {
	f.t.Helper()
	n := got.number()
	if toBig(&n).Cmp(want.Mod(want, f.p)) != 0 {
		f.t.Fatalf("%s of %x and %x: %x, want %x", what, toBig(x), toBig(y), toBig(&n), want)
	}
	if (want.Sign() == 0) != got.zero() {
		f.t.Fatalf("%s of %x and %x: zero reports %v", what, toBig(x), toBig(y), got.zero())
	}
}

func (f *fieldCheck[T, P]) pair(x, y number) {
	f.t.Helper()
	f.rounds++
	var a, b, z T
	P(&a).set(&x)
	P(&b).set(&y)
	bx, by := toBig(&x), toBig(&y)
	P(&z).mul(&a, &b)
	f.want("product", &z, &x, &y, new(big.Int).Mul(bx, by))
	P(&z).add(&a, &b)
	f.want("sum", &z, &x, &y, new(big.Int).Add(bx, by))
	P(&z).sub(&a, &b)
	f.want("difference", &z, &x, &y, new(big.Int).Sub(bx, by))
	// The result may be stored over an operand.
	z = a
	P(&z).mul(&z, &b)
	P(&z).sub(&z, &b)
	P(&z).add(&z, &z)
	f.want("2(xy-y)", &z, &x, &y, new(big.Int).Lsh(new(big.Int).Sub(new(big.Int).Mul(bx, by), by), 1))
	z = a
	P(&z).choose(&b, 0)
	f.want("first choice", &z, &x, &y, new(big.Int).Set(bx))
	P(&z).choose(&b, ^uint64(0))
	f.want("second choice", &z, &x, &y, new(big.Int).Set(by))
}

func (f *fieldCheck[T, P]) single(x number) {
	f.t.Helper()
	var a, z T
	P(&a).set(&x)
	b := toBig(&x)
	f.want("itself", &a, &x, &x, new(big.Int).Set(b))
	P(&z).square(&a)
	f.want("square", &z, &x, &x, new(big.Int).Mul(b, b))
	P(&z).double(&a)
	f.want("double", &z, &x, &x, new(big.Int).Lsh(b, 1))
	P(&z).triple(&a)
	f.want("triple", &z, &x, &x, new(big.Int).Mul(b, big.NewInt(3)))
	P(&z).negate(&a)
	f.want("negative", &z, &x, &x, new(big.Int).Neg(b))
	P(&z).halve(&a)
	half := new(big.Int).Rsh(new(big.Int).Add(f.p, big.NewInt(1)), 1)
	f.want("half", &z, &x, &x, half.Mul(half, b))
	P(&z).invert(&a)
	inverse := new(big.Int).ModInverse(b, f.p)
	if inverse == nil {
		inverse = new(big.Int)
	}
	f.want("inverse", &z, &x, &x, inverse)
}

func TestOrders(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, c := range Curves() {
		t.Run(c.Name(), func(t *testing.T) {
			o, words := c.math().order, c.Size()/8
			numbers := edgeNumbers(o.prime, words)
			for range 200 {
				numbers = append(numbers, randomNumber(random, words))
			}
			for i, x := range numbers {
				checkOrder(t, o, x, numbers[(i*7+1)%len(numbers)])
			}
		})
	}
}

// checkOrder holds the arithmetic modulo q against math/big for x and y of any size.
func checkOrder(t *testing.T, o *order, x, y number) {
	t.Helper()
	want := func(what string, got number, want *big.Int) {
		t.Helper()
		if toBig(&got).Cmp(want.Mod(want, o.prime)) != 0 {
			t.Fatalf("%s of %x and %x: %x, want %x", what, toBig(&x), toBig(&y), toBig(&got), want)
		}
	}
	bx, by := toBig(&x), toBig(&y)
	below := o.reduce(&y)
	want("remainder", below, new(big.Int).Set(by))
	want("product", o.multiply(&x, &below), new(big.Int).Mul(bx, by))
	first := o.reduce(&x)
	want("sum", o.add(&first, &below), new(big.Int).Add(bx, by))
	shifted := new(big.Int).Lsh(by, uint(64*o.words))
	want("wide", o.wide(&x, &y), shifted.Add(shifted, bx))
	if first.zero() {
		return
	}
	want("negative", o.negate(&first), new(big.Int).Neg(bx))
	inverse := o.inverse(&first)
	want("inverse times itself", o.multiply(&inverse, &first), big.NewInt(1))
	if inside := bx.Sign() > 0 && bx.Cmp(o.prime) < 0; o.inside(&x) != inside {
		t.Fatalf("inside(%x) = %v", bx, !inside)
	}
}
