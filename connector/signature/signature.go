// Package signature reads what a person names to hold a signature against: certificates and lists, in files and folders,
// and the switches that a bank's profile has too.
//
// It judges nothing, that is cms. It may call cms and pki.
package signature

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// Trust is what a signature is held against. Every path is a file or a folder of files; every switch is off unless asked
// for.
type Trust struct {
	Signers, Roots, Intermediates, Lists []string

	BER, PSS, Attached, NoSigningCertificate bool
	RevocationOptional, KeyPeriodOptional    bool
}

// Apply adds all of it to a policy. Where a chain is asked for, a revocation status that cannot be told refuses.
func (t *Trust) Apply(p *cms.Policy, now func() time.Time) error {
	certs, err := Certificates(t.Signers)
	for _, c := range certs {
		p.Signers = append(p.Signers, cms.Pin{Certificate: c})
	}
	roots, bad := Certificates(t.Roots)
	between, worse := Certificates(t.Intermediates)
	p.Roots, p.Intermediates = append(p.Roots, roots...), append(p.Intermediates, between...)
	if err := errors.Join(err, bad, worse); err != nil {
		return err
	}
	p.BER = p.BER || t.BER
	p.PSS = p.PSS || t.PSS
	p.Attached = p.Attached || t.Attached
	p.SigningCertificateOptional = p.SigningCertificateOptional || t.NoSigningCertificate
	p.KeyPeriodOptional = p.KeyPeriodOptional || t.KeyPeriodOptional
	p.RevocationOptional = p.RevocationOptional || t.RevocationOptional
	if len(t.Lists) == 0 {
		return nil
	}
	if p.CRLs == nil {
		p.CRLs = &cms.Revocations{Now: now}
	}
	return EachFile(t.Lists, func(_ string, data []byte) error { return p.CRLs.Add(data) })
}

// Certificates reads every certificate of files and folders.
func Certificates(paths []string) ([]*pki.Certificate, error) {
	var all []*pki.Certificate
	err := EachFile(paths, func(path string, data []byte) error {
		list, err := pki.ReadCertificates(data)
		if err == nil && len(list) == 0 {
			err = errors.New("no certificate in it")
		}
		all = append(all, list...)
		return err
	})
	return all, err
}

// EachFile reads files, and of folders every file.
func EachFile(paths []string, read func(path string, data []byte) error) error {
	for i := 0; i < len(paths); i++ {
		path := paths[i]
		if entries, err := os.ReadDir(path); err == nil {
			for _, e := range entries {
				if e.Type().IsRegular() {
					paths = append(paths[:len(paths):len(paths)], filepath.Join(path, e.Name()))
				}
			}
			continue
		}
		data, err := os.ReadFile(path)
		if err == nil {
			err = read(path, data)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
	}
	return nil
}
