package gost

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// scalars are the multipliers where a table, a sign or a carry changes hands, and
// some random ones. All are between 1 and q-1.
func scalars(c *Curve, random int) []number {
	q := c.math().order.prime
	one := big.NewInt(1)
	var out []number
	put := func(n *big.Int) {
		if n.Mod(n, q).Sign() != 0 {
			out = append(out, fromBig(n))
		}
	}
	for d := int64(1); d < 34; d += 2 {
		put(big.NewInt(d))
		put(big.NewInt(d + 1))
		put(big.NewInt(-d))
	}
	for bit := uint(0); bit <= uint(c.Size())*8; bit += 29 {
		put(new(big.Int).Lsh(one, bit))
		put(new(big.Int).Sub(new(big.Int).Lsh(one, bit), one))
	}
	// The last addition of these meets the point itself: a doubling by a formula
	// that is said to have no exceptions.
	put(new(big.Int).Lsh(one, uint(c.Size())*8))
	put(new(big.Int).Neg(new(big.Int).Lsh(one, uint(c.Size())*8)))
	put(new(big.Int).Rsh(q, 1))
	r := rand.New(rand.NewPCG(5, 6))
	for range random {
		n := randomNumber(r, c.Size()/8)
		put(toBig(&n))
	}
	return out
}

func TestMultiplyAgreesWithSlow(t *testing.T) {
	for _, c := range Curves() {
		if c.oid[3] == 2 { // the older names of the same curves
			continue
		}
		t.Run(c.Name(), func(t *testing.T) {
			t.Parallel()
			g := reference(c)
			for _, k := range scalars(c, 3) {
				x, y := c.math().group.multiply(&k)
				wantX, wantY := g.multiply(&k)
				if x != wantX || y != wantY {
					t.Fatalf("%x times G is %x, %x; want %x, %x", toBig(&k), x, y, wantX, wantY)
				}
			}
		})
	}
}

// TestHitsAgreesWithSlow takes public points that are small multiples of G as well,
// so that the sum meets doublings and the zero of the group.
func TestHitsAgreesWithSlow(t *testing.T) {
	for _, c := range Curves() {
		if c.oid[3] == 2 {
			continue
		}
		t.Run(c.Name(), func(t *testing.T) {
			t.Parallel()
			g, q := reference(c), c.math().order.prime
			numbers := scalars(c, 6)
			for i := 0; i < len(numbers); i += 6 {
				k := numbers[i]
				x, y := g.multiply(&k)
				fast, ok := c.math().group.point(&x, &y)
				if !ok {
					t.Fatalf("%x times G is refused", toBig(&k))
				}
				u, v := numbers[(5*i+3)%len(numbers)], numbers[(3*i+7)%len(numbers)]
				checkHits(t, g, fast, &u, &v, &k)
				// u = -vk gives zero, u = vk a doubling in the last step.
				product := new(big.Int).Mul(toBig(&v), toBig(&k))
				product.Mod(product, q)
				same, opposite := fromBig(product), fromBig(new(big.Int).Sub(q, product))
				checkHits(t, g, fast, &same, &v, &k)
				checkHits(t, g, fast, &opposite, &v, &k)
			}
		})
	}
}

// checkHits asks for the right coordinate of uG + vkG and for wrong ones.
func checkHits(t *testing.T, g *slow, fast point, u, v, k *number) {
	t.Helper()
	sum := new(big.Int).Mul(toBig(v), toBig(k))
	sum.Add(sum, toBig(u)).Mod(sum, g.q)
	x, _ := g.times(sum, g.x, g.y)
	wrong := number{12345}
	if x != nil {
		r := fromBig(new(big.Int).Mod(x, g.q))
		if !fast.hits(u, v, &r) {
			t.Fatalf("u=%x v=%x k=%x: %x is not found", toBig(u), toBig(v), toBig(k), x)
		}
		wrong = fromBig(new(big.Int).Mod(new(big.Int).Add(x, big.NewInt(1)), g.q))
	}
	if fast.hits(u, v, &wrong) || fast.hits(u, v, &number{}) {
		t.Fatalf("u=%x v=%x k=%x: a wrong coordinate is found", toBig(u), toBig(v), toBig(k))
	}
}

// TestCoordinatesAboveTheOrder: r is x mod q, and on curves where q is well below p a
// point's x may be any of r, r+q and so on.
func TestCoordinatesAboveTheOrder(t *testing.T) {
	for _, i := range []int{0, 11} {
		c := Curves()[i]
		t.Run(c.Name(), func(t *testing.T) {
			g, seen := reference(c), map[int64]bool{}
			k := big.NewInt(1)
			for len(seen) < 4 && k.Cmp(big.NewInt(80)) < 0 {
				scalar := fromBig(k)
				x, y := g.multiply(&scalar)
				over, rest := new(big.Int).DivMod(toBig(&x), g.q, new(big.Int))
				seen[over.Int64()] = true
				fast, ok := c.math().group.point(&x, &y)
				r := fromBig(rest)
				if !ok || !fast.hits(&number{}, &number{1}, &r) {
					t.Errorf("x = r + %v q is not found", over)
				}
				k.Add(k, big.NewInt(1))
			}
			if len(seen) != 4 {
				t.Errorf("only these multiples of q were met: %v", seen)
			}
		})
	}
}

// TestCompleteAdditionHasNoExceptions adds every pair of small multiples of G, equal,
// opposite and zero ones too, by both complete formulas.
func TestCompleteAdditionHasNoExceptions(t *testing.T) {
	for _, build := range []func() *domain{cryptoProA, tc26A} {
		d := build()
		curve, g := d.group.(*a256Curve), newSlow(&d.setting).(*slow)
		for i := int64(-3); i <= 3; i++ {
			for j := int64(-3); j <= 3; j++ {
				if j == 0 { // a table holds no zero
					continue
				}
				sums := []a256Complete{completeMultiple(g, i), completeMultiple(g, i)}
				entry := affineMultiple(g, j)
				sums[0].add(&entry, curve)
				if curve.easy {
					sums[1].addEasy(&entry, &curve.b)
				} else {
					sums = sums[:1]
				}
				x, y := g.times(big.NewInt(i+j).Mod(big.NewInt(i+j), g.q), g.x, g.y)
				for formula, sum := range sums {
					if !isPoint(&sum, x, y) {
						t.Fatalf("formula %d: %dG + %dG is wrong", formula, i, j)
					}
				}
			}
		}
	}
}

func affineMultiple(g *slow, i int64) (p a256Affine) {
	k := fromBig(new(big.Int).Mod(big.NewInt(i), g.q))
	x, y := g.multiply(&k)
	p.x.set(&x)
	p.y.set(&y)
	return p
}

// completeMultiple comes with a z that is not 1, as a sum does.
func completeMultiple(g *slow, i int64) (p a256Complete) {
	if i == 0 {
		return a256Complete{y: a256One()}
	}
	plain := affineMultiple(g, i)
	p.z.set(&number{uint64(i + 1000)})
	p.x.mul(&plain.x, &p.z)
	p.y.mul(&plain.y, &p.z)
	return p
}

func isPoint(p *a256Complete, x, y *big.Int) bool {
	if x == nil {
		return p.z.zero() && p.x.zero() && !p.y.zero()
	}
	var inverse a256
	inverse.invert(&p.z)
	p.x.mul(&p.x, &inverse)
	p.y.mul(&p.y, &inverse)
	gotX, gotY := p.x.number(), p.y.number()
	return gotX == fromBig(x) && gotY == fromBig(y)
}

func TestSparseDigits(t *testing.T) {
	for _, c := range []*Curve{Curves()[1], Curves()[9]} {
		for _, n := range append(scalars(c, 200), number{}, c.math().order.q) {
			for _, width := range []int{pointWidth, fixedWidth} {
				checkSparse(t, n, width)
			}
		}
	}
}

func checkSparse(t *testing.T, n number, width int) {
	t.Helper()
	digits := sparse(&n, width)
	sum, last := new(big.Int), -width
	for i, digit := range digits {
		if digit == 0 {
			continue
		}
		if digit%2 == 0 || int(digit) >= 1<<(width-1) || int(digit) <= -1<<(width-1) || i-last < width {
			t.Fatalf("%x in width %d: digit %d at %d, the last one was at %d", toBig(&n), width, digit, i, last)
		}
		last = i
		term := big.NewInt(int64(digit))
		sum.Add(sum, term.Lsh(term, uint(i)))
	}
	if sum.Cmp(toBig(&n)) != 0 {
		t.Fatalf("%x in width %d: the digits make %x", toBig(&n), width, sum)
	}
}

func TestOddDigits(t *testing.T) {
	for _, c := range []*Curve{Curves()[0], Curves()[1], Curves()[9], Curves()[11]} {
		count := combDigits256
		if c.Size() == 64 {
			count = combDigits512
		}
		q := c.math().order.q
		for _, k := range scalars(c, 200) {
			digits, negative := odd(&k, &q, c.Size()/8)
			sum := new(big.Int)
			for i := range count {
				w := digits.window(i)
				for bit := range combWidth {
					term := big.NewInt(int64(w>>bit&1)*2 - 1)
					sum.Add(sum, term.Lsh(term, uint(i*combWidth+bit)))
				}
			}
			want := toBig(&k)
			if negative != 0 {
				want.Sub(toBig(&q), want)
			}
			if sum.Cmp(want) != 0 || want.Bit(0) == 0 {
				t.Fatalf("%x: the digits make %x", want, sum)
			}
		}
	}
}
