package gost

import (
	"bytes"
	"crypto/rand"
	"testing"
)

// FuzzNewPublicKey: what is accepted is on the curve, in the group and written back as
// it came, and what is refused is not, by the slow arithmetic.
func FuzzNewPublicKey(f *testing.F) {
	for i, c := range Curves() {
		k, err := GenerateKey(c, rand.Reader)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), k.Public().Bytes())
		f.Add(byte(i), make([]byte, 2*c.Size()))
	}
	f.Fuzz(func(t *testing.T, which byte, raw []byte) {
		c := Curves()[int(which)%len(Curves())]
		k, err := NewPublicKey(c, raw)
		if len(raw) != 2*c.Size() {
			if err == nil {
				t.Fatal("a wrong length is accepted")
			}
			return
		}
		x, y := readLittle(raw[:c.Size()]), readLittle(raw[c.Size():])
		if _, good := reference(c).point(&x, &y); good != (err == nil) {
			t.Fatalf("accepted: %v, is a point of the group: %v", err == nil, good)
		}
		if err == nil && !bytes.Equal(k.Bytes(), raw) {
			t.Fatal("the key changes")
		}
	})
}

// FuzzVerify: whatever the octets, the fast check and the slow one say the same.
func FuzzVerify(f *testing.F) {
	for i, c := range Curves() {
		k, err := GenerateKey(c, rand.Reader)
		if err != nil {
			f.Fatal(err)
		}
		digest := digestOf(c, messageOne)
		sig, err := k.Sign(rand.Reader, digest)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), k.Bytes(), digest, sig)
	}
	f.Fuzz(func(t *testing.T, which byte, scalar, digest, sig []byte) {
		c := Curves()[int(which)%len(Curves())]
		k, err := NewPrivateKey(c, scalar)
		if err != nil {
			return
		}
		x, y := readLittle(k.Public().raw[:c.Size()]), readLittle(k.Public().raw[c.Size():])
		slowly, good := reference(c).point(&x, &y)
		if !good {
			t.Fatal("a computed public key is not in the group")
		}
		want := (&PublicKey{curve: c, raw: k.Public().raw, point: slowly}).Verify(digest, sig)
		if got := k.Public().Verify(digest, sig); got != want {
			t.Fatalf("fast %v, slow %v", got, want)
		}
	})
}
