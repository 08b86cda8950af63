package cms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/cms/message"
	"bankconnector/crypto/cms/trust"
	"bankconnector/crypto/pki"
)

// lastDay is how long before the end of its certificate a Signer stops signing: what it signs must outlive its journey.
const lastDay = 24 * time.Hour

// Signer makes detached CAdES-BES signatures under one certificate. Every signature, wherever it was made, is verified
// against that certificate before it is handed out: the first one that this Signer builds, and every one that another
// program makes, by Policy.Verify; those that it builds after that by the value, the key and the certificate's time, for
// their form is that of the first. It is safe for concurrent use when what it signs with is.
type Signer struct {
	// Margin is how long before the end of the certificate, or of its privateKeyUsagePeriod, Sign refuses to go on.
	// NewSigner and the others set it to 24 hours; 0 signs until the end. Set it before the first use.
	Margin time.Duration

	cert   *pki.Certificate
	raw    RawSigner
	whole  WholeSigner
	own    *Policy
	fixed  fixed
	proven atomic.Bool // a message that build made was read back and judged as a stranger's
}

// RawSigner signs a digest with a key that this program does not hold (a PKCS#11 token). It returns the signature value
// as it stands in a CMS: for GOST s||r big-endian, for RSA PKCS#1 v1.5 over h, for ECDSA a DER SEQUENCE.
type RawSigner func(ctx context.Context, h pki.Digest, digest []byte) ([]byte, error)

// WholeSigner makes a whole detached CMS over content outside this program (cryptcp, csptest): DER, BER, PEM or base64.
type WholeSigner func(ctx context.Context, content []byte) ([]byte, error)

// NewSigner signs with a key in memory. It refuses a key that is not the certificate's. rand must be a source of secret
// randomness.
func NewSigner(cert *pki.Certificate, key pki.PrivateKey, rand io.Reader) (*Signer, error) {
	if cert == nil || key == nil {
		return nil, errors.New("make signer: no certificate or no key")
	}
	if !cert.Matches(key.Public()) {
		return nil, fmt.Errorf("make signer: the key does not belong to %s", cert)
	}
	return NewSignerFunc(cert, func(_ context.Context, h pki.Digest, digest []byte) ([]byte, error) {
		return key.Sign(rand, h, digest)
	})
}

// NewSignerFunc signs with a key elsewhere, which raw reaches; attributes and message are made here.
func NewSignerFunc(cert *pki.Certificate, raw RawSigner) (*Signer, error) {
	return newSigner(cert, &Signer{raw: raw})
}

// NewSignerWhole takes signatures made by another program. What comes back is re-written as DER; without reports that
// the program leaves signingCertificateV2 out (csptest does), which is then not demanded.
func NewSignerWhole(cert *pki.Certificate, whole WholeSigner, without bool) (*Signer, error) {
	s, err := newSigner(cert, &Signer{whole: whole})
	if err != nil {
		return nil, err
	}
	s.own.SigningCertificateOptional = without
	return s, nil
}

func newSigner(cert *pki.Certificate, s *Signer) (*Signer, error) {
	if cert == nil || s.raw == nil && s.whole == nil {
		return nil, errors.New("make signer: no certificate or nothing to sign with")
	}
	var err error
	if s.fixed, err = fix(cert); err != nil {
		return nil, fmt.Errorf("make signer: %w", err)
	}
	s.cert, s.Margin = cert, lastDay
	s.own = &Policy{Signers: []Pin{{Certificate: cert}}}
	return s, nil
}

// Certificate is what the signatures are made under.
func (s *Signer) Certificate() *pki.Certificate { return s.cert }

// Until is when Sign stops: the end of the certificate or of the key's usage period, less Margin.
func (s *Signer) Until() time.Time {
	end := s.cert.X509.NotAfter
	if _, until := s.cert.KeyPeriod(); !until.IsZero() && until.Before(end) {
		end = until
	}
	return end.Add(-s.Margin)
}

// Sign makes a detached CAdES-BES signature over content in DER, with signingTime at. It refuses when the certificate
// is not valid at that time or ends within Margin, and when what was made does not verify; nothing is then returned.
func (s *Signer) Sign(ctx context.Context, content []byte, at time.Time) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	if at.After(s.Until()) {
		return nil, fmt.Errorf("sign: %s: signing with it stopped at %s; put the next certificate in force", s.cert, bound(s.Until()))
	}
	var sig []byte
	var err error
	if s.whole != nil {
		sig, err = s.foreign(ctx, content)
	} else {
		sig, err = s.build(ctx, content, at)
	}
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	if s.proven.Load() {
		return sig, nil
	}
	if v := s.own.Verify(content, sig, at); !v.Valid() {
		return nil, fmt.Errorf("sign: the signature just made is not good (%s: %s); it was thrown away", v.Code, v.Detail)
	}
	s.proven.Store(s.whole == nil)
	return sig, nil
}

// foreign has another program sign and rewrites the result as DER.
func (s *Signer) foreign(ctx context.Context, content []byte) ([]byte, error) {
	out, err := s.whole(ctx, bytes.Clone(content))
	if err != nil {
		return nil, err
	}
	body, refusal := message.DER(out)
	if refusal != nil {
		return nil, fmt.Errorf("read the signature made outside: %w", refusal)
	}
	return body, nil
}

// fixed are the parts of every message of a Signer, in DER: they follow from the certificate.
type fixed struct {
	hash    []byte // AlgorithmIdentifier of the digest
	scheme  []byte // and of the signature
	id      []byte // issuerAndSerialNumber
	kind    []byte // attribute contentType
	binding []byte // attribute signingCertificateV2
}

func fix(cert *pki.Certificate) (f fixed, err error) {
	h := cert.Key.Algorithm().Digest()
	for _, part := range []struct {
		into *[]byte
		add  func(*cryptobyte.Builder)
	}{
		{&f.hash, func(b *cryptobyte.Builder) { message.AddAlgorithm(b, digestOID(h), false) }},
		{&f.scheme, func(b *cryptobyte.Builder) { addScheme(b, cert.Key.Algorithm()) }},
		{&f.id, func(b *cryptobyte.Builder) { addID(b, cert) }},
		{&f.kind, message.One(oidContentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(message.OID(oidData)) })},
		{&f.binding, message.One(oidSigningCert2, func(b *cryptobyte.Builder) { addBinding(b, cert, h) })},
	} {
		b := cryptobyte.NewBuilder(nil)
		part.add(b)
		if *part.into, err = b.Bytes(); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (s *Signer) build(ctx context.Context, content []byte, at time.Time) ([]byte, error) {
	h := s.cert.Key.Algorithm().Digest()
	attrs, err := s.attributes(h.Sum(content), at)
	if err != nil {
		return nil, err
	}
	value, err := s.value(ctx, h, h.Sum(message.Encode(0x31, attrs)), at)
	if err != nil {
		return nil, err
	}
	return message.Write(message.Parts{
		Hash: s.fixed.hash, Scheme: s.fixed.scheme, ID: s.fixed.id,
		Certificate: s.cert.Raw, Attributes: attrs, Value: value,
	})
}

// value is the signature of a digest, verified under a certificate that is good at that time.
func (s *Signer) value(ctx context.Context, h pki.Digest, digest []byte, at time.Time) ([]byte, error) {
	if refusal := trust.CheckSigner(s.cert, at, false); refusal != nil {
		return nil, refusal
	}
	value, err := s.raw(ctx, h, digest)
	if err == nil && !s.cert.Key.Verify(h, digest, value) {
		err = fmt.Errorf("the signature just made is not good under the key of %s; it was thrown away", s.cert)
	}
	return value, err
}

// attributes are contentType, signingTime, messageDigest and signingCertificateV2, in DER order (RFC 5126 section 5.7).
func (s *Signer) attributes(sum []byte, at time.Time) ([]byte, error) {
	all := [][]byte{s.fixed.kind, s.fixed.binding}
	for _, add := range []func(*cryptobyte.Builder){
		message.One(oidSigningTime, func(b *cryptobyte.Builder) {
			if at = at.UTC().Truncate(time.Second); at.Year() < 2050 {
				b.AddASN1UTCTime(at)
			} else {
				b.AddASN1GeneralizedTime(at)
			}
		}),
		message.One(oidMessageDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(sum) }),
	} {
		var b cryptobyte.Builder
		add(&b)
		one, err := b.Bytes()
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	slices.SortFunc(all, bytes.Compare)
	return bytes.Join(all, nil), nil
}

func addBinding(b *cryptobyte.Builder, cert *pki.Certificate, h pki.Digest) {
	seq := func(b *cryptobyte.Builder, body func(*cryptobyte.Builder)) { b.AddASN1(der.SEQUENCE, body) }
	seq(b, func(b *cryptobyte.Builder) {
		seq(b, func(b *cryptobyte.Builder) {
			seq(b, func(b *cryptobyte.Builder) {
				if h != pki.SHA256 { // the default is left out (RFC 5035, X.690 11.5)
					message.AddAlgorithm(b, digestOID(h), false)
				}
				b.AddASN1OctetString(cert.Sum(h))
				seq(b, func(b *cryptobyte.Builder) {
					seq(b, func(b *cryptobyte.Builder) {
						b.AddASN1(der.Tag(4).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(cert.X509.RawIssuer) })
					})
					b.AddASN1BigInt(cert.X509.SerialNumber)
				})
			})
		})
	})
}

func addID(b *cryptobyte.Builder, cert *pki.Certificate) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(cert.X509.RawIssuer)
		b.AddASN1BigInt(cert.X509.SerialNumber)
	})
}

// addScheme names the signature algorithm as banks' tools expect it: the bare key OID for GOST and RSA.
func addScheme(b *cryptobyte.Builder, key pki.Algorithm) {
	switch key {
	case pki.GOST256:
		message.AddAlgorithm(b, oidGOST256, false)
	case pki.GOST512:
		message.AddAlgorithm(b, oidGOST512, false)
	case pki.RSA:
		message.AddAlgorithm(b, oidRSA, true)
	case pki.ECDSAP384:
		message.AddAlgorithm(b, "1.2.840.10045.4.3.3", false)
	case pki.ECDSAP256:
		message.AddAlgorithm(b, "1.2.840.10045.4.3.2", false)
	}
}
