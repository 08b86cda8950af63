package bench_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"hash"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/gost"
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
[ca]
default_ca = list
[list]
database = index.txt
crlnumber = crlnumber
default_crl_days = 30
`

// workbench is a folder with the peer in it, openssl's library and its GOST engine, and what both sides work on.
type workbench struct {
	dir   string
	names []string // of the algorithms whose messages are in the folder
}

func newWorkbench(b *testing.B, doc []byte) *workbench {
	b.Helper()
	w := &workbench{dir: b.TempDir()}
	w.write(b, "openssl.cnf", []byte(engine))
	w.write(b, "doc", doc)
	w.write(b, "index.txt", nil)
	w.write(b, "crlnumber", []byte("01\n"))
	c := exec.CommandContext(b.Context(), need(b, "gcc", "gcc libssl-dev"), "-O2", "-Wall", "-Wno-deprecated-declarations", "-o", filepath.Join(w.dir, "engine"), "testdata/engine.c", "-lcrypto")
	run(b, c)
	return w
}

func (w *workbench) write(b *testing.B, name string, data []byte) {
	b.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), data, 0o600); err != nil {
		b.Fatal(err)
	}
}

// command is a program that runs in the folder with the GOST engine.
func (w *workbench) command(b *testing.B, program string, args ...string) *exec.Cmd {
	b.Helper()
	c := exec.CommandContext(b.Context(), program, args...)
	c.Dir, c.Env = w.dir, append(os.Environ(), "OPENSSL_CONF="+filepath.Join(w.dir, "openssl.cnf"))
	return c
}

// peer runs every operation n times in one process and returns what it prints, by name.
func (w *workbench) peer(b *testing.B, n int) map[string]float64 {
	b.Helper()
	var out strings.Builder
	c := w.command(b, filepath.Join(w.dir, "engine"), append([]string{strconv.Itoa(n), "."}, w.names...)...)
	c.Stdout = &out
	run(b, c)
	list := make(map[string]float64)
	for line := range strings.Lines(out.String()) {
		var name string
		var figure float64
		if _, err := fmt.Sscan(line, &name, &figure); err != nil {
			b.Fatalf("%q: %v", line, err)
		}
		list[name] = figure
	}
	return list
}

// micro is the processor time of one call, in microseconds, of n.
func micro(b *testing.B, n int, call func() error) float64 {
	b.Helper()
	if err := call(); err != nil { // what is made once is made here, as it is at the peer
		b.Fatal(err)
	}
	before := own(b)
	for range n {
		if err := call(); err != nil {
			b.Fatal(err)
		}
	}
	return float64((own(b) - before).Nanoseconds()) / 1e3 / float64(n)
}

func right(ok bool) error {
	if !ok {
		return fmt.Errorf("refused: %w", os.ErrInvalid)
	}
	return nil
}

// figures gathers what was measured, a value a round.
type figures map[string][]float64

func (f figures) put(name string, v float64) { f[name] = append(f[name], v) }

func (f figures) of(name string) string { return number(median(f[name])) }

func (f figures) ratio(a, b string) string { return number(median(f[a]) / median(f[b])) }

// same are the parameter sets that both sides sign on, each curve once: our name, and the engine's.
var same = []struct{ title, ours, theirs string }{
	{"GOST-256, set A (TC26 B, XchA)", "id-GostR3410-2001-CryptoPro-A-ParamSet", "gost2012_256-A"},
	{"GOST-256, set B (TC26 C)", "id-GostR3410-2001-CryptoPro-B-ParamSet", "gost2012_256-B"},
	{"GOST-256, set C (TC26 D, XchB)", "id-GostR3410-2001-CryptoPro-C-ParamSet", "gost2012_256-C"},
	{"GOST-256, set TC26 A", "id-tc26-gost-3410-2012-256-paramSetA", "gost2012_256-TCA"},
	{"GOST-512, set A", "id-tc26-gost-3410-2012-512-paramSetA", "gost2012_512-A"},
	{"GOST-512, set B", "id-tc26-gost-3410-2012-512-paramSetB", "gost2012_512-B"},
	{"GOST-512, set C", "id-tc26-gost-3410-2012-512-paramSetC", "gost2012_512-C"},
}

// rawGOST signs and verifies a digest under a key that is at hand, and verifies under one that is read anew.
func rawGOST(b *testing.B, f figures, n int) {
	b.Helper()
	for _, s := range same {
		for _, c := range gost.Curves() {
			if c.Name() != s.ours {
				continue
			}
			k, err := gost.GenerateKey(c, rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			digest, count := noise(c.Size()), n
			if c.Size() == 64 {
				count = n/4 + 1
			}
			var sig []byte
			f.put(s.ours+"-sign", micro(b, count, func() (err error) {
				sig, err = k.Sign(rand.Reader, digest)
				return err
			}))
			f.put(s.ours+"-verify", micro(b, count, func() error { return right(k.Public().Verify(digest, sig)) }))
			raw := k.Public().Bytes()
			f.put(s.ours+"-new", micro(b, count/4+1, func() error {
				p, err := gost.NewPublicKey(c, raw)
				if err != nil {
					return err
				}
				return right(p.Verify(digest, sig))
			}))
		}
	}
}

// rawP256 is the standard library of Go on P-256.
func rawP256(b *testing.B, f figures, n int) {
	b.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := noise(32)
	var sig []byte
	f.put("p256-sign", micro(b, n, func() (err error) {
		sig, err = ecdsa.SignASN1(rand.Reader, k, digest)
		return err
	}))
	f.put("p256-verify", micro(b, n, func() error { return right(ecdsa.VerifyASN1(&k.PublicKey, digest, sig)) }))
}

// streebog is megabytes a second over pieces of 64 KiB.
func streebog(b *testing.B, f figures, n int) {
	b.Helper()
	piece := noise(1 << 16)
	for name, h := range map[string]hash.Hash{"streebog256": gost.NewStreebog256(), "streebog512": gost.NewStreebog512()} {
		each := micro(b, n/8+1, func() error {
			_, err := h.Write(piece)
			return err
		})
		f.put(name, float64(len(piece))/each)
	}
}

// BenchmarkPrimitives is the arithmetic itself: GOST R 34.10-2012 and Streebog beside openssl's engine in one process
// of its own, and Go's P-256. Everything is loaded once on both sides; each figure is processor time of one thread.
func BenchmarkPrimitives(b *testing.B) {
	w, f := newWorkbench(b, noise(1)), make(figures)
	n := pick(50, 2000)
	for range rounds() {
		rawGOST(b, f, n)
		rawP256(b, f, n)
		streebog(b, f, n)
		for name, v := range w.peer(b, n) {
			f.put(name, v)
		}
	}
	var t, h sheet
	t.add("µs", "ours: sign", "engine: sign", "ours/engine", "ours: verify", "engine: verify", "ours/engine", "ours: verify, key read anew")
	for _, s := range same {
		t.add(s.title, f.of(s.ours+"-sign"), f.of(s.theirs+"-sign"), f.ratio(s.ours+"-sign", s.theirs+"-sign"),
			f.of(s.ours+"-verify"), f.of(s.theirs+"-verify"), f.ratio(s.ours+"-verify", s.theirs+"-verify"), f.of(s.ours+"-new"))
	}
	const theirs = "id-ecPublicKey-P-256"
	t.add("P-256: Go's library, openssl's", f.of("p256-sign"), f.of(theirs+"-sign"), f.ratio("p256-sign", theirs+"-sign"),
		f.of("p256-verify"), f.of(theirs+"-verify"), f.ratio("p256-verify", theirs+"-verify"), "")
	h.add("MB/s", "ours", "engine", "ours/engine")
	h.add("Streebog-256", f.of("streebog256"), f.of("md_gost12_256"), f.ratio("streebog256", "md_gost12_256"))
	h.add("Streebog-512", f.of("streebog512"), f.of("md_gost12_512"), f.ratio("streebog512", "md_gost12_512"))
	publish(b, "primitives", "Signature arithmetic, processor time of one core", strings.Join([]string{
		"One digest signed and verified, again and again, in one process, keys and tables at hand; the peer is a loop in C over libcrypto and its GOST engine (bench/testdata/engine.c), in turns with ours. ",
		"Ours is Go without assembler; signing takes constant time and hedges its nonce. A pinned certificate's key keeps its table, so that is what the judgement of a bank's signature costs; the last column makes the table anew.\n\n",
		t.String(), "\nPieces of 64 KiB:\n\n", h.String(),
	}, ""))
}

// stamp is a signer with a certificate of an authority, and the policy that proves him with chain and list.
type stamp struct {
	name   string
	signer *cms.Signer
	policy *cms.Policy
	sig    []byte
}

func (w *workbench) stamp(b *testing.B, algorithm pki.Algorithm, doc []byte) *stamp {
	b.Helper()
	now, s := time.Now(), &stamp{name: string(algorithm)}
	issue := func(name string, key pki.PrivateKey, ca *pki.Certificate, by pki.PrivateKey) *pki.Certificate {
		t := pki.Template{Subject: pki.Subject{CommonName: name}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0), IsCA: ca == nil}
		cert, err := pki.IssueCertificate(t, key.Public(), ca, by, rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		return cert
	}
	key := func(file string) pki.PrivateKey {
		k, err := pki.GenerateKey(algorithm, rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		text, err := pki.MarshalPrivateKey(k)
		if err != nil {
			b.Fatal(err)
		}
		w.write(b, file, text)
		return k
	}
	above, mine := key("root.key"), key(s.name+".key")
	root := issue("authority", above, nil, above)
	cert := issue("bench", mine, root, above)
	w.write(b, "root.pem", pki.MarshalCertificate(root))
	w.write(b, s.name+".pem", pki.MarshalCertificate(cert))
	run(b, w.command(b, need(b, "openssl", "openssl libengine-gost-openssl"), "ca", "-config", "openssl.cnf", "-gencrl", "-keyfile", "root.key", "-cert", "root.pem", "-md", peerDigest(algorithm), "-out", "list.pem"))
	list, err := os.ReadFile(filepath.Join(w.dir, "list.pem"))
	if err != nil {
		b.Fatal(err)
	}
	s.policy = &cms.Policy{Signers: []cms.Pin{{Certificate: cert}}, Roots: []*pki.Certificate{root}, CRLs: new(cms.Revocations)}
	if err := s.policy.CRLs.Add(list); err != nil {
		b.Fatal(err)
	}
	if s.signer, err = cms.NewSigner(cert, mine, rand.Reader); err != nil {
		b.Fatal(err)
	}
	if s.sig, err = s.signer.Sign(b.Context(), doc, now); err != nil {
		b.Fatal(err)
	}
	w.write(b, s.name+".sig", s.sig)
	w.names = append(w.names, s.name)
	return s
}

func peerDigest(a pki.Algorithm) string {
	switch a {
	case pki.GOST256:
		return "md_gost12_256"
	case pki.GOST512:
		return "md_gost12_512"
	case pki.RSA, pki.ECDSAP256, pki.ECDSAP384:
	}
	return "sha256"
}

// BenchmarkSignatures is a detached CAdES-BES signature over 4 KB beside openssl's CMS over the same message.
func BenchmarkSignatures(b *testing.B) {
	doc := noise(4096)
	w, f := newWorkbench(b, doc), make(figures)
	var list []*stamp
	for _, algorithm := range []pki.Algorithm{pki.GOST256, pki.GOST512, pki.ECDSAP256} {
		list = append(list, w.stamp(b, algorithm, doc))
	}
	n := pick(20, 1000)
	for range rounds() {
		for _, s := range list {
			count := n
			if s.name != string(pki.GOST256) {
				count = n/4 + 1
			}
			f.put(s.name+"-sign", micro(b, count, func() error {
				_, err := s.signer.Sign(b.Context(), doc, time.Now())
				return err
			}))
			f.put(s.name+"-verify", micro(b, count, func() error { return right(s.policy.Verify(doc, s.sig, time.Now()).Valid()) }))
		}
		for name, v := range w.peer(b, n/4) {
			f.put(name, v)
		}
	}
	var t sheet
	t.add("µs", "ours: sign, then verify", "openssl: sign", "ours/openssl", "ours: verify", "openssl: verify", "ours/openssl")
	for _, s := range list {
		t.add(s.name, f.of(s.name+"-sign"), f.of(s.name+"-cms-sign"), f.ratio(s.name+"-sign", s.name+"-cms-sign"),
			f.of(s.name+"-verify"), f.of(s.name+"-cms-verify"), f.ratio(s.name+"-verify", s.name+"-cms-verify"))
	}
	publish(b, "signatures", "Whole signatures (CMS), processor time of one core", strings.Join([]string{
		"Detached CAdES-BES over 4 KB. Ours verifies every signature before it is handed out. Its verification is the whole judgement: message, attributes, digest, signature by a pinned certificate, chain and CRL, which were proven before and are remembered. ",
		"openssl (CMS_sign, CMS_verify in one process, key and certificate loaded once) verifies the same message by the given certificate and asks for no chain.\n\n", t.String(),
	}, ""))
}
