package install

import (
	"crypto/rand"
	"fmt"
	"os"

	"bankconnector/banks"
	"bankconnector/connector/journal"
	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// checkSigners reads a bank's certificates, so that a wrong file is found before the
// first reply is refused for it. A suspended bank's files need not be there.
func checkSigners(b *banks.Bank) banks.Problems {
	var problems banks.Problems
	for i, s := range b.Signers {
		if _, err := readCertificate(s.CertificateFile); err != nil && (b.State != banks.StateSuspended || !os.IsNotExist(err)) {
			problems = append(problems, banks.Problem{Path: fmt.Sprintf("signers[%d].certificate_file", i), Text: err.Error()})
		}
	}
	return problems
}

// readCertificate reads a file that must hold exactly one certificate.
func readCertificate(path string) (*pki.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	list, err := pki.ReadCertificates(data)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s: %w", path, err)
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("read certificate %s: %d certificates in the file, exactly one is pinned", path, len(list))
	}
	return list[0], nil
}

// policy is what a bank's signatures are held against: its own pinned certificates,
// each in its time.
func policy(b *banks.Bank) (*cms.Policy, error) {
	p := &cms.Policy{BER: true}
	for _, s := range b.Signers {
		cert, err := readCertificate(s.CertificateFile)
		if err != nil {
			return nil, fmt.Errorf("bank %s: %w", b.BIC, err)
		}
		p.Signers = append(p.Signers, cms.Pin{Certificate: cert, From: s.From, Until: s.Until})
	}
	return p, nil
}

// Policy is what a bank's signatures are held against.
func (p *Plan) Policy(b *banks.Bank) (*cms.Policy, error) { return policy(b) }

// policies are the policies of all banks that may be met.
func policies(r *banks.Registry) (map[banks.ID]*cms.Policy, error) {
	all := make(map[banks.ID]*cms.Policy)
	for _, b := range r.All() {
		p, err := policy(b)
		if err != nil && b.State == banks.StateSuspended {
			continue
		}
		if err != nil {
			return nil, err
		}
		all[b.BIC] = p
	}
	return all, nil
}

// officials is what bailiffs' signatures are held against, or nil.
func officials(c OfficeConfig) (*cms.Policy, error) {
	if len(c.Officials) == 0 {
		return nil, nil
	}
	p := &cms.Policy{BER: true}
	for _, path := range c.Officials {
		cert, err := readCertificate(path)
		if err != nil {
			return nil, fmt.Errorf("office.officials: %w", err)
		}
		p.Signers = append(p.Signers, cms.Pin{Certificate: cert})
	}
	return p, nil
}

// signer opens the service's own key.
func signer(s Signing) (*cms.Signer, error) {
	cert, err := readCertificate(s.CertificateFile)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	key, err := readKey(s)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	own, err := cms.NewSigner(cert, key, rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return own, nil
}

func readKey(s Signing) (pki.PrivateKey, error) {
	if s.PasswordFile == "" {
		return pki.ReadKeyFile(s.KeyFile)
	}
	password, err := banks.ReadSecret(s.PasswordFile)
	if err != nil {
		return nil, err
	}
	data, err := banks.ReadSecret(s.KeyFile)
	if err != nil {
		return nil, err
	}
	return pki.ReadPrivateKey([]byte(data.Reveal()), []byte(password.Reveal()))
}

// CheckSigning opens the service's own key and certificate and signs something, without
// touching anything else.
func (p *Plan) CheckSigning() error {
	_, err := signer(p.Config.Signing)
	return err
}

// Keys lists every key and certificate of an installation with its end, for the view
// keys_expiring and for `keys list`.
func (p *Plan) Keys() ([]journal.Key, error) {
	var keys []journal.Key
	add := func(bank, what, path string) error {
		cert, err := readCertificate(path)
		if err != nil {
			return err
		}
		keys = append(keys, journal.Key{Bank: bank, What: what, Subject: cert.Subject().Text, NotAfter: cert.X509.NotAfter.UTC()})
		return nil
	}
	if err := add("", "signing certificate", p.Config.Signing.CertificateFile); err != nil {
		return nil, err
	}
	for _, path := range p.Config.Office.Officials {
		if err := add("", "official's certificate", path); err != nil {
			return nil, err
		}
	}
	for _, b := range p.Registry.All() {
		for _, s := range b.Signers {
			if err := add(string(b.BIC), "bank's certificate", s.CertificateFile); err != nil && b.State != banks.StateSuspended {
				return nil, err
			}
		}
	}
	return keys, nil
}

// Certificates are those of an installation that sign documents: its own, and the banks'.
func (p *Plan) Certificates() ([]*pki.Certificate, error) {
	own, err := readCertificate(p.Config.Signing.CertificateFile)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	trusted, err := policies(p.Registry)
	if err != nil {
		return nil, err
	}
	list := []*pki.Certificate{own}
	for _, b := range p.Registry.All() {
		if trusted[b.BIC] == nil {
			continue // suspended, its files are gone
		}
		for _, pin := range trusted[b.BIC].Signers {
			list = append(list, pin.Certificate)
		}
	}
	return list, nil
}
