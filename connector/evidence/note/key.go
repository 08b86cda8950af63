package note

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"bankconnector/internal/durable"
)

// Key signs checkpoints and nothing else.
type Key struct {
	private ed25519.PrivateKey
	pem     []byte // of the public half
}

const (
	privateBlock = "PRIVATE KEY"
	publicBlock  = "PUBLIC KEY"
)

// OpenKey reads a key (PKCS#8, PEM, mode 0600), made when the file is not there, and
// keeps its public half in another for those who check: PEM, as openssl reads it.
func OpenKey(path, public string, rand io.Reader) (*Key, error) {
	k, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		k, err = makeKey(path, rand)
	}
	if err != nil {
		return nil, fmt.Errorf("open checkpoint key: %w", err)
	}
	if old, err := os.ReadFile(public); err != nil || string(old) != string(k.pem) {
		if err := durable.Replace(public, k.pem, 0o640); err != nil {
			return nil, fmt.Errorf("write public checkpoint key: %w", err)
		}
	}
	return k, nil
}

// makeKey writes a new key. A crash leaves no key or a whole one.
func makeKey(path string, rand io.Reader) (*Key, error) {
	_, private, err := ed25519.GenerateKey(rand)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	if err := durable.Create(path, pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der}), 0o600); err != nil {
		return nil, err
	}
	return newKey(private)
}

func readKey(path string) (*Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %04o, others could sign with it: run chmod 0600 %s", path, info.Mode().Perm(), path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != privateBlock {
		return nil, fmt.Errorf("%s is not a private key in PEM (PKCS#8)", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s is not an Ed25519 key: checkpoints have a key of their own, made by the program", path)
	}
	return newKey(private)
}

func newKey(private ed25519.PrivateKey) (*Key, error) {
	k := &Key{private: private}
	var err error
	k.pem, err = MarshalPublic(k.Public())
	return k, err
}

// Public is the half that checks.
func (k *Key) Public() ed25519.PublicKey { return ed25519.PublicKey(k.private[ed25519.SeedSize:]) }

// MarshalPublic writes a public key as PEM, as openssl reads it.
func MarshalPublic(key ed25519.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("write public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der}), nil
}

// ReadPublic reads the public key of checkpoints: PEM, or the line of C2SP
// NAME+ID+BASE64.
func ReadPublic(data []byte) (ed25519.PublicKey, error) {
	if block, _ := pem.Decode(data); block != nil {
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if key, ok := parsed.(ed25519.PublicKey); ok && err == nil && block.Type == publicBlock {
			return key, nil
		}
		return nil, errors.New("not the public half of an Ed25519 key")
	}
	part := strings.Split(strings.TrimSpace(string(data)), "+")
	raw, err := base64.StdEncoding.DecodeString(strings.Join(part[min(2, len(part)):], "+"))
	if len(part) < 3 || err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != algorithm ||
		fmt.Sprintf("%x", id(part[0], raw[1:])) != part[1] {
		return nil, errors.New("not a public key of checkpoints: PEM or NAME+ID+BASE64 is expected")
	}
	return raw[1:], nil
}
