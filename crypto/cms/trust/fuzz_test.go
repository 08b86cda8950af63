package trust_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"strings"
	"testing"
	"time"

	"bankconnector/crypto/cms/trust"
	"bankconnector/crypto/pki"
)

// world is an authority and a certificate of its own, with lists and answers that its key signed; the key is gone.
type world struct {
	root, leaf *pki.Certificate
	seeds      [][]byte
}

func worlds(t testing.TB) map[string]*world {
	t.Helper()
	text, err := os.ReadFile("testdata/seeds.tsv")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*world{}
	n := 0
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		data, err := base64.StdEncoding.DecodeString(f[3])
		if err != nil {
			t.Fatal(err)
		}
		w := all[f[0]]
		if w == nil {
			w = new(world)
			all[f[0]] = w
		}
		switch f[1] + " " + f[2] {
		case "crt root":
			w.root, err = pki.ParseCertificate(data)
		case "crt leaf":
			w.leaf, err = pki.ParseCertificate(data)
		default:
			w.seeds = append(w.seeds, data)
			n++
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n < 10 {
		t.Fatalf("%d seeds, want at least 10", n)
	}
	return all
}

func at() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// judge asks about the leaf with one list or answer.
func (w *world) judge(data []byte) (*pki.Refusal, error) {
	known := new(trust.Revocations)
	if err := known.Add(data); err != nil {
		return nil, err
	}
	s := &trust.Store{Roots: []*pki.Certificate{w.root}, Revocations: known}
	_, refusal := s.Chain(w.leaf, nil, at())
	return refusal, nil
}

func TestSeedsSayWhatTheyShould(t *testing.T) {
	for name, w := range worlds(t) {
		for i, want := range []string{"", "", "revoked", "crl-critical", "crl-signature", "", "revoked", "ocsp-signature", "ocsp-other-cert"} {
			refusal, err := w.judge(w.seeds[i])
			if err != nil {
				t.Fatal(err)
			}
			if got := code(refusal); got != want {
				t.Errorf("%s, seed %d: got %q, want %q", name, i, got, want)
			}
		}
	}
}

func code(r *pki.Refusal) string {
	if r == nil {
		return ""
	}
	return r.Code
}

// FuzzCRL: whatever is added, the answer is one of the codes; and nothing speaks for or against a certificate unless
// its to-be-signed part is one that the authority really signed.
func FuzzCRL(f *testing.F) {
	all := worlds(f)
	for _, w := range all {
		for _, s := range w.seeds {
			f.Add(s)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, w := range all {
			refusal, err := w.judge(data)
			if err != nil {
				continue
			}
			switch got := code(refusal); got {
			case "", "revoked":
				if !w.signed(data) {
					t.Fatalf("%q on the word of a list that nobody signed", got)
				}
			case "no-crl", "crl-signature", "crl-critical", "crl-stale", "crl-rollback",
				"ocsp-other-cert", "ocsp-signature", "ocsp-stale", "ocsp-unknown":
			default:
				t.Fatalf("unexpected code %q", got)
			}
		}
	})
}

// signed tells that data holds one of the seeds but for its outermost headers and its signature.
func (w *world) signed(data []byte) bool {
	for _, s := range w.seeds {
		if bytes.Contains(data, s[12:len(s)-80]) {
			return true
		}
	}
	return bytes.Contains(data, []byte("-----BEGIN")) // PEM of a seed
}
