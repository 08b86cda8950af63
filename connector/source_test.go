package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSignAsTheDaemonDoes signs a file with what a configuration signs with: another program, and keys on a token.
func TestSignAsTheDaemonDoes(t *testing.T) {
	const module = "/usr/lib/softhsm/libsofthsm2.so"
	if _, err := os.Stat(module); err != nil {
		t.Fatal("SoftHSM is missing; run: sudo apt-get install -y --no-install-recommends softhsm2")
	}
	dir, config := stage(t, 1)
	in := func(name string) string { return filepath.Join(dir, name) }
	settings, err := os.ReadFile(config)
	must(t, err)
	must(t, os.WriteFile(in("doc.xml"), []byte("<a/>"), 0o600))
	must(t, os.WriteFile(in("pin"), []byte("1234\n"), 0o600))
	must(t, os.MkdirAll(in("tokens"), 0o700))
	must(t, os.WriteFile(in("softhsm2.conf"), []byte("directories.tokendir = "+in("tokens")+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600))
	t.Setenv("SOFTHSM2_CONF", in("softhsm2.conf"))
	util := func(args ...string) {
		if out, err := exec.Command("softhsm2-util", args...).CombinedOutput(); err != nil {
			t.Fatalf("softhsm2-util %v: %v\n%s", args, err, out)
		}
	}
	util("--init-token", "--free", "--label", "fssp", "--so-pin", "4321", "--pin", "1234")
	for id, algorithm := range map[string]string{"01": "rsa", "02": "ecdsa-p256"} {
		done(t, "keys", "new", "signing", "--algorithm", algorithm, "--out", in("keys/"+algorithm+".key"))
		util("--import", in("keys/"+algorithm+".key"), "--token", "fssp", "--label", algorithm, "--id", id, "--pin", "1234")
	}
	program := `  command:\n    argv: [/usr/bin/openssl, cms, -sign, -binary, -cades, -md, sha256, -outform, DER, -inkey, ` + in("keys/ecdsa-p256.key") + `, -signer, "{cert}", -in, "{in}", -out, "{out}"]\n`
	onToken := func(label string) string {
		return "  pkcs11: {module: " + module + ", token: fssp, label: " + label + ", pin_file: " + in("pin") + "}\n"
	}
	for name, source := range map[string]struct{ certificate, block string }{
		"TokenRSA":   {"rsa", onToken("rsa")},
		"TokenECDSA": {"ecdsa-p256", onToken("ecdsa-p256")},
		"Program":    {"ecdsa-p256", strings.ReplaceAll(program, "\\n", "\n")},
	} {
		t.Run(name, func(t *testing.T) {
			head, rest, _ := strings.Cut(string(settings), "signing:\n")
			_, rest, _ = strings.Cut(rest, "office:")
			text := head + "signing:\n  certificate_file: keys/" + source.certificate + ".pem\n" + source.block + "office:" + rest
			must(t, os.WriteFile(config, []byte(text), 0o600))
			sig := in(name + ".sig")
			done(t, "signature", "sign", "--file", in("doc.xml"), "-c", config, "--out", sig)
			done(t, "signature", "verify", "--file", in("doc.xml"), "--signature", sig, "--signer", in("keys/"+source.certificate+".pem"))
		})
	}
	for _, args := range [][]string{{"--file", in("doc.xml")}, {"--file", in("doc.xml"), "--key", in("keys/rsa.key")}, {"-c", config}} {
		if code, _, errs := run(t, append([]string{"signature", "sign"}, args...)...); code != exitUsage {
			t.Errorf("%v: exit %d: %s", args, code, errs)
		}
	}
}
