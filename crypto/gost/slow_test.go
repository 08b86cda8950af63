package gost

import "math/big"

// slow is the group in the school's affine formulas on math/big: the reference
// everything fast is held against. A nil x is the zero of the group.
type slow struct {
	p, a, b, q, x, y *big.Int
}

func newSlow(s *setting) group {
	return &slow{toBig(&s.p), toBig(&s.a), toBig(&s.b), toBig(&s.q), toBig(&s.x), toBig(&s.y)}
}

// reference is the slow group of a curve.
func reference(c *Curve) *slow { return newSlow(&c.math().setting).(*slow) }

func (g *slow) add(x1, y1, x2, y2 *big.Int) (x, y *big.Int) {
	switch {
	case x1 == nil:
		return x2, y2
	case x2 == nil:
		return x1, y1
	case x1.Cmp(x2) == 0 && (y1.Cmp(y2) != 0 || y1.Sign() == 0):
		return nil, nil
	}
	up, down := new(big.Int), new(big.Int)
	if x1.Cmp(x2) == 0 {
		up.Mul(x1, x1).Mul(up, big.NewInt(3)).Add(up, g.a)
		down.Lsh(y1, 1)
	} else {
		up.Sub(y2, y1)
		down.Sub(x2, x1)
	}
	down.ModInverse(down.Mod(down, g.p), g.p)
	up.Mul(up, down).Mod(up, g.p)
	x = new(big.Int).Mul(up, up)
	x.Sub(x, x1).Sub(x, x2).Mod(x, g.p)
	y = new(big.Int).Sub(x1, x)
	y.Mul(y, up).Sub(y, y1).Mod(y, g.p)
	return x, y
}

func (g *slow) times(k, x, y *big.Int) (sumX, sumY *big.Int) {
	for i := k.BitLen() - 1; i >= 0; i-- {
		sumX, sumY = g.add(sumX, sumY, sumX, sumY)
		if k.Bit(i) == 1 {
			sumX, sumY = g.add(sumX, sumY, x, y)
		}
	}
	return sumX, sumY
}

func (g *slow) on(x, y *big.Int) bool {
	if x.Cmp(g.p) >= 0 || y.Cmp(g.p) >= 0 {
		return false
	}
	t := new(big.Int).Mul(x, x)
	t.Add(t, g.a).Mul(t, x).Add(t, g.b)
	t.Sub(t, new(big.Int).Mul(y, y))
	return t.Mod(t, g.p).Sign() == 0
}

func (g *slow) multiply(k *number) (x, y number) {
	bigX, bigY := g.times(toBig(k), g.x, g.y)
	return fromBig(bigX), fromBig(bigY)
}

func (g *slow) point(xn, yn *number) (point, bool) {
	x, y := toBig(xn), toBig(yn)
	if !g.on(x, y) {
		return nil, false
	}
	zero, _ := g.times(g.q, x, y)
	return &slowPoint{g, x, y}, zero == nil
}

type slowPoint struct {
	g    *slow
	x, y *big.Int
}

func (s *slowPoint) hits(u, v, r *number) bool {
	x1, y1 := s.g.times(toBig(u), s.g.x, s.g.y)
	x2, y2 := s.g.times(toBig(v), s.x, s.y)
	x, _ := s.g.add(x1, y1, x2, y2)
	return x != nil && x.Mod(x, s.g.q).Cmp(toBig(r)) == 0
}
