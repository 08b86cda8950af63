package token

import (
	"bytes"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"testing"

	"bankconnector/crypto/pki"
)

// vendor is a module in memory with one key. It knows the mechanisms by their numbers, as a vendor's library does.
type vendor struct {
	key     pki.PrivateKey
	tokens  []slot
	pin     string
	order   func([]byte) []byte // how it orders s and r
	keys    []uint
	pulled  bool // the next use of a session finds it gone
	logins  int
	opened  int
	closed  int
	seen    uint
	loggedI bool
}

func (v *vendor) slots() ([]slot, error) { return v.tokens, nil }

func (v *vendor) open(uint) (uint, error) {
	v.opened++
	return uint(v.opened), nil
}

func (v *vendor) closeSession(uint) { v.closed++ }

func (v *vendor) login(_ uint, pin string) error {
	if v.loggedI {
		return fault{alreadyLoggedIn, "CKR_USER_ALREADY_LOGGED_IN"}
	}
	if v.logins++; pin != v.pin {
		return fault{pinIncorrect, "CKR_PIN_INCORRECT"}
	}
	v.loggedI = true
	return nil
}

func (v *vendor) find(_, _ uint, label string, id []byte) ([]uint, error) {
	if label != "signing" && !bytes.Equal(id, []byte{1}) {
		return nil, nil
	}
	return v.keys, nil
}

// kind and attributes tell the public half as the standard lays it out.
func (v *vendor) kind(uint, uint) (uint, error) {
	switch v.key.Algorithm() {
	case pki.GOST256:
		return 0x30, nil
	case pki.GOST512:
		return 0xD4321003, nil
	case pki.ECDSAP256, pki.ECDSAP384:
		return 0x03, nil
	case pki.RSA:
	}
	return 0x13, nil // DES, which nobody signs with
}

func (v *vendor) attributes(_, _ uint, types ...uint) (values [][]byte, err error) {
	var key struct {
		Algorithm struct {
			OID    asn1.ObjectIdentifier
			Params asn1.RawValue
		}
		Bits asn1.BitString
	}
	if _, err := asn1.Unmarshal(v.key.Public().SPKI(), &key); err != nil {
		return nil, err
	}
	for _, t := range types {
		switch t {
		case 0x180: // CKA_EC_PARAMS
			values = append(values, key.Algorithm.Params.FullBytes)
		case 0x181: // CKA_EC_POINT, bare
			values = append(values, key.Bits.Bytes)
		case 0x250: // CKA_GOSTR3410_PARAMS
			var set asn1.RawValue
			if _, err := asn1.Unmarshal(key.Algorithm.Params.Bytes, &set); err != nil {
				return nil, err
			}
			values = append(values, set.FullBytes)
		case 0x11: // CKA_VALUE
			var point []byte
			if _, err := asn1.Unmarshal(key.Bits.Bytes, &point); err != nil {
				return nil, err
			}
			values = append(values, point)
		}
	}
	return values, nil
}

// TestPublicKeyFromTheToken makes a request with a key that has no certificate yet.
func TestPublicKeyFromTheToken(t *testing.T) {
	for _, a := range []pki.Algorithm{pki.GOST256, pki.GOST512, pki.ECDSAP256, pki.ECDSAP384} {
		t.Run(string(a), func(t *testing.T) {
			v := newVendor(t, a)
			k, err := openWith(v, options("1234"), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := k.Public().SPKI(), v.key.Public().SPKI(); !bytes.Equal(got, want) {
				t.Errorf("got %x, want %x", got, want)
			}
		})
	}
	t.Run("KindNotSupported", func(t *testing.T) {
		v := newVendor(t, pki.RSA)
		if _, err := openWith(v, options("1234"), nil); err == nil || !strings.Contains(err.Error(), "0x13") || v.closed != 1 {
			t.Errorf("%v, %d sessions closed", err, v.closed)
		}
	})
}

func (v *vendor) sign(session, key, mechanism uint, data []byte) ([]byte, error) {
	if v.pulled {
		v.pulled, v.loggedI = false, false
		return nil, fault{deviceRemoved, "CKR_DEVICE_REMOVED"}
	}
	if session != uint(v.opened) || key != v.keys[0] {
		return nil, errors.New("another session or key")
	}
	v.seen = mechanism
	h := v.key.Algorithm().Digest()
	switch mechanism {
	case 0x1201, 0xD4321006:
		sig, err := v.key.Sign(rand.Reader, h, data)
		if err != nil {
			return nil, err
		}
		return v.order(sig), nil
	case 0x1041:
		sig, err := v.key.Sign(rand.Reader, h, data)
		if err != nil {
			return nil, err
		}
		var rs struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(sig, &rs); err != nil {
			return nil, err
		}
		return append(rs.R.FillBytes(make([]byte, 32)), rs.S.FillBytes(make([]byte, 32))...), nil
	}
	return nil, fault{0x70, "CKR_MECHANISM_INVALID"}
}

func newVendor(t *testing.T, a pki.Algorithm) *vendor {
	t.Helper()
	key, err := pki.GenerateKey(a, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &vendor{key: key, tokens: []slot{{id: 7, label: "fssp"}}, pin: "1234", order: bytes.Clone, keys: []uint{42}}
}

func options(pin string) Options {
	return Options{Token: "fssp", Label: "signing", PIN: func() (string, error) { return pin, nil }}
}

// TestGOST covers what no token in Debian can do: the mechanisms and the orders of octets that vendors have.
func TestGOST(t *testing.T) {
	swap := func(v []byte) []byte { return append(bytes.Clone(v[len(v)/2:]), v[:len(v)/2]...) }
	orders := map[string]func([]byte) []byte{
		"AsInCMS": bytes.Clone, "Swapped": swap, "Reversed": reversed,
		"HalvesReversed": func(v []byte) []byte { return swap(reversed(v)) },
	}
	for _, a := range []struct {
		name      pki.Algorithm
		mechanism uint
	}{{pki.GOST256, 0x1201}, {pki.GOST512, 0xD4321006}, {pki.ECDSAP256, 0x1041}} {
		for name, order := range orders {
			t.Run(string(a.name)+"/"+name, func(t *testing.T) {
				v := newVendor(t, a.name)
				v.order = order
				k, err := openWith(v, options("1234"), v.key.Public())
				if err != nil {
					t.Fatal(err)
				}
				h := a.name.Digest()
				for _, text := range []string{"one", "two"} {
					digest := h.Sum([]byte(text))
					sig, err := k.Sign(t.Context(), h, digest)
					if err != nil {
						t.Fatal(err)
					}
					if !v.key.Public().Verify(h, digest, sig) || v.seen != a.mechanism {
						t.Errorf("mechanism %#x, signature %x does not verify", v.seen, sig)
					}
				}
			})
		}
	}
	t.Run("AnotherKey", func(t *testing.T) {
		v, other := newVendor(t, pki.GOST256), newVendor(t, pki.GOST256)
		k, err := openWith(v, options("1234"), other.key.Public())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Sign(t.Context(), pki.Streebog256, make([]byte, 32)); err == nil || !strings.Contains(err.Error(), "another key") {
			t.Errorf("got %v", err)
		}
	})
}

func TestATokenPulledOutAndPutBack(t *testing.T) {
	v := newVendor(t, pki.GOST256)
	k, err := openWith(v, options("1234"), v.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	v.pulled = true
	if _, err := k.Sign(t.Context(), pki.Streebog256, make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if v.opened != 2 || v.closed != 2 || v.logins != 2 {
		t.Errorf("%d sessions, %d closed, %d logins; want 2, 2, 2", v.opened, v.closed, v.logins)
	}
}

// TestAWrongPINIsTriedOnce: a token locks after a few wrong ones.
func TestAWrongPINIsTriedOnce(t *testing.T) {
	v := newVendor(t, pki.GOST256)
	k, err := openWith(v, options("1234"), v.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	v.pin, v.pulled, v.logins = "changed", true, 0
	for range 5 {
		_, err = k.Sign(t.Context(), pki.Streebog256, make([]byte, 32))
		if err == nil || strings.Contains(err.Error(), "1234") || !strings.Contains(err.Error(), "CKR_PIN_INCORRECT") {
			t.Errorf("got %v", err)
		}
	}
	if v.logins != 1 {
		t.Errorf("%d logins with a wrong PIN, want 1", v.logins)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*vendor, *Options)
		want   string
	}{
		{"NoSuchToken", func(_ *vendor, o *Options) { o.Token = "other" }, `0 tokens fit, exactly one must; plugged in: "fssp"`},
		{"TwoTokens", func(v *vendor, o *Options) { v.tokens, o.Token = append(v.tokens, slot{label: "b"}), "" }, "2 tokens fit"},
		{"WrongPIN", func(_ *vendor, o *Options) { o.PIN = options("9999").PIN }, "refused the PIN"},
		{"LastTry", func(v *vendor, _ *Options) { v.tokens[0].flags = flagFinalTry }, "one last try"},
		{"Locked", func(v *vendor, _ *Options) { v.tokens[0].flags = flagPINLocked }, "is locked"},
		{"NoPINFile", func(_ *vendor, o *Options) { o.PIN = func() (string, error) { return "", errors.New("no file") } }, "read PIN: no file"},
		{"NoSuchKey", func(_ *vendor, o *Options) { o.Label = "other" }, `0 private keys with label "other"`},
		{"TwoKeys", func(v *vendor, _ *Options) { v.keys = []uint{1, 2} }, "2 private keys"},
		{"BadID", func(_ *vendor, o *Options) { o.ID = "zz" }, "is not hexadecimal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, o := newVendor(t, pki.GOST256), options("1234")
			tt.change(v, &o)
			_, err := openWith(v, o, v.key.Public())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			if v.opened != v.closed {
				t.Errorf("%d sessions opened, %d closed", v.opened, v.closed)
			}
			if strings.HasPrefix(tt.name, "L") && v.logins > 0 {
				t.Error("the PIN was tried")
			}
		})
	}
	t.Run("KeyByIDAlone", func(t *testing.T) {
		v, o := newVendor(t, pki.GOST256), options("1234")
		o.Label, o.ID = "", "01"
		if _, err := openWith(v, o, v.key.Public()); err != nil {
			t.Error(err)
		}
	})
}
