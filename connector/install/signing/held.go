package signing

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"bankconnector/banks"
	"bankconnector/crypto/pki"
	"bankconnector/crypto/token"
)

// Held is a private key that has no certificate yet, wherever it lies: a request is signed with it, and the certificate
// that an authority issues is held against it.
type Held struct {
	Public      pki.PublicKey
	Sign        pki.DigestSigner
	Name        string       // file of the key, or where it lies on its token
	Certificate string       // file that the configuration names for its certificate
	Close       func() error // gives up the token's session
}

// ErrWhole reports a key that only makes whole signatures.
var ErrWhole = errors.New("signing.command makes signatures (CMS) and nothing else, so no request can be made with it: " +
	"make the request with the program's own tool, such as cryptcp -creatrqst, put the certificate that the authority issues " +
	"into certificate_file, and `bankconnector config check` shows whether it belongs to the key")

// Hold opens the key that the block names, or the one of its next; no certificate need be there. A command is ErrWhole.
func (c *Config) Hold(ctx context.Context, next bool) (*Held, error) {
	n, block := c.self(), "signing"
	if next {
		if c.Next == nil {
			return nil, errors.New("signing.next is not in the configuration")
		}
		n, block = *c.Next, "signing.next"
	}
	h := &Held{Certificate: n.CertificateFile, Close: func() error { return nil }}
	switch {
	case n.Command != nil:
		return nil, fmt.Errorf("%s: %w", block, ErrWhole)
	case n.PKCS11 != nil:
		key, err := n.PKCS11.open(nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", block, err)
		}
		h.Public, h.Close, h.Name = key.Public(), key.Close, n.PKCS11.String()
		h.Sign = func(d pki.Digest, digest []byte) ([]byte, error) { return key.Sign(ctx, d, digest) }
	default:
		key, err := readKey(n.KeyFile, n.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", block, err)
		}
		h.Public, h.Name = key.Public(), n.KeyFile
		h.Sign = func(d pki.Digest, digest []byte) ([]byte, error) { return key.Sign(rand.Reader, d, digest) }
	}
	return h, nil
}

// String names the key without its PIN.
func (t *Token) String() string {
	var words []string
	for _, w := range []struct{ name, value string }{{"token", t.Token}, {"label", t.Label}, {"id", t.ID}} {
		if w.value != "" {
			words = append(words, w.name+" "+w.value)
		}
	}
	return strings.Join(words, ", ")
}

// open opens the key under the public one of our certificate, or nil when there is none yet.
func (t *Token) open(public pki.PublicKey) (*token.Key, error) {
	return token.Open(token.Options{
		Module: t.Module, Token: t.Token, Label: t.Label, ID: t.ID, PIN: func() (string, error) {
			pin, err := banks.ReadSecret(t.PINFile)
			return pin.Reveal(), err
		},
	}, public)
}
