package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSignAsTheDaemonDoes signs a file with what a configuration signs with: another program, and keys on a token.
func TestSignAsTheDaemonDoes(t *testing.T) {
	dir, config := stage(t, 1)
	in := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(in("doc.xml"), []byte("<a/>"), 0o600))
	h := newHSM(t, dir)
	for _, algorithm := range []string{"rsa", "ecdsa-p256"} {
		done(t, "keys", "new", "signing", "--algorithm", algorithm, "--out", in("keys/"+algorithm+".key"))
		h.put(algorithm, in("keys/"+algorithm+".key"))
	}
	for name, source := range map[string]struct{ certificate, block string }{
		"TokenRSA":   {"rsa", h.block("rsa")},
		"TokenECDSA": {"ecdsa-p256", h.block("ecdsa-p256")},
		"Program":    {"ecdsa-p256", byOpenSSL(in("keys/ecdsa-p256.key"))},
	} {
		t.Run(name, func(t *testing.T) {
			signBy(t, config, "  certificate_file: keys/"+source.certificate+".pem\n"+source.block)
			sig := in(name + ".sig")
			h.done(t, "signature", "sign", "--file", in("doc.xml"), "-c", config, "--out", sig)
			done(t, "signature", "verify", "--file", in("doc.xml"), "--signature", sig, "--signer", in("keys/"+source.certificate+".pem"))
		})
	}
	for _, args := range [][]string{{"--file", in("doc.xml")}, {"--file", in("doc.xml"), "--key", in("keys/rsa.key")}, {"-c", config}} {
		if code, _, errs := run(t, append([]string{"signature", "sign"}, args...)...); code != exitUsage {
			t.Errorf("%v: exit %d: %s", args, code, errs)
		}
	}
}
