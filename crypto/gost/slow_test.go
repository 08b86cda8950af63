package gost

import "math/big"

// slow is the group in plain affine formulas on math/big.
type slow struct {
	p, a, b, q, x, y *big.Int
}

func (g *slow) add(x1, y1, x2, y2 *big.Int) (x, y *big.Int) {
	if x1 == nil {
		return x2, y2
	}
	if x2 == nil {
		return x1, y1
	}
	num, den := new(big.Int), new(big.Int)
	if x1.Cmp(x2) == 0 {
		if y1.Cmp(y2) != 0 || y1.Sign() == 0 {
			return nil, nil
		}
		num.Mul(x1, x1).Mul(num, big.NewInt(3)).Add(num, g.a)
		den.Lsh(y1, 1)
	} else {
		num.Sub(y2, y1)
		den.Sub(x2, x1)
	}
	den.ModInverse(den.Mod(den, g.p), g.p)
	num.Mul(num, den).Mod(num, g.p)
	x = new(big.Int).Mul(num, num)
	x.Sub(x, x1).Sub(x, x2).Mod(x, g.p)
	y = new(big.Int).Sub(x1, x)
	y.Mul(y, num).Sub(y, y1).Mod(y, g.p)
	return x, y
}

func (g *slow) mul(k, x, y *big.Int) (*big.Int, *big.Int) {
	var rx, ry *big.Int
	for i := k.BitLen() - 1; i >= 0; i-- {
		rx, ry = g.add(rx, ry, rx, ry)
		if k.Bit(i) == 1 {
			rx, ry = g.add(rx, ry, x, y)
		}
	}
	return rx, ry
}

func (g *slow) multiply(k *number) (number, number) {
	x, y := g.mul(toBig(k), g.x, g.y)
	return fromBig(x), fromBig(y)
}

type slowPoint struct {
	g    *slow
	x, y *big.Int
}

func (g *slow) point(xn, yn *number) (point, bool) {
	x, y := toBig(xn), toBig(yn)
	if x.Cmp(g.p) >= 0 || y.Cmp(g.p) >= 0 {
		return nil, false
	}
	t := new(big.Int).Mul(x, x)
	t.Add(t, g.a).Mul(t, x).Add(t, g.b)
	t.Sub(t, new(big.Int).Mul(y, y)).Mod(t, g.p)
	if t.Sign() != 0 {
		return nil, false
	}
	if e, _ := g.mul(g.q, x, y); e != nil {
		return nil, false
	}
	return &slowPoint{g, x, y}, true
}

func (s *slowPoint) hits(u, v, r *number) bool {
	x1, y1 := s.g.mul(toBig(u), s.g.x, s.g.y)
	x2, y2 := s.g.mul(toBig(v), s.x, s.y)
	x, _ := s.g.add(x1, y1, x2, y2)
	return x != nil && x.Mod(x, s.g.q).Cmp(toBig(r)) == 0
}
