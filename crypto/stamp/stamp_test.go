package stamp

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bankconnector/crypto/cms/message"
	"bankconnector/crypto/pki"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// office is a time stamping authority: the real openssl ts with a configuration of its own.
type office struct {
	t   *testing.T
	dir string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t, t.TempDir()}
	o.write("openssl.cnf", []byte(`openssl_conf = conf
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
[tsa]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature,nonRepudiation
extendedKeyUsage = critical,timeStamping
[loose]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature,nonRepudiation
extendedKeyUsage = timeStamping,emailProtection
[none]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature,nonRepudiation
[ts]
default_tsa = serve
[serve]
serial = serial
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.5
digests = sha256, md_gost12_256, md_gost12_512
accuracy = secs:1
clock_precision_digits = 3
ess_cert_id_alg = sha256
`))
	return o
}

func (o *office) write(name string, data []byte) {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, name), data, 0o600); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) read(name string) []byte {
	o.t.Helper()
	data, err := os.ReadFile(filepath.Join(o.dir, name))
	if err != nil {
		o.t.Fatal(err)
	}
	return data
}

func (o *office) try(args ...string) (string, error) {
	c := exec.Command("openssl", args...)
	c.Dir, c.Env = o.dir, append(os.Environ(), "OPENSSL_CONF="+filepath.Join(o.dir, "openssl.cnf"))
	out, err := c.CombinedOutput()
	return string(out), err
}

func (o *office) run(args ...string) {
	o.t.Helper()
	if out, err := o.try(args...); err != nil {
		o.t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// issue makes a self-signed certificate with extensions of a section and reads it.
func (o *office) issue(name, section string, newkey ...string) *pki.Certificate {
	o.t.Helper()
	args := append([]string{"req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=" + name, "-extensions", section, "-keyout", name + ".key", "-out", name + ".pem"}, newkey...)
	o.run(args...)
	list, err := pki.ReadCertificates(o.read(name + ".pem"))
	if err != nil {
		o.t.Fatal(err)
	}
	return list[0]
}

// reply has openssl answer a request.
func (o *office) reply(r *Request, name, digest string) []byte {
	o.t.Helper()
	query, err := r.Marshal()
	if err != nil {
		o.t.Fatal(err)
	}
	o.write("query", query)
	o.run("ts", "-reply", "-section", "serve", "-queryfile", "query", "-signer", name+".pem", "-inkey", name+".key", "-"+digest, "-out", "answer")
	return o.read("answer")
}

func ask(t *testing.T, a *Authority, data string) *Request {
	t.Helper()
	r, err := a.Ask([]byte(data), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var ec = []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"}

// TestOpenSSLAnswers: what the real authority answers under every kind of key is good, and what we ask for is understood.
func TestOpenSSLAnswers(t *testing.T) {
	o := newOffice(t)
	for name, key := range map[string][]string{
		"rsa": {"-newkey", "rsa:3072"}, "ecdsa": ec,
		"gost256": {"-newkey", "gost2012_256", "-pkeyopt", "paramset:A"}, "gost512": {"-newkey", "gost2012_512", "-pkeyopt", "paramset:A"},
	} {
		t.Run(name, func(t *testing.T) {
			digest := map[string]string{"gost256": "md_gost12_256", "gost512": "md_gost12_512"}[name]
			if digest == "" {
				digest = "sha256"
			}
			a := &Authority{Certificates: []*pki.Certificate{o.issue(name, "tsa", key...)}}
			if err := a.Check(); err != nil {
				t.Fatal(err)
			}
			for _, policy := range []string{"", "1.2.3.4.5"} {
				a.Policy = policy
				r := ask(t, a, "checkpoint")
				token, err := r.Answer(o.reply(r, name, digest), time.Now())
				if err != nil {
					t.Fatalf("policy %q: %v", policy, err)
				}
				if token.Serial == "" || time.Since(token.Time).Abs() > time.Minute || policy != "" && token.Policy != policy {
					t.Errorf("%+v", token)
				}
				if again, err := a.Verify(token.Raw, []byte("checkpoint")); err != nil || !again.Time.Equal(token.Time) {
					t.Errorf("verified anew: %v", err)
				}
				if _, err := a.Verify(token.Raw, []byte("another")); err == nil {
					t.Error("good over something else")
				}
				o.write("data", []byte("checkpoint"))
				o.write("token", token.Raw)
				o.run("ts", "-verify", "-data", "data", "-in", "token", "-token_in", "-CAfile", name+".pem", "-partial_chain", "-attime", fmt.Sprint(token.Time.Unix()))
			}
		})
	}
}

// TestHostileAnswers: an answer that is not to this very question, or not by the pinned authority, is no time stamp.
func TestHostileAnswers(t *testing.T) {
	o := newOffice(t)
	a := &Authority{Certificates: []*pki.Certificate{o.issue("good", "tsa", ec...)}}
	o.issue("other", "tsa", ec...)
	r := ask(t, a, "checkpoint")
	answer := o.reply(r, "good", "sha256")
	at := time.Now()
	if _, err := r.Answer(answer, at); err != nil {
		t.Fatal(err)
	}
	old := *r
	old.nonce = ask(t, a, "").nonce
	stranger := o.reply(r, "other", "sha256")
	for name, tt := range map[string]struct {
		answer []byte
		at     time.Time
		want   string
	}{
		"WrongImprint":    {o.reply(ask(t, a, "another"), "good", "sha256"), at, "another digest"},
		"WrongNonce":      {o.reply(&old, "good", "sha256"), at, "nonce"},
		"AnotherSigner":   {stranger, at, "not-pinned"},
		"ClockElsewhere":  {answer, at.Add(time.Hour), "it is"},
		"Refusal":         {o.reply(&Request{authority: &Authority{Policy: "1.2.3.99"}, imprint: r.imprint, nonce: r.nonce}, "good", "sha256"), at, "refused"},
		"Nothing":         {nil, at, "not a TimeStampResp"},
		"Huge":            {make([]byte, MaxAnswer+1), at, "not a TimeStampResp"},
		"TrailingGarbage": {append(append([]byte{}, answer...), 0), at, "not a TimeStampResp"},
		"Cut":             {answer[:len(answer)-1], at, "not a TimeStampResp"},
	} {
		t.Run(name, func(t *testing.T) {
			if token, err := r.Answer(tt.answer, tt.at); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%+v, %v, want %q", token, err, tt.want)
			}
		})
	}
	t.Run("EveryOctet", func(t *testing.T) {
		token, err := granted(answer)
		if err != nil {
			t.Fatal(err)
		}
		for i := range token {
			spoilt := append([]byte{}, token...)
			spoilt[i] ^= 0x11
			// What the signature does not cover may differ: certificates that came along, and the names of digests.
			if got, err := a.Verify(spoilt, []byte("checkpoint")); err == nil && (got.Time.Sub(at).Abs() > time.Minute || got.Signer.Fingerprint() != a.Certificates[0].Fingerprint()) {
				t.Errorf("octet %d changed, and it is good: %+v", i, got)
			}
		}
	})
	t.Run("AnotherPolicy", func(t *testing.T) {
		strict := &Authority{Certificates: a.Certificates, Policy: "1.2.3.4.5"}
		token, _ := granted(answer)
		if _, err := strict.Verify(token, []byte("checkpoint")); err == nil || !strings.Contains(err.Error(), "policy") {
			t.Errorf("%v", err)
		}
	})
}

// TestSignerMustBeAnAuthority: a certificate that is not made for time stamps alone is refused in the configuration, and
// a token under one that was pinned all the same.
func TestSignerMustBeAnAuthority(t *testing.T) {
	o := newOffice(t)
	good := &Authority{Certificates: []*pki.Certificate{o.issue("good", "tsa", ec...)}}
	token, err := granted(o.reply(ask(t, good, "checkpoint"), "good", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	m, refusal := message.Read(token, false)
	if refusal != nil {
		t.Fatal(refusal)
	}
	o.write("info", m.Content)
	for _, section := range []string{"none", "loose", "tsa"} {
		a := &Authority{Certificates: []*pki.Certificate{o.issue(section, section, ec...)}}
		o.run("cms", "-sign", "-binary", "-nodetach", "-cades", "-md", "sha256", "-econtent_type", oidInfo, "-in", "info", "-signer", section+".pem", "-inkey", section+".key", "-outform", "DER", "-out", "forged")
		_, err := a.Verify(o.read("forged"), []byte("checkpoint"))
		if (err == nil) != (section == "tsa") || (a.Check() == nil) != (section == "tsa") {
			t.Errorf("%s: %v, %v", section, err, a.Check())
		}
	}
	if err := new(Authority).Check(); err == nil {
		t.Error("nobody is an authority")
	}
	for policy, ok := range map[string]bool{"1.2.643.2": true, "3.1": false, "1.40": false, "1": false, "1.02": false, "x": false} {
		good.Policy = policy
		if err := good.Check(); (err == nil) != ok {
			t.Errorf("policy %q: %v", policy, err)
		}
	}
}

func TestTimes(t *testing.T) {
	for text, ok := range map[string]bool{
		"20261122090000Z": true, "20261122090000.5Z": true, "20261122090000.123456789Z": true, "20261122090000.50Z": false, "20261122090000.Z": false,
		"20261122090000": false, "20261122090000+0300": false, "20261322090000Z": false, "202611220900Z": false, "20261122090000,5Z": false,
	} {
		if at, got := readTime(text); got != ok || ok && at.Year() != 2026 {
			t.Errorf("%s: %v, %t", text, at, got)
		}
	}
}

// FuzzAnswer: whatever an authority sends costs no panic and is no time stamp.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("\x30\x03\x02\x01\x00"))
	a := &Authority{}
	r, err := a.Ask([]byte("checkpoint"), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		if token, err := r.Answer(answer, time.Now()); err == nil {
			t.Errorf("%x is a time stamp: %+v", answer, token)
		}
		_, _ = readInfo(answer)
	})
}
