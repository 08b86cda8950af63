package install

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/evidence"
	"bankconnector/connector/install/signing"
	"bankconnector/connector/install/trust"
	"bankconnector/connector/journal"
	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// floors is where the highest CRL numbers seen are kept.
func (p *Plan) floors() string { return filepath.Join(p.Config.StateDir, "crl-numbers.json") }

// trust reads the policies of all banks for somebody who only looks.
func (p *Plan) trust() (*trust.Trust, error) {
	return trust.Open(p.Registry.All(), trust.Options{Floors: p.floors()})
}

// trusted reads the policies of all banks for the one process that has the state folder,
// which keeps what it relies on.
func (in *Installation) trusted(ctx context.Context, p *Plan) (*trust.Trust, error) {
	lasting := context.WithoutCancel(ctx) // lists come new for as long as the program runs
	return trust.Open(p.Registry.All(), trust.Options{
		Floors: p.floors(), Keep: true, Log: in.opts.Log, Now: in.opts.Now,
		Taken: func(all bool, list []trust.Material) error {
			if all {
				own, err := p.own()
				if err != nil {
					return err
				}
				list = append(list, own)
			}
			return in.keepTrust(lasting, all, list)
		},
	})
}

// own is the service's certificate as what was relied on.
func (p *Plan) own() (m trust.Material, err error) {
	cert, err := trust.ReadCertificate(p.Config.Signing.CertificateFile)
	if err != nil {
		return m, fmt.Errorf("signing: %w", err)
	}
	m = trust.Material{What: "own", File: p.Config.Signing.CertificateFile, Parts: [][]byte{cert.Raw}}
	if next := p.Config.Signing.Next; next != nil { // it takes over without anything being loaded anew
		if cert, err := trust.ReadCertificate(next.CertificateFile); err == nil {
			m.Parts = append(m.Parts, cert.Raw)
		}
	}
	return m, nil
}

// keepTrust puts certificates and lists into the store and their digests into the journal:
// in ten years the files of the configuration are others, and who took a reply must show
// what he relied on that day. A crash between the two leaves bytes that nothing names.
func (in *Installation) keepTrust(ctx context.Context, all bool, list []trust.Material) error {
	taken := evidence.Relied{All: all}
	for _, m := range list {
		r := evidence.Material{What: m.What, File: m.File, Banks: m.Banks}
		for _, part := range m.Parts {
			digest, err := in.Store.Put(ctx, part)
			if err != nil {
				return err
			}
			r.SHA256 = append(r.SHA256, digest)
		}
		taken.Trust = append(taken.Trust, r)
	}
	return in.Book.Write(ctx, "bankconnector", func(tx *journal.Tx) error { return tx.Note(evidence.ReliedKind, "", 0, taken) })
}

// Policy is what a bank's signatures are held against.
func (p *Plan) Policy(b *banks.Bank) (*cms.Policy, error) {
	t, err := p.trust()
	if err != nil {
		return nil, err
	}
	return t.Policy(b.BIC), nil
}

// Rehearse opens the service's own key, without touching anything else, and tells what is right today and will not be
// for long: signers and certificates, ours and the banks', that end or that will not do at the moment they are announced
// for.
func (p *Plan) Rehearse(ctx context.Context, now time.Time) ([]trust.Warning, error) {
	own, err := signing.Open(ctx, &p.Config.Signing, now)
	if err == nil {
		err = own.Close()
	}
	if err != nil {
		return nil, err
	}
	if _, err := p.stamps(); err != nil {
		return nil, err
	}
	t, err := p.trust()
	if err != nil {
		return nil, err
	}
	list := []trust.Warning{}
	for _, text := range p.Config.Signing.Warnings(ctx, now) {
		list = append(list, trust.Warning{Text: text})
	}
	for _, b := range p.Registry.All() {
		if b.State != banks.StateSuspended {
			list = append(list, t.Rehearse(b, now)...)
		}
	}
	return list, nil
}

// officials is what bailiffs' signatures are held against, or nil.
func officials(c OfficeConfig) (*cms.Policy, error) {
	if len(c.Officials) == 0 {
		return nil, nil
	}
	p := &cms.Policy{BER: true}
	for _, path := range c.Officials {
		cert, err := trust.ReadCertificate(path)
		if err != nil {
			return nil, fmt.Errorf("office.officials: %w", err)
		}
		p.Signers = append(p.Signers, cms.Pin{Certificate: cert})
	}
	return p, nil
}

// Keys lists every key and certificate of an installation with its end, for the view
// keys_expiring and for `keys list`.
func (p *Plan) Keys() ([]journal.Key, error) {
	var keys []journal.Key
	add := func(bank, what, path string) error {
		cert, err := trust.ReadCertificate(path)
		if err != nil {
			return err
		}
		keys = append(keys, journal.Key{Bank: bank, What: what, Subject: cert.Subject().Public, NotAfter: cert.X509.NotAfter.UTC()})
		return nil
	}
	if err := add("", "signing certificate", p.Config.Signing.CertificateFile); err != nil {
		return nil, err
	}
	if next := p.Config.Signing.Next; next != nil {
		if err := add("", "next signing certificate", next.CertificateFile); err != nil {
			return nil, err
		}
	}
	for _, path := range p.Config.Office.Officials {
		if err := add("", "official's certificate", path); err != nil {
			return nil, err
		}
	}
	if c := p.Config.Checkpoint.Timestamp; c != nil {
		for _, path := range c.Certificates {
			if err := add("", "time stamping authority's certificate", path); err != nil {
				return nil, err
			}
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
	own, err := trust.ReadCertificate(p.Config.Signing.CertificateFile)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	trusted, err := p.trust()
	if err != nil {
		return nil, err
	}
	list := []*pki.Certificate{own}
	if next := p.Config.Signing.Next; next != nil {
		if cert, err := trust.ReadCertificate(next.CertificateFile); err == nil {
			list = append(list, cert)
		}
	}
	for _, b := range p.Registry.All() {
		policy := trusted.Policy(b.BIC)
		if policy == nil {
			continue // suspended, its files are gone
		}
		for _, pin := range policy.Signers {
			list = append(list, pin.Certificate)
		}
	}
	return list, nil
}
