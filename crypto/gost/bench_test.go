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
		b.Run("kept/"+c.Name(), func(b *testing.B) {
			for b.Loop() {
				if !k.Public().Verify(digest, sig) {
					b.Fatal()
				}
			}
		})
		raw := k.Public().Bytes()
		b.Run("fresh/"+c.Name(), func(b *testing.B) {
			for b.Loop() {
				p, _ := NewPublicKey(c, raw)
				if !p.Verify(digest, sig) {
					b.Fatal()
				}
			}
		})
	}
}
