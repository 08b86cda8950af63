package cms_test

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// TestFixtures runs over a directory of signatures made elsewhere, named by CRYPTO_FIXTURES: MANIFEST.tsv with the
// columns algorithm, case, signature, content, expectation (ok, refuse, policy), codes split by |, pinned certificate,
// note; and CRLS.tsv. Without the variable there is nothing to run over and no subtest is registered: the same classes
// of attack are covered by the forged messages of this package's own tests, which always run.
func TestFixtures(t *testing.T) {
	dir := os.Getenv("CRYPTO_FIXTURES")
	if dir == "" {
		return
	}
	for _, row := range table(t, filepath.Join(dir, "MANIFEST.tsv"), 7) {
		t.Run(row[0]+"/"+row[1], func(t *testing.T) {
			d := filepath.Join(dir, row[0])
			content, sig := file(t, d, row[3]), file(t, d, row[2])
			got := judge(t, d, row[6], content, sig, func(*cms.Policy) {})
			switch row[4] {
			case "ok":
				if got.Code != "" {
					t.Fatalf("refused with %s: %s", got.Code, got.Detail)
				}
			case "refuse":
				if !slices.Contains(strings.Split(row[5], "|"), got.Code) {
					t.Fatalf("got %q (%s), want %s", got.Code, got.Detail, row[5])
				}
			case "policy":
				checkSwitch(t, d, row, content, sig, got)
			default:
				t.Fatalf("unknown expectation %q", row[4])
			}
		})
	}
	for _, row := range table(t, filepath.Join(dir, "CRLS.tsv"), 5) {
		t.Run(row[0]+"/crl/"+row[1]+"/"+row[3], func(t *testing.T) { checkCRL(t, filepath.Join(dir, row[0]), row) })
	}
}

// checkSwitch expects of a policy row its code by default and acceptance with its switch, or acceptance at once.
func checkSwitch(t *testing.T, d string, row []string, content, sig []byte, strict cms.Verdict) {
	t.Helper()
	loosen := map[string]func(*cms.Policy){
		"o-attached": func(p *cms.Policy) { p.Attached = true },
		"o-two": func(p *cms.Policy) {
			p.Signatures = 2
			p.Signers = append(p.Signers, cms.Pin{Certificate: certificates(t, d, "other.pem")[0]})
		},
		"o-pkup":     func(p *cms.Policy) { p.KeyPeriodOptional = true },
		"o-pss":      func(p *cms.Policy) { p.PSS = true },
		"f-indef":    func(p *cms.Policy) { p.BER = true },
		"f-indef-bc": func(p *cms.Policy) { p.BER = true },
	}[row[1]]
	switch row[1] {
	case "o-replay":
		if !strict.Valid() {
			t.Fatalf("refused with %s: %s", strict.Code, strict.Detail)
		}
		return
	case "o-pem", "o-b64":
		if !strict.Valid() {
			t.Fatalf("refused with %s: %s", strict.Code, strict.Detail)
		}
		if v := judge(t, d, row[6], content, sig, func(p *cms.Policy) { p.DEROnly = true }); v.Code != row[5] {
			t.Fatalf("DER only: got %q, want %s", v.Code, row[5])
		}
		return
	}
	if strict.Code != row[5] {
		t.Fatalf("got %q (%s), want %s", strict.Code, strict.Detail, row[5])
	}
	if loosen != nil {
		if v := judge(t, d, row[6], content, sig, loosen); !v.Valid() {
			t.Fatalf("with its switch refused with %s: %s", v.Code, v.Detail)
		}
	}
}

func checkCRL(t *testing.T, d string, row []string) {
	t.Helper()
	known := new(cms.Revocations)
	p := &cms.Policy{
		Signers: []cms.Pin{{Certificate: certificates(t, d, row[3]+".pem")[0]}},
		Roots:   certificates(t, d, "root/ca.pem"), CRLs: known,
	}
	now := time.Now()
	content, sig := file(t, d, "doc.xml"), file(t, d, row[2])
	if row[4] == "crl-rollback" { // the newer list was seen in an earlier run
		earlier := new(cms.Revocations)
		add(t, earlier, d, "crl-good.crl")
		q := &cms.Policy{Signers: p.Signers, Roots: p.Roots, CRLs: earlier}
		if v := q.Verify(content, sig, now); v.Code != "revoked" {
			t.Fatalf("with the newer list: %q", v.Code)
		}
		if err := known.SetFloors(earlier.Floors()); err != nil {
			t.Fatal(err)
		}
	}
	if row[1] != "-" {
		add(t, known, d, row[1])
	}
	want := row[4]
	if want == "ok" {
		want = ""
	}
	if v := p.Verify(content, sig, now); v.Code != want {
		t.Fatalf("got %q (%s), want %q", v.Code, v.Detail, want)
	}
}

// judge verifies as a bank's strict profile does: pinned leaf, chain to the root, CRLs of root and intermediate.
func judge(t *testing.T, d, pin string, content, sig []byte, change func(*cms.Policy)) cms.Verdict {
	t.Helper()
	leaf, err := pki.ReadCertificates(file(t, d, pin+".pem"))
	if err != nil {
		var refusal *pki.Refusal
		if !errors.As(err, &refusal) {
			t.Fatalf("pinned certificate: %v", err)
		}
		return cms.Verdict{Status: cms.Invalid, Code: refusal.Code, Detail: refusal.Detail}
	}
	known := new(cms.Revocations)
	add(t, known, d, "crl-good.crl")
	add(t, known, d, "crl-sub.crl")
	p := &cms.Policy{
		Signers: []cms.Pin{{Certificate: leaf[0]}}, Roots: certificates(t, d, "root/ca.pem"),
		Intermediates: append(certificates(t, d, "sub/ca.pem"), certificates(t, d, "other.pem")...), CRLs: known,
	}
	change(p)
	return p.Verify(content, sig, time.Now())
}

func add(t *testing.T, r *cms.Revocations, dir, name string) {
	t.Helper()
	if err := r.Add(file(t, dir, name)); err != nil {
		t.Fatal(err)
	}
}

func certificates(t *testing.T, dir, name string) []*pki.Certificate {
	t.Helper()
	all, err := pki.ReadCertificates(file(t, dir, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return all
}

func file(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func table(t *testing.T, path string, columns int) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows [][]string
	for s := bufio.NewScanner(f); s.Scan(); {
		row := strings.Split(s.Text(), "\t")
		if len(row) < columns {
			t.Fatalf("%s: %q has fewer than %d columns", path, s.Text(), columns)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		t.Fatalf("%s is empty", path)
	}
	return rows
}
