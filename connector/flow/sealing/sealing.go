// Package sealing makes the envelopes of a bank's accepted documents: our signature, the
// manifest that binds them to addressee and number, the exact bytes that will be sent.
//
// It sends nothing. It may call fate, reading for the names on an envelope, journal,
// spool, banks, formats and envelope.
package sealing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/reading"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// Signer makes our signatures. It returns a detached CAdES-BES signature (DER) that has
// been verified against our own certificate.
type Signer interface {
	Sign(ctx context.Context, content []byte, at time.Time) ([]byte, error)
}

// Sealer seals.
type Sealer struct {
	Book     *journal.Book
	Store    *spool.Store
	Signer   Signer
	SignedBy string                 // fingerprint of our certificate
	Head     func() (string, error) // signed head of the journal; nil: its number and hash
	Now      func() time.Time
}

// Sealed is an envelope that the journal knows; only such can be delivered.
type Sealed struct {
	journal.Exchange
}

// Seal makes the envelopes of a bank's accepted documents, in one commit. The bytes are
// made once (signatures differ each time they are made) and never again after Sending.
// A crash before the commit leaves bytes in the store that nothing names; the numbers
// were not taken, so the next run takes the same ones.
func (s *Sealer) Seal(ctx context.Context, b *banks.Bank, batch []journal.Exchange) ([]Sealed, error) {
	chain := make(map[string]link)
	changes := make([]journal.Change, 0, len(batch))
	for _, x := range batch {
		last, ok := chain[x.Stream]
		if !ok {
			var err error
			if last.seq, last.digest, err = s.Book.Last(ctx, x.Bank, x.Stream); err != nil {
				return nil, fate.Disk(banks.ID(x.Bank), "last number", err)
			}
		}
		change, err := s.sealOne(ctx, x, last)
		if err != nil {
			return nil, err
		}
		chain[x.Stream] = link{change.Seq, change.FileSHA256}
		changes = append(changes, change)
	}
	err := fate.Write(ctx, s.Book, b.BIC, "seal", func(tx *journal.Tx) error {
		for i, x := range batch {
			if err := tx.Advance(x.ID, journal.Accepted, journal.Sealed, changes[i]); err != nil {
				return fmt.Errorf("exchange %d: %w", x.ID, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]Sealed, len(batch))
	for i, x := range batch {
		x.State, x.Seq = journal.Sealed, changes[i].Seq
		x.FileName, x.FileSHA256, x.FileSize = changes[i].FileName, changes[i].FileSHA256, changes[i].FileSize
		out[i] = Sealed{x}
	}
	return out, nil
}

// link is the end of one stream of envelopes.
type link struct {
	seq    int64
	digest string
}

func (s *Sealer) sealOne(ctx context.Context, x journal.Exchange, last link) (journal.Change, error) {
	entries, err := s.contents(ctx, x)
	if err != nil {
		return journal.Change{}, err
	}
	manifest, err := s.manifest(ctx, x, last, entries)
	if err != nil {
		return journal.Change{}, err
	}
	name, err := envelope.Name(formats.Kind(x.Kind).Prefix(), x.InternalKey)
	if err != nil {
		return journal.Change{}, &fate.Failure{Op: "seal", Bank: banks.ID(x.Bank), Document: x.InternalKey, Kind: fate.Refused, Err: err}
	}
	data, err := envelope.Seal(append(entries, manifest...))
	if err != nil {
		return journal.Change{}, &fate.Failure{Op: "seal", Bank: banks.ID(x.Bank), Document: x.InternalKey, Kind: fate.Refused, Err: err}
	}
	digest, err := s.Store.Put(ctx, data)
	if err != nil {
		return journal.Change{}, fate.Disk(banks.ID(x.Bank), "store envelope", err)
	}
	return journal.Change{
		Seq: last.seq + 1, Previous: last.digest,
		FileName: name, FileSHA256: digest, FileSize: int64(len(data)), Signer: s.SignedBy,
	}, nil
}

// contents are the document as the office gave it, our signature over it, and the signed
// original untouched.
func (s *Sealer) contents(ctx context.Context, x journal.Exchange) ([]envelope.Entry, error) {
	sources, err := s.Book.Sources(ctx, x.ID)
	if err != nil {
		return nil, fate.Disk(banks.ID(x.Bank), "find sources", err)
	}
	var entries []envelope.Entry
	for i, part := range sources {
		data, err := s.Store.Get(ctx, part.SHA256)
		if err != nil {
			return nil, fate.Disk(banks.ID(x.Bank), "read source", err)
		}
		entries = append(entries, envelope.Entry{Name: part.Name, Data: data})
		if i > 0 {
			continue
		}
		sig, err := s.sign(ctx, x, data)
		if err != nil {
			return nil, err
		}
		entries = append(entries, envelope.Entry{Name: part.Name + ".sig", Data: sig})
	}
	return entries, nil
}

// manifest binds the entries to the addressee, to their number in the stream and to the
// envelope before it, so that the bank can see and prove a gap; it also leaves the head
// of our journal with the bank, signed with the key of checkpoints: one more witness of what
// we had written by then, which cannot be taken back from a hundred banks.
func (s *Sealer) manifest(ctx context.Context, x journal.Exchange, last link, entries []envelope.Entry) ([]envelope.Entry, error) {
	head, err := s.head()
	if err != nil {
		return nil, fate.Disk(banks.ID(x.Bank), "head of the journal", err)
	}
	m := &formats.Manifest{
		Version: 1, Sender: reading.Service, Recipient: x.Bank, Stream: x.Stream,
		Seq: last.seq + 1, Previous: last.digest, CreatedAt: s.Now().UTC(), Head: head,
	}
	for _, e := range entries {
		m.Entries = append(m.Entries, formats.ManifestEntry{Name: e.Name, SHA256: spool.Digest(e.Data), Size: int64(len(e.Data))})
	}
	data, err := formats.EncodeManifest(m)
	if err != nil {
		return nil, fate.Disk(banks.ID(x.Bank), "write manifest", err)
	}
	sig, err := s.sign(ctx, x, data)
	if err != nil {
		return nil, err
	}
	return []envelope.Entry{{Name: reading.ManifestName, Data: data}, {Name: reading.ManifestName + ".sig", Data: sig}}, nil
}

func (s *Sealer) head() (string, error) {
	if s.Head != nil {
		return s.Head()
	}
	seq, hash := s.Book.Latest()
	return fmt.Sprintf("%d:%s", seq, hash), nil
}

// sign makes our signature. A key that cannot sign stops this bank, not the daemon: a
// token may come back, and until then nothing leaves unsigned.
func (s *Sealer) sign(ctx context.Context, x journal.Exchange, data []byte) ([]byte, error) {
	sig, err := s.Signer.Sign(ctx, data, s.Now())
	if err == nil && len(sig) == 0 {
		err = errors.New("the signer returned nothing")
	}
	if err != nil {
		return nil, &fate.Failure{Op: "sign", Bank: banks.ID(x.Bank), Document: x.InternalKey, Kind: fate.Operator, Err: err}
	}
	return sig, nil
}

// Known are envelopes that an earlier visit sealed.
func Known(list []journal.Exchange) []Sealed {
	out := make([]Sealed, len(list))
	for i, x := range list {
		out[i] = Sealed{x}
	}
	return out
}
