// Package stamp asks a time stamping authority for a time and judges what it answers: requests, responses and tokens of
// RFC 3161, with the signing certificate bound by ESSCertIDv2 (RFC 5816), under GOST, RSA and ECDSA.
//
// A token counts when a pinned certificate of an authority, made for time stamps and nothing else, signed exactly the
// digest, the policy and the nonce that were asked for. The certificate is judged as of the time in the token, so that
// one can be verified years later. The signature itself is judged by package cms.
//
// It speaks no HTTP, keeps nothing, and knows no journal. It may call cms, its inner room message, and pki.
package stamp

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/cms/message"
	"bankconnector/crypto/pki"
)

const (
	oidInfo    = "1.2.840.113549.1.9.16.1.4" // id-ct-TSTInfo
	oidPurpose = "1.3.6.1.5.5.7.3.8"         // id-kp-timeStamping

	// Skew is how far an authority's clock may differ from ours when it answers.
	Skew = 5 * time.Minute
	// MaxAnswer bounds an answer; a real one has 2 to 10 KiB.
	MaxAnswer = 256 << 10
)

// Authority is whose tokens are accepted.
type Authority struct {
	Certificates []*pki.Certificate // that sign them, pinned
	Policy       string             // OID under which it is to stamp; "" = any
}

// Check refuses certificates that can never sign a token.
func (a *Authority) Check() error {
	if len(a.Certificates) == 0 {
		return errors.New("no certificate of a time stamping authority")
	}
	for _, c := range a.Certificates {
		if err := fit(c); err != nil {
			return err
		}
	}
	if a.Policy != "" && !valid(a.Policy) {
		return fmt.Errorf("%q is no object identifier of a policy", a.Policy)
	}
	return nil
}

// fit applies RFC 3161 section 2.3: extendedKeyUsage is there, critical, and names time stamps alone.
func fit(c *pki.Certificate) error {
	want, err := asn1.Marshal([]asn1.ObjectIdentifier{oid(oidPurpose)})
	if err != nil {
		return err
	}
	for _, e := range c.X509.Extensions {
		if e.Id.String() == "2.5.29.37" && e.Critical && bytes.Equal(e.Value, want) {
			return nil
		}
	}
	return fmt.Errorf("%s is not made for time stamps alone (critical extendedKeyUsage timeStamping, RFC 3161 section 2.3)", c)
}

// digest is what the authority is asked to stamp: GOST keys go with GOST hashes.
func (a *Authority) digest() pki.Digest {
	for _, c := range a.Certificates {
		if c.Key.Algorithm() == pki.GOST512 {
			return pki.Streebog512
		}
		if c.Key.Algorithm() == pki.GOST256 {
			return pki.Streebog256
		}
	}
	return pki.SHA256
}

// Token is a time stamp that was found good.
type Token struct {
	Raw    []byte // CMS SignedData in DER, as openssl ts -token_in reads it
	Time   time.Time
	Serial string // hexadecimal
	Policy string
	Signer *pki.Certificate

	imprint imprint
	nonce   *big.Int
}

// Request asks for one token.
type Request struct {
	authority *Authority
	imprint   imprint
	nonce     *big.Int
}

type imprint struct {
	digest pki.Digest
	sum    []byte
}

// Ask makes the request for a time stamp over data.
func (a *Authority) Ask(data []byte, rand io.Reader) (*Request, error) {
	octets := make([]byte, 16)
	if _, err := io.ReadFull(rand, octets); err != nil {
		return nil, fmt.Errorf("ask for a time stamp: %w", err)
	}
	octets[0] &= 0x7f
	h := a.digest()
	return &Request{authority: a, imprint: imprint{h, h.Sum(data)}, nonce: new(big.Int).SetBytes(octets)}, nil
}

// Marshal is TimeStampReq (RFC 3161 section 2.4.1) in DER, with the wish for the authority's certificate.
func (r *Request) Marshal() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oid(hashes(r.imprint.digest)))
				if r.imprint.digest == pki.SHA256 {
					b.AddASN1NULL() // as every tool writes it; GOST R 34.11-2012 has none (RFC 6986)
				}
			})
			b.AddASN1OctetString(r.imprint.sum)
		})
		if r.authority.Policy != "" {
			b.AddASN1ObjectIdentifier(oid(r.authority.Policy))
		}
		b.AddASN1BigInt(r.nonce)
		b.AddASN1Boolean(true)
	})
	return b.Bytes()
}

// Answer reads TimeStampResp (section 2.4.2), received at a moment, and judges the token in it.
func (r *Request) Answer(answer []byte, at time.Time) (*Token, error) {
	raw, err := granted(answer)
	if err != nil {
		return nil, err
	}
	t, err := r.authority.read(raw)
	switch {
	case err != nil:
		return nil, err
	case t.imprint.digest != r.imprint.digest || !bytes.Equal(t.imprint.sum, r.imprint.sum):
		return nil, errors.New("time stamp: it is over another digest than was asked for")
	case t.nonce == nil || t.nonce.Cmp(r.nonce) != 0:
		return nil, errors.New("time stamp: it has not the nonce that was asked for: an old answer")
	case t.Time.Sub(at).Abs() > Skew:
		return nil, fmt.Errorf("time stamp: the authority says %s, and it is %s here", t.Time.Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	}
	return t, nil
}

// Verify judges a token over data, at any later time.
func (a *Authority) Verify(token, data []byte) (*Token, error) {
	t, err := a.read(token)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(t.imprint.sum, t.imprint.digest.Sum(data)) {
		return nil, errors.New("time stamp: it is over something else")
	}
	return t, nil
}

// read takes a token apart and judges its signature as of the time in it.
func (a *Authority) read(token []byte) (*Token, error) {
	m, refusal := message.Read(token, false)
	if refusal != nil {
		return nil, fmt.Errorf("time stamp: %w", refusal)
	}
	if m.ContentType != oidInfo || !m.Attached {
		return nil, fmt.Errorf("time stamp: it holds %s, not TSTInfo", m.ContentType)
	}
	t, err := readInfo(m.Content)
	if err != nil {
		return nil, fmt.Errorf("time stamp: %w", err)
	}
	p := cms.Policy{ContentType: oidInfo, Attached: true, DEROnly: true, Purposes: []string{oidPurpose}, Skew: Skew}
	for _, c := range a.Certificates {
		p.Signers = append(p.Signers, cms.Pin{Certificate: c})
	}
	v := p.Verify(m.Content, token, t.Time)
	if !v.Valid() {
		return nil, fmt.Errorf("time stamp: %s: %s", v.Code, v.Detail)
	}
	if err := fit(v.Signer); err != nil {
		return nil, fmt.Errorf("time stamp: %w", err)
	}
	if a.Policy != "" && t.Policy != a.Policy {
		return nil, fmt.Errorf("time stamp: made under the policy %s, not %s", t.Policy, a.Policy)
	}
	t.Raw, t.Signer = bytes.Clone(token), v.Signer
	return t, nil
}

// oid reads what valid has found to be one.
func oid(dotted string) asn1.ObjectIdentifier {
	var o asn1.ObjectIdentifier
	for arc := range strings.SplitSeq(dotted, ".") {
		n, _ := strconv.Atoi(arc)
		o = append(o, n)
	}
	return o
}

func valid(dotted string) bool {
	arcs := strings.Split(dotted, ".")
	for i, arc := range arcs {
		n, err := strconv.Atoi(arc)
		if err != nil || n < 0 || strconv.Itoa(n) != arc || i == 0 && n > 2 || i == 1 && arcs[0] != "2" && n > 39 {
			return false
		}
	}
	return len(arcs) >= 2 && len(dotted) < 200
}

// hashes names a hash that is asked for.
func hashes(d pki.Digest) string {
	return map[pki.Digest]string{
		pki.SHA256: "2.16.840.1.101.3.4.2.1", pki.Streebog256: "1.2.643.7.1.1.2.2", pki.Streebog512: "1.2.643.7.1.1.2.3",
	}[d]
}
