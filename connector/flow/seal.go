package flow

import (
	"context"
	"errors"
	"fmt"

	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// sealed is an envelope that the journal knows: only Sealed documents can be delivered.
type sealed struct {
	journal.Exchange
}

// seal makes the envelopes of a bank's accepted documents, in one commit. The bytes are
// made once (signatures differ each time they are made) and never again after Sending.
// A crash before the commit leaves bytes in the store that nothing names; the numbers
// were not taken, so the next run takes the same ones.
func (v *visit) seal(ctx context.Context, batch []journal.Exchange) ([]sealed, error) {
	chain := make(map[string]link)
	changes := make([]journal.Change, 0, len(batch))
	for _, x := range batch {
		last, ok := chain[x.Stream]
		if !ok {
			var err error
			if last.seq, last.digest, err = v.Book.Last(ctx, x.Bank, x.Stream); err != nil {
				return nil, v.broken("last number", err)
			}
		}
		change, err := v.sealOne(ctx, x, last)
		if err != nil {
			return nil, err
		}
		chain[x.Stream] = link{change.Seq, change.FileSHA256}
		changes = append(changes, change)
	}
	err := v.write(ctx, v.bank.BIC, "seal", func(tx *journal.Tx) error {
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
	out := make([]sealed, len(batch))
	for i, x := range batch {
		x.State, x.Seq = journal.Sealed, changes[i].Seq
		x.FileName, x.FileSHA256, x.FileSize = changes[i].FileName, changes[i].FileSHA256, changes[i].FileSize
		out[i] = sealed{x}
	}
	return out, nil
}

// link is the end of one stream of envelopes.
type link struct {
	seq    int64
	digest string
}

func (v *visit) sealOne(ctx context.Context, x journal.Exchange, last link) (journal.Change, error) {
	entries, err := v.contents(ctx, x)
	if err != nil {
		return journal.Change{}, err
	}
	manifest, err := v.manifest(ctx, x, last, entries)
	if err != nil {
		return journal.Change{}, err
	}
	name, err := envelope.Name(formats.Kind(x.Kind).Prefix(), x.InternalKey)
	if err != nil {
		return journal.Change{}, &Failure{Op: "seal", Bank: v.bank.BIC, Document: x.InternalKey, Kind: Refused, Err: err}
	}
	data, err := envelope.Seal(append(entries, manifest...))
	if err != nil {
		return journal.Change{}, &Failure{Op: "seal", Bank: v.bank.BIC, Document: x.InternalKey, Kind: Refused, Err: err}
	}
	digest, err := v.Store.Put(ctx, data)
	if err != nil {
		return journal.Change{}, v.broken("store envelope", err)
	}
	return journal.Change{
		Seq: last.seq + 1, Previous: last.digest,
		FileName: name, FileSHA256: digest, FileSize: int64(len(data)), Signer: v.SignedBy,
	}, nil
}

// contents are the document as the office gave it, our signature over it, and the signed
// original untouched.
func (v *visit) contents(ctx context.Context, x journal.Exchange) ([]envelope.Entry, error) {
	sources, err := v.Book.Sources(ctx, x.ID)
	if err != nil {
		return nil, v.broken("find sources", err)
	}
	var entries []envelope.Entry
	for i, s := range sources {
		data, err := v.Store.Get(ctx, s.SHA256)
		if err != nil {
			return nil, v.broken("read source", err)
		}
		entries = append(entries, envelope.Entry{Name: s.Name, Data: data})
		if i > 0 {
			continue
		}
		sig, err := v.sign(ctx, x, data)
		if err != nil {
			return nil, err
		}
		entries = append(entries, envelope.Entry{Name: s.Name + ".sig", Data: sig})
	}
	return entries, nil
}

// manifest binds the entries to the addressee, to their number in the stream and to the
// envelope before it, so that the bank can see and prove a gap; it also leaves the head
// of our journal with the bank, one more witness of what we had written by then.
func (v *visit) manifest(ctx context.Context, x journal.Exchange, last link, entries []envelope.Entry) ([]envelope.Entry, error) {
	seq, head, err := v.Book.Head(ctx)
	if err != nil {
		return nil, v.broken("head of the journal", err)
	}
	m := &formats.Manifest{
		Version: 1, Sender: Service, Recipient: string(v.bank.BIC), Stream: x.Stream,
		Seq: last.seq + 1, Previous: last.digest, CreatedAt: v.Now().UTC(), Head: fmt.Sprintf("%d:%s", seq, head),
	}
	for _, e := range entries {
		m.Entries = append(m.Entries, formats.ManifestEntry{Name: e.Name, SHA256: spool.Digest(e.Data), Size: int64(len(e.Data))})
	}
	data, err := formats.EncodeManifest(m)
	if err != nil {
		return nil, v.broken("write manifest", err)
	}
	sig, err := v.sign(ctx, x, data)
	if err != nil {
		return nil, err
	}
	return []envelope.Entry{{Name: manifestName, Data: data}, {Name: manifestName + ".sig", Data: sig}}, nil
}

// Service is the name of the bailiff service in a manifest, where a bank has its BIC.
const Service = "FSSP"

const manifestName = "manifest.xml"

// sign makes our signature. A key that cannot sign stops this bank, not the daemon: a
// token may come back, and until then nothing leaves unsigned.
func (v *visit) sign(ctx context.Context, x journal.Exchange, data []byte) ([]byte, error) {
	sig, err := v.Signer.Sign(ctx, data, v.Now())
	if err == nil && len(sig) == 0 {
		err = errors.New("the signer returned nothing")
	}
	if err != nil {
		return nil, &Failure{Op: "sign", Bank: v.bank.BIC, Document: x.InternalKey, Kind: Operator, Err: err}
	}
	return sig, nil
}
