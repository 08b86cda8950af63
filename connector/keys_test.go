package main

import (
	"crypto/rand"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bankconnector/crypto/pki"
)

// authority issues a certificate for the key of a request's owner, as an УЦ does.
func authority(t *testing.T, path string, key pki.PrivateKey, until time.Time) string {
	t.Helper()
	own, err := pki.GenerateKey(pki.ECDSAP256, rand.Reader)
	must(t, err)
	root, err := pki.IssueCertificate(pki.Template{
		Subject: pki.Subject{CommonName: "УЦ"}, NotBefore: time.Now().AddDate(-2, 0, 0), NotAfter: time.Now().AddDate(9, 0, 0), IsCA: true,
	}, own.Public(), nil, own, rand.Reader)
	must(t, err)
	cert, err := pki.IssueCertificate(pki.Template{
		Subject: pki.Subject{CommonName: "ФССП России"}, NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: until,
	}, key.Public(), root, own, rand.Reader)
	must(t, err)
	must(t, os.WriteFile(path, append(pki.MarshalCertificate(root), pki.MarshalCertificate(cert)...), 0o600))
	return path
}

// TestKeysRequestAndImport goes the whole way: a key, a request, an authority's certificate, a signature under it.
func TestKeysRequestAndImport(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	done(t, "keys", "new", "signing", "--algorithm", "ecdsa-p256", "--out", in("own.key"))
	done(t, "keys", "new", "signing", "--algorithm", "gost256", "--out", in("other.key"))
	done(t, "keys", "request", "--key", in("own.key"), "--name", "ФССП России", "--inn", "7709576929", "--ogrn", "1047796859791")
	if out, err := exec.Command("openssl", "req", "-in", in("own.csr"), "-verify", "-noout").CombinedOutput(); err != nil {
		t.Fatalf("openssl req: %v\n%s\nif openssl is missing: sudo apt-get install -y openssl", err, out)
	}
	key, err := pki.ReadKeyFile(in("own.key"))
	must(t, err)
	issued := authority(t, in("issued.crt"), key, time.Now().AddDate(1, 0, 0))
	ended := authority(t, in("ended.crt"), key, time.Now().AddDate(0, 0, -1))
	loose := in("loose.key")
	secret, err := os.ReadFile(in("own.key"))
	must(t, err)
	must(t, os.WriteFile(loose, secret, 0o600))
	must(t, os.Chmod(loose, 0o644))

	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"RequestNeverReplaces", []string{"request", "--key", in("own.key")}, "own.csr is there already"},
		{"LooseKey", []string{"request", "--key", loose, "--out", in("x.csr")}, "chmod 600 " + loose},
		{"AnotherKey", []string{"import", issued, "--key", in("other.key")}, "belongs to the key"},
		{"Ended", []string{"import", ended, "--key", in("own.key")}, "ended at"},
		{"OverAnotherCertificate", []string{"import", issued, "--key", in("own.key"), "--out", in("other.pem")}, "no certificate of this key"},
		{"OverTheKey", []string{"import", issued, "--key", in("own.key"), "--out", in("own.key")}, "is the key itself"},
		{"OverAFileOfAnyKind", []string{"import", issued, "--key", in("own.key"), "--out", in("own.csr")}, "no certificate of this key"},
		{"NoCertificate", []string{"import", in("own.csr"), "--key", in("own.key")}, "own.csr"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := run(t, append([]string{"keys"}, tt.args...)...)
			if code != exitData || !strings.Contains(errs, tt.want) {
				t.Errorf("exit %d, want %d and %q\n%s%s", code, exitData, tt.want, out, errs)
			}
		})
	}
	done(t, "keys", "import", issued, "--key", in("own.key"))
	done(t, "keys", "import", issued, "--key", in("own.key")) // once more changes nothing
	must(t, os.WriteFile(in("doc.xml"), []byte("<a/>"), 0o600))
	done(t, "signature", "sign", "--file", in("doc.xml"), "--key", in("own.key"), "--cert", in("own.pem"))
	done(t, "signature", "verify", "--file", in("doc.xml"), "--signer", in("own.pem"))
}

// TestKeysWrongUsage asks for keys that cannot be; nothing is made.
func TestKeysWrongUsage(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "a.key")
	done(t, "keys", "new", "signing", "--algorithm", "ecdsa-p256", "--out", filepath.Join(dir, "own.key"))
	for name, args := range map[string][]string{
		"NoKind":           {"new", "--out", out},
		"AnotherKind":      {"new", "rsa", "--out", out},
		"NoFile":           {"new", "signing"},
		"AnotherAlgorithm": {"new", "signing", "--algorithm", "gost2001", "--out", out},
		"NoDays":           {"new", "signing", "--days", "0", "--out", out},
		"DaysBackwards":    {"new", "signing", "--days", "-1", "--out", out},
		"DaysWithoutEnd":   {"new", "signing", "--days", "1000000000", "--out", out},
		"DaysAreNoNumber":  {"new", "signing", "--days", "year", "--out", out},
		"ShortINN":         {"new", "signing", "--inn", "123", "--out", out},
		"LettersInOGRN":    {"new", "signing", "--ogrn", "10477968597ab", "--out", out},
		"WrongINN":         {"new", "signing", "--inn", "7709576920", "--out", out},
		"WrongOGRN":        {"new", "signing", "--ogrn", "1047796859790", "--out", out},
		"SSHOfAnother":     {"new", "ssh", "--algorithm", "rsa", "--out", out},
		"SSHWithINN":       {"new", "ssh", "--inn", "7709576929", "--out", out},
		"NoName":           {"new", "signing", "--name", "", "--out", out},
		"EndlessName":      {"new", "signing", "--name", strings.Repeat("Ф", 300), "--out", out},
		"NameOfTwoLines":   {"new", "ssh", "--name", "a\nssh-ed25519 AAAA", "--out", out},
		"KeyNamedPem":      {"new", "signing", "--out", filepath.Join(dir, "a.pem")},
		"RequestNoKey":     {"request"},
		"RequestShortINN":  {"request", "--key", filepath.Join(dir, "own.key"), "--inn", "123"},
		"ImportNoKey":      {"import", filepath.Join(dir, "own.pem")},
	} {
		t.Run(name, func(t *testing.T) {
			if code, out, errs := run(t, append([]string{"keys"}, args...)...); code != exitUsage {
				t.Errorf("exit %d, want %d: %s%s", code, exitUsage, out, errs)
			}
		})
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 2 {
		t.Errorf("%v in the folder (%v), want the first pair alone", list, err)
	}
}

// TestKeysStayPrivate breaks a configuration in every way that involves a secret, and looks for the secret in whatever
// the program says.
func TestKeysStayPrivate(t *testing.T) {
	dir, config := stage(t, 1)
	file := filepath.Join(dir, "keys", "signing.key")
	text, err := os.ReadFile(file)
	must(t, err)
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s is no PEM", file)
	}
	secrets := append(strings.Fields(string(text))[3:5], "correct horse", string(block.Bytes[len(block.Bytes)-16:]))
	settings, err := os.ReadFile(config)
	must(t, err)
	for _, tt := range []struct {
		name, want string
		spoil      func()
	}{
		{"KeyOpenToOthers", "chmod 600 " + file, func() { must(t, os.Chmod(file, 0o644)) }},
		{"KeyOpenToTheGroup", "chmod 600 " + file, func() { must(t, os.Chmod(file, 0o640)) }},
		{"KeyCut", file, func() { must(t, os.WriteFile(file, text[:len(text)-40], 0o600)) }},
		{"KeyWithJunk", file, func() { must(t, os.WriteFile(file, append([]byte("junk "), text...), 0o600)) }},
		{"KeyOfAnother", "does not belong", func() {
			official, err := os.ReadFile(filepath.Join(dir, "keys", "official.key"))
			must(t, err)
			must(t, os.WriteFile(file, official, 0o600))
		}},
		{"PasswordForAPlainKey", file, func() {
			must(t, os.WriteFile(filepath.Join(dir, "keys", "word"), []byte("correct horse\n"), 0o600))
			changed := strings.Replace(string(settings), "key_file: keys/signing.key", "key_file: keys/signing.key\n  password_file: keys/word", 1)
			must(t, os.WriteFile(config, []byte(changed), 0o600))
			must(t, os.WriteFile(file, text[:len(text)-40], 0o600))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			must(t, os.WriteFile(file, text, 0o600))
			must(t, os.Chmod(file, 0o600))
			must(t, os.WriteFile(config, settings, 0o600))
			tt.spoil()
			for _, args := range [][]string{{"config", "check", "-c", config}, {"exchange", "-c", config}, {"config", "check", "-c", config, "--json"}} {
				code, out, errs := run(t, args...)
				if code == exitDone || !strings.Contains(out+errs, tt.want) {
					t.Errorf("%v: exit %d, want %q\n%s%s", args, code, tt.want, out, errs)
				}
				for _, s := range secrets {
					if strings.Contains(out+errs, s) {
						t.Errorf("%v tells a secret:\n%s%s", args, out, errs)
					}
				}
			}
		})
	}
}

// TestConfigCheckWarns announces a next certificate that another key belongs to.
func TestConfigCheckWarns(t *testing.T) {
	dir, config := stage(t, 1)
	settings, err := os.ReadFile(config)
	must(t, err)
	next := "  next:\n    certificate_file: keys/official.pem\n    key_file: keys/signing.key\noffice:"
	must(t, os.WriteFile(config, []byte(strings.Replace(string(settings), "office:", next, 1)), 0o600))
	for _, args := range [][]string{{"--lang", "en"}, {"--json"}} {
		out := done(t, append([]string{"config", "check", "-c", config}, args...)...)
		if !strings.Contains(out, "warning") || !strings.Contains(out, "signing.next cannot sign") {
			t.Errorf("%v: %s", args, out)
		}
	}
	if out := done(t, "keys", "list", "-c", config); !strings.Contains(out, "next signing certificate") {
		t.Errorf("%s\n%s", dir, out)
	}
}
