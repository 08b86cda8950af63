package gost

import (
	"crypto/rand"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	for _, c := range Curves() {
		t.Run(c.Name(), func(t *testing.T) {
			k, err := GenerateKey(c, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			digest := make([]byte, c.Size())
			rand.Read(digest)
			sig, err := k.Sign(rand.Reader, digest)
			if err != nil {
				t.Fatal(err)
			}
			if !k.Public().Verify(digest, sig) {
				t.Fatal("own signature refused")
			}
			sig[3] ^= 1
			if k.Public().Verify(digest, sig) {
				t.Fatal("changed signature accepted")
			}
		})
	}
}
