// Package intake takes in what the office left for a bank: claims the file, reads it,
// opens its exchange in the journal, and answers "not sent, because" for what cannot go.
//
// It meets no bank. It may call fate, lifting, reading, waiting, journal, spool, banks, formats
// and envelope.
package intake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/lifting"
	"bankconnector/connector/flow/reading"
	"bankconnector/connector/flow/waiting"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/formats"
)

// Intake is the door through which documents of the office come.
type Intake struct {
	Book       *journal.Book
	Store      *spool.Store
	Office     *spool.Office
	Quarantine *spool.Quarantine
	Officials  reading.Verifier // the bailiffs' signatures; nil: originals are carried unverified
	Deadline   waiting.Deadline
	Now        func() time.Time
	Unique     func() string // fresh name part, never repeated
	Log        *slog.Logger
	Halt       <-chan struct{} // closed: begin nothing new; may be nil
}

// desk is the intake for one bank.
type desk struct {
	*Intake
	bank *banks.Bank
}

// Portion is how many files are taken in at a time, at most.
const Portion = 1024

// Accept takes in at most limit of the files that wait for a bank; more tells that others wait
// still. A backlog is taken in beside its delivery, not before it. Failures of single
// documents are returned apart; the others were taken in, and more is false: what failed
// would come again at once.
func (k *Intake) Accept(ctx context.Context, b *banks.Bank, limit int) (more bool, faults []error, err error) {
	d := desk{k, b}
	items, strange, err := k.Office.Waiting(ctx, string(b.BIC), limit)
	if err != nil {
		return false, nil, fate.Disk(b.BIC, "list office inbox", err)
	}
	for _, name := range strange {
		k.Log.ErrorContext(ctx, "not a regular file in the office inbox", slog.Any("bank", b.BIC), slog.Any("file", fmt.Sprintf("%q", name)))
	}
	faults, err = fate.Each(ctx, fate.AtMost(b.Limits.Parallel), k.Halt, fate.All(items), d.accept)
	return len(items) == limit && len(faults) == 0 && err == nil, faults, err
}

// accept takes one file. The order of effects: claim by rename, store its parts, journal,
// answer to the office, drop. A crash anywhere before the drop leaves the claimed file, and
// the same steps run again with the same results.
func (d desk) accept(ctx context.Context, item spool.Item) error {
	item, data, err := d.Office.Take(ctx, item, d.Unique())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // withdrawn by the office before we took it
	case errors.Is(err, spool.ErrTooLarge):
		return d.refuseUnread(ctx, item, err)
	case err != nil:
		return d.disk("take from office", err)
	}
	sub, doc, refused := d.admit(item.Name, data)
	if refused == nil {
		refused, err = d.enter(ctx, sub, doc)
	}
	if err == nil && refused != nil {
		err = d.refuse(ctx, item, data, doc, refused)
	}
	if err != nil {
		return err
	}
	return d.disk("drop", d.Office.Drop(item))
}

// refuseUnread sets an oversized file aside where the office can fetch it back; only its
// digest is read, in a stream.
func (d desk) refuseUnread(ctx context.Context, item spool.Item, cause error) error {
	digest, err := d.Office.Digest(ctx, item)
	if err != nil {
		return d.disk("read office file", err)
	}
	r := &reading.Refusal{Code: "size", State: formats.StateBadSchema, Reason: fmt.Sprintf("%v (SHA-256 %s, set aside in .refused)", cause, digest)}
	a := journal.Acceptance{Bank: string(d.bank.BIC), Kind: string(formats.KindOrder), Stream: StreamDocuments}
	if err := d.tell(ctx, item, a, r); err != nil {
		return err
	}
	return d.disk("set aside", d.Office.SetAside(item))
}

// admit holds a document of the office against the formats, the code lists, the
// addressee, its signed original and the bailiff's signature.
func (d desk) admit(name string, data []byte) (reading.Submission, formats.Document, *reading.Refusal) {
	sub, doc, refused := reading.Open(name, data, reading.Rules(d.bank, d.Now()))
	if refused != nil {
		return sub, doc, refused
	}
	if k := doc.Kind(); k != formats.KindOrder && k != formats.KindQuery {
		return sub, doc, &reading.Refusal{
			Code: "kind", State: formats.StateBadLogic,
			Reason: fmt.Sprintf("the office sends orders and queries, this is a %s", k),
		}
	}
	return sub, doc, d.examineSignature(sub)
}

// examineSignature verifies the bailiff's signature of an original, where the
// installation names the officials' certificates.
func (d desk) examineSignature(sub reading.Submission) *reading.Refusal {
	if d.Officials == nil || sub.Original == nil {
		return nil
	}
	if verdict := d.Officials.Verify(sub.Original, sub.Signature, d.Now()); !verdict.Valid() {
		return &reading.Refusal{
			Code: verdict.Code, State: formats.StateBadSignature,
			Reason: "the bailiff's signature of the original: " + verdict.Text("en"),
		}
	}
	return nil
}

// enter opens the exchange. A document that is known already is dropped quietly; one
// that reuses a known key with other content is refused.
func (d desk) enter(ctx context.Context, sub reading.Submission, doc formats.Document) (*reading.Refusal, error) {
	a, err := d.acceptance(ctx, sub, doc)
	if err != nil {
		return nil, err
	}
	gate, err := waiting.Base(ctx, d.Book, d.bank, a.BaseKey)
	if err != nil {
		return nil, err
	}
	a.Reason, a.Held = gate.Reason, gate.Held
	term := d.Deadline.Term(d.bank, journal.Accepted, a.Kind, d.Now(), journal.Change{})
	a.DueAt, a.WarnAt, a.Rule = term.DueAt, term.WarnAt, term.Rule
	var refused *reading.Refusal
	err = d.write(ctx, "accept", func(tx *journal.Tx) error {
		id, err := tx.Accept(a)
		switch {
		case errors.Is(err, journal.ErrDuplicate):
			return tx.Note("note.office.repeated", a.Bank, id, stray{Key: a.InternalKey, SHA256: a.SourceSHA256})
		case errors.Is(err, journal.ErrConflict):
			refused, err = d.conflict(tx, id, a, err)
			return err
		case err != nil:
			return err
		}
		return d.lift(tx, gate, id, a)
	})
	if errors.As(err, &refused) { // nothing was written
		err = nil
	}
	return refused, err
}

// lift holds a lifting back that does not fit its base, or refuses it: the error is a *reading.Refusal then.
func (d desk) lift(tx *journal.Tx, gate waiting.Gate, id int64, a journal.Acceptance) error {
	if gate.Base.ID == 0 {
		return nil
	}
	x, err := tx.Exchange(id)
	if err != nil {
		return err
	}
	tooMuch, held, err := lifting.Judge(tx, gate.Base, x)
	switch {
	case err != nil:
		return err
	case tooMuch != nil:
		return &reading.Refusal{Code: "amount", State: tooMuch.Code, Reason: tooMuch.EN, Faults: formats.Faults{*tooMuch}}
	case held == "" || a.Held: // what waits for its base is looked at again when that is confirmed
		return nil
	}
	return d.hold(tx, x, "alarm.held", held)
}

// hold keeps an accepted document back for a person.
func (d desk) hold(tx *journal.Tx, x journal.Exchange, kind, reason string) error {
	d.Log.Error("a person must look", slog.Any("bank", x.Bank), slog.Any("doc", x.InternalKey), slog.Any("exchange", x.ID), slog.String("reason", reason))
	if err := tx.Advance(x.ID, journal.Accepted, journal.Held, journal.Change{Reason: reason}); err != nil {
		return err
	}
	return tx.Note(kind, x.Bank, x.ID, waiting.Alarm{Reason: reason})
}

// conflict refuses a document whose key was taken before. Where the office left the same bytes for two banks, the document
// itself does not say whose it is, for one that names an account or a base is held against this bank before: the first
// one has only come first. It is kept back, if it has not gone, and a person decides. With other bytes the first one may
// well say whose it is; it goes on, and a person hears of it.
func (d desk) conflict(tx *journal.Tx, id int64, a journal.Acceptance, cause error) (*reading.Refusal, error) {
	x, err := tx.Exchange(id)
	if err != nil {
		return nil, err
	}
	refused := &reading.Refusal{
		Code: "conflict", State: formats.StateDuplicate,
		Reason: "this key was taken before, with other content or for another bank: " + cause.Error(),
	}
	if err := tx.Note("alarm.office.conflict", a.Bank, id, stray{Key: a.InternalKey, SHA256: a.SourceSHA256}); err != nil || x.Bank == a.Bank {
		return refused, err
	}
	reason := fmt.Sprintf("the office left document %s for bank %s too: a person decides to which of the two it belongs", x.InternalKey, a.Bank)
	if x.SourceSHA256 == a.SourceSHA256 && x.State == journal.Accepted && x.BaseKey == "" {
		return refused, d.hold(tx, x, "alarm.office.conflict", reason)
	}
	d.Log.Error("a person must look", slog.Any("bank", x.Bank), slog.Any("doc", x.InternalKey), slog.Any("exchange", id),
		slog.Any("state", string(x.State)), slog.String("reason", reason))
	return refused, tx.Note("alarm.office.conflict", x.Bank, id, waiting.Alarm{Reason: reason})
}

// stray is the body of an event about a file that changed nothing.
type stray struct {
	Key    string `json:"key,omitempty"`
	Name   string `json:"name,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

func (d desk) acceptance(ctx context.Context, sub reading.Submission, doc formats.Document) (journal.Acceptance, error) {
	a := journal.Acceptance{
		Bank: string(d.bank.BIC), Kind: string(doc.Kind()), InternalKey: doc.Key(),
		Stream: StreamDocuments,
	}
	switch doc := doc.(type) {
	case *formats.Order:
		a.Code, a.DocNum, a.DocDate, a.IPNum = string(doc.DocCode), doc.DocNum, string(doc.DocDate), doc.IP.IPNum
		if doc.Amount != nil {
			kopecks := int64(*doc.Amount)
			a.Amount = &kopecks
		}
		a.BaseKey, _ = doc.Base()
	case *formats.Query:
		a.Code, a.DocNum, a.DocDate, a.IPNum = doc.DocCode, doc.DocNum, string(doc.DocDate), doc.IP.IPNum
	}
	stem := doc.Kind().Prefix() + "_" + doc.Key()
	names, parts := []string{stem + ".xml"}, [][]byte{sub.Document}
	if sub.Original != nil {
		names = append(names, stem+".original.xml", stem+".original.xml.sig")
		parts = append(parts, sub.Original, sub.Signature)
	}
	digests, err := d.Store.PutAll(ctx, parts)
	if err != nil {
		return a, d.disk("store", err)
	}
	for i, name := range names {
		a.Sources = append(a.Sources, journal.Source{Name: name, SHA256: digests[i]})
	}
	a.SourceSHA256 = digests[0]
	return a, nil
}

// refuse answers "not sent, because" and keeps the bytes in quarantine.
func (d desk) refuse(ctx context.Context, item spool.Item, data []byte, doc formats.Document, r *reading.Refusal) error {
	a := journal.Acceptance{Bank: string(d.bank.BIC), Kind: string(formats.KindOrder), SourceSHA256: spool.Digest(data), Stream: StreamDocuments}
	if doc != nil {
		a.Kind, a.InternalKey = string(doc.Kind()), doc.Key()
		if o, ok := doc.(*formats.Order); ok {
			a.Code = string(o.DocCode)
		}
	}
	if _, err := d.Store.Put(ctx, data); err != nil {
		return d.disk("store", err)
	}
	if err := d.tell(ctx, item, a, r); err != nil {
		return err
	}
	_, err := d.Quarantine.Keep(data, spool.Refused{At: d.Now().UTC(), Source: "office", Bank: a.Bank, Name: item.Name, Code: r.Code, Reason: r.Reason})
	return d.disk("quarantine", err)
}

// tell journals a refusal, then leaves its notice for the office. A crash between the
// two brings the same file here again: the refusal stands twice, the notice once.
func (d desk) tell(ctx context.Context, item spool.Item, a journal.Acceptance, r *reading.Refusal) error {
	err := d.write(ctx, "refuse", func(tx *journal.Tx) error {
		_, err := tx.Refuse(journal.Refusal{
			Bank: a.Bank, Kind: a.Kind, Code: a.Code, InternalKey: a.InternalKey, DocNum: a.DocNum, DocDate: a.DocDate,
			SourceSHA256: a.SourceSHA256, Reason: r.Reason, Faults: journalFaults(r),
		})
		return err
	})
	if err != nil {
		return err
	}
	notice, err := Notice(d.bank, d.Now(), item.Name, a, r)
	if err == nil {
		err = d.Office.Tell(a.Bank, notice)
	}
	d.Log.WarnContext(ctx, "document not sent", slog.Any("bank", a.Bank), slog.Any("doc", a.InternalKey), slog.Any("file", item.Name), slog.Any("err", r.Code))
	return d.disk("tell office", err)
}

func (d desk) disk(op string, err error) error { return fate.Disk(d.bank.BIC, op, err) }

func (d desk) write(ctx context.Context, op string, fn func(*journal.Tx) error) error {
	return fate.Write(ctx, d.Book, d.bank.BIC, op, fn)
}

func journalFaults(r *reading.Refusal) []journal.Fault {
	if len(r.Faults) == 0 {
		return []journal.Fault{{Code: r.State, Text: r.Reason}}
	}
	var list []journal.Fault
	for _, f := range r.Faults {
		list = append(list, journal.Fault{Path: f.Path, Code: f.Code, Text: f.EN})
	}
	return list
}

// Notice is notsent_KEY.xml: a DocumentStateReceipt with an Errors entry per fault, in
// Russian, for the bailiffs' system shows it to a bailiff.
func Notice(b *banks.Bank, now time.Time, name string, a journal.Acceptance, r *reading.Refusal) (spool.File, error) {
	id := spool.Digest([]byte(name + a.SourceSHA256))[:16]
	key := a.InternalKey
	if key == "" {
		key = id
	}
	receipt := &formats.Receipt{
		ReceiptID: "notsent-" + id, ReceiptDate: now, DocumentKey: key,
		FileName: name, FileDigest: a.SourceSHA256, StateID: r.State, StateText: Clip(r.Reason),
	}
	for _, f := range r.Faults {
		receipt.Errors = append(receipt.Errors, formats.ReceiptError{Path: f.Path, Code: f.Code, Text: f.RU})
	}
	if len(r.Faults) == 0 {
		receipt.Errors = []formats.ReceiptError{{Path: "/", Code: r.State, Text: Clip(r.Reason)}}
	}
	receipt.Fit()
	data, err := formats.Encode(receipt, b.Format.Namespace)
	return spool.File{Name: "notsent_" + key + ".xml", Data: data}, err
}

// Clip cuts a text to what a receipt may hold: 1,000 characters (StateText).
func Clip(text string) string {
	runes := []rune(text)
	return string(runes[:min(len(runes), 1000)])
}

// Streams of one bank's outgoing envelopes; each has its own gap-free numbers, so that a
// gap among the orders shows whatever became of the receipts.
const (
	StreamDocuments = "documents"
	StreamReceipts  = "receipts"
)
