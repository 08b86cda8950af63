package pki

import (
	"bytes"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// Object identifiers of names (63-FZ attributes by the order of the FSB No. 795) and of extensions (RFC 5280).
const (
	oidCommonName   = "2.5.4.3"
	oidOrganization = "2.5.4.10"
	oidINN          = "1.2.643.3.131.1.1"
	oidINNLE        = "1.2.643.100.4"
	oidOGRN         = "1.2.643.100.1"
	oidSNILS        = "1.2.643.100.3"
	oidStreet       = "2.5.4.9"
	oidEmail        = "1.2.840.113549.1.9.1"

	oidSubjectKeyID   = "2.5.29.14"
	oidKeyUsage       = "2.5.29.15"
	oidKeyPeriod      = "2.5.29.16"
	oidBasic          = "2.5.29.19"
	oidAuthorityKeyID = "2.5.29.35"
	oidRequest        = "1.2.840.113549.1.9.14" // extensionRequest, RFC 2985
)

// Template is what IssueCertificate puts into a certificate.
type Template struct {
	Subject             Subject // Text is ignored, the other fields are written when not empty
	NotBefore, NotAfter time.Time
	IsCA                bool     // CA: keyCertSign and cRLSign; else digitalSignature and nonRepudiation
	Serial              *big.Int // nil: 16 random octets
}

// IssueCertificate makes a certificate of public for the rehearsal, for stands and for unqualified signatures
// (a qualified certificate comes only from an accredited authority, 63-FZ art. 13). issuer nil makes a self-signed
// one, and then public must be the key's own. Errors name the field that is wrong.
func IssueCertificate(t Template, public PublicKey, issuer *Certificate, key PrivateKey, rand io.Reader) (*Certificate, error) {
	if !t.NotAfter.After(t.NotBefore) {
		return nil, errors.New("issue certificate: it would end before it begins")
	}
	name, err := buildName(t.Subject)
	if err != nil {
		return nil, fmt.Errorf("issue certificate: %w", err)
	}
	issuerName, authority := name, keyID(public)
	switch {
	case issuer == nil && !sameKey(public, key.Public()):
		return nil, errors.New("issue certificate: a self-signed certificate needs its own key")
	case issuer != nil && !issuer.Matches(key.Public()):
		return nil, errors.New("issue certificate: the key is not the issuer's")
	case issuer != nil && !issuer.X509.IsCA:
		return nil, errors.New("issue certificate: the issuer is not a CA")
	case issuer != nil:
		issuerName, authority = issuer.X509.RawSubject, issuer.X509.SubjectKeyId
	}
	serial := t.Serial
	if serial == nil {
		raw := make([]byte, 16)
		if _, err := io.ReadFull(rand, raw); err != nil {
			return nil, fmt.Errorf("issue certificate: %w", err)
		}
		raw[0] = raw[0]&0x7f | 0x40 // positive and always 16 octets (RFC 5280 4.1.2.2)
		serial = new(big.Int).SetBytes(raw)
	}
	raw, err := sign(key.Algorithm(), with(key, rand), func(b *cryptobyte.Builder) {
		b.AddASN1(der.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) { b.AddASN1Int64(2) })
		b.AddASN1BigInt(serial)
		addSignatureAlgorithm(b, key.Algorithm())
		b.AddBytes(issuerName)
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			addTime(b, t.NotBefore)
			addTime(b, t.NotAfter)
		})
		b.AddBytes(name)
		b.AddBytes(public.SPKI())
		b.AddASN1(der.Tag(3).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
			addExtensions(b, t.IsCA, keyID(public), authority)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("issue certificate: %w", err)
	}
	return ParseCertificate(raw)
}

// DigestSigner signs a digest with a key that need not be in memory; the value is as [PublicKey.Verify] wants it.
type DigestSigner func(h Digest, digest []byte) ([]byte, error)

// NewRequest makes a PKCS#10 request (RFC 2986) in PEM, asking for a signing certificate of subject s for the key that
// signer signs with. A signature that does not verify under the key is not handed out.
func NewRequest(s Subject, key PublicKey, signer DigestSigner) ([]byte, error) {
	name, err := buildName(s)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	proven := func(h Digest, digest []byte) ([]byte, error) {
		sig, err := signer(h, digest)
		if err == nil && !key.Verify(h, digest, sig) {
			err = errors.New("the signature just made does not verify under the public key")
		}
		return sig, err
	}
	raw, err := sign(key.Algorithm(), proven, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		b.AddBytes(name)
		b.AddBytes(key.SPKI())
		b.AddASN1(der.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oid(oidRequest))
				b.AddASN1(der.SET, func(b *cryptobyte.Builder) { addExtensions(b, false, keyID(key), nil) })
			})
		})
	})
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: raw}), nil
}

// sign wraps a to-be-signed SEQUENCE into SEQUENCE { body, algorithm, BIT STRING }.
func sign(a Algorithm, signer DigestSigner, body func(*cryptobyte.Builder)) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, body)
	tbs, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	h := a.Digest()
	sig, err := signer(h, h.Sum(tbs))
	if err != nil {
		return nil, err
	}
	var out cryptobyte.Builder
	out.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		addSignatureAlgorithm(b, a)
		b.AddASN1BitString(sig)
	})
	return out.Bytes()
}

// with signs with a key in memory.
func with(key PrivateKey, rand io.Reader) DigestSigner {
	return func(h Digest, digest []byte) ([]byte, error) { return key.Sign(rand, h, digest) }
}

func addSignatureAlgorithm(b *cryptobyte.Builder, a Algorithm) {
	name := map[Algorithm]string{
		GOST256: oidSignGOST256, GOST512: oidSignGOST512, RSA: "1.2.840.113549.1.1.11",
		ECDSAP256: "1.2.840.10045.4.3.2", ECDSAP384: "1.2.840.10045.4.3.3",
	}[a]
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid(name))
		if a == RSA {
			b.AddASN1NULL() // RFC 4055; absent for the others (RFC 9215, RFC 5758)
		}
	})
}

func addTime(b *cryptobyte.Builder, t time.Time) {
	if t = t.UTC().Truncate(time.Second); t.Year() < 2050 { // RFC 5280 4.1.2.5
		b.AddASN1UTCTime(t)
	} else {
		b.AddASN1GeneralizedTime(t)
	}
}

func addExtensions(b *cryptobyte.Builder, ca bool, subject, authority []byte) {
	add := func(b *cryptobyte.Builder, id string, critical bool, value func(*cryptobyte.Builder)) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid(id))
			if critical {
				b.AddASN1Boolean(true)
			}
			b.AddASN1(der.OCTET_STRING, value)
		})
	}
	usage := []byte{3, 2, 6, 0xc0} // digitalSignature, nonRepudiation
	if ca {
		usage = []byte{3, 2, 1, 0x06} // keyCertSign, cRLSign
	}
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		add(b, oidBasic, true, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				if ca {
					b.AddASN1Boolean(true)
				}
			})
		})
		add(b, oidKeyUsage, true, func(b *cryptobyte.Builder) { b.AddBytes(usage) })
		add(b, oidSubjectKeyID, false, func(b *cryptobyte.Builder) { b.AddASN1OctetString(subject) })
		if len(authority) > 0 {
			add(b, oidAuthorityKeyID, false, func(b *cryptobyte.Builder) {
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(der.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(authority) })
				})
			})
		}
	})
}

// keyID is a key identifier by RFC 7093 method 1: the first 160 bits of the SHA-256 of the key bits.
func keyID(k PublicKey) []byte {
	s := cryptobyte.String(k.SPKI())
	var seq cryptobyte.String
	var bits []byte
	if !s.ReadASN1(&seq, der.SEQUENCE) || !seq.SkipASN1(der.SEQUENCE) || !seq.ReadASN1BitStringAsBytes(&bits) {
		return nil
	}
	sum := sha256.Sum256(bits)
	return bytes.Clone(sum[:20])
}

// maxText bounds a name, in characters. X.520 had 64 once; names of banks are longer.
const maxText = 255

// Check tells what of a subject cannot stand in a certificate: the common name must be there, texts must be printable
// UTF-8, numbers must have as many digits as the order of the FSB No. 795 says.
func (s Subject) Check() error {
	_, err := buildName(s)
	return err
}

// buildName writes a distinguished name in DER; numbers are NumericString as Russian certificates have them.
func buildName(s Subject) ([]byte, error) {
	if s.CommonName == "" {
		return nil, errors.New("subject without a common name")
	}
	type part struct {
		id, value string
		tag       der.Tag
		digits    int
	}
	parts := []part{
		{oidCommonName, s.CommonName, der.UTF8String, 0},
		{oidOrganization, s.Organization, der.UTF8String, 0},
		{oidOGRN, s.OGRN, 18, 13},
		{oidINNLE, s.INNLE, 18, 10},
		{oidINN, s.INN, 18, 12},
		{oidSNILS, s.SNILS, 18, 11},
		{oidEmail, s.Email, der.IA5String, 0},
	}
	var b cryptobyte.Builder
	var wrong error
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, p := range parts {
			if p.value == "" {
				continue
			}
			if p.digits > 0 && (len(p.value) != p.digits || strings.Trim(p.value, "0123456789") != "") {
				wrong = fmt.Errorf("subject attribute %s is %q, want %d digits", p.id, p.value, p.digits)
			}
			if !utf8.ValidString(p.value) || utf8.RuneCountInString(p.value) > maxText || strings.ContainsFunc(p.value, unicode.IsControl) {
				wrong = fmt.Errorf("subject attribute %s is %q, want at most %d printable characters", p.id, p.value, maxText)
			}
			b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(oid(p.id))
					b.AddASN1(p.tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(p.value)) })
				})
			})
		}
	})
	if wrong != nil {
		return nil, wrong
	}
	return b.Bytes()
}
