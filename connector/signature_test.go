package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bankconnector/connector/signature"
)

// TestSignature signs and verifies at the command line.
func TestSignature(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(in("doc.xml"), []byte("<a/>"), 0o600))
	must(t, os.WriteFile(in("other.xml"), []byte("<b/>"), 0o600))
	for _, algorithm := range []string{"gost256", "gost512", "rsa", "ecdsa-p256", "ecdsa-p384"} {
		t.Run(algorithm, func(t *testing.T) {
			key := in(algorithm + ".key")
			done(t, "keys", "new", "signing", "--algorithm", algorithm, "--name", "Тест", "--out", key)
			done(t, "keys", "new", "signing", "--algorithm", algorithm, "--name", "Чужой", "--out", in(algorithm+"-2.key"))
			cert, sig := in(algorithm+".pem"), in(algorithm+".sig")
			done(t, "signature", "sign", "--file", in("doc.xml"), "--key", key, "--cert", cert, "--out", sig)
			if out := done(t, "signature", "verify", "--file", in("doc.xml"), "--signature", sig, "--signer", cert); !strings.HasPrefix(out, "valid") {
				t.Errorf("verify: %s", out)
			}
			for _, tt := range []struct{ file, cert, code string }{
				{"other.xml", algorithm + ".pem", "digest-mismatch"},
				{"doc.xml", algorithm + "-2.pem", "not-pinned"},
			} {
				code, out, _ := run(t, "signature", "verify", "--file", in(tt.file), "--signature", sig, "--signer", in(tt.cert), "--json")
				var v signature.Told
				must(t, json.Unmarshal([]byte(out), &v))
				if code != exitData || v.Code != tt.code || v.Text == "" {
					t.Errorf("%s by %s: exit %d, %+v, want %s", tt.file, tt.cert, code, v, tt.code)
				}
			}
			if out := done(t, "signature", "inspect", sig, "--lang", "ru"); !strings.Contains(out, "Тест") {
				t.Errorf("inspect: %s", out)
			}
		})
	}
	t.Run("LooseKeyFile", func(t *testing.T) {
		must(t, os.Chmod(in("rsa.key"), 0o644))
		code, _, errs := run(t, "signature", "sign", "--file", in("doc.xml"), "--key", in("rsa.key"), "--cert", in("rsa.pem"))
		if code == exitDone || !strings.Contains(errs, "chmod 600") {
			t.Errorf("exit %d %s, want a refusal with the command that mends it", code, errs)
		}
	})
	t.Run("NothingIsReplaced", func(t *testing.T) {
		before, err := os.ReadFile(in("gost256.sig"))
		must(t, err)
		code, _, errs := run(t, "signature", "sign", "--file", in("other.xml"), "--key", in("gost256.key"), "--cert", in("gost256.pem"), "--out", in("gost256.sig"))
		after, err := os.ReadFile(in("gost256.sig"))
		must(t, err)
		if code != exitData || !strings.Contains(errs, "--out") || string(before) != string(after) {
			t.Errorf("exit %d: %s", code, errs)
		}
	})
	t.Run("MissingFiles", func(t *testing.T) {
		args := []string{"signature", "verify", "--file", in("doc.xml"), "--signature", in("gost256.sig"), "--signer", in("gost256.pem"), "--trust", in("gost256.pem"), "--crl", in("none")}
		for i := 3; i < len(args); i += 2 {
			wrong := slices.Clone(args)
			wrong[i] = in("missing")
			if code, out, errs := run(t, wrong...); code != exitInput || !strings.Contains(errs, "missing") && !strings.Contains(errs, "none") {
				t.Errorf("%s: exit %d, want %d: %s%s", wrong[i-1], code, exitInput, out, errs)
			}
		}
		for _, args := range [][]string{
			{"signature", "sign", "--file", in("missing"), "--key", in("gost256.key"), "--cert", in("gost256.pem")},
			{"signature", "sign", "--file", in("doc.xml"), "--key", in("missing"), "--cert", in("gost256.pem")},
			{"signature", "sign", "--file", in("doc.xml"), "--key", in("gost256.key"), "--cert", in("missing")},
			{"signature", "inspect", in("missing")},
			{"keys", "request", "--key", in("missing")},
			{"keys", "import", in("missing"), "--key", in("gost256.key")},
		} {
			if code, out, errs := run(t, args...); code != exitInput {
				t.Errorf("%v: exit %d, want %d: %s%s", args, code, exitInput, out, errs)
			}
		}
	})
	t.Run("NobodyTrusted", func(t *testing.T) {
		if code, _, _ := run(t, "signature", "verify", "--file", in("doc.xml"), "--signature", in("rsa.sig")); code != exitUsage {
			t.Errorf("exit %d, want %d", code, exitUsage)
		}
	})
}

// TestSignatureFixtures runs the command over signatures made elsewhere, named by
// CRYPTO_FIXTURES, as crypto/cms does with the library: MANIFEST.tsv with algorithm, case,
// signature, content, expectation, codes, pinned certificate. Without the variable no
// subtest is registered.
func TestSignatureFixtures(t *testing.T) {
	dir := os.Getenv("CRYPTO_FIXTURES")
	if dir == "" {
		return
	}
	f, err := os.Open(filepath.Join(dir, "MANIFEST.tsv"))
	must(t, err)
	defer f.Close()
	rows := 0
	for in := bufio.NewScanner(f); in.Scan(); rows++ {
		row := strings.Split(in.Text(), "\t")
		t.Run(row[0]+"/"+row[1], func(t *testing.T) {
			d := filepath.Join(dir, row[0])
			code, out, errs := run(t, "signature", "verify", "--json", "--file", filepath.Join(d, row[3]), "--signature", filepath.Join(d, row[2]),
				"--signer", filepath.Join(d, row[6]+".pem"), "--trust", filepath.Join(d, "root", "ca.pem"),
				"--intermediate", filepath.Join(d, "sub", "ca.pem"), "--crl", filepath.Join(d, "crl-good.crl"), "--crl", filepath.Join(d, "crl-sub.crl"))
			var v signature.Told
			if err := json.Unmarshal([]byte(out), &v); err != nil {
				t.Fatalf("exit %d, %s%s: %v", code, out, errs, err)
			}
			switch accepted := code == exitDone && v.Status == "valid"; {
			case row[4] == "ok" && !accepted, row[4] == "refuse" && (code != exitData || !slices.Contains(strings.Split(row[5], "|"), v.Code)):
				t.Errorf("exit %d %s %s (%s), want %s %s", code, v.Status, v.Code, v.Detail, row[4], row[5])
			case row[4] == "policy" && !accepted && !slices.Contains(strings.Split(row[5], "|"), v.Code):
				t.Errorf("exit %d %s (%s), want acceptance or %s", code, v.Code, v.Detail, row[5])
			}
		})
	}
	if rows == 0 {
		t.Error("the manifest is empty")
	}
}
