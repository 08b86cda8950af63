package token_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
	"bankconnector/crypto/token"
)

const (
	softhsm = "/usr/lib/softhsm/libsofthsm2.so"
	pin     = "1234"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestSoftHSM makes whole signatures with keys on a token that is a real PKCS#11 module.
func TestSoftHSM(t *testing.T) {
	if _, err := os.Stat(softhsm); err != nil {
		t.Fatal("SoftHSM is missing; run: sudo apt-get install -y --no-install-recommends softhsm2")
	}
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "tokens"), 0o700))
	config := filepath.Join(dir, "softhsm2.conf")
	must(t, os.WriteFile(config, []byte("directories.tokendir = "+dir+"/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600))
	t.Setenv("SOFTHSM2_CONF", config) // the module reads it when it is loaded
	util(t, "--init-token", "--free", "--label", "fssp", "--so-pin", "4321", "--pin", pin)

	open := func(label, pin string, public pki.PublicKey) (*token.Key, error) {
		return token.Open(token.Options{
			Module: softhsm, Token: "fssp", Label: label, PIN: func() (string, error) { return pin, nil },
		}, public)
	}
	for i, algorithm := range []pki.Algorithm{pki.RSA, pki.ECDSAP256, pki.ECDSAP384} {
		t.Run(string(algorithm), func(t *testing.T) {
			cert, other := put(t, dir, algorithm, "0"+string(rune('1'+i))), other(t, algorithm)
			if algorithm == pki.RSA { // before anybody is logged in, which counts for the whole process
				if _, err := open("rsa", "9999", cert.Key); err == nil || !strings.Contains(err.Error(), "refused the PIN (") || strings.Contains(err.Error(), "9999") {
					t.Errorf("a wrong PIN: %v", err)
				}
			}
			k, err := open(string(algorithm), pin, cert.Key)
			must(t, err)
			again, err := open(string(algorithm), pin, cert.Key) // as on a reload
			must(t, err)
			must(t, k.Close())
			s, err := cms.NewSignerFunc(cert, again.Sign)
			must(t, err)
			sig, err := s.Sign(t.Context(), []byte("content"), now())
			must(t, err)
			policy := &cms.Policy{Signers: []cms.Pin{{Certificate: cert}}}
			if v := policy.Verify([]byte("content"), sig, now()); !v.Valid() {
				t.Errorf("%s: %s", v.Code, v.Detail)
			}
			wrong, err := cms.NewSignerFunc(other, again.Sign)
			must(t, err)
			if _, err := wrong.Sign(t.Context(), []byte("content"), now()); err == nil {
				t.Error("signed under a certificate of another key")
			}
			over, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := again.Sign(over, pki.SHA256, make([]byte, 32)); !errors.Is(err, context.Canceled) {
				t.Errorf("after the end: %v", err)
			}
			must(t, again.Close())
		})
	}
	t.Run("NotALibrary", func(t *testing.T) {
		cert := other(t, pki.RSA)
		if _, err := token.Open(token.Options{Module: config}, cert.Key); err == nil || !strings.Contains(err.Error(), config) {
			t.Errorf("got %v", err)
		}
	})
}

func now() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func issue(t *testing.T, algorithm pki.Algorithm) (pki.PrivateKey, *pki.Certificate) {
	t.Helper()
	key, err := pki.GenerateKey(algorithm, rand.Reader)
	must(t, err)
	template := pki.Template{Subject: pki.Subject{CommonName: "service"}, NotBefore: now().AddDate(0, -1, 0), NotAfter: now().AddDate(1, 0, 0)}
	cert, err := pki.IssueCertificate(template, key.Public(), nil, key, rand.Reader)
	must(t, err)
	return key, cert
}

func other(t *testing.T, algorithm pki.Algorithm) *pki.Certificate {
	t.Helper()
	_, cert := issue(t, algorithm)
	return cert
}

// put makes a key, puts it on the token under its algorithm's name and returns its certificate.
func put(t *testing.T, dir string, algorithm pki.Algorithm, id string) *pki.Certificate {
	t.Helper()
	key, cert := issue(t, algorithm)
	text, err := pki.MarshalPrivateKey(key)
	must(t, err)
	file := filepath.Join(dir, id+".key")
	must(t, os.WriteFile(file, text, 0o600))
	util(t, "--import", file, "--token", "fssp", "--label", string(algorithm), "--id", id, "--pin", pin)
	return cert
}

func util(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("softhsm2-util", args...).CombinedOutput(); err != nil {
		t.Fatalf("softhsm2-util %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
