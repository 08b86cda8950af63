package evidence

import (
	"context"
	"database/sql"
	"encoding/asn1"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"bankconnector/connector/evidence/removed"
	"bankconnector/connector/journal/volume"
	"bankconnector/connector/spool"
	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
	"bankconnector/formats/envelope"
)

// claim is what the journal says of one envelope: who signed it, and as of when that was
// judged.
type claim struct {
	what   string // "exchange 12" or "incoming 7"
	name   string // of the file
	digest string
	signer string // ends with the fingerprint of a certificate
	at     string
	event  int64
	valid  bool // the journal says that the signature of the document holds
	whole  bool // and that of the manifest
}

func (c claim) fingerprint() string { return c.signer[strings.LastIndexByte(c.signer, ' ')+1:] }

const claims = `SELECT 'exchange ' || id, file_name, file_sha256, signer, sealed_at, last_event, 1, 1 FROM exchange
	WHERE file_sha256 <> '' AND signer <> ''
	UNION ALL SELECT 'incoming ' || id, name, sha256, signer, received_at, last_event, verdict = 'valid', outcome = 'matched' FROM arrival
	WHERE verdict IN ('valid', 'invalid')`

// signatures verifies every signature anew, as of the time at which it counted.
func (f *Findings) signatures(ctx context.Context, db *sql.DB, q Inquiry, gone *removed.List) error {
	rows, err := db.QueryContext(ctx, claims)
	if err != nil {
		f.problem("signatures cannot be read: %v", err)
		return nil
	}
	defer rows.Close()
	b := newBench(q)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	for rows.Next() && groupCtx.Err() == nil {
		var c claim
		var at sql.NullString
		if err := rows.Scan(&c.what, &c.name, &c.digest, &c.signer, &at, &c.event, &c.valid, &c.whole); err != nil {
			return errors.Join(fmt.Errorf("read signatures: %w", err), group.Wait())
		}
		c.at = at.String
		group.Go(func() error {
			n, err := b.judge(groupCtx, c)
			err = gone.Told(c.digest, err)
			mu.Lock()
			defer mu.Unlock()
			if f.Signatures += n; err != nil && !errors.Is(err, volume.ErrDiscarded) {
				f.problem("%s (event %d): %s: %v", c.what, c.event, c.name, err)
			}
			return groupCtx.Err()
		})
	}
	if err := errors.Join(rows.Err(), group.Wait()); err != nil {
		return fmt.Errorf("check signatures: %w", err)
	}
	f.Unvouched = b.unvouched()
	return nil
}

// bench is where signatures are checked: the certificates by fingerprint.
type bench struct {
	store *spool.Store

	mu     sync.Mutex
	policy map[string]*cms.Policy
	given  map[string]bool
}

func newBench(q Inquiry) *bench {
	b := &bench{store: q.Store, policy: make(map[string]*cms.Policy), given: make(map[string]bool)}
	for _, c := range q.Certificates {
		b.given[c.Fingerprint()] = true
		b.policy[c.Fingerprint()] = relying(c)
	}
	return b
}

// relying is a policy for one certificate, which the journal names as the one that was
// relied on. How strict to be about the form was decided then, by the bank's profile.
func relying(c *pki.Certificate) *cms.Policy {
	return &cms.Policy{
		Signers: []cms.Pin{{Certificate: c}},
		BER:     true, PSS: true, Attached: true, SigningCertificateOptional: true, LooseBag: true, KeyPeriodOptional: true,
	}
}

func (b *bench) unvouched() (out []string) {
	for print := range b.policy {
		if !b.given[print] {
			out = append(out, print)
		}
	}
	slices.Sort(out)
	return out
}

// judge verifies all signatures of one envelope that its signer made.
func (b *bench) judge(ctx context.Context, c claim) (checked int64, err error) {
	at, err := time.Parse(time.RFC3339, c.at)
	if err != nil {
		return 0, fmt.Errorf("no time of receipt: %w", err)
	}
	data, err := b.store.Get(ctx, c.digest)
	if err != nil {
		return 0, err
	}
	list, err := signed(data)
	if err != nil {
		return 0, err
	}
	for _, s := range list {
		if s.name == manifestSignature && !c.whole {
			continue // the file was put aside before anybody relied on it
		}
		v := b.verify(s, c.fingerprint(), at)
		checked++
		switch {
		case c.valid && !v.Valid():
			return checked, fmt.Errorf("%s: the journal says valid, now: %s", s.name, v.Text("en"))
		case !c.valid && !v.Valid():
			return checked, nil // as the journal says
		}
	}
	if !c.valid {
		return checked, errors.New("the journal says that a signature does not hold, but all of them do")
	}
	return checked, nil
}

// verify checks one signature under the certificate with a fingerprint: one that was
// given, or the one that came with the signature.
func (b *bench) verify(s signature, print string, at time.Time) cms.Verdict {
	p := b.take(print, s.sig)
	if p == nil {
		return cms.Verdict{Status: cms.UnknownSigner, Code: "unknown-signer", Detail: "no certificate " + print + ": give it with --signer"}
	}
	return p.Verify(s.content, s.sig, at)
}

const manifestSignature = "manifest.xml.sig"

// take returns the policy for a fingerprint; a certificate that nobody gave is taken from
// the signature.
func (b *bench) take(print string, sig []byte) *cms.Policy {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.policy[print] == nil {
		for _, c := range enclosed(sig) {
			if c.Fingerprint() == print {
				b.policy[print] = relying(c)
			}
		}
	}
	return b.policy[print]
}

// signature is one signature in an envelope, with what it is over.
type signature struct {
	name         string
	content, sig []byte
}

// signed lists the signatures of an envelope by its sender: those of the document and of
// the manifest. The bailiff's own, on the original, was carried untouched and is bound by
// the manifest.
func signed(data []byte) ([]signature, error) {
	entries, err := envelope.Open(data, envelope.DefaultLimits())
	if err != nil {
		return nil, err
	}
	content := make(map[string][]byte)
	for _, e := range entries {
		content[e.Name] = e.Data
	}
	var out []signature
	for _, e := range entries {
		stem, ok := strings.CutSuffix(e.Name, ".sig")
		if !ok || strings.HasSuffix(stem, ".original.xml") {
			continue
		}
		over, found := content[stem]
		if !found { // NAME.xml.2.sig
			over, found = content[stem[:max(0, strings.LastIndexByte(stem, '.'))]]
		}
		if !found {
			continue // a signature over nothing binds nobody
		}
		out = append(out, signature{e.Name, over, e.Data})
	}
	if len(out) == 0 {
		return nil, errors.New("the envelope holds no signature")
	}
	return out, nil
}

// enclosed are the certificates that came with a signature; what cannot be read has none.
func enclosed(sig []byte) []*pki.Certificate {
	var outer struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,tag:0"`
	}
	var message struct {
		Version      int
		Digests      asn1.RawValue
		Content      asn1.RawValue
		Certificates asn1.RawValue `asn1:"optional,tag:0"`
		CRLs         asn1.RawValue `asn1:"optional,tag:1"`
		Signers      asn1.RawValue
	}
	if _, err := asn1.Unmarshal(sig, &outer); err != nil {
		return nil
	}
	if _, err := asn1.Unmarshal(outer.Content.Bytes, &message); err != nil {
		return nil
	}
	var out []*pki.Certificate
	for rest := message.Certificates.Bytes; len(rest) > 0; {
		var raw asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &raw); err != nil {
			return out
		}
		if c, err := pki.ParseCertificate(raw.FullBytes); err == nil {
			out = append(out, c)
		}
	}
	return out
}
