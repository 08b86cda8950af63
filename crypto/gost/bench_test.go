package gost

import (
	"crypto/rand"
	"testing"
)

func BenchmarkStreebog(b *testing.B) {
	data := make([]byte, 1<<16)
	h := NewStreebog256()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := h.Write(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	for _, c := range Curves() {
		b.Run(c.Name(), func(b *testing.B) {
			k, digest, _ := benchKey(b, c)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.Sign(rand.Reader, digest); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerify checks with a key kept from earlier, as a pinned certificate's is.
func BenchmarkVerify(b *testing.B) {
	for _, c := range Curves() {
		b.Run(c.Name(), func(b *testing.B) {
			k, digest, sig := benchKey(b, c)
			b.ReportAllocs()
			for b.Loop() {
				if !k.Public().Verify(digest, sig) {
					b.Fatal("refused")
				}
			}
		})
	}
}

// BenchmarkVerifyNewKey reads the key, makes its table and checks once.
func BenchmarkVerifyNewKey(b *testing.B) {
	for _, c := range Curves() {
		b.Run(c.Name(), func(b *testing.B) {
			k, digest, sig := benchKey(b, c)
			raw := k.Public().Bytes()
			b.ReportAllocs()
			for b.Loop() {
				public, err := NewPublicKey(c, raw)
				if err != nil || !public.Verify(digest, sig) {
					b.Fatal("refused")
				}
			}
		})
	}
}

func benchKey(b *testing.B, c *Curve) (k *PrivateKey, digest, sig []byte) {
	b.Helper()
	k, err := GenerateKey(c, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest = digestOf(c, messageOne)
	sig, err = k.Sign(rand.Reader, digest)
	if err != nil || !k.Public().Verify(digest, sig) {
		b.Fatal("no signature", err)
	}
	return k, digest, sig
}
