// Package pbes locks and unlocks PKCS#8 keys with a password: PBES2 (RFC 8018) with AES-CBC, by PBKDF2 or scrypt
// (RFC 7914), as `openssl pkcs8 -topk8` writes them. It is an inner room of crypto/pki and may call gost, for Streebog.
package pbes

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // PBKDF2's default PRF in RFC 8018, met in old key files
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/scrypt"

	"bankconnector/crypto/gost"
)

const (
	oidPBES2   = "1.2.840.113549.1.5.13"
	oidPBKDF2  = "1.2.840.113549.1.5.12"
	oidScrypt  = "1.3.6.1.4.1.11591.4.11"
	oidHMAC256 = "1.2.840.113549.2.9"
	oidAES256  = "2.16.840.1.101.3.4.1.42"

	maxIterations = 10_000_000
	maxMemory     = 256 << 20
	newIterations = 600_000
)

func oid(dotted string) asn1.ObjectIdentifier {
	var o asn1.ObjectIdentifier
	for arc := range strings.SplitSeq(dotted, ".") {
		n, _ := strconv.Atoi(arc) // only constants of this room come here
		o = append(o, n)
	}
	return o
}

// algorithm is an AlgorithmIdentifier: the OID and its parameters in DER, nil when absent.
type algorithm struct {
	oid    string
	params []byte
}

func readAlgorithm(s *cryptobyte.String) (algorithm, bool) {
	var seq, params cryptobyte.String
	var o asn1.ObjectIdentifier
	ok := s.ReadASN1(&seq, der.SEQUENCE) && seq.ReadASN1ObjectIdentifier(&o) &&
		(seq.Empty() || seq.ReadAnyASN1Element(&params, new(der.Tag)) && seq.Empty())
	return algorithm{o.String(), params}, ok
}

// Lock encrypts a PKCS#8 key: PBKDF2 with HMAC-SHA-256 and 600,000 rounds, AES-256-CBC.
func Lock(body, password []byte, rand io.Reader) ([]byte, error) {
	random := make([]byte, 32)
	if _, err := io.ReadFull(rand, random); err != nil {
		return nil, err
	}
	salt, iv := random[:16], random[16:]
	key, err := pbkdf2.Key(sha256.New, string(password), salt, newIterations, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	pad := aes.BlockSize - len(body)%aes.BlockSize
	locked := append(bytes.Clone(body), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(locked, locked)
	return build(salt, iv, locked)
}

// build writes EncryptedPrivateKeyInfo.
func build(salt, iv, locked []byte) ([]byte, error) {
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

// Unlock opens the inside of an EncryptedPrivateKeyInfo (RFC 8018 section 6.2). A wrong password mostly shows in the
// padding, else in what comes out. No error holds anything of the key or the password.
func Unlock(seq cryptobyte.String, password []byte) ([]byte, error) {
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

// derive runs the key derivation that the file names.
func derive(kdf algorithm, password []byte, size int) ([]byte, error) {
	switch kdf.oid {
	case oidPBKDF2:
		return derivePBKDF2(kdf, password, size)
	case oidScrypt:
		return deriveScrypt(kdf, password, size)
	}
	return nil, fmt.Errorf("key derivation %s is not supported, PBKDF2 and scrypt are", kdf.oid)
}

// deriveScrypt reads scrypt-params (RFC 7914 section 7.1): salt, cost, block size, parallelism, length OPTIONAL. What
// a file may make us spend is bounded: 256 MiB, and eight times the work that openssl asks for by default.
func deriveScrypt(kdf algorithm, password []byte, size int) ([]byte, error) {
	s := cryptobyte.String(kdf.params)
	var seq cryptobyte.String
	var salt []byte
	var cost, block, parallel, length int
	if !s.ReadASN1(&seq, der.SEQUENCE) || !s.Empty() || !seq.ReadASN1Bytes(&salt, der.OCTET_STRING) || !seq.ReadASN1Integer(&cost) ||
		!seq.ReadASN1Integer(&block) || !seq.ReadASN1Integer(&parallel) {
		return nil, errors.New("malformed scrypt parameters")
	}
	if !seq.Empty() && (!seq.ReadASN1Integer(&length) || length != size || !seq.Empty()) {
		return nil, errors.New("malformed scrypt parameters")
	}
	if cost < 2 || cost > 1<<20 || block < 1 || block > 32 || parallel < 1 || parallel > 8 || 128*cost*block > maxMemory {
		return nil, fmt.Errorf("scrypt with cost %d, block %d, parallelism %d asks for too much or too little", cost, block, parallel)
	}
	return scrypt.Key(password, salt, cost, block, parallel, size)
}

// derivePBKDF2 runs PBKDF2 (RFC 8018 section 5.2) with the PRF the file names.
func derivePBKDF2(kdf algorithm, password []byte, size int) ([]byte, error) {
	s := cryptobyte.String(kdf.params)
	var seq cryptobyte.String
	var salt []byte
	var rounds, length int
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
