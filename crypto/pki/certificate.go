package pki

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/pki/shape"
)

// Certificate is an X.509 certificate whose key is fit for use: read by the standard library for names, times and
// extensions, and by this package for the key and the algorithms. It is immutable and safe for concurrent use.
type Certificate struct {
	Raw  []byte            // DER as it came
	X509 *x509.Certificate // for GOST its PublicKey is nil and SignatureAlgorithm is zero: use Key
	Key  PublicKey         // never nil

	signature algorithm
	sum       [sha256.Size]byte
	notBefore time.Time // privateKeyUsagePeriod, zero when absent
	notAfter  time.Time
	sums      sync.Map // Digest -> []byte, of Raw

	mu     sync.Mutex
	issued map[[sha256.Size]byte]*Refusal // what this certificate's key was found to have signed, or not
}

// maxIssued bounds what an authority's certificate remembers; then it starts anew.
const maxIssued = 4096

// ParseCertificate reads one DER certificate, no octet more. A *Refusal tells what is wrong: weak-key, weak-digest,
// algorithm, certificate (malformed), trailing-data.
func ParseCertificate(raw []byte) (*Certificate, error) {
	s := cryptobyte.String(raw)
	var whole, tbs, spki cryptobyte.String
	if !s.ReadASN1(&whole, der.SEQUENCE) {
		return nil, refuse(codeCertificate, "not a DER certificate")
	}
	if !s.Empty() {
		return nil, refuse(codeTrailing, "%d octets after the certificate", len(s))
	}
	if !whole.ReadASN1(&tbs, der.SEQUENCE) {
		return nil, refuse(codeCertificate, "not a DER certificate")
	}
	c := &Certificate{Raw: bytes.Clone(raw), sum: sha256.Sum256(raw)}
	var ok bool
	if c.signature, ok = readAlgorithm(&whole); !ok {
		return nil, refuse(codeCertificate, "malformed signature algorithm")
	}
	if !tbs.SkipOptionalASN1(der.Tag(0).Constructed().ContextSpecific()) || !tbs.SkipASN1(der.INTEGER) {
		return nil, refuse(codeCertificate, "malformed version or serial number")
	}
	inner, ok := readAlgorithm(&tbs)
	if !ok || inner.oid != c.signature.oid || !bytes.Equal(inner.params, c.signature.params) {
		return nil, refuse(codeCertificate, "the two signature algorithms of the certificate differ") // RFC 5280 4.1.1.2
	}
	for range 3 { // issuer, validity, subject
		ok = ok && tbs.SkipASN1(der.SEQUENCE)
	}
	if !ok || !tbs.ReadASN1Element(&spki, der.SEQUENCE) {
		return nil, refuse(codeCertificate, "malformed names, validity or key")
	}
	key, refusal := parsePublicKey(bytes.Clone(spki))
	if refusal != nil {
		return nil, refusal
	}
	c.Key = key
	if !shape.Certificate(raw) {
		return nil, refuse(codeCertificate, "not built as RFC 5280 has it: an element too many, a time without seconds or in another zone, a malformed name or extension")
	}
	parsed, err := x509.ParseCertificate(c.Raw)
	if err != nil {
		return nil, refuse(codeCertificate, "%v", err)
	}
	c.X509 = parsed
	if refusal := c.readPeriod(); refusal != nil {
		return nil, refusal
	}
	return c, nil
}

// readPeriod reads privateKeyUsagePeriod, which Russian authorities put into every certificate and the standard
// library leaves alone: SEQUENCE { notBefore [0] GeneralizedTime OPTIONAL, notAfter [1] GeneralizedTime OPTIONAL }.
func (c *Certificate) readPeriod() *Refusal {
	for _, e := range c.X509.Extensions {
		if e.Id.String() != oidKeyPeriod {
			continue
		}
		s := cryptobyte.String(e.Value)
		var seq cryptobyte.String
		if !s.ReadASN1(&seq, der.SEQUENCE) || !s.Empty() {
			return refuse(codeCertificate, "malformed privateKeyUsagePeriod")
		}
		for i, at := range []*time.Time{&c.notBefore, &c.notAfter} {
			var text cryptobyte.String
			var present bool
			if !seq.ReadOptionalASN1(&text, &present, der.Tag(i).ContextSpecific()) {
				return refuse(codeCertificate, "malformed privateKeyUsagePeriod")
			}
			if !present {
				continue
			}
			t, err := time.Parse("20060102150405Z", string(text))
			if err != nil {
				return refuse(codeCertificate, "malformed privateKeyUsagePeriod")
			}
			*at = t
		}
		if !seq.Empty() {
			return refuse(codeCertificate, "malformed privateKeyUsagePeriod")
		}
	}
	return nil
}

// ReadCertificates reads one DER certificate or any number of PEM blocks, all of which must be certificates.
func ReadCertificates(data []byte) ([]*Certificate, error) {
	if !bytes.Contains(data, []byte("-----BEGIN")) {
		c, err := ParseCertificate(data)
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
		return []*Certificate{c}, nil
	}
	var all []*Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("read certificates: block %d is %q, want CERTIFICATE", len(all)+1, block.Type)
		}
		c, err := ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read certificate %d: %w", len(all)+1, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("read certificates: %w", refuse(codeCertificate, "damaged PEM"))
	}
	return all, nil
}

// WellFormed tells whether raw is built as a Certificate, or with list as a CertificateList (RFC 5280 sections 4.1 and
// 5.1), in every part; what it says is not looked at.
func WellFormed(raw []byte, list bool) bool {
	if list {
		return shape.List(raw)
	}
	return shape.Certificate(raw)
}

// MarshalCertificate writes a certificate as PEM.
func MarshalCertificate(c *Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// Fingerprint is the SHA-256 of the whole certificate in lower-case hex.
func (c *Certificate) Fingerprint() string { return hex.EncodeToString(c.sum[:]) }

// Sum is the digest of the whole certificate as signingCertificateV2 wants it (RFC 5035); it is computed once.
func (c *Certificate) Sum(h Digest) []byte {
	if v, ok := c.sums.Load(h); ok {
		return v.([]byte)
	}
	sum := h.Sum(c.Raw)
	c.sums.Store(h, sum)
	return sum
}

// Matches tells whether k is the key of the certificate, however the key was spelled.
func (c *Certificate) Matches(k PublicKey) bool { return sameKey(c.Key, k) }

// Verifies checks a signature of this certificate's key over signed octets. algorithm is the AlgorithmIdentifier in
// DER as it stands in a certificate, a CRL or an OCSP answer: GOST must be named by its signature-with-digest OID.
// It gives nil, or a refusal: weak-digest, algorithm, issuer-signature.
func (c *Certificate) Verifies(algorithm, signed, sig []byte) *Refusal {
	s := cryptobyte.String(algorithm)
	a, ok := readAlgorithm(&s)
	if !ok || !s.Empty() {
		return refuse(codeAlgorithm, "malformed signature algorithm")
	}
	return checkSigned(a, c.Key, signed, sig)
}

// SignedBy checks the certificate's signature under the key of issuer, and nothing else about either. The issuer
// remembers the outcome for this certificate, so a chain that was proven once costs no signature any more.
func (c *Certificate) SignedBy(issuer *Certificate) *Refusal {
	issuer.mu.Lock()
	known, ok := issuer.issued[c.sum]
	issuer.mu.Unlock()
	if ok {
		return known
	}
	refusal := checkSigned(c.signature, issuer.Key, c.X509.RawTBSCertificate, c.X509.Signature)
	if refusal != nil {
		refusal.Detail = fmt.Sprintf("%s under the key of %s: %s", c, issuer, refusal.Detail)
	}
	issuer.mu.Lock()
	defer issuer.mu.Unlock()
	if issuer.issued == nil || len(issuer.issued) >= maxIssued {
		issuer.issued = make(map[[sha256.Size]byte]*Refusal)
	}
	issuer.issued[c.sum] = refusal
	return refusal
}

// KeyPeriod is privateKeyUsagePeriod (extension 2.5.29.16): when the private key may sign; zero where open.
func (c *Certificate) KeyPeriod() (from, until time.Time) { return c.notBefore, c.notAfter }

// String names the certificate for messages: subject, serial number in hex, validity.
func (c *Certificate) String() string {
	return fmt.Sprintf("certificate %q serial %X valid %s to %s", c.Subject().Text, c.X509.SerialNumber,
		c.X509.NotBefore.UTC().Format(time.RFC3339), c.X509.NotAfter.UTC().Format(time.RFC3339))
}

// Subject is whom a certificate names, with the attributes of Russian qualified certificates
// (63-FZ art. 17, order of the FSB of 27.12.2011 No. 795).
type Subject struct {
	CommonName   string
	Organization string
	INN          string // 12 digits: of a person, or of an entity with two leading zeros (OID 1.2.643.3.131.1.1)
	INNLE        string // 10 digits: of a legal entity (OID 1.2.643.100.4)
	OGRN         string // 13 digits (OID 1.2.643.100.1)
	SNILS        string // 11 digits (OID 1.2.643.100.3)
	Email        string
	Text         string // the whole name as "CN=..., O=..., ИНН=..." in the order of the certificate
	Public       string // Text without the numbers and addresses of a person: SNILS, their own INN, e-mail, street
}

// Subject reads the subject of the certificate; absent attributes are empty.
func (c *Certificate) Subject() Subject { return readName(c.X509.Subject) }

// Issuer reads the issuer's name in the same way.
func (c *Certificate) Issuer() Subject { return readName(c.X509.Issuer) }

func readName(name pkix.Name) Subject {
	var s Subject
	fields := map[string]*string{
		oidCommonName: &s.CommonName, oidOrganization: &s.Organization, oidINN: &s.INN, oidINNLE: &s.INNLE,
		oidOGRN: &s.OGRN, oidSNILS: &s.SNILS, oidEmail: &s.Email,
	}
	labels := map[string]string{
		oidCommonName: "CN", oidOrganization: "O", oidINN: "INN", oidINNLE: "INNLE", oidOGRN: "OGRN", oidSNILS: "SNILS",
		oidEmail: "E", "2.5.4.4": "SN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", oidStreet: "STREET",
		"2.5.4.11": "OU", "2.5.4.12": "T", "2.5.4.42": "GN", "1.2.643.100.5": "OGRNIP",
	}
	var parts, public []string
	for _, a := range name.Names {
		id := a.Type.String()
		value := fmt.Sprint(a.Value)
		if f := fields[id]; f != nil && *f == "" {
			*f = value
		}
		label, ok := labels[id]
		if !ok {
			label = id
		}
		parts = append(parts, label+"="+value)
		if !private(id, value) {
			public = append(public, label+"="+value)
		}
	}
	s.Text, s.Public = strings.Join(parts, ", "), strings.Join(public, ", ")
	return s
}

// private tells whether an attribute is about a person and not about the entity they sign for, whose INN some
// authorities wrote with leading zeros. Such data is not for records that others read (152-FZ).
func private(id, value string) bool {
	switch id {
	case oidSNILS, oidEmail, oidStreet:
		return true
	case oidINN:
		return !strings.HasPrefix(value, "00")
	}
	return false
}

// Taxpayer is the INN that identifies the subject: the entity's (10 digits) when there is one, also when it was
// written with leading zeros into the 12-digit attribute, as authorities did before 2021; else the person's.
func (s Subject) Taxpayer() string {
	if s.INNLE != "" {
		return s.INNLE
	}
	if len(s.INN) == 12 && strings.HasPrefix(s.INN, "00") {
		return s.INN[2:]
	}
	return s.INN
}
