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

// Flags declares a flag for each list but the signers, and each switch, by whatever declares flags.
func (t *Trust) Flags(list func(p *[]string, name string, value []string, usage string), flag func(p *bool, name string, value bool, usage string)) {
	list(&t.Roots, "trust", nil, "root certificate, file or folder: the signer must chain to it")
	list(&t.Intermediates, "intermediate", nil, "certificate of an authority between, file or folder")
	list(&t.Lists, "crl", nil, "CRL or OCSP answer, file or folder")
	flag(&t.BER, "ber", false, "accept BER with indefinite lengths, as Java providers write it")
	flag(&t.PSS, "pss", false, "accept RSASSA-PSS")
	flag(&t.Attached, "attached", false, "accept a message that also holds the content")
	flag(&t.NoSigningCertificate, "no-signing-certificate", false, "accept a message without signingCertificateV2")
	flag(&t.RevocationOptional, "revocation-optional", false, "accept a signer whose revocation cannot be told")
	flag(&t.KeyPeriodOptional, "key-period-optional", false, "ignore privateKeyUsagePeriod")
}

// Told is a verdict as `signature verify` tells it.
type Told struct {
	Status      string     `json:"status"`
	Code        string     `json:"code,omitempty"`
	Detail      string     `json:"detail,omitempty"`
	Signer      string     `json:"signer,omitempty"`
	Fingerprint string     `json:"fingerprint,omitempty"`
	SigningTime *time.Time `json:"signing_time,omitempty"`
	Text        string     `json:"text"`
}

// Tell puts a verdict into words of a language, "ru" or "en".
func Tell(v cms.Verdict, lang string) Told {
	out := Told{Status: string(v.Status), Code: v.Code, Detail: v.Detail, Text: v.Text(lang)}
	if v.Signer != nil {
		out.Signer, out.Fingerprint = v.Signer.Subject().Text, v.Signer.Fingerprint()
	}
	if !v.SigningTime.IsZero() {
		out.SigningTime = &v.SigningTime
	}
	return out
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
