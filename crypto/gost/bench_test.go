package gost

import (
	"crypto/rand"
	"testing"
)

func BenchmarkSign(b *testing.B) {
	for _, c := range Curves() {
		b.Run(c.Name(), func(b *testing.B) {
			k, _ := GenerateKey(c, rand.Reader)
			digest := make([]byte, c.Size())
			for b.Loop() {
				k.Sign(rand.Reader, digest)
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, c := range Curves() {
		k, _ := GenerateKey(c, rand.Reader)
		digest := make([]byte, c.Size())
		sig, _ := k.Sign(rand.Reader, digest)
		b.Run(c.Name()+"/kept", func(b *testing.B) {
			for b.Loop() {
				if !k.Public().Verify(digest, sig) {
					b.Fatal()
				}
			}
		})
		raw := k.Public().Bytes()
		b.Run(c.Name()+"/fresh", func(b *testing.B) {
			for b.Loop() {
				p, _ := NewPublicKey(c, raw)
				if !p.Verify(digest, sig) {
					b.Fatal()
				}
			}
		})
	}
}

func BenchmarkF(b *testing.B) {
	x, y := a256{1, 2, 3, 4}, a256{5, 6, 7, 8}
	b.Run("mul", func(b *testing.B) {
		for b.Loop() {
			x.mul(&x, &y)
		}
	})
	b.Run("square", func(b *testing.B) {
		for b.Loop() {
			x.square(&x)
		}
	})
	b.Run("add", func(b *testing.B) {
		for b.Loop() {
			x.add(&x, &y)
		}
	})
	b.Run("sub", func(b *testing.B) {
		for b.Loop() {
			x.sub(&x, &y)
		}
	})
	b.Run("triple", func(b *testing.B) {
		for b.Loop() {
			x.triple(&x)
		}
	})
	b.Run("halve", func(b *testing.B) {
		for b.Loop() {
			x.halve(&x)
		}
	})
	x1, y1 := b256{1, 2, 3, 4}, b256{5, 6, 7, 8}
	b.Run("bmul", func(b *testing.B) {
		for b.Loop() {
			x1.mul(&x1, &y1)
		}
	})
	b.Run("badd", func(b *testing.B) {
		for b.Loop() {
			x1.add(&x1, &y1)
		}
	})
	b.Run("bsub", func(b *testing.B) {
		for b.Loop() {
			x1.sub(&x1, &y1)
		}
	})
	x5, y5 := c256{1, 2, 3, 4}, c256{5, 6, 7, 8}
	b.Run("cmul", func(b *testing.B) {
		for b.Loop() {
			x5.mul(&x5, &y5)
		}
	})
	x2, y2 := a512{1, 2, 3, 4}, a512{5, 6, 7, 8}
	b.Run("mul", func(b *testing.B) {
		for b.Loop() {
			x2.mul(&x2, &y2)
		}
	})
	b.Run("square", func(b *testing.B) {
		for b.Loop() {
			x2.square(&x2)
		}
	})
	b.Run("add", func(b *testing.B) {
		for b.Loop() {
			x2.add(&x2, &y2)
		}
	})
	b.Run("sub", func(b *testing.B) {
		for b.Loop() {
			x2.sub(&x2, &y2)
		}
	})
	x3, y3 := b512{1, 2, 3, 4}, b512{5, 6, 7, 8}
	b.Run("bmul", func(b *testing.B) {
		for b.Loop() {
			x3.mul(&x3, &y3)
		}
	})
}
