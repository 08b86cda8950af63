package gost

import (
	"bytes"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"hash"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// engineSets gives the engine's short name of every parameter set.
var engineSets = map[string]string{
	"id-tc26-gost-3410-2012-256-paramSetA":      "TCA",
	"id-tc26-gost-3410-2012-256-paramSetB":      "TCB",
	"id-tc26-gost-3410-2012-256-paramSetC":      "TCC",
	"id-tc26-gost-3410-2012-256-paramSetD":      "TCD",
	"id-GostR3410-2001-CryptoPro-A-ParamSet":    "A",
	"id-GostR3410-2001-CryptoPro-B-ParamSet":    "B",
	"id-GostR3410-2001-CryptoPro-C-ParamSet":    "C",
	"id-GostR3410-2001-CryptoPro-XchA-ParamSet": "XA",
	"id-GostR3410-2001-CryptoPro-XchB-ParamSet": "XB",
	"id-tc26-gost-3410-2012-512-paramSetA":      "A",
	"id-tc26-gost-3410-2012-512-paramSetB":      "B",
	"id-tc26-gost-3410-2012-512-paramSetC":      "C",
}

// engine runs openssl with the gost engine in a folder of its own.
type engine struct {
	t   *testing.T
	dir string
}

func newEngine(t *testing.T) *engine {
	t.Helper()
	e := &engine{t: t, dir: t.TempDir()}
	e.write("openssl.cnf", []byte("openssl_conf = all\n[all]\nengines = list\n[list]\ngost = gost\n"+
		"[gost]\nengine_id = gost\ndefault_algorithms = ALL\n"))
	return e
}

func (e *engine) write(name string, data []byte) {
	e.t.Helper()
	if err := os.WriteFile(filepath.Join(e.dir, name), data, 0o600); err != nil {
		e.t.Fatal(err)
	}
}

func (e *engine) read(name string) []byte {
	e.t.Helper()
	data, err := os.ReadFile(filepath.Join(e.dir, name))
	if err != nil {
		e.t.Fatal(err)
	}
	return data
}

func (e *engine) try(args ...string) ([]byte, error) {
	cmd := exec.CommandContext(e.t.Context(), "openssl", args...)
	cmd.Dir = e.dir
	cmd.Env = append(os.Environ(), "OPENSSL_CONF="+filepath.Join(e.dir, "openssl.cnf"))
	return cmd.CombinedOutput()
}

func (e *engine) run(args ...string) {
	e.t.Helper()
	if out, err := e.try(args...); err != nil {
		e.t.Fatalf("openssl %v: %v\n%s\nIf openssl or its gost engine is missing: apt-get install openssl libengine-gost-openssl", args, err, out)
	}
}

// privateInfo and publicInfo are the key files of RFC 5208 and RFC 5280.
type privateInfo struct {
	Version   int
	Algorithm pkix.AlgorithmIdentifier
	Key       []byte
}

type publicInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Key       asn1.BitString
}

func algorithm(t *testing.T, c *Curve) pkix.AlgorithmIdentifier {
	t.Helper()
	set, digest := []asn1.ObjectIdentifier{c.OID()}, asn1.ObjectIdentifier{1, 2, 643, 7, 1, 1, 2, 2}
	oid := asn1.ObjectIdentifier{1, 2, 643, 7, 1, 1, 1, 1}
	if c.Size() == 64 {
		digest[7], oid[7] = 3, 2
	}
	return pkix.AlgorithmIdentifier{Algorithm: oid, Parameters: asn1.RawValue{FullBytes: marshal(t, append(set, digest))}}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	der, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func digestOf(c *Curve, message []byte) []byte {
	h := newHash(c)
	h.Write(message)
	return h.Sum(nil)
}

func newHash(c *Curve) hash.Hash {
	if c.Size() == 64 {
		return NewStreebog512()
	}
	return NewStreebog256()
}

// give writes a Go key where openssl finds it, private and public.
func (e *engine) give(k *PrivateKey) {
	e.t.Helper()
	c := k.Public().Curve()
	e.write("key.pem", pem.EncodeToMemory(&pem.Block{
		Type:  "PRIVATE KEY",
		Bytes: marshal(e.t, privateInfo{Algorithm: algorithm(e.t, c), Key: k.Bytes()}),
	}))
	e.writePublic("public.pem", k.Public())
}

func (e *engine) writePublic(name string, k *PublicKey) {
	octets := marshal(e.t, k.Bytes())
	e.write(name, pem.EncodeToMemory(&pem.Block{
		Type: "PUBLIC KEY",
		Bytes: marshal(e.t, publicInfo{
			Algorithm: algorithm(e.t, k.Curve()),
			Key:       asn1.BitString{Bytes: octets, BitLength: len(octets) * 8},
		}),
	}))
}

// take reads the pair openssl made: the name of its set, the private key and the public one.
func (e *engine) take() (asn1.ObjectIdentifier, []byte, []byte) {
	e.t.Helper()
	var private privateInfo
	var public publicInfo
	block, _ := pem.Decode(e.read("key.pem"))
	if _, err := asn1.Unmarshal(block.Bytes, &private); err != nil {
		e.t.Fatal(err)
	}
	block, _ = pem.Decode(e.read("public.pem"))
	if _, err := asn1.Unmarshal(block.Bytes, &public); err != nil {
		e.t.Fatal(err)
	}
	var sets []asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(private.Algorithm.Parameters.FullBytes, &sets); err != nil {
		e.t.Fatal(err)
	}
	var point []byte
	if _, err := asn1.Unmarshal(public.Key.Bytes, &point); err != nil {
		e.t.Fatal(err)
	}
	return sets[0], private.Key, point
}

func digestName(c *Curve) string { return "-md_gost12_" + strconv.Itoa(c.Size()*8) }

func TestEngineAndGoAgree(t *testing.T) {
	for _, c := range Curves() {
		t.Run(c.Name(), func(t *testing.T) {
			t.Parallel()
			e := newEngine(t)
			e.run("genpkey", "-algorithm", "gost2012_"+strconv.Itoa(c.Size()*8),
				"-pkeyopt", "paramset:"+engineSets[c.Name()], "-out", "key.pem")
			e.run("pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
			oid, raw, point := e.take()
			if !oid.Equal(c.OID()) {
				t.Fatalf("openssl's key is on %v, want %v", oid, c.OID())
			}
			theirs, err := NewPrivateKey(c, raw)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(theirs.Public().Bytes(), point) {
				t.Fatal("the public keys computed from one private key differ")
			}
			ours, err := GenerateKey(c, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			for name, key := range map[string]*PrivateKey{"openssl's key": theirs, "our key": ours} {
				t.Run(name, func(t *testing.T) { bothWays(t, e, key) })
				t.Run(name+", zero digest", func(t *testing.T) { zeroDigest(t, e, key) })
			}
		})
	}
}

// zeroDigest is e = 0, which both must take for 1.
func zeroDigest(t *testing.T, e *engine, k *PrivateKey) {
	t.Helper()
	digest := make([]byte, k.Public().Curve().Size())
	sig, err := k.Sign(rand.Reader, digest)
	if err != nil {
		t.Fatal(err)
	}
	e.give(k)
	e.write("digest", digest)
	e.write("ours.sig", sig)
	e.run("pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-in", "digest", "-sigfile", "ours.sig")
	e.run("pkeyutl", "-sign", "-inkey", "key.pem", "-in", "digest", "-out", "theirs.sig")
	if !k.Public().Verify(digest, e.read("theirs.sig")) {
		t.Error("openssl's signature of a zero digest is refused here")
	}
}

// bothWays signs here and there with one key and verifies there and here.
func bothWays(t *testing.T, e *engine, k *PrivateKey) {
	t.Helper()
	c := k.Public().Curve()
	e.give(k)
	for round := range 3 {
		message := make([]byte, 100*round)
		if _, err := rand.Read(message); err != nil {
			t.Fatal(err)
		}
		digest := digestOf(c, message)
		e.write("message", message)
		e.run("dgst", digestName(c), "-sign", "key.pem", "-out", "theirs.sig", "message")
		if !k.Public().Verify(digest, e.read("theirs.sig")) {
			t.Error("openssl's signature is refused here")
		}
		sig, err := k.Sign(rand.Reader, digest)
		if err != nil {
			t.Fatal(err)
		}
		e.write("ours.sig", sig)
		e.run("dgst", digestName(c), "-verify", "public.pem", "-signature", "ours.sig", "message")
		e.write("digest", digest)
		e.run("pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-in", "digest", "-sigfile", "ours.sig")
		sig[2*c.Size()-1] ^= 1
		e.write("ours.sig", sig)
		if out, err := e.try("dgst", digestName(c), "-verify", "public.pem", "-signature", "ours.sig", "message"); err == nil {
			t.Errorf("openssl accepts a changed signature, so it proves nothing: %s", out)
		}
	}
}

func TestEngineAndGoHashAlike(t *testing.T) {
	e := newEngine(t)
	for _, c := range []*Curve{Curves()[0], Curves()[9]} {
		for _, n := range []int{0, 1, 31, 32, 63, 64, 65, 127, 128, 129, 1000, 70000} {
			message := bytes.Repeat([]byte{0xff}, n)
			e.write("message", message)
			e.run("dgst", digestName(c), "-binary", "-out", "digest", "message")
			if got, want := digestOf(c, message), e.read("digest"); !bytes.Equal(got, want) {
				t.Errorf("%s of %d octets FF: %x, openssl says %x", digestName(c), n, got, want)
			}
		}
	}
}
