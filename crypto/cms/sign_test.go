package cms_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// TestNothingBadLeavesASigner gives signers a tool that does something wrong: nothing may be handed out.
func TestNothingBadLeavesASigner(t *testing.T) {
	for _, s := range []suite{suites()[0], suites()[3]} {
		w := newWorld(t, s)
		raw := func(change func([]byte) []byte) cms.RawSigner {
			return func(_ context.Context, h pki.Digest, digest []byte) ([]byte, error) {
				sig, err := w.keys["leaf"].Sign(rand.Reader, h, digest)
				return change(sig), err
			}
		}
		whole := func(sig []byte) cms.WholeSigner {
			return func(context.Context, []byte) ([]byte, error) { return sig, nil }
		}
		good := w.one(signer{})
		k := kids(good)
		ber := slices.Concat([]byte{0x30, 0x80}, k[0], k[1], []byte{0, 0})
		unbound := w.one(signer{attrs: map[string][]byte{atSCV2: nil}})
		for _, c := range []struct {
			name    string
			raw     cms.RawSigner
			whole   cms.WholeSigner
			without bool
			want    string // in the error; "" = handed out
		}{
			{name: "token that works", raw: raw(bytes.Clone)},
			{name: "token that reverses the value", raw: raw(func(b []byte) []byte { slices.Reverse(b); return b }), want: "signature"},
			{name: "token that flips a bit", raw: raw(flipLast), want: "signature"},
			{name: "token that gives nothing", raw: raw(func([]byte) []byte { return nil }), want: "signature"},
			{name: "token that fails", raw: func(context.Context, pki.Digest, []byte) ([]byte, error) { return nil, errors.New("token removed") }, want: "token removed"},
			{name: "program that works", whole: whole(good)},
			{name: "program that writes base64", whole: whole([]byte(base64.StdEncoding.EncodeToString(good)))},
			{name: "program that writes BER", whole: whole(ber)},
			{name: "program that signs under another certificate", whole: whole(w.one(signer{cert: "other"})), want: "not-pinned"},
			{name: "program that signs something else", whole: whole(w.one(signer{content: []byte("x")})), want: "digest-mismatch"},
			{name: "program that attaches", whole: whole(w.letter(letter{content: w.doc}, w.si(signer{}))), want: "attached"},
			{name: "program that writes nothing", whole: whole(nil), want: "not-der"},
			{name: "program that writes an error", whole: whole([]byte("Error: container not found")), want: "not-der"},
			{name: "program that leaves the binding out", whole: whole(unbound), want: "no-signing-certificate"},
			{name: "program that is known to leave the binding out", whole: whole(unbound), without: true},
			{name: "program with a wrong clock", whole: whole(w.one(signer{attrs: map[string][]byte{atTime: attr(atTime, utc(now().AddDate(1, 0, 0)))}})), want: "signing-time"},
			{name: "program that fails", whole: func(context.Context, []byte) ([]byte, error) { return nil, errors.New("exit status 1") }, want: "exit status 1"},
		} {
			t.Run(string(s.alg)+"/"+c.name, func(t *testing.T) {
				own, err := cms.NewSignerFunc(w.cert("leaf"), c.raw)
				if c.whole != nil {
					own, err = cms.NewSignerWhole(w.cert("leaf"), c.whole, c.without)
				}
				if err != nil {
					t.Fatal(err)
				}
				sig, err := own.Sign(context.Background(), w.doc, now())
				if c.want == "" {
					if err != nil {
						t.Fatal(err)
					}
					p := w.policy("leaf")
					p.SigningCertificateOptional = c.without
					if v := p.Verify(w.doc, sig, now()); !v.Valid() {
						t.Fatalf("a strict profile refuses it with %s: %s", v.Code, v.Detail)
					}
					return
				}
				if err == nil || sig != nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("%d octets, error %v, want %q", len(sig), err, c.want)
				}
			})
		}
	}
}

// TestASignerThatWorkedIsStillWatched: what a signer makes after its first good signature is not read back as a whole any
// more, and all the same nothing bad leaves it.
func TestASignerThatWorkedIsStillWatched(t *testing.T) {
	for _, s := range suites() {
		t.Run(string(s.alg), func(t *testing.T) {
			w := newWorld(t, s)
			w.issue(spec{as: "short", by: "root", issuer: "Тестовый УЦ", subject: "ФССП", serial: 1, key: "leaf", exts: [][]byte{usage(6, 0xc0)}, from: now(), until: now().AddDate(0, 0, 10)})
			change := bytes.Clone
			own, err := cms.NewSignerFunc(w.cert("short"), func(_ context.Context, h pki.Digest, digest []byte) ([]byte, error) {
				sig, err := w.keys["leaf"].Sign(rand.Reader, h, digest)
				return change(sig), err
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				doc := append([]byte{byte(i)}, w.doc...)
				sig, err := own.Sign(context.Background(), doc, now())
				if err != nil {
					t.Fatal(err)
				}
				p := &cms.Policy{Signers: []cms.Pin{{Certificate: w.cert("short")}}}
				if v := p.Verify(doc, sig, now()); !v.Valid() {
					t.Fatalf("signature %d is refused with %s: %s", i+1, v.Code, v.Detail)
				}
			}
			if _, err := own.Sign(context.Background(), w.doc, now().Add(-time.Second)); err == nil {
				t.Error("signed before the certificate is valid")
			}
			for name, bad := range map[string]func([]byte) []byte{
				"reversed": func(b []byte) []byte { slices.Reverse(b); return b }, "a bit flipped": flipLast,
				"nothing": func([]byte) []byte { return nil },
			} {
				change = bad
				if sig, err := own.Sign(context.Background(), w.doc, now()); err == nil || sig != nil {
					t.Errorf("%s: %d octets, error %v", name, len(sig), err)
				}
			}
		})
	}
}

func TestSignerKeepsToItsTime(t *testing.T) {
	w := newWorld(t, suites()[3])
	end := now().AddDate(0, 0, 10)
	leaf := [][]byte{usage(6, 0xc0)}
	w.issue(spec{as: "short", by: "root", issuer: "Тестовый УЦ", subject: "ФССП", serial: 1, key: "leaf", exts: leaf, from: now(), until: end})
	w.issue(spec{as: "key", by: "root", issuer: "Тестовый УЦ", subject: "ФССП", serial: 2, key: "leaf", exts: append(leaf, period(now().Add(time.Hour), end)), from: now(), until: end.AddDate(1, 0, 0)})
	w.issue(spec{as: "nosign", by: "root", issuer: "Тестовый УЦ", subject: "ФССП", serial: 3, key: "leaf", exts: [][]byte{usage(5, 0x20)}})
	for _, c := range []struct {
		name, cert string
		at         time.Time
		margin     time.Duration
		ok         bool
	}{
		{"in time", "short", now(), 24 * time.Hour, true},
		{"before", "short", now().Add(-time.Second), 24 * time.Hour, false},
		{"a day and a second before the end", "short", end.Add(-24*time.Hour - time.Second), 24 * time.Hour, true},
		{"within the last day", "short", end.Add(-24*time.Hour + time.Second), 24 * time.Hour, false},
		{"within the last day, overridden", "short", end.Add(-time.Second), 0, true},
		{"after the end, overridden", "short", end.Add(time.Second), 0, false},
		{"key not in use yet", "key", now(), 24 * time.Hour, false},
		{"key in use", "key", now().Add(2 * time.Hour), 24 * time.Hour, true},
		{"within the last day of the key", "key", end.Add(-time.Hour), 24 * time.Hour, false},
		{"certificate not for signing", "nosign", now(), 24 * time.Hour, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			own, err := cms.NewSigner(w.cert(c.cert), w.keys["leaf"], rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if own.Margin != 24*time.Hour {
				t.Fatalf("margin %s", own.Margin)
			}
			own.Margin = c.margin
			if _, err := own.Sign(context.Background(), w.doc, c.at); (err == nil) != c.ok {
				t.Fatalf("got %v", err)
			}
			if until := own.Until(); !until.Equal(end.Add(-c.margin)) && c.cert != "nosign" {
				t.Fatalf("until %s", until)
			}
		})
	}
}

func TestSignerWantsItsOwnKey(t *testing.T) {
	w := newWorld(t, suites()[3])
	for name, make := range map[string]func() (*cms.Signer, error){
		"other key":      func() (*cms.Signer, error) { return cms.NewSigner(w.cert("leaf"), w.keys["other"], rand.Reader) },
		"no key":         func() (*cms.Signer, error) { return cms.NewSigner(w.cert("leaf"), nil, rand.Reader) },
		"no certificate": func() (*cms.Signer, error) { return cms.NewSigner(nil, w.keys["leaf"], rand.Reader) },
		"no token":       func() (*cms.Signer, error) { return cms.NewSignerFunc(w.cert("leaf"), nil) },
		"no program":     func() (*cms.Signer, error) { return cms.NewSignerWhole(w.cert("leaf"), nil, false) },
	} {
		if s, err := make(); err == nil || s != nil {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	dead, cancel := context.WithCancel(context.Background())
	cancel()
	own, err := cms.NewSigner(w.cert("leaf"), w.keys["leaf"], rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own.Sign(dead, w.doc, now()); !errors.Is(err, context.Canceled) {
		t.Fatalf("signs after it was told to stop: %v", err)
	}
}
