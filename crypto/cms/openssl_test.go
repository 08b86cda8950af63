package cms_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// The openssl of Debian with its GOST engine is the other side here. A machine without them fails these tests and is
// told what to install.

const installOpenSSL = "run: sudo apt-get install -y openssl libengine-gost-openssl"

// bench is a temp directory with an openssl.cnf of its own.
type bench struct {
	t   testing.TB
	dir string
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	b.write("openssl.cnf", []byte(`openssl_conf = conf
[conf]
engines = engines
[engines]
gost = gost
[gost]
engine_id = gost
default_algorithms = ALL
[req]
distinguished_name = dn
string_mask = utf8only
utf8 = yes
[dn]
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature,nonRepudiation
subjectKeyIdentifier = hash
`))
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatalf("openssl is missing; %s", installOpenSSL)
	}
	if out, err := b.try("engine", "gost"); err != nil {
		t.Fatalf("the GOST engine of openssl is missing; %s\n%s", installOpenSSL, out)
	}
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name string, data []byte) string {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), data, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return b.path(name)
}

func (b *bench) read(name string) []byte {
	b.t.Helper()
	data, err := os.ReadFile(b.path(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

func (b *bench) try(args ...string) (string, error) {
	c := exec.Command("openssl", args...)
	c.Dir = b.dir
	c.Env = append(os.Environ(), "OPENSSL_CONF="+b.path("openssl.cnf"))
	out, err := c.CombinedOutput()
	return string(out), err
}

func (b *bench) run(args ...string) {
	b.t.Helper()
	if out, err := b.try(args...); err != nil {
		b.t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// kinds are the keys that openssl makes: name, algorithm, parameter, digest.
func kinds() [][4]string {
	var all [][4]string
	for _, set := range []string{"A", "B", "C", "XA", "XB", "TCA", "TCB", "TCC", "TCD"} {
		all = append(all, [4]string{"gost256-" + set, "gost2012_256", "paramset:" + set, "md_gost12_256"})
	}
	for _, set := range []string{"A", "B", "C"} {
		all = append(all, [4]string{"gost512-" + set, "gost2012_512", "paramset:" + set, "md_gost12_512"})
	}
	return append(all,
		[4]string{"rsa-2048", "RSA", "rsa_keygen_bits:2048", "sha256"},
		[4]string{"rsa-3072-sha512", "RSA", "rsa_keygen_bits:3072", "sha512"},
		[4]string{"ecdsa-p256", "EC", "ec_paramgen_curve:P-256", "sha256"},
		[4]string{"ecdsa-p384", "EC", "ec_paramgen_curve:P-384", "sha384"},
		[4]string{"ecdsa-p384-sha512", "EC", "ec_paramgen_curve:P-384", "sha512"})
}

// TestInteroperability signs with openssl and verifies here, and the other way round, for every kind of key.
// With CMS_GOLDEN set to a directory it also leaves certificates and signatures there (see TestGolden).
func TestInteroperability(t *testing.T) {
	doc := []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<Doc Num=\"17\">Платёж</Doc>\n")
	for _, k := range kinds() {
		t.Run(k[0], func(t *testing.T) {
			b := newBench(t)
			content := b.write("doc.xml", doc)
			b.run("genpkey", "-algorithm", k[1], "-pkeyopt", k[2], "-out", "key.pem")
			b.run("req", "-new", "-x509", "-utf8", "-key", "key.pem", "-subj", "/C=RU/O=АО Тестбанк/CN=Тестбанк ЭДО", "-days", "3650",
				"-extensions", "leaf", "-"+k[3], "-out", "cert.pem")
			cert := readOne(t, b.read("cert.pem"))
			p := &cms.Policy{Signers: []cms.Pin{{Certificate: cert}}}

			t.Run("theirs is verified here", func(t *testing.T) {
				for name, extra := range map[string][]string{
					"plain": nil, "by key identifier": {"-keyid"}, "without certificate": {"-nocerts"}, "without capabilities": {"-nosmimecap"},
				} {
					b.run(append([]string{
						"cms", "-sign", "-binary", "-cades", "-outform", "DER", "-md", k[3], "-in", content,
						"-signer", "cert.pem", "-inkey", "key.pem", "-out", "theirs.p7s",
					}, extra...)...)
					sig := b.read("theirs.p7s")
					if v := p.Verify(doc, sig, time.Now()); !v.Valid() {
						t.Fatalf("%s: %s: %s", name, v.Code, v.Detail)
					}
					if v := p.Verify(append(bytes.Clone(doc), ' '), sig, time.Now()); v.Code != "digest-mismatch" {
						t.Fatalf("%s, other content: %q", name, v.Code)
					}
					if dir := os.Getenv("CMS_GOLDEN"); dir != "" && name == "plain" {
						keep(t, dir, k[0]+".crt", cert.Raw)
						keep(t, dir, k[0]+".p7s", sig)
						keep(t, dir, "doc.xml", doc)
					}
				}
				b.run("cms", "-sign", "-cades", "-outform", "DER", "-md", k[3], "-in", content, "-signer", "cert.pem", "-inkey", "key.pem", "-out", "text.p7s")
				if v := p.Verify(doc, b.read("text.p7s"), time.Now()); v.Code != "digest-mismatch" {
					t.Fatalf("signed in text mode: %q", v.Code)
				}
			})
			t.Run("ours is verified there", func(t *testing.T) {
				key, err := pki.ReadKeyFile(b.path("key.pem"))
				if err != nil {
					t.Fatal(err)
				}
				s, err := cms.NewSigner(cert, key, rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				for range 5 {
					sig, err := s.Sign(context.Background(), doc, time.Now())
					if err != nil {
						t.Fatal(err)
					}
					b.write("ours.p7s", sig)
					verify := []string{"cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", "ours.p7s", "-CAfile", "cert.pem", "-purpose", "any", "-out", "out.bin"}
					b.run(append(verify, "-content", content)...)
					b.write("other.xml", append(bytes.Clone(doc), ' '))
					if out, err := b.try(append(verify, "-content", "other.xml")...); err == nil {
						t.Fatalf("openssl accepts other content: %s", out)
					}
				}
			})
		})
	}
}

func keep(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func readOne(t testing.TB, data []byte) *pki.Certificate {
	t.Helper()
	all, err := pki.ReadCertificates(data)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d certificates: %v", len(all), err)
	}
	return all[0]
}

// TestGolden verifies signatures that openssl made once, so that this much holds on a machine without it. No private
// key of theirs exists any more. They are made anew by
// "CMS_GOLDEN=$PWD/testdata/golden go test -run TestInteroperability".
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/golden/*.p7s")
	if err != nil || len(paths) < len(kinds()) {
		t.Fatalf("%d golden signatures (%v), want at least %d", len(paths), err, len(kinds()))
	}
	doc, err := os.ReadFile("testdata/golden/doc.xml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".p7s"), func(t *testing.T) {
			sig, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			raw, err := os.ReadFile(strings.TrimSuffix(path, ".p7s") + ".crt")
			if err != nil {
				t.Fatal(err)
			}
			cert := readOne(t, raw)
			p := &cms.Policy{Signers: []cms.Pin{{Certificate: cert}}}
			at := cert.X509.NotBefore.AddDate(1, 0, 0)
			if v := p.Verify(doc, sig, at); !v.Valid() {
				t.Fatalf("%s: %s", v.Code, v.Detail)
			}
			if v := p.Verify(doc[1:], sig, at); v.Code != "digest-mismatch" {
				t.Fatalf("other content: %q", v.Code)
			}
			if v := p.Verify(doc, sig, cert.X509.NotAfter.Add(time.Second)); v.Status != cms.Expired {
				t.Fatalf("after the end: %q", v.Code)
			}
		})
	}
}
