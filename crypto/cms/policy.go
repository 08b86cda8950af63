package cms

import (
	"bytes"
	"crypto/sha256"
	"sync"
	"time"

	"bankconnector/crypto/cms/message"
	"bankconnector/crypto/pki"
	"bankconnector/crypto/trust"
)

// defaultSkew is how far a signer's clock may run ahead of ours.
const defaultSkew = 5 * time.Minute

// Pin is a certificate that may sign, and when we rely on it: From and Until are the bounds of our reliance (a rollover
// has two pins that overlap), not those of the certificate; zero is open.
type Pin struct {
	Certificate *pki.Certificate
	From, Until time.Time
}

// Policy says whose signatures are accepted and in what form. The zero value of every switch is the strict one.
// Fill it before the first use and leave it alone after; it is then safe for concurrent use and remembers which chains
// it has proven, so keep one per bank.
type Policy struct {
	// Signers are the only certificates that may sign. Without any, Roots together with INN or OGRN say who may:
	// a signer whose certificate came with the message, chains to a root and names the bank.
	Signers []Pin
	// INN and OGRN of the bank, from its card; when set the signer's certificate must name the same.
	INN, OGRN string
	// Signatures is the exact number of SignerInfos in a message, each by another pinned certificate; 0 means 1.
	Signatures int

	BER                        bool // also take indefinite lengths (BouncyCastle-based bank software), rewritten as DER
	DEROnly                    bool // refuse PEM and base64 wrapping
	PSS                        bool // also take RSASSA-PSS
	Attached                   bool // also take a message that holds the content, when it is octet for octet ours
	SigningCertificateOptional bool // do not demand signingCertificateV2 (csptest, plain openssl); only with pinned signers
	LooseBag                   bool // ignore certificates and CRLs in the message that cannot be read

	// Roots and Intermediates prove the signer's certificate; CRLs its status. Without Roots and CRLs the pin alone is
	// relied on.
	Roots, Intermediates []*pki.Certificate
	CRLs                 *trust.Revocations
	RevocationOptional   bool // accept a signer whose revocation status cannot be told; the default is "unchecked"
	KeyPeriodOptional    bool // ignore privateKeyUsagePeriod

	// Skew is how far signingTime may lie after the time of receipt; 0 means 5 minutes.
	Skew time.Duration

	once  sync.Once
	store *trust.Store
	mu    sync.Mutex
	met   map[[sha256.Size]byte]*pki.Certificate // certificates of messages, read once; nil when unreadable
}

func (p *Policy) trust() *trust.Store {
	p.once.Do(func() {
		p.store = &trust.Store{
			Roots: p.Roots, Intermediates: p.Intermediates, Revocations: p.CRLs,
			RevocationOptional: p.RevocationOptional, KeyPeriodOptional: p.KeyPeriodOptional,
		}
	})
	return p.store
}

// Check judges a certificate as a signer at a moment, without any message: its place in the policy, its fitness, chain
// and revocation. It rehearses an announced rollover before its date and warns of an end that comes near.
func (p *Policy) Check(c *pki.Certificate, at time.Time) Verdict {
	v := Verdict{Signer: c}
	refusal := p.admit(c, at)
	if refusal == nil {
		refusal = trust.CheckSigner(c, at, p.KeyPeriodOptional)
	}
	if refusal == nil {
		v.Chain, refusal = p.chain(c, nil, at)
	}
	return v.conclude(refusal, c, at)
}

// admit tells whether the policy lets c sign at a moment: not-pinned, pin-period or subject.
func (p *Policy) admit(c *pki.Certificate, at time.Time) *pki.Refusal {
	if len(p.Signers) == 0 {
		if len(p.Roots) == 0 || p.INN == "" && p.OGRN == "" {
			return refuse("not-pinned", "the policy names no signer")
		}
		return p.card(c)
	}
	var late *pki.Refusal
	for _, pin := range p.Signers {
		if !bytes.Equal(pin.Certificate.Raw, c.Raw) {
			continue
		}
		if !pin.From.IsZero() && at.Before(pin.From) || !pin.Until.IsZero() && at.After(pin.Until) {
			late = refuse("pin-period", "%s is relied on from %s until %s, not at %s", c, bound(pin.From), bound(pin.Until), bound(at))
			continue
		}
		return p.card(c)
	}
	if late != nil {
		return late
	}
	return refuse("not-pinned", "%s is none of the %d certificates of the policy", c, len(p.Signers))
}

func bound(t time.Time) string {
	if t.IsZero() {
		return "(open)"
	}
	return t.UTC().Format(time.RFC3339)
}

// card compares the certificate's INN and OGRN with those of the bank's card.
func (p *Policy) card(c *pki.Certificate) *pki.Refusal {
	s := c.Subject()
	switch {
	case p.INN != "" && s.Taxpayer() != p.INN:
		return refuse("subject", "%s names INN %q, the bank's is %q", c, s.Taxpayer(), p.INN)
	case p.OGRN != "" && s.OGRN != p.OGRN:
		return refuse("subject", "%s names OGRN %q, the bank's is %q", c, s.OGRN, p.OGRN)
	}
	return nil
}

// chain proves c when the policy has anything to prove it with.
func (p *Policy) chain(c *pki.Certificate, m *message.Message, at time.Time) ([]*pki.Certificate, *pki.Refusal) {
	if len(p.Roots) == 0 && p.CRLs == nil {
		return []*pki.Certificate{c}, nil
	}
	path, refusal := p.trust().Chain(c, nil, at)
	if refusal == nil || m == nil || refusal.Code != "issuer-not-ca" {
		return path, refusal
	}
	// Only now the message's own certificates: they may fill a gap, and most messages have none to fill.
	return p.trust().Chain(c, p.bag(m), at)
}

// bag gives the readable certificates that came with a message.
func (p *Policy) bag(m *message.Message) []*pki.Certificate {
	var all []*pki.Certificate
	for _, raw := range m.Certificates {
		if c := p.certificate(raw); c != nil {
			all = append(all, c)
		}
	}
	return all
}

// certificate reads a certificate of a message, once for equal octets; nil when it cannot be read.
func (p *Policy) certificate(raw []byte) *pki.Certificate {
	for _, pin := range p.Signers {
		if bytes.Equal(pin.Certificate.Raw, raw) {
			return pin.Certificate
		}
	}
	key := sha256.Sum256(raw)
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.met[key]
	if ok {
		return c
	}
	c, err := pki.ParseCertificate(raw)
	if err != nil {
		c = nil
	}
	if p.met == nil || len(p.met) >= 256 {
		p.met = make(map[[sha256.Size]byte]*pki.Certificate)
	}
	p.met[key] = c
	return c
}
