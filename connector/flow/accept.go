package flow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// submission is one document of the office as it lies in its file: the document, and for
// an order perhaps the signed original (OIp) with the bailiff's signature.
type submission struct {
	document  []byte
	original  []byte
	signature []byte
}

// refusal says why a document or a file is set aside.
type refusal struct {
	code   string // stable refusal code
	state  int    // StateId for the receipt, formats.State*
	reason string // one sentence
	faults formats.Faults
}

func (r *refusal) Error() string { return r.reason }

// Accept takes in what the office left for a bank, when nobody visits it: an order gets
// its answer "not sent, because" at once, not at the next visit.
func (c *Courier) Accept(ctx context.Context, b *banks.Bank) error {
	if !c.visits.enter(b.BIC) {
		return nil // the visit under way accepts
	}
	defer c.visits.leave(b.BIC)
	v := &visit{Courier: c, bank: b}
	return gravest(v.accept(ctx), v.faults)
}

func (v *visit) accept(ctx context.Context) error {
	for {
		items, strange, err := v.Office.Waiting(ctx, string(v.bank.BIC), 1024)
		if err != nil {
			return v.broken("list office inbox", err)
		}
		for _, name := range strange {
			v.Log.Error("not a regular file in the office inbox", "bank", v.bank.BIC, "file", fmt.Sprintf("%q", name))
		}
		if len(items) == 0 {
			return nil
		}
		if err := each(ctx, v, items, v.acceptOne); err != nil {
			return err
		}
		if len(items) < 1024 {
			return nil
		}
	}
}

// acceptOne takes one file. The order of effects: claim by rename, store its parts, journal,
// answer to the office, drop. A crash anywhere before the drop leaves the claimed file, and
// the same steps run again with the same results.
func (v *visit) acceptOne(ctx context.Context, item spool.Item) error {
	item, data, err := v.Office.Take(ctx, item, v.Unique())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // withdrawn by the office before we took it
	case errors.Is(err, spool.ErrTooLarge):
		return v.refuseUnread(ctx, item, err)
	case err != nil:
		return v.broken("take from office", err)
	}
	sub, doc, refused := v.admit(item.Name, data)
	if refused == nil {
		refused, err = v.enter(ctx, sub, doc)
	}
	if err == nil && refused != nil {
		err = v.refuse(ctx, item, data, doc, refused)
	}
	if err != nil {
		return err
	}
	return v.broken("drop", v.Office.Drop(item))
}

// refuseUnread sets an oversized file aside where the office can fetch it back; only its
// digest is read, in a stream.
func (v *visit) refuseUnread(ctx context.Context, item spool.Item, cause error) error {
	digest, err := v.Office.Digest(ctx, item)
	if err != nil {
		return v.broken("read office file", err)
	}
	r := &refusal{code: "size", state: formats.StateBadSchema, reason: fmt.Sprintf("%v (SHA-256 %s, set aside in .refused)", cause, digest)}
	a := journal.Acceptance{Bank: string(v.bank.BIC), Kind: string(formats.KindOrder), Stream: streamDocuments}
	if err := v.tell(ctx, item, a, r); err != nil {
		return err
	}
	return v.broken("set aside", v.Office.SetAside(item))
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

func (v *visit) rules() formats.Rules { return Rules(v.bank, v.Now()) }

// Examine reads a document file as the office leaves it, XML or ZIP, and tells every
// fault: of the document, of the signed original, and where the two disagree. An error
// is a file that cannot be read as one or the other.
func Examine(name string, data []byte, r formats.Rules) (formats.Document, formats.Faults, error) {
	_, doc, refused := examine(name, data, r)
	switch {
	case refused == nil:
		return doc, nil, nil
	case len(refused.faults) > 0:
		return doc, refused.faults, nil
	default:
		return doc, nil, refused
	}
}

func examine(name string, data []byte, rules formats.Rules) (submission, formats.Document, *refusal) {
	sub, refused := unpack(name, data)
	if refused != nil {
		return sub, nil, refused
	}
	doc, faults := formats.Decode(sub.document, rules)
	if len(faults) > 0 {
		return sub, doc, badDocument(faults)
	}
	return sub, doc, examineOriginal(sub, doc, rules)
}

// admit holds a document of the office against the formats, the code lists, the
// addressee, its signed original and the bailiff's signature.
func (v *visit) admit(name string, data []byte) (submission, formats.Document, *refusal) {
	sub, doc, refused := examine(name, data, v.rules())
	if refused != nil {
		return sub, doc, refused
	}
	if k := doc.Kind(); k != formats.KindOrder && k != formats.KindQuery {
		return sub, doc, &refusal{code: "kind", state: formats.StateBadLogic,
			reason: fmt.Sprintf("the office sends orders and queries, this is a %s", k)}
	}
	return sub, doc, v.examineSignature(sub)
}

// unpack tells document, original and signature apart by what they are, not by their
// names: the office names its files as it likes.
func unpack(name string, data []byte) (submission, *refusal) {
	if strings.EqualFold(filepath.Ext(name), ".xml") {
		return submission{document: data}, nil
	}
	entries, err := envelope.Open(data, envelope.DefaultLimits())
	if err != nil {
		return submission{}, &refusal{code: "zip", state: formats.StateBadSchema, reason: "open the office's ZIP: " + err.Error()}
	}
	var sub submission
	signatures := make(map[string][]byte)
	var originalName string
	for _, e := range entries {
		switch {
		case strings.HasSuffix(e.Name, ".sig"):
			signatures[strings.TrimSuffix(e.Name, ".sig")] = e.Data
		case formats.IsOriginal(e.Data) && sub.original == nil:
			sub.original, originalName = e.Data, e.Name
		case sub.document == nil:
			sub.document = e.Data
		default:
			return sub, &refusal{code: "zip", state: formats.StateBadSchema,
				reason: fmt.Sprintf("the office's ZIP holds %q besides one document and its original", e.Name)}
		}
	}
	if sub.document == nil {
		return sub, &refusal{code: "zip", state: formats.StateBadSchema, reason: "the office's ZIP holds no document"}
	}
	if sub.original != nil {
		sub.signature = signatures[originalName]
	}
	return sub, nil
}

func badDocument(faults formats.Faults) *refusal {
	return &refusal{code: "document", state: faults.Code(), reason: faults.Error(), faults: faults}
}

// examineOriginal holds the signed original against its order: it is what binds the
// debtor, so a companion that says something else must not travel with it.
func examineOriginal(sub submission, doc formats.Document, rules formats.Rules) *refusal {
	if sub.original == nil {
		return nil
	}
	order, ok := doc.(*formats.Order)
	if !ok {
		return &refusal{code: "original", state: formats.StateBadLogic, reason: "a query travels without a signed original"}
	}
	original, faults := formats.DecodeOriginal(sub.original, rules)
	if len(faults) == 0 {
		faults = original.Agrees(order)
	}
	if len(faults) > 0 {
		return badDocument(faults)
	}
	if sub.signature == nil {
		return &refusal{code: "signature", state: formats.StateBadSignature, reason: "the signed original came without its signature"}
	}
	return nil
}

// examineSignature verifies the bailiff's signature of an original, where the
// installation names the officials' certificates.
func (v *visit) examineSignature(sub submission) *refusal {
	if v.Officials == nil || sub.original == nil {
		return nil
	}
	if verdict := v.Officials.Verify(sub.original, sub.signature, v.Now()); !verdict.Valid() {
		return &refusal{code: verdict.Code, state: formats.StateBadSignature,
			reason: "the bailiff's signature of the original: " + verdict.Text("en")}
	}
	return nil
}

// enter opens the exchange. A document that is known already is dropped quietly; one
// that reuses a known key with other content is refused.
func (v *visit) enter(ctx context.Context, sub submission, doc formats.Document) (*refusal, error) {
	a, err := v.acceptance(ctx, sub, doc)
	if err != nil {
		return nil, err
	}
	a.Reason, a.Held, err = v.gate(ctx, a.BaseKey)
	if err != nil {
		return nil, err
	}
	var refused *refusal
	err = v.write(ctx, v.bank.BIC, "accept", func(tx *journal.Tx) error {
		id, err := tx.Accept(a)
		switch {
		case errors.Is(err, journal.ErrDuplicate):
			return tx.Note("note.office.repeated", a.Bank, id, stray{Key: a.InternalKey, SHA256: a.SourceSHA256})
		case errors.Is(err, journal.ErrConflict):
			refused = &refusal{code: "conflict", state: formats.StateDuplicate,
				reason: fmt.Sprintf("key %s was taken already with other content or for another bank (exchange %d)", a.InternalKey, id)}
			return tx.Note("alarm.office.conflict", a.Bank, id, stray{Key: a.InternalKey, SHA256: a.SourceSHA256})
		}
		return err
	})
	return refused, err
}

// stray is the body of an event about a file that changed nothing.
type stray struct {
	Key    string `json:"key,omitempty"`
	Name   string `json:"name,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

func (v *visit) acceptance(ctx context.Context, sub submission, doc formats.Document) (journal.Acceptance, error) {
	a := journal.Acceptance{
		Bank: string(v.bank.BIC), Kind: string(doc.Kind()), InternalKey: doc.Key(),
		SourceSHA256: spool.Digest(sub.document), Stream: streamDocuments,
	}
	switch d := doc.(type) {
	case *formats.Order:
		a.Code, a.DocNum, a.DocDate, a.IPNum = string(d.DocCode), d.DocNum, string(d.DocDate), d.IP.IPNum
		if d.Amount != nil {
			kopecks := int64(*d.Amount)
			a.Amount = &kopecks
		}
		a.BaseKey, _ = d.Base()
	case *formats.Query:
		a.Code, a.DocNum, a.DocDate, a.IPNum = d.DocCode, d.DocNum, string(d.DocDate), d.IP.IPNum
	}
	stem := doc.Kind().Prefix() + "_" + doc.Key()
	for _, part := range []envelope.Entry{
		{Name: stem + ".xml", Data: sub.document},
		{Name: stem + ".original.xml", Data: sub.original},
		{Name: stem + ".original.xml.sig", Data: sub.signature},
	} {
		if part.Data == nil {
			continue
		}
		digest, err := v.Store.Put(ctx, part.Data)
		if err != nil {
			return a, v.broken("store", err)
		}
		a.Sources = append(a.Sources, journal.Source{Name: part.Name, SHA256: digest})
	}
	return a, nil
}

// Streams of one bank's outgoing envelopes; each has its own gap-free numbers, so that a
// gap among the orders shows whatever became of the receipts.
const (
	streamDocuments = "documents"
	streamReceipts  = "receipts"
)

// gate decides whether a document must wait for its base document. A lifting that
// overtakes its arrest leaves the account frozen, and a bank takes files in any order,
// so the base must be acknowledged by the bank first.
func (v *visit) gate(ctx context.Context, base string) (reason string, held bool, err error) {
	if base == "" {
		return "", false, nil
	}
	x, err := v.Book.ByKey(ctx, "office", base)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return fmt.Sprintf("base document %s is not in the journal: it goes when the base is confirmed, or by documents release", base), true, nil
	case err != nil:
		return "", false, v.broken("find base document", err)
	case x.Bank != string(v.bank.BIC):
		return fmt.Sprintf("base document %s went to bank %s", base, x.Bank), true, nil
	case !reached(x.State):
		return fmt.Sprintf("waits until bank %s confirms base document %s (now %s)", x.Bank, base, x.State), true, nil
	default:
		return "", false, nil
	}
}

// refuse answers "not sent, because" and keeps the bytes in quarantine.
func (v *visit) refuse(ctx context.Context, item spool.Item, data []byte, doc formats.Document, r *refusal) error {
	a := journal.Acceptance{Bank: string(v.bank.BIC), Kind: string(formats.KindOrder), SourceSHA256: spool.Digest(data), Stream: streamDocuments}
	if doc != nil {
		a.Kind, a.InternalKey = string(doc.Kind()), doc.Key()
		if o, ok := doc.(*formats.Order); ok {
			a.Code = string(o.DocCode)
		}
	}
	if _, err := v.Store.Put(ctx, data); err != nil {
		return v.broken("store", err)
	}
	if err := v.tell(ctx, item, a, r); err != nil {
		return err
	}
	_, err := v.Quarantine.Keep(data, spool.Refused{At: v.Now().UTC(), Source: "office", Bank: a.Bank, Name: item.Name, Code: r.code, Reason: r.reason})
	return v.broken("quarantine", err)
}

// tell journals a refusal, then leaves its notice for the office. A crash between the
// two brings the same file here again: the refusal stands twice, the notice once.
func (v *visit) tell(ctx context.Context, item spool.Item, a journal.Acceptance, r *refusal) error {
	err := v.write(ctx, v.bank.BIC, "refuse", func(tx *journal.Tx) error {
		_, err := tx.Refuse(journal.Refusal{
			Bank: a.Bank, Kind: a.Kind, Code: a.Code, InternalKey: a.InternalKey, DocNum: a.DocNum, DocDate: a.DocDate,
			SourceSHA256: a.SourceSHA256, Reason: r.reason, Faults: journalFaults(r),
		})
		return err
	})
	if err != nil {
		return err
	}
	notice, err := v.notice(item.Name, a, r)
	if err == nil {
		err = v.Office.Tell(a.Bank, notice)
	}
	v.Log.Warn("document not sent", "bank", a.Bank, "doc", a.InternalKey, "file", item.Name, "err", r.code)
	return v.broken("tell office", err)
}

func journalFaults(r *refusal) []journal.Fault {
	if len(r.faults) == 0 {
		return []journal.Fault{{Code: r.state, Text: r.reason}}
	}
	var list []journal.Fault
	for _, f := range r.faults {
		list = append(list, journal.Fault{Path: f.Path, Code: f.Code, Text: f.EN})
	}
	return list
}

// notice is notsent_KEY.xml: a DocumentStateReceipt with an Errors entry per fault, in
// Russian, for the bailiffs' system shows it to a bailiff.
func (v *visit) notice(name string, a journal.Acceptance, r *refusal) (spool.File, error) {
	id := spool.Digest([]byte(name + a.SourceSHA256))[:16]
	key := a.InternalKey
	if key == "" {
		key = id
	}
	receipt := &formats.Receipt{
		ReceiptID: "notsent-" + id, ReceiptDate: v.Now(), DocumentKey: key,
		FileName: name, FileDigest: a.SourceSHA256, StateID: r.state, StateText: clip(r.reason, 1000),
	}
	for _, f := range r.faults {
		receipt.Errors = append(receipt.Errors, formats.ReceiptError{Path: f.Path, Code: f.Code, Text: f.RU})
	}
	if len(r.faults) == 0 {
		receipt.Errors = []formats.ReceiptError{{Path: "/", Code: r.state, Text: clip(r.reason, 1000)}}
	}
	data, err := formats.Encode(receipt, v.bank.Format.Namespace)
	return spool.File{Name: "notsent_" + key + ".xml", Data: data}, err
}

// clip cuts a text to at most n runes.
func clip(text string, n int) string {
	runes := []rune(text)
	return string(runes[:min(len(runes), n)])
}
