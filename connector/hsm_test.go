package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bankconnector/banks/rehearsal"
	"bankconnector/crypto/pki"
)

// hsm is a SoftHSM token "fssp" in a folder.
type hsm struct {
	t   *testing.T
	dir string
	n   int
}

const softHSM = "/usr/lib/softhsm/libsofthsm2.so"

func newHSM(t *testing.T, dir string) *hsm {
	t.Helper()
	if _, err := os.Stat(softHSM); err != nil {
		t.Fatal("SoftHSM is missing; run: sudo apt-get install -y --no-install-recommends softhsm2")
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(in("pin"), []byte("1234\n"), 0o600))
	must(t, os.MkdirAll(in("tokens"), 0o700))
	must(t, os.WriteFile(in("softhsm2.conf"), []byte("directories.tokendir = "+in("tokens")+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600))
	t.Setenv("SOFTHSM2_CONF", in("softhsm2.conf"))
	h := &hsm{t: t, dir: dir}
	h.util("--init-token", "--free", "--label", "fssp", "--so-pin", "4321", "--pin", "1234")
	return h
}

func (h *hsm) util(args ...string) {
	h.t.Helper()
	if out, err := exec.Command("softhsm2-util", args...).CombinedOutput(); err != nil {
		h.t.Fatalf("softhsm2-util %v: %v\n%s", args, err, out)
	}
}

// put puts a key file onto the token.
func (h *hsm) put(label, file string) {
	h.t.Helper()
	h.n++
	h.util("--import", file, "--token", "fssp", "--label", label, "--id", fmt.Sprintf("%02x", h.n), "--pin", "1234")
}

// run runs a command line in a process of its own: SoftHSM reads where its tokens are once, when it is loaded.
func (h *hsm) run(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	c := program(t, args...)
	var o, e strings.Builder
	c.Stdout, c.Stderr = &o, &e
	var exit *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), o.String(), e.String()
}

// done runs a command line that must succeed.
func (h *hsm) done(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := h.run(t, args...)
	if code != exitDone {
		t.Fatalf("bankconnector %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// block is the configuration of a key on the token.
func (h *hsm) block(label string) string {
	return "  pkcs11: {module: " + softHSM + ", token: fssp, label: " + label + ", pin_file: " + filepath.Join(h.dir, "pin") + "}\n"
}

// byOpenSSL is the configuration of another program that signs with a key file.
func byOpenSSL(key string) string {
	return "  command:\n    argv: [/usr/bin/openssl, cms, -sign, -binary, -cades, -md, sha256, -outform, DER, -inkey, " + key +
		`, -signer, "{cert}", -in, "{in}", -out, "{out}"]` + "\n"
}

// signBy puts another block signing into a configuration.
func signBy(t *testing.T, config, block string) {
	t.Helper()
	settings, err := os.ReadFile(config)
	must(t, err)
	head, rest, found := strings.Cut(string(settings), "signing:\n")
	_, rest, more := strings.Cut(rest, "office:")
	if !found || !more {
		t.Fatalf("no signing before office in %s", config)
	}
	must(t, os.WriteFile(config, []byte(head+"signing:\n"+block+"office:"+rest), 0o600))
}

// TestKeysRequestByToken gets a certificate for keys that lie on a token alone, as signing and signing.next name them.
func TestKeysRequestByToken(t *testing.T) {
	dir, config := stage(t, 1)
	in := func(name string) string { return filepath.Join(dir, name) }
	h := newHSM(t, dir)
	must(t, os.WriteFile(in("doc.xml"), []byte("<a/>"), 0o600))
	for _, algorithm := range []string{"rsa", "ecdsa-p256", "ecdsa-p384"} {
		t.Run(algorithm, func(t *testing.T) {
			h.done(t, "keys", "new", "signing", "--algorithm", algorithm, "--out", in(algorithm+".key"))
			h.put(algorithm, in(algorithm+".key"))
			key, err := pki.ReadKeyFile(in(algorithm + ".key"))
			must(t, err)
			must(t, os.Remove(in(algorithm+".key")))
			issued := authority(t, in(algorithm+"-issued.crt"), key, time.Now().AddDate(1, 0, 0))
			certificate := in("keys/own-" + algorithm + ".pem")
			signBy(t, config, "  certificate_file: keys/own-"+algorithm+".pem\n"+h.block(algorithm))

			h.done(t, "keys", "request", "-c", config, "--name", "ФССП России", "--inn", "7709576929", "--ogrn", "1047796859791")
			out, err := exec.Command("openssl", "req", "-in", in("keys/own-"+algorithm+".csr"), "-verify", "-noout", "-subject").CombinedOutput()
			if err != nil || !strings.Contains(string(out), "verify OK") || !strings.Contains(string(out), "1047796859791") {
				t.Fatalf("openssl req: %v\n%s\nif openssl is missing: sudo apt-get install -y openssl", err, out)
			}
			if code, _, errs := h.run(t, "keys", "request", "-c", config); code != exitData || !strings.Contains(errs, "is there already") {
				t.Errorf("a request was replaced: exit %d: %s", code, errs)
			}
			if code, _, errs := h.run(t, "keys", "import", in("keys/official.pem"), "-c", config); code != exitData || !strings.Contains(errs, "belongs to the key") {
				t.Errorf("another key's certificate: exit %d: %s", code, errs)
			}
			h.done(t, "keys", "import", issued, "-c", config)
			h.done(t, "keys", "import", issued, "-c", config) // once more changes nothing
			sig := in(algorithm + ".sig")
			h.done(t, "signature", "sign", "--file", in("doc.xml"), "-c", config, "--out", sig)
			h.done(t, "signature", "verify", "--file", in("doc.xml"), "--signature", sig, "--signer", certificate)
		})
	}
	t.Run("Next", func(t *testing.T) {
		indented := strings.ReplaceAll(h.block("rsa"), "  pkcs11", "    pkcs11")
		signBy(t, config, "  certificate_file: keys/signing.pem\n  key_file: keys/signing.key\n  next:\n    certificate_file: keys/next.pem\n"+indented)
		h.done(t, "keys", "request", "-c", config, "--next")
		h.done(t, "keys", "import", in("rsa-issued.crt"), "-c", config, "--next")
		h.done(t, "keys", "request", "-c", config) // of the key file that signing names
		for _, name := range []string{"keys/next.csr", "keys/next.pem", "keys/signing.csr"} {
			if _, err := os.Stat(in(name)); err != nil {
				t.Error(err)
			}
		}
		if out := h.done(t, "config", "check", "-c", config); strings.Contains(out, "signing.next cannot sign") {
			t.Errorf("config check: %s", out)
		}
	})
	t.Run("Refusals", func(t *testing.T) {
		for name, tt := range map[string]struct{ block, want string }{
			"Program":  {"  certificate_file: keys/signing.pem\n" + byOpenSSL(in("keys/signing.key")), "the program's own tool"},
			"NoSuch":   {"  certificate_file: keys/none.pem\n" + h.block("none"), "0 private keys"},
			"NoNext":   {"  certificate_file: keys/signing.pem\n  key_file: keys/signing.key\n", "signing.next is not"},
			"LooseKey": {"  certificate_file: keys/signing.pem\n  key_file: keys/signing.pem\n", "keys/signing.pem"},
		} {
			signBy(t, config, tt.block)
			for _, args := range [][]string{{"request"}, {"import", in("rsa-issued.crt")}} {
				args = append([]string{"keys"}, append(args, "-c", config, "--out", in("nothing"))...)
				if name == "NoNext" {
					args = append(args, "--next")
				}
				if code, out, errs := h.run(t, args...); code != exitConfig || !strings.Contains(errs, tt.want) || strings.Contains(errs, "1234") {
					t.Errorf("%s: %v: exit %d, want %d and %q\n%s%s", name, args, code, exitConfig, tt.want, out, errs)
				}
			}
		}
		for _, args := range [][]string{{"-c", config, "--key", in("keys/signing.key")}, {"--next", "--key", in("keys/signing.key")}, {"--next"}} {
			if code, out, errs := h.run(t, append([]string{"keys", "request"}, args...)...); code != exitUsage {
				t.Errorf("%v: exit %d, want %d\n%s%s", args, code, exitUsage, out, errs)
			}
		}
		if _, err := os.Stat(in("nothing")); err == nil {
			t.Error("a refused command wrote a file")
		}
	})
}

// TestExchangeSignedElsewhere has the whole exchange under a key that this program does not hold.
func TestExchangeSignedElsewhere(t *testing.T) {
	const documents = 8
	for name, source := range map[string]struct {
		algorithm string
		block     func(h *hsm, key string) string
	}{
		"TokenRSA":   {"rsa", func(h *hsm, _ string) string { return h.block("service") }},
		"TokenECDSA": {"ecdsa-p256", func(h *hsm, _ string) string { return h.block("service") }},
		"Program":    {"ecdsa-p256", func(_ *hsm, key string) string { return byOpenSSL(key) }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in := func(name string) string { return filepath.Join(dir, name) }
			config := in("config.yaml")
			// The banks find this pair and trust its certificate; the key is then taken away from the program.
			done(t, "keys", "new", "signing", "--algorithm", source.algorithm, "--name", "ФССП России", "--out", in("keys/signing.key"))
			serve(t, dir, 1)
			h, away := newHSM(t, dir), in("elsewhere.key")
			must(t, os.Rename(in("keys/signing.key"), away))
			h.put("service", away)
			signBy(t, config, "  certificate_file: keys/signing.pem\n"+source.block(h, away))

			h.done(t, "config", "check", "-c", config)
			h.done(t, "sample", "-c", config, "--documents", fmt.Sprint(documents), "--seed", "5")
			h.done(t, "exchange", "-c", config, "--until", "answered", "--timeout", "1m")
			answered := query(t, book(t, dir), `SELECT id FROM exchanges WHERE answered_at IS NOT NULL`)
			lines, err := rehearsal.ReadLedger(in(filepath.Join("banks", onlyBank(t, dir), "received.jsonl")))
			must(t, err)
			if len(answered) != documents || len(lines) != documents {
				t.Errorf("%d answered, %d arrived, want %d", len(answered), len(lines), documents)
			}
			h.done(t, "journal", "verify", "-c", config)
		})
	}
}
