package trust

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"bankconnector/banks"
	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// soon is how long before its end a certificate without successor is worth a warning.
const soon = 30 * 24 * time.Hour

// Check reads the certificates and lists of a profile, so that a wrong file is found before the first reply is refused
// for it. A suspended bank's files need not be there. A certificate that names another organisation than the card is a
// file mixed up between banks.
func Check(b *banks.Bank) banks.Problems {
	var problems banks.Problems
	add := func(path string, err error) {
		if err != nil && (b.State != banks.StateSuspended || !errors.Is(err, fs.ErrNotExist)) {
			problems = append(problems, banks.Problem{Path: path, Text: err.Error()})
		}
	}
	for i, s := range b.Signers {
		cert, err := ReadCertificate(s.CertificateFile)
		if err == nil {
			err = matchCard(b, cert)
		}
		add(fmt.Sprintf("signers[%d].certificate_file", i), err)
	}
	for i, id := range b.Signature.Purposes {
		if _, err := x509.ParseOID(id); err != nil {
			add(fmt.Sprintf("signature.purposes[%d]", i), fmt.Errorf("%q is no object identifier; write it as 1.3.6.1.5.5.7.3.4", id))
		}
	}
	for i, path := range b.Trust.Roots {
		list, err := readCertificates(path)
		if err == nil {
			err = onlyRoots(list)
		}
		add(fmt.Sprintf("trust.roots[%d]", i), err)
	}
	for i, path := range b.Trust.Intermediates {
		_, err := readCertificates(path)
		add(fmt.Sprintf("trust.intermediates[%d]", i), err)
	}
	t := &Trust{known: new(cms.Revocations), lists: make(map[string]stamp)}
	for i, path := range b.Trust.CRLs {
		_, err := t.readList(path)
		add(fmt.Sprintf("trust.crls[%d]", i), err)
	}
	return problems
}

// NotOurs makes a check that refuses a profile which takes one of our own signatures for the bank's: what we sent would
// come back as the bank's word. The key decides, for a certificate is renewed and the key may stay. A file of ours that
// cannot be read is told where it is opened.
func NotOurs(files []string) func(*banks.Bank) banks.Problems {
	own := make(map[string]string) // by public key
	for _, f := range files {
		if cert, err := ReadCertificate(f); err == nil {
			own[string(cert.X509.RawSubjectPublicKeyInfo)] = f
		}
	}
	return func(b *banks.Bank) (problems banks.Problems) {
		for i, s := range b.Signers {
			cert, err := ReadCertificate(s.CertificateFile)
			if err != nil {
				continue // Check tells it
			}
			if f, ours := own[string(cert.X509.RawSubjectPublicKeyInfo)]; ours {
				problems = append(problems, banks.Problem{
					Path: fmt.Sprintf("signers[%d].certificate_file", i),
					Text: fmt.Sprintf("has the key of our own certificate (%s): name the bank's; what we sent could else come back as the bank's word", f),
				})
			}
		}
		return problems
	}
}

// onlyRoots refuses an authority that another one stands above: no chain may end there.
func onlyRoots(list []*pki.Certificate) error {
	for _, c := range list {
		if !bytes.Equal(c.X509.RawSubject, c.X509.RawIssuer) {
			return fmt.Errorf("%s is no root, %q issued it; name it under trust.intermediates, and its root here", c, c.Issuer().Text)
		}
	}
	return nil
}

// matchCard compares the organisation that a certificate names (приказ ФСБ № 795: ИНН ЮЛ, ОГРН) with the bank's card.
func matchCard(b *banks.Bank, c *pki.Certificate) error {
	if b.Trust.Card == "ignore" {
		return nil
	}
	s, must := c.Subject(), b.Trust.Card == "required"
	inn := s.Taxpayer()
	if len(inn) != 10 {
		inn = "" // a person's own number says nothing about whom he signs for
	}
	for _, n := range []struct{ what, named, card string }{{"INN", inn, b.INN}, {"OGRN", s.OGRN, b.OGRN}} {
		if n.card == "" || n.named == n.card || n.named == "" && !must {
			continue
		}
		if n.named == "" {
			return fmt.Errorf("the certificate of %s names no %s, which trust.card: required asks for", c, n.what)
		}
		return fmt.Errorf("the certificate of %s names %s %s, the bank's is %s; it is another's file, or write trust.card: ignore", c, n.what, n.named, n.card)
	}
	return nil
}

// Warning is something that is right today and will not be for long.
type Warning struct {
	Bank string `json:"bank,omitempty"` // БИК; empty for the installation's own
	Text string `json:"text"`
}

// Rehearse judges every announced signer of a bank at the moment it comes into force, or now, and tells what will go
// wrong: a chain that does not hold, a revocation that cannot be told, a gap between two signers, an end without
// successor.
func (t *Trust) Rehearse(b *banks.Bank, now time.Time) []Warning {
	p := t.policies[b.BIC]
	if p == nil {
		return nil
	}
	var list []Warning
	warn := func(format string, args ...any) {
		list = append(list, Warning{Bank: string(b.BIC), Text: fmt.Sprintf(format, args...)})
	}
	for _, pin := range p.Signers {
		at := now
		if begin := pin.Certificate.X509.NotBefore; pin.From.IsZero() && begin.After(at) {
			at = begin
		} else if pin.From.After(at) {
			at = pin.From
		}
		if !pin.Until.IsZero() && !at.Before(pin.Until) {
			continue
		}
		v := p.Check(pin.Certificate, at)
		switch {
		case v.Valid():
		case at.Equal(now):
			warn("the signer %s is not accepted now: %s", pin.Certificate, v.Text("en"))
		case v.Status == cms.Unchecked: // the CRL of that day is not made yet
		default:
			warn("the signer %s, announced from %s, will not be accepted then: %s", pin.Certificate, at.Format(time.DateOnly), v.Text("en"))
		}
	}
	if end := covered(p, now); end.Before(now.Add(soon)) {
		if end.After(now) {
			warn("no signer is accepted after %s; ask the bank for its next certificate", end.Format(time.RFC3339))
		} else {
			warn("no signer is accepted now; every reply will be refused")
		}
	}
	return list
}

// covered is until when some signer is accepted without a gap.
func covered(p *cms.Policy, from time.Time) time.Time {
	end := from
	for grown := true; grown; {
		grown = false
		for _, pin := range p.Signers {
			begin, until := pin.Certificate.X509.NotBefore, pin.Certificate.X509.NotAfter
			if pin.From.After(begin) {
				begin = pin.From
			}
			if !pin.Until.IsZero() && pin.Until.Before(until) {
				until = pin.Until
			}
			if !begin.After(end) && until.After(end) {
				end, grown = until, true
			}
		}
	}
	return end
}
