// Package letter is one envelope as a careful bank reads and writes it: the ZIP, the
// manifest that lists its entries, the document and their signatures. It judges one
// envelope by itself; what depends on earlier ones (repetition, numbering, base
// documents) is the back office's affair. It judges the signature of the service, not
// the bailiff's: the original is compared with the document it belongs to. It may
// call formats, envelope and cms.
package letter

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// Service is how the bailiff service is named in a manifest.
const Service = "FSSP"

// The two streams, each numbered without gaps.
const (
	Documents = "documents"
	Receipts  = "receipts"
)

const (
	manifestName = "manifest.xml"
	signature    = ".sig"
)

// Stream returns the stream of a kind.
func Stream(k formats.Kind) string {
	if k == formats.KindReceipt {
		return Receipts
	}
	return Documents
}

// Refusal says why an envelope is not accepted: State is the code of the receipt (90
// signature, 91 form, 92 logic, 93 addressee, 94 repetition, 95 no base document).
type Refusal struct {
	State  int
	Text   string
	Faults formats.Faults // of the document, if it was read
}

// Error returns the text.
func (r *Refusal) Error() string { return r.Text }

// Refuse makes a Refusal.
func Refuse(state int, format string, args ...any) error {
	return &Refusal{State: state, Text: fmt.Sprintf(format, args...)}
}

func refuseFaults(state int, faults formats.Faults) error {
	return &Refusal{State: cmp.Or(faults.Code(), state), Text: faults.Error(), Faults: faults}
}

// Reader opens envelopes for one bank.
type Reader struct {
	BIC    string
	Policy *cms.Policy // pins the certificate of the service
}

// Letter is what was found in an envelope. Manifest is nil unless its signature is good.
// Of a refused letter Doc may be incomplete or false: it serves to name the document in
// the receipt and for nothing else.
type Letter struct {
	Name     string // of the document, without extension
	Kind     formats.Kind
	At       time.Time
	Manifest *formats.Manifest
	Doc      formats.Document // nil if unreadable

	parts map[string][]byte
}

// Open examines the bytes of an envelope that arrived under a name at a time, which is
// in the zone whose calendar counts. The order is that of banks: envelope, signatures,
// addressee, form. The letter is never nil; the error is a *Refusal.
func (r *Reader) Open(name string, data []byte, at time.Time) (*Letter, error) {
	prefix, id, err := envelope.ParseName(name)
	l := &Letter{Name: prefix + "_" + id, At: at, parts: map[string][]byte{}}
	l.Kind, _ = formats.KindByPrefix(prefix)
	if err != nil {
		return l, Refuse(formats.StateBadSchema, "file name: %v", err)
	}
	entries, err := envelope.Open(data, envelope.DefaultLimits())
	if err != nil {
		return l, Refuse(formats.StateBadSchema, "%v", err)
	}
	for _, e := range entries {
		l.parts[e.Name] = e.Data
	}
	var faults formats.Faults
	l.Doc, faults = formats.Decode(l.parts[l.Name+".xml"], r.rules(at))
	for _, check := range []func(*Letter) error{r.manifest, r.signatures, r.addressee} {
		if err := check(l); err != nil {
			return l, err
		}
	}
	if len(faults) > 0 {
		return l, refuseFaults(formats.StateBadSchema, faults)
	}
	if err := r.kind(l); err != nil {
		return l, err
	}
	return l, r.original(l)
}

// manifest verifies the manifest and that it names every entry as it is.
func (r *Reader) manifest(l *Letter) error {
	data, sig := l.parts[manifestName], l.parts[manifestName+signature]
	if data == nil || sig == nil {
		return Refuse(formats.StateBadSignature, "%s or its signature is missing", manifestName)
	}
	if v := r.Policy.Verify(data, sig, l.At); !v.Valid() {
		return Refuse(formats.StateBadSignature, "%s: %s", manifestName, v.Text("en"))
	}
	m, faults := formats.DecodeManifest(data)
	if len(faults) > 0 {
		return refuseFaults(formats.StateBadSchema, faults)
	}
	listed := map[string]bool{manifestName: true, manifestName + signature: true}
	for _, e := range m.Entries {
		part, ok := l.parts[e.Name]
		if !ok || listed[e.Name] || Digest(part) != strings.ToLower(e.SHA256) || int64(len(part)) != e.Size {
			return Refuse(formats.StateBadSignature, "%s does not agree with entry %s", manifestName, e.Name)
		}
		listed[e.Name] = true
	}
	for name := range l.parts {
		if !listed[name] {
			return Refuse(formats.StateBadSignature, "entry %s is not in %s", name, manifestName)
		}
	}
	l.Manifest = m
	return nil
}

// signatures wants at least one signature of the document, and all of them valid.
func (r *Reader) signatures(l *Letter) error {
	name := l.Name + ".xml"
	data, ok := l.parts[name]
	if !ok {
		return Refuse(formats.StateBadSchema, "no %s in the envelope", name)
	}
	if l.parts[name+signature] == nil {
		return Refuse(formats.StateBadSignature, "no signature of %s in the envelope", name)
	}
	for part, sig := range l.parts {
		if !strings.HasPrefix(part, name+".") || !strings.HasSuffix(part, signature) {
			continue
		}
		if v := r.Policy.Verify(data, sig, l.At); !v.Valid() {
			return Refuse(formats.StateBadSignature, "%s: %s", part, v.Text("en"))
		}
	}
	return nil
}

func (r *Reader) addressee(l *Letter) error {
	if m := l.Manifest; m.Sender != Service || m.Recipient != r.BIC {
		return Refuse(formats.StateWrongAddressee, "from %q to %q, but this is bank %s", m.Sender, m.Recipient, r.BIC)
	}
	return nil
}

func (r *Reader) rules(at time.Time) formats.Rules {
	return formats.Rules{Today: at, BICs: []string{r.BIC}}
}

// kind wants the document to be what its name and its stream say.
func (r *Reader) kind(l *Letter) error {
	switch k := l.Kind; {
	case l.Doc.Kind() != k:
		return Refuse(formats.StateBadLogic, "%s holds a document of kind %s", l.Name, l.Doc.Kind())
	case k != formats.KindOrder && k != formats.KindQuery && k != formats.KindReceipt:
		return Refuse(formats.StateWrongAddressee, "documents of kind %s are sent by banks", k)
	case l.Manifest.Stream != Stream(k):
		return Refuse(formats.StateBadLogic, "a document of kind %s in stream %q", k, l.Manifest.Stream)
	}
	return nil
}

// original compares the bailiff's signed order with its companion.
func (r *Reader) original(l *Letter) error {
	name := l.Name + ".original.xml"
	data, sig := l.parts[name], l.parts[name+signature]
	if data == nil && sig == nil {
		return nil
	}
	order, ok := l.Doc.(*formats.Order)
	if !ok || data == nil || sig == nil {
		return Refuse(formats.StateBadSchema, "%s and its signature belong together, and to an order", name)
	}
	original, faults := formats.DecodeOriginal(data, r.rules(l.At))
	if len(faults) == 0 {
		faults = original.Agrees(order)
	}
	if len(faults) > 0 {
		return refuseFaults(formats.StateBadLogic, faults)
	}
	return nil
}

// Digest returns the SHA-256 of data in lower-case hex.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
