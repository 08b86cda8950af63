package cms_test

import (
	"context"
	"crypto/rand"
	"syscall"
	"testing"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// benchmark worlds are made once for each algorithm, outside of the measured time.
func eachSuite(b *testing.B, run func(b *testing.B, s *cms.Signer, p *cms.Policy, doc []byte)) {
	b.Helper()
	for _, s := range suites() {
		b.Run(string(s.alg), func(b *testing.B) {
			root, leaf := benchKey(b, s.alg), benchKey(b, s.alg)
			t := pki.Template{Subject: pki.Subject{CommonName: "УЦ"}, NotBefore: now().AddDate(-1, 0, 0), NotAfter: now().AddDate(9, 0, 0), IsCA: true}
			ca, err := pki.IssueCertificate(t, root.Public(), nil, root, rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			t.IsCA, t.Subject.CommonName = false, "Банк"
			cert, err := pki.IssueCertificate(t, leaf.Public(), ca, root, rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			own, err := cms.NewSigner(cert, leaf, rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			p := &cms.Policy{Signers: []cms.Pin{{Certificate: cert}}, Roots: []*pki.Certificate{ca}, RevocationOptional: true}
			run(b, own, p, make([]byte, 4096))
		})
	}
}

func benchKey(b *testing.B, a pki.Algorithm) pki.PrivateKey {
	b.Helper()
	k, err := pki.GenerateKey(a, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	return k
}

// processor reports the processor time of an operation beside the time on the wall, which on a shared machine tells
// more about the neighbours.
func processor(b *testing.B) (stop func()) {
	b.Helper()
	used := func() time.Duration {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

// BenchmarkVerify is the whole judgement of a signature over 4 KiB: message, digest, signature, chain proven before.
func BenchmarkVerify(b *testing.B) {
	eachSuite(b, func(b *testing.B, s *cms.Signer, p *cms.Policy, doc []byte) {
		b.Helper()
		sig, err := s.Sign(context.Background(), doc, now())
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		stop := processor(b)
		for b.Loop() {
			if v := p.Verify(doc, sig, now()); !v.Valid() {
				b.Fatal(v.Code, v.Detail)
			}
		}
		stop()
	})
}

// BenchmarkSign includes the verification of every signature before it is handed out.
func BenchmarkSign(b *testing.B) {
	eachSuite(b, func(b *testing.B, s *cms.Signer, _ *cms.Policy, doc []byte) {
		b.Helper()
		b.ReportAllocs()
		stop := processor(b)
		for b.Loop() {
			if _, err := s.Sign(context.Background(), doc, now()); err != nil {
				b.Fatal(err)
			}
		}
		stop()
	})
}

// BenchmarkRefuse is what a message costs that is refused before any signature is looked at.
func BenchmarkRefuse(b *testing.B) {
	eachSuite(b, func(b *testing.B, s *cms.Signer, p *cms.Policy, doc []byte) {
		b.Helper()
		sig, err := s.Sign(context.Background(), doc, now())
		if err != nil {
			b.Fatal(err)
		}
		stop := processor(b)
		for b.Loop() {
			if v := p.Verify(doc[1:], sig, now()); v.Code != "digest-mismatch" {
				b.Fatal(v.Code)
			}
		}
		stop()
	})
}
