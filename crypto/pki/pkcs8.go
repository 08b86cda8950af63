package pki

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // PBKDF2's default PRF in RFC 8018, met in old key files
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/gost"
)

const (
	pemPlain  = "PRIVATE KEY"
	pemLocked = "ENCRYPTED PRIVATE KEY"

	oidPBES2   = "1.2.840.113549.1.5.13"
	oidPBKDF2  = "1.2.840.113549.1.5.12"
	oidHMAC256 = "1.2.840.113549.2.9"
	oidAES256  = "2.16.840.1.101.3.4.1.42"

	maxKeyFile    = 64 << 10
	maxIterations = 10_000_000
	newIterations = 600_000
)

// ReadPrivateKey reads a PKCS#8 key (RFC 5958), PEM or DER. password opens an encrypted one (PBES2 with PBKDF2 and
// AES-CBC, what `openssl pkcs8 -topk8` writes) and is ignored for a plain one. Keys too weak to be trusted are
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
	plain, err := unlock(seq, password)
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
	random := make([]byte, 32)
	if _, err := io.ReadFull(rand, random); err != nil {
		return nil, fmt.Errorf("lock private key: %w", err)
	}
	salt, iv := random[:16], random[16:]
	key, err := pbkdf2.Key(sha256.New, string(password), salt, newIterations, 32)
	if err != nil {
		return nil, fmt.Errorf("lock private key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("lock private key: %w", err)
	}
	pad := aes.BlockSize - len(body)%aes.BlockSize
	locked := append(bytes.Clone(body), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(locked, locked)
	out, err := buildLocked(salt, iv, locked)
	if err != nil {
		return nil, fmt.Errorf("lock private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemLocked, Bytes: out}), nil
}

func buildLocked(salt, iv, locked []byte) ([]byte, error) {
	var b cryptobyte.Builder
	seq := func(b *cryptobyte.Builder, name string, params func(*cryptobyte.Builder)) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid(name))
			params(b)
		})
	}
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		seq(b, oidPBES2, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				seq(b, oidPBKDF2, func(b *cryptobyte.Builder) {
					b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1OctetString(salt)
						b.AddASN1Int64(newIterations)
						seq(b, oidHMAC256, func(b *cryptobyte.Builder) { b.AddASN1NULL() })
					})
				})
				seq(b, oidAES256, func(b *cryptobyte.Builder) { b.AddASN1OctetString(iv) })
			})
		})
		b.AddASN1OctetString(locked)
	})
	return b.Bytes()
}

// unlock opens EncryptedPrivateKeyInfo (RFC 8018 section 6.2).
func unlock(seq cryptobyte.String, password []byte) ([]byte, error) {
	outer, ok := readAlgorithm(&seq)
	var locked []byte
	if !ok || !seq.ReadASN1Bytes(&locked, der.OCTET_STRING) || !seq.Empty() {
		return nil, errors.New("malformed encrypted PKCS#8")
	}
	if outer.oid != oidPBES2 {
		return nil, fmt.Errorf("key encryption %s is not supported; write the key anew with: openssl pkcs8 -topk8 -v2 aes-256-cbc", outer.oid)
	}
	params := cryptobyte.String(outer.params)
	var inner cryptobyte.String
	if !params.ReadASN1(&inner, der.SEQUENCE) {
		return nil, errors.New("malformed PBES2 parameters")
	}
	kdf, ok1 := readAlgorithm(&inner)
	scheme, ok2 := readAlgorithm(&inner)
	if !ok1 || !ok2 || !inner.Empty() {
		return nil, errors.New("malformed PBES2 parameters")
	}
	size, ok := map[string]int{"2.16.840.1.101.3.4.1.2": 16, "2.16.840.1.101.3.4.1.22": 24, oidAES256: 32}[scheme.oid]
	var iv []byte
	ivs := cryptobyte.String(scheme.params)
	if !ok || !ivs.ReadASN1Bytes(&iv, der.OCTET_STRING) || len(iv) != aes.BlockSize || len(locked) == 0 || len(locked)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("key cipher %s is not supported, AES-CBC is; write the key anew with: openssl pkcs8 -topk8 -v2 aes-256-cbc", scheme.oid)
	}
	key, err := derive(kdf, password, size)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, len(locked))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, locked)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > aes.BlockSize || !bytes.Equal(plain[len(plain)-pad:], bytes.Repeat([]byte{byte(pad)}, pad)) {
		clear(plain)
		return nil, errors.New("wrong password")
	}
	return plain[:len(plain)-pad], nil
}

// derive runs PBKDF2 (RFC 8018 section 5.2) with the PRF the file names.
func derive(kdf algorithm, password []byte, size int) ([]byte, error) {
	s := cryptobyte.String(kdf.params)
	var seq cryptobyte.String
	var salt []byte
	var rounds, length int
	if kdf.oid != oidPBKDF2 {
		return nil, fmt.Errorf("key derivation %s is not supported, PBKDF2 is", kdf.oid)
	}
	if !s.ReadASN1(&seq, der.SEQUENCE) || !seq.ReadASN1Bytes(&salt, der.OCTET_STRING) || !seq.ReadASN1Integer(&rounds) {
		return nil, errors.New("malformed PBKDF2 parameters")
	}
	if seq.PeekASN1Tag(der.INTEGER) && (!seq.ReadASN1Integer(&length) || length != size) {
		return nil, errors.New("malformed PBKDF2 parameters")
	}
	prf := algorithm{oid: "1.2.840.113549.2.7"} // HMAC-SHA-1 is the default of RFC 8018
	if !seq.Empty() {
		var ok bool
		if prf, ok = readAlgorithm(&seq); !ok || !seq.Empty() {
			return nil, errors.New("malformed PBKDF2 parameters")
		}
	}
	if rounds < 1 || rounds > maxIterations {
		return nil, fmt.Errorf("%d rounds of key derivation, 1 to %d are allowed", rounds, maxIterations)
	}
	hashes := map[string]func() hash.Hash{
		"1.2.840.113549.2.7": sha1.New, oidHMAC256: sha256.New,
		"1.2.840.113549.2.10": sha512.New384, "1.2.840.113549.2.11": sha512.New,
		"1.2.643.7.1.1.4.1": gost.NewStreebog256, "1.2.643.7.1.1.4.2": gost.NewStreebog512,
	}
	h, ok := hashes[prf.oid]
	if !ok {
		return nil, fmt.Errorf("key derivation hash %s is not supported", prf.oid)
	}
	return pbkdf2.Key(h, string(password), salt, rounds, size)
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
