// Package signing opens the service's own signature: a key in a file, a key on a PKCS#11 token, or another program that
// signs (CryptoPro's cryptcp or csptest). Whatever signs, every signature is verified by cms before it leaves.
//
// It may call banks, cms, pki and token. It never logs, and no error of it holds a key, a password or a PIN.
package signing

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/install/trust"
	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// Config is the block signing of config.yaml. The meaning of every key stands in config.example.yaml.
type Config struct {
	CertificateFile string        `yaml:"certificate_file" jsonschema:"required" resolve:"path"`
	KeyFile         string        `yaml:"key_file,omitempty" resolve:"path"`
	PasswordFile    string        `yaml:"password_file,omitempty" resolve:"path"`
	PKCS11          *Token        `yaml:"pkcs11,omitempty"`
	Command         *Command      `yaml:"command,omitempty"`
	StopBefore      time.Duration `yaml:"stop_before" jsonschema:"default=24h,minimum=0s,maximum=720h"`
	Next            *Next         `yaml:"next,omitempty"`
}

// Next is the certificate that is announced to the banks and not yet in force, with its key. From is when it takes over
// by itself; without it that is when signing under the old one stops.
type Next struct {
	From            time.Time `yaml:"from,omitempty"`
	CertificateFile string    `yaml:"certificate_file" jsonschema:"required" resolve:"path"`
	KeyFile         string    `yaml:"key_file,omitempty" resolve:"path"`
	PasswordFile    string    `yaml:"password_file,omitempty" resolve:"path"`
	PKCS11          *Token    `yaml:"pkcs11,omitempty"`
	Command         *Command  `yaml:"command,omitempty"`
}

// Token is a key on a PKCS#11 token.
type Token struct {
	Module  string `yaml:"module" jsonschema:"required" resolve:"path"`
	Token   string `yaml:"token,omitempty" jsonschema:"maxLength=32"`
	Label   string `yaml:"label,omitempty" jsonschema:"maxLength=250"`
	ID      string `yaml:"id,omitempty" jsonschema:"pattern=^([0-9a-fA-F]{2})+$"`
	PINFile string `yaml:"pin_file" jsonschema:"required" resolve:"path"`
}

// Check refuses a key without any name.
func (t *Token) Check() banks.Problems {
	if t.Label == "" && t.ID == "" {
		return banks.Problems{{Text: "names no key: give its label, its id, or both"}}
	}
	return nil
}

// Check refuses no key, and two.
func (c *Config) Check() banks.Problems {
	return c.self().Check()
}

// Certificates are the files of the certificates that sign, now and next.
func (c *Config) Certificates() []string {
	if c.Next == nil {
		return []string{c.CertificateFile}
	}
	return []string{c.CertificateFile, c.Next.CertificateFile}
}

func (c *Config) self() Next {
	return Next{CertificateFile: c.CertificateFile, KeyFile: c.KeyFile, PasswordFile: c.PasswordFile, PKCS11: c.PKCS11, Command: c.Command}
}

// InForce is what signs at a moment, and when the next certificate takes over from it; zero when none does.
func (c *Config) InForce(at time.Time) (n Next, turn time.Time, err error) {
	if c.Next == nil {
		return c.self(), time.Time{}, nil
	}
	if turn = c.Next.From; turn.IsZero() {
		cert, err := trust.ReadCertificate(c.CertificateFile)
		if err != nil {
			return n, turn, err
		}
		if turn, err = c.until(cert); err != nil {
			return n, turn, err
		}
	}
	if at.Before(turn) {
		return c.self(), turn, nil
	}
	return *c.Next, time.Time{}, nil
}

// until is when signing under a certificate stops.
func (c *Config) until(cert *pki.Certificate) (time.Time, error) {
	s, err := cms.NewSignerFunc(cert, func(context.Context, pki.Digest, []byte) ([]byte, error) { return nil, errors.ErrUnsupported })
	if err != nil {
		return time.Time{}, err
	}
	s.Margin = c.StopBefore
	return s.Until(), nil
}

// Check refuses no key, and two.
func (n Next) Check() banks.Problems {
	ways := 0
	for _, there := range []bool{n.KeyFile != "", n.PKCS11 != nil, n.Command != nil} {
		if there {
			ways++
		}
	}
	switch {
	case ways != 1:
		return banks.Problems{{Text: fmt.Sprintf("names %d ways to sign, exactly one is needed: key_file, pkcs11 or command", ways)}}
	case n.PasswordFile != "" && n.KeyFile == "":
		return banks.Problems{{Path: "password_file", Text: "is for key_file; a PIN stands in pin_file"}}
	}
	return nil
}

// Signer makes the service's signatures.
type Signer struct {
	*cms.Signer
	Turn  time.Time // when the next certificate takes over; zero: never
	close func() error
}

// Close gives up the token's session. Signatures being made then may fail.
func (s *Signer) Close() error { return s.close() }

// Open opens the key in force and shows, where the key is not in this program's hands, that it can sign now.
func Open(ctx context.Context, c *Config, now time.Time) (*Signer, error) {
	n, turn, err := c.InForce(now)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	s, err := open(ctx, n, now)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	s.Margin, s.Turn = c.StopBefore, turn
	return s, nil
}

func open(ctx context.Context, n Next, now time.Time) (*Signer, error) {
	cert, err := trust.ReadCertificate(n.CertificateFile)
	if err != nil {
		return nil, err
	}
	s := &Signer{close: func() error { return nil }}
	switch {
	case n.PKCS11 != nil:
		err = s.openToken(cert, n.PKCS11)
	case n.Command != nil:
		s.Signer, err = cms.NewSignerWhole(cert, n.Command.signer(n.CertificateFile), n.Command.SigningCertificate == "optional")
	default:
		var key pki.PrivateKey
		if key, err = readKey(n.KeyFile, n.PasswordFile); err == nil {
			s.Signer, err = cms.NewSigner(cert, key, rand.Reader)
		}
	}
	if err != nil {
		return nil, err
	}
	return s, s.rehearse(ctx, n, now)
}

// rehearse signs something with a key that is elsewhere, while its certificate holds.
func (s *Signer) rehearse(ctx context.Context, n Next, now time.Time) error {
	x := s.Certificate().X509
	if n.KeyFile != "" || now.Before(x.NotBefore) || now.After(x.NotAfter) {
		return nil
	}
	margin := s.Margin
	s.Margin = 0
	_, err := s.Sign(ctx, []byte("bankconnector: can we sign?"), now)
	s.Margin = margin
	if err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

func (s *Signer) openToken(cert *pki.Certificate, t *Token) error {
	key, err := t.open(cert.Key)
	if err != nil {
		return err
	}
	s.close = key.Close
	s.Signer, err = cms.NewSignerFunc(cert, key.Sign)
	return err
}

func readKey(file, password string) (pki.PrivateKey, error) {
	if password == "" {
		return pki.ReadKeyFile(file)
	}
	return pki.ReadLockedKeyFile(file, password)
}

// soon is how long before the end of our certificate its successor should be there: an authority takes days, and every
// bank must be told.
const soon = 30 * 24 * time.Hour

// Warnings tells what is right today and will not be for long: an end without successor, a successor that cannot sign,
// comes too late, or whose day has come.
func (c *Config) Warnings(ctx context.Context, now time.Time) []string {
	n, turn, err := c.InForce(now)
	if err != nil {
		return []string{err.Error()}
	}
	cert, err := trust.ReadCertificate(n.CertificateFile)
	if err != nil {
		return []string{err.Error()}
	}
	until, err := c.until(cert)
	if err != nil {
		return []string{err.Error()}
	}
	var list []string
	switch {
	case now.After(until):
		list = append(list, fmt.Sprintf("nothing is signed: %s ends at %s, and signing stopped %s before; put the next certificate in force", cert, cert.X509.NotAfter.Format(time.RFC3339), c.StopBefore))
	case turn.IsZero() && now.Add(soon).After(until):
		list = append(list, fmt.Sprintf("signing stops at %s, when %s comes to its end; order the next certificate and tell the banks", until.Format(time.RFC3339), cert))
	}
	switch {
	case c.Next == nil:
		return list
	case turn.IsZero():
		return append(list, fmt.Sprintf("signing.next is in force: %s; move its lines up into signing, and announce the one after it when there is one", cert))
	}
	return append(list, c.Next.warnings(ctx, until, now)...)
}

func (n *Next) warnings(ctx context.Context, until, now time.Time) []string {
	s, err := open(ctx, *n, now)
	if err != nil {
		return []string{"signing.next cannot sign: " + err.Error()}
	}
	defer s.Close()
	x, list := s.Certificate().X509, []string(nil)
	begin := x.NotBefore
	if n.From.After(begin) {
		begin = n.From
	} else if !n.From.IsZero() && n.From.Before(begin) {
		list = append(list, fmt.Sprintf("signing.next takes over at %s, but %s holds only from %s", n.From.Format(time.RFC3339), s.Certificate(), begin.Format(time.RFC3339)))
	}
	if begin.After(until) {
		list = append(list, fmt.Sprintf("signing.next %s takes over at %s, but signing stops at %s: nothing can be signed between", s.Certificate(), begin.Format(time.RFC3339), until.Format(time.RFC3339)))
	}
	if !x.NotAfter.After(until) {
		list = append(list, fmt.Sprintf("signing.next %s ends at %s, not later than the certificate in force", s.Certificate(), x.NotAfter.Format(time.RFC3339)))
	}
	if n.KeyFile != "" {
		at := now
		if begin.After(at) {
			at = begin
		}
		if _, err := s.Sign(ctx, []byte("bankconnector: can we sign?"), at); err != nil {
			list = append(list, "signing.next cannot sign: "+err.Error())
		}
	}
	return list
}
