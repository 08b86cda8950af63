package bench_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

const engine = `openssl_conf = conf
[conf]
engines = engines
[engines]
gost = gost
[gost]
engine_id = gost
default_algorithms = ALL
[req]
distinguished_name = dn
[dn]
`

// stamp is one kind of signature, made by us and by openssl.
type stamp struct {
	algorithm pki.Algorithm
	request   []string // of openssl req, for its own key
	digest    string
}

func stamps() []stamp {
	return []stamp{
		{pki.GOST256, []string{"-newkey", "gost2012_256", "-pkeyopt", "paramset:A"}, "md_gost12_256"},
		{pki.GOST512, []string{"-newkey", "gost2012_512", "-pkeyopt", "paramset:A"}, "md_gost12_512"},
		{pki.ECDSAP256, []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"}, "sha256"},
	}
}

// openssl runs with the GOST engine in a folder.
func openssl(b *testing.B, dir string, args ...string) usage {
	b.Helper()
	c := exec.CommandContext(b.Context(), need(b, "openssl", "openssl libengine-gost-openssl"), args...)
	c.Dir, c.Env = dir, append(os.Environ(), "OPENSSL_CONF="+filepath.Join(dir, "openssl.cnf"))
	return run(b, c)
}

// peer is the processor time of one signature and one verification by openssl: a message with many signers less
// one with a single signer, so that the start of the process does not count.
func (s stamp) peer(b *testing.B, dir string, many int) (sign, verify float64) {
	b.Helper()
	args := func(n int) []string {
		list := []string{"cms", "-sign", "-binary", "-in", "doc", "-outform", "DER", "-out", fmt.Sprintf("sig%d", n), "-md", s.digest, "-nocerts"}
		for range n {
			list = append(list, "-signer", "cert.pem", "-inkey", "key.pem")
		}
		return list
	}
	check := func(n int) []string {
		return []string{
			"cms", "-verify", "-binary", "-inform", "DER", "-in", fmt.Sprintf("sig%d", n), "-content", "doc",
			"-certfile", "cert.pem", "-noverify", "-out", "/dev/null",
		}
	}
	one, lot := openssl(b, dir, args(1)...).cpu, openssl(b, dir, args(many)...).cpu
	sign = float64((lot - one).Microseconds()) / float64(many-1)
	one, lot = openssl(b, dir, check(1)...).cpu, openssl(b, dir, check(many)...).cpu
	return sign, float64((lot - one).Microseconds()) / float64(many-1)
}

// own is the processor time of one signature, which we verify before it is handed out, and one verification.
func (s stamp) own(b *testing.B, doc []byte, n int) (sign, verify float64) {
	b.Helper()
	now := time.Now()
	key, err := pki.GenerateKey(s.algorithm, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	cert, err := pki.IssueCertificate(pki.Template{Subject: pki.Subject{CommonName: "bench"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0)},
		key.Public(), nil, key, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	signer, err := cms.NewSigner(cert, key, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	policy := &cms.Policy{Signers: []cms.Pin{{Certificate: cert}}}
	var sig []byte
	before := own(b)
	for range n {
		if sig, err = signer.Sign(b.Context(), doc, now); err != nil {
			b.Fatal(err)
		}
	}
	middle := own(b)
	for range n {
		if v := policy.Verify(doc, sig, now); !v.Valid() {
			b.Fatal(v.Code, v.Detail)
		}
	}
	end := own(b)
	return float64((middle - before).Microseconds()) / float64(n), float64((end - middle).Microseconds()) / float64(n)
}

// BenchmarkSignatures is a detached CAdES-BES signature over 4 KB beside openssl's CMS.
func BenchmarkSignatures(b *testing.B) {
	doc := noise(4096)
	var t sheet
	t.add("algorithm", "ours: sign µs", "openssl: sign µs", "ratio", "ours: verify µs", "openssl: verify µs", "ratio")
	for _, s := range stamps() {
		dir := b.TempDir()
		for name, text := range map[string]string{"openssl.cnf": engine, "doc": string(doc)} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				b.Fatal(err)
			}
		}
		openssl(b, dir, append([]string{"req", "-x509", "-nodes", "-subj", "/CN=bench", "-days", "30", "-keyout", "key.pem", "-out", "cert.pem", "-" + s.digest}, s.request...)...)
		var f [4][]float64
		for range rounds() {
			sign, verify := s.own(b, doc, pick(50, 2000))
			theirs, checked := s.peer(b, dir, pick(20, 400))
			for i, v := range []float64{sign, theirs, verify, checked} {
				f[i] = append(f[i], v)
			}
		}
		m := [4]float64{median(f[0]), median(f[1]), median(f[2]), median(f[3])}
		t.add(string(s.algorithm), number(m[0]), number(m[1]), number(m[1]/m[0]), number(m[2]), number(m[3]), number(m[3]/m[2]))
	}
	publish(b, "signatures", "Signatures, processor time", strings.Join([]string{
		"CMS over 4 KB. Ours is detached CAdES-BES with the certificate's digest in it, verified before it is handed out; verification is the whole judgement by a pinned certificate. ",
		"openssl (with its GOST engine) makes one message with many signers; each loads its key and certificate from a file, which counts for it. ECDSA P-256 is the standard library of Go on our side. ",
		"The ratio is openssl's time by ours.\n\n", t.String(),
	}, ""))
}
