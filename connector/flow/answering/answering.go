// Package answering makes our receipts for what a bank left. It sends nothing, and may call
// fate, intake, reading, waiting, journal, spool, banks and formats.
package answering

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/intake"
	"bankconnector/connector/flow/reading"
	"bankconnector/connector/flow/waiting"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/formats"
)

// Said is what a receipt says about a file: the StateId, why, the bank's key for its
// document and the exchange that it answers.
type Said struct {
	State    int
	Reason   string
	Key      string
	Exchange int64
	Faults   formats.Faults
}

// Key is the receipt's own key, made from what it answers: a restart makes the same.
func Key(parts ...string) string {
	return spool.Digest([]byte(strings.Join(parts, " ")))[:24]
}

// Desk makes the receipts for one bank.
type Desk struct {
	Book     *journal.Book
	Store    *spool.Store
	Bank     *banks.Bank
	Deadline waiting.Deadline
	Now      func() time.Time
}

// Again makes the receipt for a file whose bytes came before, as the first one was answered;
// nil when there is none to make: the first got none, or its receipt is still on its way, or
// this one was made already, by a visit that was interrupted before it removed the file.
func (d Desk) Again(ctx context.Context, first journal.Incoming, claimed string) (*journal.Acceptance, error) {
	id := Key(first.Bank, first.SHA256, claimed)
	_, err := d.Book.ByKey(ctx, "receipt", id)
	if err == nil {
		return nil, nil
	}
	stored := journal.Exchange{}
	if errors.Is(err, journal.ErrNotFound) {
		stored, err = d.Book.ReceiptFor(ctx, first.ID)
	}
	if errors.Is(err, journal.ErrNotFound) || err == nil && stored.State != journal.Closed {
		return nil, nil
	}
	var data []byte
	if err == nil {
		data, err = d.Store.Get(ctx, stored.SourceSHA256)
	}
	if err != nil {
		return nil, fate.Disk(d.Bank.BIC, "find receipt", err)
	}
	doc, faults := formats.Decode(data, reading.Rules(d.Bank, d.Now()))
	r, ok := doc.(*formats.Receipt)
	if len(faults) > 0 || !ok {
		return nil, fate.Disk(d.Bank.BIC, "read receipt", faults)
	}
	return d.Receipt(ctx, first, id, Said{State: r.StateID, Key: r.DocumentKey, Exchange: stored.Parent})
}

// Receipt makes the receipt for a file, keeps its bytes, and returns what the journal must
// accept.
func (d Desk) Receipt(ctx context.Context, in journal.Incoming, id string, s Said) (*journal.Acceptance, error) {
	b := d.Bank
	doc := &formats.Receipt{
		ReceiptID: id, ReceiptDate: d.Now(), DocumentKey: s.Key,
		FileName: in.Name, FileDigest: in.SHA256, StateID: s.State, StateText: intake.Clip(s.Reason),
	}
	if doc.DocumentKey == "" {
		doc.DocumentKey = in.SHA256[:24] // an unreadable file has no key but its digest
	}
	for _, f := range s.Faults {
		doc.Errors = append(doc.Errors, formats.ReceiptError{Path: f.Path, Code: f.Code, Text: f.RU})
	}
	doc.Fit()
	data, err := formats.Encode(doc, b.Format.Namespace)
	if err != nil {
		return nil, fate.Disk(b.BIC, "write receipt", err)
	}
	digest, err := d.Store.Put(ctx, data)
	if err != nil {
		return nil, fate.Disk(b.BIC, "store receipt", err)
	}
	name := formats.KindReceipt.Prefix() + "_" + id + ".xml"
	term := d.Deadline.Term(b, journal.Accepted, string(formats.KindReceipt), d.Now(), journal.Change{})
	return &journal.Acceptance{
		Bank: in.Bank, Kind: string(formats.KindReceipt), InternalKey: id, SourceSHA256: digest, Stream: intake.StreamReceipts,
		Sources: []journal.Source{{Name: name, SHA256: digest}}, Parent: s.Exchange, Incoming: in.ID,
		Reason: fmt.Sprintf("%02d", s.State), DueAt: term.DueAt, WarnAt: term.WarnAt, Rule: term.Rule,
	}, nil
}
