package pki_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bankconnector/crypto/pki"
)

func algorithms() []pki.Algorithm {
	return []pki.Algorithm{pki.GOST256, pki.GOST512, pki.RSA, pki.ECDSAP256, pki.ECDSAP384}
}

func newKey(t *testing.T, a pki.Algorithm) pki.PrivateKey {
	t.Helper()
	k, err := pki.GenerateKey(a, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func template(name string) pki.Template {
	return pki.Template{
		Subject:   pki.Subject{CommonName: name, Organization: "АО Тестбанк", INNLE: "7700000001", OGRN: "1027700000001"},
		NotBefore: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

func TestKeysSignAndSurviveTheirFile(t *testing.T) {
	for _, a := range algorithms() {
		t.Run(string(a), func(t *testing.T) {
			k := newKey(t, a)
			plain, err := pki.MarshalPrivateKey(k)
			if err != nil {
				t.Fatal(err)
			}
			locked, err := pki.LockPrivateKey(k, []byte("секрет"), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			for name, data := range map[string][]byte{"plain": plain, "locked": locked} {
				back, err := pki.ReadPrivateKey(data, []byte("секрет"))
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				h := a.Digest()
				sum := h.Sum([]byte("document"))
				sig, err := back.Sign(rand.Reader, h, sum)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if !k.Public().Verify(h, sum, sig) {
					t.Fatalf("%s: the key that was read back signs otherwise", name)
				}
				if sum[0] ^= 1; k.Public().Verify(h, sum, sig) {
					t.Fatalf("%s: a signature verifies over another digest", name)
				}
			}
			for name, password := range map[string][]byte{"wrong password": []byte("другой"), "no password": nil} {
				if _, err := pki.ReadPrivateKey(locked, password); err == nil {
					t.Fatalf("%s opens the key", name)
				}
			}
		})
	}
}

func TestKeyIsNeverPrinted(t *testing.T) {
	for _, a := range algorithms() {
		k := newKey(t, a)
		holder := struct{ Key pki.PrivateKey }{k}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			if got := fmt.Sprintf(verb, k); got != "[private key]" {
				t.Errorf("%s of a %s key prints %q", verb, a, got)
			}
			if got := fmt.Sprintf(verb, holder); !strings.Contains(got, "[private key]") {
				t.Errorf("%s of a struct with a %s key prints %q", verb, a, got)
			}
		}
	}
}

func TestReadKeyFileWantsAClosedFile(t *testing.T) {
	data, err := pki.MarshalPrivateKey(newKey(t, pki.ECDSAP256))
	if err != nil {
		t.Fatal(err)
	}
	for mode, open := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o620: false, 0o666: false} {
		t.Run(mode.String(), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key.pem")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			_, err := pki.ReadKeyFile(path)
			if open && err != nil {
				t.Fatal(err)
			}
			if !open && (err == nil || !strings.Contains(err.Error(), "chmod 600 "+path)) {
				t.Fatalf("got %v, want the command that closes the file", err)
			}
		})
	}
}

func TestIssueCertificate(t *testing.T) {
	for _, a := range algorithms() {
		t.Run(string(a), func(t *testing.T) {
			caKey, leafKey := newKey(t, a), newKey(t, a)
			ca := template("Тестовый УЦ")
			ca.IsCA = true
			root, err := pki.IssueCertificate(ca, caKey.Public(), nil, caKey, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			leaf := template("Тестбанк")
			leaf.Serial = big.NewInt(4097)
			cert, err := pki.IssueCertificate(leaf, leafKey.Public(), root, caKey, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if refusal := cert.SignedBy(root); refusal != nil {
				t.Fatal(refusal)
			}
			if refusal := cert.SignedBy(cert); refusal == nil {
				t.Fatal("the leaf verifies under its own key")
			}
			if s := cert.Subject(); s.INNLE != "7700000001" || s.OGRN != "1027700000001" || s.CommonName != "Тестбанк" || s.Taxpayer() != "7700000001" {
				t.Fatalf("subject %+v", s)
			}
			if !cert.Matches(leafKey.Public()) || cert.Matches(caKey.Public()) {
				t.Fatal("the certificate does not know its key")
			}
			again, err := pki.ReadCertificates(pki.MarshalCertificate(cert))
			if err != nil || len(again) != 1 || !bytes.Equal(again[0].Raw, cert.Raw) {
				t.Fatalf("read back: %v", err)
			}
			if _, err := pki.IssueCertificate(leaf, leafKey.Public(), cert, leafKey, rand.Reader); err == nil {
				t.Fatal("a leaf issues certificates")
			}
			if _, err := pki.NewRequest(leaf.Subject, leafKey.Public(), inMemory(leafKey)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// inMemory signs with a key in memory.
func inMemory(key pki.PrivateKey) pki.DigestSigner {
	return func(h pki.Digest, digest []byte) ([]byte, error) { return key.Sign(rand.Reader, h, digest) }
}

// TestRequestOfAnotherKey has a token sign with another key than the one that the request names.
func TestRequestOfAnotherKey(t *testing.T) {
	one, err := pki.GenerateKey(pki.ECDSAP256, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := pki.GenerateKey(pki.ECDSAP256, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := pki.NewRequest(pki.Subject{CommonName: "service"}, one.Public(), inMemory(other)); err == nil || text != nil {
		t.Errorf("a request that nobody can verify was made: %s", text)
	}
}
