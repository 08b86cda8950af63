package letter

import (
	"context"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// Writer seals envelopes of one bank.
type Writer struct {
	Sender string      // the BIC to name
	Signer *cms.Signer // nil = without signatures
}

// Place is where an envelope stands in its stream.
type Place struct {
	Stream   string
	Seq      int64
	Previous string // digest of the envelope before it, "" for the first
}

// Seal encodes a document, signs it and its manifest, and packs both as name.zip.
func (w *Writer) Seal(ctx context.Context, name string, d formats.Document, p Place, at time.Time) ([]byte, error) {
	xml, err := formats.Encode(d, "")
	if err != nil {
		return nil, err
	}
	entries, err := w.signed(ctx, name+".xml", xml, at)
	if err != nil {
		return nil, err
	}
	m := &formats.Manifest{
		Version: 1, Sender: w.Sender, Recipient: Service, Stream: p.Stream, Seq: p.Seq, CreatedAt: at, Previous: p.Previous,
	}
	for _, e := range entries {
		m.Entries = append(m.Entries, formats.ManifestEntry{Name: e.Name, SHA256: Digest(e.Data), Size: int64(len(e.Data))})
	}
	if xml, err = formats.EncodeManifest(m); err != nil {
		return nil, err
	}
	listed, err := w.signed(ctx, manifestName, xml, at)
	if err != nil {
		return nil, err
	}
	return envelope.Seal(append(entries, listed...))
}

// signed returns an entry and its signature.
func (w *Writer) signed(ctx context.Context, name string, data []byte, at time.Time) ([]envelope.Entry, error) {
	entries := []envelope.Entry{{Name: name, Data: data}}
	if w.Signer == nil {
		return entries, nil
	}
	sig, err := w.Signer.Sign(ctx, data, at)
	if err != nil {
		return nil, err
	}
	return append(entries, envelope.Entry{Name: name + signature, Data: sig}), nil
}
