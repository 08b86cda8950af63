package cms_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

func algorithms() []pki.Algorithm {
	return []pki.Algorithm{pki.GOST256, pki.GOST512, pki.RSA, pki.ECDSAP256, pki.ECDSAP384}
}

func now() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func TestSignAndVerify(t *testing.T) {
	content := []byte("<Restrictn>Платёж</Restrictn>\r\n")
	for _, a := range algorithms() {
		t.Run(string(a), func(t *testing.T) {
			key, err := pki.GenerateKey(a, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			cert, err := pki.IssueCertificate(pki.Template{
				Subject: pki.Subject{CommonName: "ФССП"}, NotBefore: now().AddDate(-1, 0, 0), NotAfter: now().AddDate(1, 0, 0),
			}, key.Public(), nil, key, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			s, err := cms.NewSigner(cert, key, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			sig, err := s.Sign(context.Background(), content, now())
			if err != nil {
				t.Fatal(err)
			}
			p := &cms.Policy{Signers: []cms.Pin{{Certificate: cert}}}
			if v := p.Verify(content, sig, now()); !v.Valid() || !v.SigningTime.Equal(now()) || v.Signer != cert {
				t.Fatalf("%+v", v)
			}
			if v := p.Verify(append(content, '\n'), sig, now()); v.Code != "digest-mismatch" {
				t.Fatalf("other content: %+v", v)
			}
			if v := p.Verify(content, sig, now().AddDate(2, 0, 0)); v.Status != cms.Expired {
				t.Fatalf("after the end: %+v", v)
			}
			if _, err := s.Sign(context.Background(), content, cert.X509.NotAfter.Add(-time.Hour)); err == nil {
				t.Fatal("signs within the last day of its certificate")
			}
		})
	}
}
