package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/gost"
	"bankconnector/crypto/pki/pbes"
)

const (
	pemPlain  = "PRIVATE KEY"
	pemLocked = "ENCRYPTED PRIVATE KEY"

	maxKeyFile = 64 << 10
)

// ReadPrivateKey reads a PKCS#8 key (RFC 5958), PEM or DER. password opens an encrypted one (PBES2 with PBKDF2 or
// scrypt and AES-CBC, what `openssl pkcs8 -topk8` writes) and is ignored for a plain one. Keys too weak to be trusted are
// refused with a *Refusal. No error ever repeats octets of the key or of the password.
func ReadPrivateKey(data, password []byte) (PrivateKey, error) {
	body := data
	if block, rest := pem.Decode(data); block != nil {
		if b, _ := pem.Decode(rest); b != nil {
			return nil, errors.New("read private key: the file holds more than one PEM block")
		}
		if block.Type != pemPlain && block.Type != pemLocked {
			return nil, fmt.Errorf("read private key: the PEM block is %q, want PKCS#8; convert it with: openssl pkcs8 -topk8 -in OLD -out NEW", block.Type)
		}
		body = block.Bytes
	}
	s := cryptobyte.String(body)
	var seq cryptobyte.String
	if !s.ReadASN1(&seq, der.SEQUENCE) || !s.Empty() {
		return nil, errors.New("read private key: not a PKCS#8 key in PEM or DER")
	}
	if seq.PeekASN1Tag(der.INTEGER) {
		return parsePKCS8(body)
	}
	if len(password) == 0 {
		return nil, errors.New("read private key: the key is encrypted and no password was given")
	}
	plain, err := pbes.Unlock(seq, password)
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	defer clear(plain)
	return parsePKCS8(plain)
}

func parsePKCS8(body []byte) (PrivateKey, error) {
	s := cryptobyte.String(body)
	var seq cryptobyte.String
	var version int
	if !s.ReadASN1(&seq, der.SEQUENCE) || !s.Empty() || !seq.ReadASN1Integer(&version) {
		return nil, errors.New("read private key: malformed PKCS#8, or a wrong password")
	}
	a, ok := readAlgorithm(&seq)
	if !ok {
		return nil, errors.New("read private key: malformed PKCS#8, or a wrong password")
	}
	if a.oid == oidKeyGOST256 || a.oid == oidKeyGOST512 {
		var raw []byte
		if !seq.ReadASN1Bytes(&raw, der.OCTET_STRING) {
			return nil, errors.New("read private key: malformed PKCS#8")
		}
		return parseGOSTPrivate(a, raw)
	}
	key, err := x509.ParsePKCS8PrivateKey(body)
	if err != nil { // the library's text names types only, but a key file is no place to find that out
		return nil, fmt.Errorf("read private key: key algorithm %s is not supported or the key is malformed", a.oid)
	}
	return wrapPrivate(key)
}

// parseGOSTPrivate takes the three spellings in use: the bare little-endian scalar (gost-engine), the same in a nested
// OCTET STRING (RFC 9215 style tools), and a big-endian INTEGER.
func parseGOSTPrivate(a algorithm, raw []byte) (PrivateKey, error) {
	set, curve, refusal := parseGOSTParams(a)
	if refusal != nil {
		return nil, refusal
	}
	scalar, err := gostScalar(raw, curve.Size())
	if err != nil {
		return nil, err
	}
	defer clear(scalar)
	key, err := gost.NewPrivateKey(curve, scalar)
	if err != nil {
		return nil, errors.New("read private key: the GOST key is zero, too large or of a wrong length")
	}
	return &gostPrivate{key: key, public: newGOSTPublic(key.Public(), set)}, nil
}

// gostScalar unwraps the scalar into size little-endian octets, a copy.
func gostScalar(raw []byte, size int) ([]byte, error) {
	if len(raw) == size {
		return bytes.Clone(raw), nil
	}
	s := cryptobyte.String(raw)
	var inner cryptobyte.String
	var tag der.Tag
	if !s.ReadAnyASN1(&inner, &tag) || !s.Empty() || tag != der.OCTET_STRING && tag != der.INTEGER {
		return nil, errors.New("read private key: GOST key in an unknown wrapping (a CryptoPro container must be exported to PKCS#8 first)")
	}
	scalar := bytes.Clone(inner)
	if tag == der.INTEGER {
		slices.Reverse(scalar)
		scalar = bytes.TrimRight(scalar, "\x00")
		scalar = append(scalar, make([]byte, max(size-len(scalar), 0))...)
	}
	return scalar, nil
}

// MarshalPrivateKey writes a key as unencrypted PKCS#8 PEM, the form gost-engine and openssl read.
func MarshalPrivateKey(k PrivateKey) ([]byte, error) {
	body, err := marshalPKCS8(k)
	if err != nil {
		return nil, err
	}
	defer clear(body)
	return pem.EncodeToMemory(&pem.Block{Type: pemPlain, Bytes: body}), nil
}

func marshalPKCS8(k PrivateKey) ([]byte, error) {
	switch k := k.(type) {
	case *stdPrivate:
		body, err := x509.MarshalPKCS8PrivateKey(k.key)
		if err != nil {
			return nil, errors.New("marshal private key: not supported")
		}
		return body, nil
	case *gostPrivate:
		_, set, err := gostSet(k.public.spki)
		if err != nil {
			return nil, err
		}
		var b cryptobyte.Builder
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(0)
			addGOSTAlgorithm(b, k.public.key.Curve(), set)
			b.AddASN1OctetString(k.key.Bytes())
		})
		return b.Bytes()
	default:
		return nil, fmt.Errorf("marshal private key: a key of %T stays where it is", k)
	}
}

// gostSet re-reads which parameter set a GOST key was spelled with.
func gostSet(spki []byte) (alg algorithm, set string, err error) {
	s := cryptobyte.String(spki)
	var seq cryptobyte.String
	if !s.ReadASN1(&seq, der.SEQUENCE) {
		return alg, "", errors.New("marshal private key: malformed public key")
	}
	alg, ok := readAlgorithm(&seq)
	if !ok {
		return alg, "", errors.New("marshal private key: malformed public key")
	}
	set, _, refusal := parseGOSTParams(alg)
	if refusal != nil {
		return alg, "", refusal
	}
	return alg, set, nil
}

// LockPrivateKey writes a key as encrypted PKCS#8 PEM: PBES2, PBKDF2 with HMAC-SHA-256 and 600,000 rounds, AES-256-CBC.
// openssl and ReadPrivateKey read it back with the same password, which must not be empty.
func LockPrivateKey(k PrivateKey, password []byte, rand io.Reader) ([]byte, error) {
	if len(password) == 0 {
		return nil, errors.New("lock private key: empty password")
	}
	body, err := marshalPKCS8(k)
	if err != nil {
		return nil, err
	}
	defer clear(body)
	out, err := pbes.Lock(body, password, rand)
	if err != nil {
		return nil, fmt.Errorf("lock private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemLocked, Bytes: out}), nil
}

// ReadKeyFile reads an unencrypted PKCS#8 key from a file that only its owner can read (mode 0600 or 0400; a systemd
// credential is fine). A file that the group or others may touch is refused with the command that mends it.
func ReadKeyFile(path string) (PrivateKey, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	return named(path, data, nil)
}

// ReadLockedKeyFile reads an encrypted PKCS#8 key; the password is the first line of the file passwordPath.
// Both files must be closed to the group and others.
func ReadLockedKeyFile(path, passwordPath string) (PrivateKey, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	password, err := readPrivate(passwordPath)
	if err != nil {
		return nil, err
	}
	defer clear(password)
	line, _, _ := bytes.Cut(password, []byte("\n"))
	return named(path, data, bytes.TrimSuffix(line, []byte("\r")))
}

func named(path string, data, password []byte) (PrivateKey, error) {
	k, err := ReadPrivateKey(data, password)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return k, nil
}

// credential reports whether a file lies in the folder where systemd puts this service's credentials.
func credential(path string) bool {
	folder := os.Getenv("CREDENTIALS_DIRECTORY")
	return folder != "" && filepath.Dir(path) == filepath.Clean(folder)
}

func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open key file: %w", err)
	}
	defer f.Close()
	// The mode is asked of the open file, so nobody can swap the file between the question and the read.
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("key file %s: not a regular file", path)
	}
	open := fs.FileMode(0o077)
	if credential(path) {
		open = 0o037 // systemd guards it by an access list, which shows as the group's right to read
	}
	if mode := info.Mode().Perm(); mode&open != 0 {
		return nil, fmt.Errorf("key file %s: mode %04o lets others read or change it; run: chmod 600 %s", path, mode, path)
	}
	if info.Size() > maxKeyFile {
		return nil, fmt.Errorf("key file %s: %d octets, a key has at most %d", path, info.Size(), maxKeyFile)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("read key file %s: %w", path, err)
	}
	return data, nil
}
