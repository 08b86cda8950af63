package pki_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bankconnector/crypto/pki"
)

// The openssl of Debian with its GOST engine is the other side here. A machine without them fails these tests and is
// told what to install.

const installOpenSSL = "run: sudo apt-get install -y openssl libengine-gost-openssl"

type bench struct {
	t   *testing.T
	dir string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	b.write("openssl.cnf", []byte("openssl_conf = conf\n[conf]\nengines = engines\n[engines]\ngost = gost\n[gost]\nengine_id = gost\n"+
		"default_algorithms = ALL\n[req]\ndistinguished_name = dn\nstring_mask = utf8only\nutf8 = yes\n[dn]\n[leaf]\nkeyUsage = critical,digitalSignature\n"))
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatalf("openssl is missing; %s", installOpenSSL)
	}
	if out, err := b.try("engine", "gost"); err != nil {
		t.Fatalf("the GOST engine of openssl is missing; %s\n%s", installOpenSSL, out)
	}
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name string, data []byte) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), data, 0o600); err != nil {
		b.t.Fatal(err)
	}
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

func (b *bench) run(args ...string) string {
	b.t.Helper()
	out, err := b.try(args...)
	if err != nil {
		b.t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// TestOpenSSLReadsOurs: keys (plain and encrypted), requests, and a chain of certificates.
func TestOpenSSLReadsOurs(t *testing.T) {
	for _, a := range algorithms() {
		t.Run(string(a), func(t *testing.T) {
			b := newBench(t)
			caKey, key := newKey(t, a), newKey(t, a)
			plain, err := pki.MarshalPrivateKey(key)
			if err != nil {
				t.Fatal(err)
			}
			locked, err := pki.LockPrivateKey(key, []byte("word"), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			b.write("plain.pem", plain)
			b.write("locked.pem", locked)
			public := b.run("pkey", "-in", "plain.pem", "-pubout")
			if again := b.run("pkey", "-in", "locked.pem", "-passin", "pass:word", "-pubout"); again != public {
				t.Fatalf("the encrypted key is another:\n%s%s", public, again)
			}
			block, _ := pem.Decode([]byte(public))
			if want := base64.StdEncoding.EncodeToString(key.Public().SPKI()); block == nil || base64.StdEncoding.EncodeToString(block.Bytes) != want {
				t.Fatalf("openssl sees another public key:\n%swant %s", public, want)
			}
			request, err := pki.NewRequest(template("ФССП").Subject, key.Public(), inMemory(key))
			if err != nil {
				t.Fatal(err)
			}
			b.write("request.pem", request)
			if out := b.run("req", "-in", "request.pem", "-verify", "-noout", "-subject"); !strings.Contains(out, "verify OK") {
				t.Fatalf("request: %s", out)
			}
			ca := template("УЦ")
			ca.IsCA = true
			root, err := pki.IssueCertificate(ca, caKey.Public(), nil, caKey, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			leaf, err := pki.IssueCertificate(template("ФССП"), key.Public(), root, caKey, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			b.write("root.pem", pki.MarshalCertificate(root))
			b.write("leaf.pem", pki.MarshalCertificate(leaf))
			b.run("verify", "-x509_strict", "-attime", "1780000000", "-CAfile", "root.pem", "leaf.pem")
			b.run("verify", "-attime", "1780000000", "-check_ss_sig", "-CAfile", "root.pem", "root.pem")
			if got := b.run("x509", "-in", "leaf.pem", "-noout", "-ext", "keyUsage"); !strings.Contains(got, "critical") || !strings.Contains(got, "Digital Signature, Non Repudiation") {
				t.Fatalf("key usage: %s", got)
			}
		})
	}
}

// TestWeReadOpenSSLs: keys in every encryption that `openssl pkcs8 -topk8` offers with AES, and self-signed certificates.
// With PKI_SEEDS set to a directory it leaves the certificates there as seeds of FuzzCertificate.
func TestWeReadOpenSSLs(t *testing.T) {
	for _, k := range [][4]string{
		{"gost256-A", "gost2012_256", "paramset:A", "md_gost12_256"},
		{"gost256-B", "gost2012_256", "paramset:B", "md_gost12_256"},
		{"gost256-C", "gost2012_256", "paramset:C", "md_gost12_256"},
		{"gost256-TCA", "gost2012_256", "paramset:TCA", "md_gost12_256"},
		{"gost512-A", "gost2012_512", "paramset:A", "md_gost12_512"},
		{"gost512-C", "gost2012_512", "paramset:C", "md_gost12_512"},
		{"rsa", "RSA", "rsa_keygen_bits:2048", "sha256"},
		{"p256", "EC", "ec_paramgen_curve:P-256", "sha256"},
		{"p384", "EC", "ec_paramgen_curve:P-384", "sha384"},
	} {
		t.Run(k[0], func(t *testing.T) {
			b := newBench(t)
			b.run("genpkey", "-algorithm", k[1], "-pkeyopt", k[2], "-out", "key.pem")
			b.run("req", "-new", "-x509", "-utf8", "-key", "key.pem", "-subj", "/C=RU/O=АО Тестбанк/CN=Тест", "-days", "3650", "-extensions", "leaf", "-"+k[3], "-out", "cert.pem")
			cert := readOne(t, b.read("cert.pem"))
			if dir := os.Getenv("PKI_SEEDS"); dir != "" {
				if err := os.WriteFile(filepath.Join(dir, k[0]+".crt"), cert.Raw, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if refusal := cert.SignedBy(cert); refusal != nil {
				t.Fatal(refusal)
			}
			for _, how := range [][]string{
				{"-nocrypt"},
				{"-passout", "pass:слово"},
				{"-v2", "aes-128-cbc", "-passout", "pass:слово"},
				{"-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA1", "-passout", "pass:слово"},
				{"-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512", "-iter", "100000", "-passout", "pass:слово"},
				{"-scrypt", "-passout", "pass:слово"},
			} {
				for _, form := range []string{"PEM", "DER"} {
					b.run(append([]string{"pkcs8", "-topk8", "-in", "key.pem", "-outform", form, "-out", "out.key"}, how...)...)
					key, err := pki.ReadPrivateKey(b.read("out.key"), []byte("слово"))
					if err != nil {
						t.Fatalf("%s %v: %v", form, how, err)
					}
					if !cert.Matches(key.Public()) {
						t.Fatalf("%s %v: another key", form, how)
					}
				}
			}
		})
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

// TestWeakKeysAreRefused has openssl make keys that must not be trusted.
func TestWeakKeysAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, algorithm, option, extra, md, want string
	}{
		{"RSA of 1024 bits", "RSA", "rsa_keygen_bits:1024", "", "sha256", "weak-key"},
		{"RSA of 2047 bits", "RSA", "rsa_keygen_bits:2047", "", "sha256", "weak-key"},
		{"RSA with exponent 3", "RSA", "rsa_keygen_bits:2048", "rsa_keygen_pubexp:3", "sha256", "weak-key"},
		{"RSA with exponent 17", "RSA", "rsa_keygen_bits:2048", "rsa_keygen_pubexp:17", "sha256", "weak-key"},
		{"P-224", "EC", "ec_paramgen_curve:P-224", "", "sha256", "weak-key"},
		{"P-521", "EC", "ec_paramgen_curve:P-521", "", "sha512", "weak-key"},
		{"secp256k1", "EC", "ec_paramgen_curve:secp256k1", "", "sha256", "weak-key"},
		{"P-256 with explicit parameters", "EC", "ec_paramgen_curve:P-256", "ec_param_enc:explicit", "sha256", "weak-key"},
		{"GOST test set", "gost2012_256", "paramset:0", "", "md_gost12_256", "weak-key"},
		{"GOST R 34.10-2001", "gost2001", "paramset:A", "", "md_gost94", "weak-key"},
		{"Ed25519", "ED25519", "", "", "", "algorithm"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			args := []string{"genpkey", "-algorithm", c.algorithm, "-out", "key.pem"}
			for _, o := range []string{c.option, c.extra} {
				if o != "" {
					args = append(args, "-pkeyopt", o)
				}
			}
			b.run(args...)
			args = []string{"req", "-new", "-x509", "-key", "key.pem", "-subj", "/CN=Test", "-days", "3650", "-out", "cert.pem"}
			if c.md != "" {
				args = append(args, "-"+c.md)
			}
			b.run(args...)
			if _, err := pki.ReadCertificates(b.read("cert.pem")); code(err) != c.want {
				t.Errorf("certificate: %v, want %s", err, c.want)
			}
			if _, err := pki.ReadPrivateKey(b.read("key.pem"), nil); err == nil {
				t.Error("the private key is taken")
			}
		})
	}
}
