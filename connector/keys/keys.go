// Package keys makes key pairs on the disk: SSH keys for our login at a bank, signing keys
// with a certificate of their own signature. An existing file is never replaced.
//
// It may call pki and durable.
package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"golang.org/x/crypto/ssh"

	"bankconnector/crypto/pki"
	"bankconnector/internal/durable"
)

// ErrExists reports that the file of the private key is there already.
var ErrExists = errors.New("keys are never replaced")

// ErrWrong reports that what was asked for cannot be: an unknown algorithm, a number of the wrong length.
var ErrWrong = errors.New("nothing was made")

// Pair is a key pair that was written.
type Pair struct {
	Private     string `json:"private"`     // file, mode 0600, or what names the key on its token
	Public      string `json:"public"`      // file: the OpenSSH line, or the certificate
	Fingerprint string `json:"fingerprint"` // SHA256:… of OpenSSH, or SHA-256 of the certificate in hex
}

// NewSSH makes an Ed25519 key: OpenSSH PEM in path, the public line in path.pub.
func NewSSH(path, comment string) (Pair, error) {
	if strings.ContainsFunc(comment, unicode.IsControl) { // a second line would be a second key
		return Pair{}, fmt.Errorf("comment %q has a control character: %w", comment, ErrWrong)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("make SSH key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return Pair{}, fmt.Errorf("make SSH key: %w", err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		return Pair{}, fmt.Errorf("make SSH key: %w", err)
	}
	text := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(line))) + " " + comment + "\n"
	m := Pair{Private: path, Public: path + ".pub", Fingerprint: ssh.FingerprintSHA256(line)}
	return m, writePair(m, pem.EncodeToMemory(block), []byte(text))
}

// Validity is the time in which a certificate holds.
type Validity struct{ From, Until time.Time }

// NewSigning makes a signing key and a certificate of its own signature: for stands
// and rehearsals. Qualified signatures need a certificate of an accredited authority
// (63-ФЗ); for one, make a request.
func NewSigning(path string, algorithm pki.Algorithm, subject pki.Subject, v Validity) (Pair, error) {
	public := path[:len(path)-len(filepath.Ext(path))] + ".pem"
	if public == path {
		return Pair{}, fmt.Errorf("%s: a private key cannot end in .pem, where its certificate goes: %w", path, ErrWrong)
	}
	if algorithm.Digest() == "" {
		return Pair{}, fmt.Errorf("no keys of algorithm %q; write gost256, gost512, rsa, ecdsa-p256 or ecdsa-p384: %w", algorithm, ErrWrong)
	}
	if err := subject.Check(); err != nil {
		return Pair{}, fmt.Errorf("%w: %w", err, ErrWrong)
	}
	key, err := pki.GenerateKey(algorithm, rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("make signing key: %w", err)
	}
	t := pki.Template{Subject: subject, NotBefore: v.From.Add(-time.Hour), NotAfter: v.Until}
	cert, err := pki.IssueCertificate(t, key.Public(), nil, key, rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("make certificate: %w", err)
	}
	text, err := pki.MarshalPrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("make signing key: %w", err)
	}
	m := Pair{Private: path, Public: public, Fingerprint: cert.Fingerprint()}
	return m, writePair(m, text, pki.MarshalCertificate(cert))
}

// writePair writes the public part first: a private key without it is what a crash must
// not leave in use.
func writePair(m Pair, private, public []byte) error {
	if _, err := os.Lstat(m.Private); err == nil {
		return fmt.Errorf("%s is there already: %w", m.Private, ErrExists)
	}
	if err := durable.MkdirAll(filepath.Dir(m.Private), 0o700); err != nil {
		return err
	}
	return errors.Join(durable.Create(m.Public, public, 0o644), durable.Create(m.Private, private, 0o600))
}
