package cms_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// The kept attacks are messages of TestForgedMessages under GOST-256 and ECDSA P-256 with the code each must be refused
// with, and the certificates they are judged by. No private key of theirs exists any more. They are the seeds of
// FuzzVerify, and hold what was refused once. A file has a row for each: what it is ("crt", "doc" or "sig"), the pinned
// certificate, the code, the name, and the octets in base64. Made anew by
// "CMS_ATTACKS=$PWD/testdata/attacks go test -run TestForgedMessages".

// keepAttacks writes the messages that need no profile of their own.
func keepAttacks(t *testing.T, dir string, w *world, all []attack) {
	t.Helper()
	var b bytes.Buffer
	row := func(kind, pin, code, name string, data []byte) {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t%s\n", kind, pin, code, name, base64.StdEncoding.EncodeToString(data))
	}
	row("doc", "-", "-", "doc", w.doc)
	seen := map[string]bool{}
	pins := []string{"root", "sub"}
	var sigs []attack
	for _, a := range all {
		if a.set != nil || a.doc != nil || len(a.sig) > 6000 || a.want == "revoked" || a.want == "path-length" ||
			strings.HasPrefix(a.name, "issued by a leaf") || strings.HasPrefix(a.name, "key of an authority") {
			continue // they need more than a pin, a root and an intermediate
		}
		if a.pin == "" {
			a.pin = "leaf"
		}
		sigs, pins = append(sigs, a), append(pins, a.pin)
	}
	for _, pin := range pins {
		if !seen[pin] {
			row("crt", pin, "-", pin, w.certs[pin])
		}
		seen[pin] = true
	}
	for _, a := range sigs {
		code := a.want
		if code == "" {
			code = "-"
		}
		row("sig", a.pin, code, a.name, a.sig)
	}
	keep(t, dir, string(w.alg)+".tsv", b.Bytes())
}

type kept struct {
	name, code string
	policy     *cms.Policy
	doc, sig   []byte
}

func keptAttacks(t testing.TB) []kept {
	t.Helper()
	paths, err := filepath.Glob("testdata/attacks/*.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var all []kept
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var doc []byte
		certs := map[string]*pki.Certificate{}
		for line := range strings.Lines(string(text)) {
			f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if len(f) != 5 {
				t.Fatalf("%s: a row of %d fields", path, len(f))
			}
			data, err := base64.StdEncoding.DecodeString(f[4])
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			switch f[0] {
			case "doc":
				doc = data
			case "crt":
				certs[f[1]] = readOne(t, data)
			case "sig":
				p := &cms.Policy{
					Signers: []cms.Pin{{Certificate: certs[f[1]]}}, RevocationOptional: true,
					Roots: []*pki.Certificate{certs["root"]}, Intermediates: []*pki.Certificate{certs["sub"]},
				}
				all = append(all, kept{name: f[3], code: strings.TrimPrefix(f[2], "-"), policy: p, doc: doc, sig: data})
			default:
				t.Fatalf("%s: a row of %q", path, f[0])
			}
		}
	}
	if len(all) < 300 {
		t.Fatalf("%d kept attacks, want at least 300", len(all))
	}
	return all
}

func TestKeptAttacks(t *testing.T) {
	for _, k := range keptAttacks(t) {
		if v := k.policy.Verify(k.doc, k.sig, now()); v.Code != k.code {
			t.Errorf("%s: got %q (%s), want %q", k.name, v.Code, v.Detail, k.code)
		}
	}
}

// FuzzVerify: no message makes the verifier fail otherwise than by its verdict; what is valid is valid for one content
// only, names a pinned signer, and stays valid where more is allowed; every refusal has a code with a text.
func FuzzVerify(f *testing.F) {
	all := keptAttacks(f)
	for _, k := range all {
		f.Add(k.sig)
	}
	golden, err := filepath.Glob("testdata/golden/*.p7s")
	if err != nil || len(golden) == 0 {
		f.Fatalf("no golden signatures: %v", err)
	}
	for _, path := range golden {
		sig, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sig)
	}
	codes := cms.Codes()
	policies := map[string]*cms.Policy{}
	for _, k := range all {
		policies[k.policy.Signers[0].Certificate.Fingerprint()] = k.policy
	}
	doc := all[0].doc
	f.Fuzz(func(t *testing.T, sig []byte) {
		before := bytes.Clone(sig)
		for _, p := range policies {
			strict := p.Verify(doc, sig, now())
			loose := *p
			loose.BER, loose.PSS, loose.Attached, loose.LooseBag, loose.SigningCertificateOptional = true, true, true, true, true
			wide := loose.Verify(doc, sig, now())
			if strict.Valid() && !wide.Valid() {
				t.Fatalf("valid under the strict profile, %q under the loose one", wide.Code)
			}
			for _, v := range []cms.Verdict{strict, wide} {
				if v.Valid() && (v.Code != "" || v.Signer != p.Signers[0].Certificate) || !v.Valid() && !slices.Contains(codes, v.Code) {
					t.Fatalf("verdict %+v", v)
				}
				if v.Text("ru") == "" || v.Text("en") == "" {
					t.Fatalf("no text for %q", v.Code)
				}
			}
			if wide.Valid() && loose.Verify([]byte("another document"), sig, now()).Valid() {
				t.Fatal("one signature is valid for two documents")
			}
		}
		if info, err := cms.Inspect(sig); (info == nil) == (err == nil) {
			t.Fatalf("inspect: %v, %v", info, err)
		} else if info != nil && (info.Text("ru") == "" || info.Text("en") == "") {
			t.Fatal("nothing to say about it")
		}
		if !bytes.Equal(before, sig) {
			t.Fatal("the message was changed while it was read")
		}
	})
}
