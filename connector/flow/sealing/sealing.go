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
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

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
//
// Documents are read and signed side by side. What binds an envelope to the one before it
// is made one after the other, for it takes that one's digest.
func (s *Sealer) Seal(ctx context.Context, b *banks.Bank, batch []journal.Exchange) ([]Sealed, error) {
	head, err := s.head()
	if err != nil {
		return nil, fate.Disk(b.BIC, "head of the journal", err)
	}
	c := chain{head: head, last: make(map[string]link)}
	changes := make([]journal.Change, 0, len(batch))
	for part := range slices.Chunk(batch, sideBySide) {
		more, err := s.sealPart(ctx, b, part, &c)
		if err != nil {
			return nil, err
		}
		changes = append(changes, more...)
	}
	err = fate.Write(ctx, s.Book, b.BIC, "seal", func(tx *journal.Tx) error {
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

// sideBySide is how many documents are in memory at once, signed side by side and stored
// with one sync.
const sideBySide = 16

// chain is where the streams of a bank's envelopes have come to while a batch is sealed.
type chain struct {
	head string // of the journal, when the batch was begun
	last map[string]link
}

// link is the end of one stream of envelopes.
type link struct {
	seq    int64
	digest string
}

// sealPart makes and stores the next envelopes.
func (s *Sealer) sealPart(ctx context.Context, b *banks.Bank, part []journal.Exchange, c *chain) ([]journal.Change, error) {
	ids := make([]int64, len(part))
	for i, x := range part {
		ids[i] = x.ID
	}
	sources, err := s.Book.SourcesOf(ctx, ids)
	if err != nil {
		return nil, fate.Disk(b.BIC, "find sources", err)
	}
	contents := make([][]envelope.Entry, len(part))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(max(1, min(b.Limits.Parallel, 2*runtime.GOMAXPROCS(0))))
	for i, x := range part {
		group.Go(func() (err error) {
			defer fate.Recover("seal", &err)
			contents[i], err = s.contents(within, x, sources[x.ID])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	changes, made := make([]journal.Change, len(part)), make([][]byte, len(part))
	for i, x := range part {
		if changes[i], made[i], err = s.sealOne(ctx, x, c, contents[i]); err != nil {
			return nil, err
		}
	}
	_, err = s.Store.PutAll(ctx, made)
	return changes, fate.Disk(b.BIC, "store envelopes", err)
}

// sealOne makes the bytes of the next envelope of its stream.
func (s *Sealer) sealOne(ctx context.Context, x journal.Exchange, c *chain, entries []envelope.Entry) (change journal.Change, data []byte, err error) {
	last, ok := c.last[x.Stream]
	if !ok {
		if last.seq, last.digest, err = s.Book.Last(ctx, x.Bank, x.Stream); err != nil {
			return change, nil, fate.Disk(banks.ID(x.Bank), "last number", err)
		}
	}
	manifest, err := s.manifest(ctx, x, s.manifestOf(x, last, c.head, entries))
	if err != nil {
		return change, nil, err
	}
	name, err := envelope.Name(formats.Kind(x.Kind).Prefix(), x.InternalKey)
	if err == nil {
		data, err = envelope.Seal(append(entries, manifest...))
	}
	if err != nil {
		return change, nil, &fate.Failure{Op: "seal", Bank: banks.ID(x.Bank), Document: x.InternalKey, Kind: fate.Refused, Err: err}
	}
	change = journal.Change{
		Seq: last.seq + 1, Previous: last.digest,
		FileName: name, FileSHA256: spool.Digest(data), FileSize: int64(len(data)), Signer: s.SignedBy,
	}
	c.last[x.Stream] = link{change.Seq, change.FileSHA256}
	return change, data, nil
}

// contents are the document as the office gave it, our signature over it, and the signed
// original untouched.
func (s *Sealer) contents(ctx context.Context, x journal.Exchange, sources []journal.Source) ([]envelope.Entry, error) {
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

// manifestOf binds the entries to the addressee, to their number in the stream and to the
// envelope before it, so that the bank can see and prove a gap; it also leaves the head
// of our journal with the bank, signed with the key of checkpoints: one more witness of what
// we had written by then, which cannot be taken back from a hundred banks.
func (s *Sealer) manifestOf(x journal.Exchange, last link, head string, entries []envelope.Entry) *formats.Manifest {
	m := &formats.Manifest{
		Version: 1, Sender: reading.Service, Recipient: x.Bank, Stream: x.Stream,
		Seq: last.seq + 1, Previous: last.digest, CreatedAt: s.Now().UTC(), Head: head,
	}
	for _, e := range entries {
		m.Entries = append(m.Entries, formats.ManifestEntry{Name: e.Name, SHA256: spool.Digest(e.Data), Size: int64(len(e.Data))})
	}
	return m
}

// manifest writes and signs a manifest.
func (s *Sealer) manifest(ctx context.Context, x journal.Exchange, m *formats.Manifest) ([]envelope.Entry, error) {
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
