package gost

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// everyCurve runs a test on each parameter set with a key of its own.
func everyCurve(t *testing.T, run func(t *testing.T, c *Curve, k *PrivateKey)) {
	t.Helper()
	for _, c := range Curves() {
		t.Run(c.Name(), func(t *testing.T) {
			k, err := GenerateKey(c, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			run(t, c, k)
		})
	}
}

func TestKeysKeepTheirOctets(t *testing.T) {
	everyCurve(t, func(t *testing.T, c *Curve, k *PrivateKey) {
		again, err := NewPrivateKey(c, k.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Bytes(), k.Bytes()) || !again.Public().Equal(k.Public()) {
			t.Error("a private key changes on its way through octets")
		}
		public, err := NewPublicKey(c, k.Public().Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(public.Bytes(), k.Public().Bytes()) || public.Curve() != c {
			t.Error("a public key changes on its way through octets")
		}
		public.Bytes()[0] ^= 1
		if !public.Equal(k.Public()) {
			t.Error("the octets are shared with the caller")
		}
	})
}

// TestKeysServeManyAtOnce shares a key whose tables nobody has made yet.
func TestKeysServeManyAtOnce(t *testing.T) {
	everyCurve(t, func(t *testing.T, c *Curve, k *PrivateKey) {
		digest := digestOf(c, messageOne)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				sig, err := k.Sign(rand.Reader, digest)
				if err != nil || !k.Public().Verify(digest, sig) {
					t.Errorf("%x is refused, %v", sig, err)
				}
			})
		}
		group.Wait()
	})
}

func TestEqualGoesByPointAndCurve(t *testing.T) {
	raw := append([]byte{1}, make([]byte, 31)...) // d = 1, the point is G
	key := func(i int) *PublicKey {
		k, err := NewPrivateKey(Curves()[i], raw)
		if err != nil {
			t.Fatal(err)
		}
		return k.Public()
	}
	if !key(1).Equal(key(4)) {
		t.Error("one point under two names of its curve differs")
	}
	if key(1).Equal(key(5)) {
		t.Error("points of two curves are equal")
	}
}

func TestPublicKeyRefused(t *testing.T) {
	everyCurve(t, func(t *testing.T, c *Curve, k *PrivateKey) {
		n, good := c.Size(), k.Public().Bytes()
		prime := c.math().setting.p
		change := func(edit func(raw []byte)) []byte {
			raw := bytes.Clone(good)
			edit(raw)
			return raw
		}
		for name, raw := range map[string][]byte{
			"nothing":          nil,
			"an octet short":   good[:2*n-1],
			"an octet long":    append(bytes.Clone(good), 0),
			"one coordinate":   good[:n],
			"zeros":            make([]byte, 2*n),
			"another x":        change(func(raw []byte) { raw[0] ^= 1 }),
			"another y":        change(func(raw []byte) { raw[2*n-1] ^= 1 }),
			"y before x":       append(bytes.Clone(good[n:]), good[:n]...),
			"big-endian":       change(func(raw []byte) { reverse(raw[:n]); reverse(raw[n:]) }),
			"x = p":            change(func(raw []byte) { copy(raw, prime.little(nil, n)) }),
			"all ones":         bytes.Repeat([]byte{0xff}, 2*n),
			"a point and 0x04": append([]byte{4}, good...)[:2*n],
		} {
			if _, err := NewPublicKey(c, raw); err == nil {
				t.Errorf("%s: accepted", name)
			}
		}
	})
}

func reverse(p []byte) {
	for i := range len(p) / 2 {
		p[i], p[len(p)-1-i] = p[len(p)-1-i], p[i]
	}
}

// TestPublicKeyNotReduced gives a good point with p added to a coordinate where that
// still fits: two encodings of one key must not both pass.
func TestPublicKeyNotReduced(t *testing.T) {
	found := 0
	for _, c := range Curves() {
		g := reference(c)
		limit := new(big.Int).Lsh(big.NewInt(1), uint(8*c.Size()))
		for k := int64(1); k < 40; k++ {
			x, y := g.times(big.NewInt(k), g.x, g.y)
			x.Add(x, g.p)
			if x.Cmp(limit) >= 0 {
				continue
			}
			found++
			wide, rest := fromBig(x), fromBig(y)
			if _, err := NewPublicKey(c, rest.little(wide.little(nil, c.Size()), c.Size())); err == nil {
				t.Errorf("%s: x+p is accepted for x of %dG", c.Name(), k)
			}
		}
	}
	if found == 0 {
		t.Error("no point to try was found")
	}
}

// TestPublicKeyOnAnotherCurve gives a key of every curve to every other one of its size.
func TestPublicKeyOnAnotherCurve(t *testing.T) {
	everyCurve(t, func(t *testing.T, c *Curve, k *PrivateKey) {
		for _, other := range Curves() {
			if other.math() == c.math() || other.Size() != c.Size() {
				continue
			}
			if _, err := NewPublicKey(other, k.Public().Bytes()); err == nil {
				t.Errorf("accepted on %s", other.Name())
			}
		}
	})
}

// TestPublicKeyOutsideTheGroup adds a point of order two to good keys of the curves
// that have one: on the curve, but not in the group.
func TestPublicKeyOutsideTheGroup(t *testing.T) {
	for _, i := range []int{0, 11} {
		c := Curves()[i]
		t.Run(c.Name(), func(t *testing.T) {
			g := reference(c)
			rootX, rootY := orderTwo(t, g)
			refused := func(name string, x, y *big.Int) {
				t.Helper()
				if !g.on(x, y) {
					t.Fatalf("%s is off the curve", name)
				}
				nx, ny := fromBig(x), fromBig(y)
				if _, err := NewPublicKey(c, ny.little(nx.little(nil, c.Size()), c.Size())); err == nil {
					t.Errorf("%s is accepted", name)
				}
			}
			refused("the point of order two", rootX, rootY)
			for k := int64(1); k < 5; k++ {
				x, y := g.times(big.NewInt(k), g.x, g.y)
				x, y = g.add(x, y, rootX, rootY)
				refused(fmt.Sprintf("%dG plus the point of order two", k), x, y)
			}
		})
	}
}

// orderTwo finds a point (x, 0): a random point times q has an order that divides 4.
func orderTwo(t *testing.T, g *slow) (x, y *big.Int) {
	t.Helper()
	for x := big.NewInt(1); ; x.Add(x, big.NewInt(1)) {
		square := new(big.Int).Mul(x, x)
		square.Add(square, g.a).Mul(square, x).Add(square, g.b).Mod(square, g.p)
		y := new(big.Int).ModSqrt(square, g.p)
		if y == nil {
			continue
		}
		smallX, smallY := g.times(g.q, x, y)
		if smallX != nil && smallY.Sign() != 0 {
			smallX, smallY = g.add(smallX, smallY, smallX, smallY)
		}
		if smallX != nil {
			return smallX, smallY
		}
	}
}

func TestPrivateKeyRefused(t *testing.T) {
	everyCurve(t, func(t *testing.T, c *Curve, k *PrivateKey) {
		q := c.math().order.q
		above := c.math().order.q
		above[0]++ // q is odd: no carry
		for name, raw := range map[string][]byte{
			"nothing":        nil,
			"an octet short": k.Bytes()[1:],
			"an octet long":  append(k.Bytes(), 0),
			"zero":           make([]byte, c.Size()),
			"q":              q.little(nil, c.Size()),
			"q+1":            above.little(nil, c.Size()),
			"all ones":       bytes.Repeat([]byte{0xff}, c.Size()),
		} {
			if _, err := NewPrivateKey(c, raw); err == nil {
				t.Errorf("%s: accepted", name)
			}
		}
		last := q
		last[0]--
		if _, err := NewPrivateKey(c, last.little(nil, c.Size())); err != nil {
			t.Errorf("q-1: %v", err)
		}
	})
}

func TestGenerateKeySaysWhatFailed(t *testing.T) {
	broken := errors.New("no entropy")
	for name, source := range map[string]io.Reader{
		"a failing source": iotest.ErrReader(broken),
		"a short source":   io.MultiReader(bytes.NewReader(make([]byte, 47)), iotest.ErrReader(broken)),
	} {
		if _, err := GenerateKey(Curves()[1], source); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGenerateKeyPassesZeroBy(t *testing.T) {
	one := append([]byte{1}, make([]byte, 47)...)
	k, err := GenerateKey(Curves()[1], io.MultiReader(bytes.NewReader(make([]byte, 48)), bytes.NewReader(one)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(k.Bytes(), one[:32]) {
		t.Errorf("the key is %x, want 1", k.Bytes())
	}
}

func TestPrivateKeyStaysOutOfLogs(t *testing.T) {
	k, err := NewPrivateKey(Curves()[1], bytes.Repeat([]byte{0x5a}, 32))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", k)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("key", slog.Any("key", k))
	slog.New(slog.NewJSONHandler(&out, nil)).Info("key", slog.Any("key", k))
	for _, trace := range []string{"5a5a", "5A5A", "90 90", "WlpaWl", "6510615555426900570"} {
		if strings.Contains(out.String(), trace) {
			t.Errorf("the key is in the text: %s", out.String())
		}
	}
	if !strings.Contains(out.String(), "CryptoPro-A") && !strings.Contains(out.String(), "paramSetB") {
		t.Errorf("the text does not name the curve: %s", out.String())
	}
}
