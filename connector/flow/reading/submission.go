package reading

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"bankconnector/banks"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// Submission is one document of the office as it lies in its file: the document, and for
// an order perhaps the signed original (OIp) with the bailiff's signature.
type Submission struct {
	Document  []byte // as the office wrote it
	Original  []byte // the signed original (OIp), or nil
	Signature []byte // the bailiff's over the original
}

// Rules are what a document is held against: the bank's own codes, namespace and charset;
// without a bank only what holds for all.
func Rules(b *banks.Bank, now time.Time) formats.Rules {
	r := formats.Rules{Today: now}
	if b == nil {
		return r
	}
	r.BICs, r.Windows1251 = b.Codes(), b.Format.Windows1251
	if ns := b.Format.Namespace; ns != "" {
		r.Namespaces = []string{ns}
	}
	return r
}

// Examine reads a document file as the office leaves it, XML or ZIP, and tells every
// fault: of the document, of the signed original, and where the two disagree. An error
// is a file that cannot be read as one or the other.
func Examine(name string, data []byte, r formats.Rules) (formats.Document, formats.Faults, error) {
	_, doc, refused := Open(name, data, r)
	switch {
	case refused == nil:
		return doc, nil, nil
	case len(refused.Faults) > 0:
		return doc, refused.Faults, nil
	default:
		return doc, nil, refused
	}
}

// Open reads a document file as the office leaves it. What it returns beside a refusal is as far
// as it could be read.
func Open(name string, data []byte, rules formats.Rules) (Submission, formats.Document, *Refusal) {
	sub, refused := unpack(name, data)
	if refused != nil {
		return sub, nil, refused
	}
	doc, faults := formats.Decode(sub.Document, rules)
	if len(faults) > 0 {
		return sub, doc, BadDocument(faults)
	}
	return sub, doc, examineOriginal(sub, doc, rules)
}

// unpack tells document, original and signature apart by what they are, not by their
// names: the office names its files as it likes.
func unpack(name string, data []byte) (Submission, *Refusal) {
	if strings.EqualFold(filepath.Ext(name), ".xml") {
		return Submission{Document: data}, nil
	}
	entries, err := envelope.Open(data, envelope.DefaultLimits())
	if err != nil {
		return Submission{}, &Refusal{Code: "zip", State: formats.StateBadSchema, Reason: "open the office's ZIP: " + err.Error()}
	}
	var sub Submission
	signatures := make(map[string][]byte)
	var originalName string
	for _, e := range entries {
		switch {
		case strings.HasSuffix(e.Name, ".sig"):
			signatures[strings.TrimSuffix(e.Name, ".sig")] = e.Data
		case formats.IsOriginal(e.Data) && sub.Original == nil:
			sub.Original, originalName = e.Data, e.Name
		case sub.Document == nil:
			sub.Document = e.Data
		default:
			return sub, &Refusal{
				Code: "zip", State: formats.StateBadSchema,
				Reason: fmt.Sprintf("the office's ZIP holds %q besides one document and its original", e.Name),
			}
		}
	}
	if sub.Document == nil {
		return sub, &Refusal{Code: "zip", State: formats.StateBadSchema, Reason: "the office's ZIP holds no document"}
	}
	if sub.Original != nil {
		sub.Signature = signatures[originalName]
	}
	return sub, nil
}

// examineOriginal holds the signed original against its order: it is what binds the
// debtor, so a companion that says something else must not travel with it.
func examineOriginal(sub Submission, doc formats.Document, rules formats.Rules) *Refusal {
	if sub.Original == nil {
		return nil
	}
	order, ok := doc.(*formats.Order)
	if !ok {
		return &Refusal{Code: "original", State: formats.StateBadLogic, Reason: "a query travels without a signed original"}
	}
	original, faults := formats.DecodeOriginal(sub.Original, rules)
	if len(faults) == 0 {
		faults = original.Agrees(order)
	}
	if len(faults) > 0 {
		return BadDocument(faults)
	}
	if sub.Signature == nil {
		return &Refusal{Code: "signature", State: formats.StateBadSignature, Reason: "the signed original came without its signature"}
	}
	return nil
}
