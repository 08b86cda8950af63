package keys

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bankconnector/crypto/pki"
	"bankconnector/internal/durable"
)

// File is a private key on the disk; Password is the file of its password, "" for a plain key.
type File struct{ Path, Password string }

// Read opens the key. The error is [fs.ErrInvalid] or of the file.
func (f File) Read() (pki.PrivateKey, error) {
	var key pki.PrivateKey
	var err error
	switch {
	case f.Path == "":
		return nil, fmt.Errorf("no key file is named: %w", ErrWrong)
	case f.Password == "":
		key, err = pki.ReadKeyFile(f.Path)
	default:
		key, err = pki.ReadLockedKeyFile(f.Path, f.Password)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, fs.ErrInvalid)
	}
	return key, nil
}

// Key is a private key wherever it lies: in a file or on a token.
type Key struct {
	Public      pki.PublicKey
	Sign        pki.DigestSigner
	Name        string // its file, or what names it on its token
	Certificate string // file of its certificate, there or not; by default the request is written beside it
}

// Open reads the key; its certificate lies beside it, with the end .pem.
func (f File) Open() (Key, error) {
	key, err := f.Read()
	if err != nil {
		return Key{}, err
	}
	return Key{
		Public: key.Public(), Name: f.Path, Certificate: beside(f.Path, ".pem"),
		Sign: func(h pki.Digest, digest []byte) ([]byte, error) { return key.Sign(rand.Reader, h, digest) },
	}, nil
}

// beside is the path with another extension.
func beside(path, extension string) string {
	return strings.TrimSuffix(path, filepath.Ext(path)) + extension
}

// Request writes a PKCS#10 request (RFC 2986) for a certificate of an authority: into path, by default beside the key's
// certificate with the end .csr. An existing file is never replaced, and nothing is signed for it.
func Request(key Key, subject pki.Subject, path string) (Pair, error) {
	if path == "" {
		path = beside(key.Certificate, ".csr")
	}
	if err := subject.Check(); err != nil {
		return Pair{}, fmt.Errorf("%w: %w", err, ErrWrong)
	}
	if _, err := os.Lstat(path); err == nil {
		return Pair{}, fmt.Errorf("%s is there already: %w", path, ErrExists)
	}
	text, err := pki.NewRequest(subject, key.Public, key.Sign)
	if err != nil {
		return Pair{}, err
	}
	m := Pair{Private: key.Name, Public: path, Fingerprint: fmt.Sprintf("%x", pki.SHA256.Sum(key.Public.SPKI()))}
	return m, durable.Create(path, text, 0o644)
}

// Import puts the certificate that an authority issued in place: in path, by default where the key's certificate lies.
// It refuses a certificate of another key, one that has ended, and to replace the certificate of another key. Whoever
// reads the file meanwhile sees the old certificate or the new one.
func Import(certificate string, key Key, path string, now time.Time) (Pair, error) {
	cert, err := matching(certificate, key.Public)
	if err == nil && now.After(cert.X509.NotAfter) {
		err = fmt.Errorf("%s ended at %s", cert, cert.X509.NotAfter.Format(time.RFC3339))
	}
	if err != nil {
		return Pair{}, fmt.Errorf("import %s: %w: %w", certificate, err, fs.ErrInvalid)
	}
	if path == "" {
		path = key.Certificate
	}
	if path == key.Name {
		return Pair{}, fmt.Errorf("import %s: %s is the key itself; name another file for the certificate: %w", certificate, path, fs.ErrInvalid)
	}
	if err := replaceable(path, key.Public); err != nil {
		return Pair{}, err
	}
	m := Pair{Private: key.Name, Public: path, Fingerprint: cert.Fingerprint()}
	return m, durable.Replace(path, pki.MarshalCertificate(cert), 0o644)
}

// matching finds the key's certificate in a file, which may hold those of the authorities as well.
func matching(path string, key pki.PublicKey) (*pki.Certificate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	list, err := pki.ReadCertificates(data)
	if err != nil {
		return nil, err
	}
	var fit *pki.Certificate
	for _, c := range list {
		switch {
		case !c.Matches(key):
		case fit != nil && !bytes.Equal(fit.Raw, c.Raw):
			return nil, errors.New("two certificates of this key are in the file; leave one")
		default:
			fit = c
		}
	}
	if fit == nil {
		return nil, fmt.Errorf("none of the %d certificates in the file belongs to the key; was the request made from another key?", len(list))
	}
	return fit, nil
}

// replaceable refuses a file that holds anything but certificates of this key.
func replaceable(path string, key pki.PublicKey) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := matching(path, key); err != nil {
		return fmt.Errorf("%s is there already and is no certificate of this key: %w", path, ErrExists)
	}
	return nil
}
