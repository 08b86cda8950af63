// Package act is what a person decides about one document: release, reject, cancel,
// resend, resolve; and that a bank's folders may lie where they are now. Every act stands in the journal with who, when and why, in the commit
// that also moves the document.
//
// It meets no bank: what an act asks for happens with the bank's next visit. It may call
// fate, waiting, intake for the notice to the office, journal, spool and banks.
package act

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/intake"
	"bankconnector/connector/flow/reading"
	"bankconnector/connector/flow/waiting"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/formats"
)

// Request is one act of a person.
type Request struct {
	Act      string `json:"act"`
	Exchange int64  `json:"exchange"`
	Reason   string `json:"reason"`
	As       string `json:"as,omitempty"`        // of resolve; of dispute the difference
	Bank     string `json:"bank,omitempty"`      // of a dispute about a document that is not ours
	ToBank   string `json:"to_bank,omitempty"`   // of folders: where they really lie
	FromBank string `json:"from_bank,omitempty"` // of folders
	Confirm  bool   `json:"confirm,omitempty"`   // the person confirms what only the bank can know
}

// check refuses a request that is none.
func (r Request) check() error {
	switch {
	case !slices.Contains([]string{Release, Reject, Cancel, Resend, Resolve, Dispute, Folders}, r.Act):
		return refuse("%q is no act", "%q — не действие", r.Act)
	case strings.TrimSpace(r.Reason) == "":
		return refuse("a reason is required: --reason", "нужна причина: --reason")
	case len(r.Reason) > 2000:
		return refuse("the reason is too long: at most 2000 octets", "причина слишком длинная: не более 2000 байт")
	case r.Act == Resolve && !slices.Contains([]string{AsLook, AsDelivered, AsClosed, AsRejected}, r.As):
		return refuse("--as %q: write look, delivered, closed or rejected", "--as %q: укажите look, delivered, closed или rejected", r.As)
	}
	return nil
}

// Outcome is what an act did.
type Outcome struct {
	Exchange int64         `json:"exchange"`
	Bank     string        `json:"bank"`
	Key      string        `json:"internal_key"`
	From     journal.State `json:"from"`
	To       journal.State `json:"to"`
	Changed  bool          `json:"changed"`          // false: it was done before
	Waits    bool          `json:"waits,omitempty"`  // a second person must do the same
	Config   []Text        `json:"config,omitempty"` // of an approval: what of the configuration it lets pass
}

// Desk is where people act.
type Desk struct {
	Book      *journal.Book
	Office    *spool.Office
	Bank      func(id banks.ID) (*banks.Bank, bool)
	Deadline  waiting.Deadline
	Approvals func(act string) int // how many persons an act needs: 1 or 2
	Now       func() time.Time
}

// Do does one act for a person. The error is a *Refusal when the rules forbid it; nothing
// was changed then. Doing the same again changes nothing either.
func (d *Desk) Do(ctx context.Context, actor string, r Request) (Outcome, error) {
	if err := r.check(); err != nil {
		return Outcome{}, err
	}
	switch r.Act {
	case Dispute:
		return d.dispute(ctx, actor, r)
	case Folders:
		return d.folders(ctx, actor, r)
	}
	c, events, err := d.open(ctx, r)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Exchange: c.ID, Bank: c.Bank, Key: c.InternalKey, From: c.State, To: c.State}
	step, refusal := Decide(c, r)
	if refusal != nil {
		return out, refusal
	}
	if step.Done {
		return out, d.tell(c, r)
	}
	record := journal.Act{Act: r.Act, Exchange: c.ID, Reason: r.Reason, As: r.As, Confirmed: r.Confirm}
	if d.Approvals(r.Act) > 1 {
		first := proposal(events, r)
		switch first {
		case "":
			record.Act += proposed
			out.Waits, out.Changed = true, true
			return out, d.write(ctx, actor, c, func(tx *journal.Tx) error { return tx.Act(record) })
		case actor:
			return out, refuse("%s has proposed it and cannot approve it too: another person must do the same", "%s уже предложил это и не может сам утвердить: то же должен сделать другой человек", actor)
		}
		record.With = first
	}
	err = d.write(ctx, actor, c, func(tx *journal.Tx) error {
		if err := tx.Act(record); err != nil {
			return err
		}
		return d.move(tx, c, step.Through, actor+": "+r.Reason)
	})
	if err != nil {
		return out, err
	}
	out.Changed = true
	if n := len(step.Through); n > 0 {
		out.To = step.Through[n-1]
	}
	// A crash here leaves the office without its notice; the same act again writes it.
	return out, d.tell(c, r)
}

// proposed ends the name of an act that waits for a second person.
const proposed = ".proposed"

// open finds all that is known about the document.
func (d *Desk) open(ctx context.Context, r Request) (c Case, events []journal.Event, err error) {
	c.Exchange, err = d.Book.Exchange(ctx, r.Exchange)
	if errors.Is(err, journal.ErrNotFound) {
		return c, nil, refuse("no document has the id %d", "документа с номером %d нет", r.Exchange)
	}
	if err != nil {
		return c, nil, err
	}
	if b, ok := d.Bank(banks.ID(c.Bank)); ok {
		c.Mode = b.Delivery.Mode
		if c.Gate, err = waiting.Base(ctx, d.Book, b, c.BaseKey); err != nil {
			return c, nil, err
		}
	}
	events, err = d.Book.Events(ctx, c.ID)
	c.Again = done(events, r)
	return c, events, err
}

// write commits for a person, if the document is still as it was when the act was decided.
func (d *Desk) write(ctx context.Context, actor string, c Case, fn func(*journal.Tx) error) error {
	err := d.Book.Write(ctx, actor, func(tx *journal.Tx) error {
		now, err := tx.Exchange(c.ID)
		if err == nil && (now.State != c.State || now.TempName != c.TempName) {
			err = refuse("the document has just become %s: look at it again", "документ только что перешёл в состояние %s: посмотрите ещё раз", now.State)
		}
		if err != nil {
			return err
		}
		return fn(tx)
	})
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	if err != nil {
		return fmt.Errorf("record the act: %w", err)
	}
	return nil
}

// terms are the deadlines of what stays open: to be on its way, or to be acknowledged.
var terms = map[journal.State]journal.State{
	journal.Accepted: journal.Accepted, journal.Sealed: journal.Accepted,
	journal.Ambiguous: journal.Delivered, journal.Delivered: journal.Delivered,
}

// move takes the document through the states.
func (d *Desk) move(tx *journal.Tx, c Case, through []journal.State, reason string) error {
	from := c.State
	for _, to := range through {
		change := journal.Change{Reason: reason}
		if b, ok := d.Bank(banks.ID(c.Bank)); ok {
			if term, open := terms[to]; open {
				change = d.Deadline.Term(b, term, c.Kind, d.Now(), change)
			}
		}
		if to == journal.Delivered {
			change.Evidence = "a person says so"
		}
		if err := tx.Advance(c.ID, from, to, change); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// tell leaves the office a notice about a document that will not go.
func (d *Desk) tell(c Case, r Request) error {
	b, ok := d.Bank(banks.ID(c.Bank))
	if r.Act != Reject && r.Act != Cancel || !ok || c.Kind == string(formats.KindReceipt) {
		return nil
	}
	refusal := &reading.Refusal{Code: r.Act, State: formats.StateBadLogic, Reason: "Не отправлен по решению оператора: " + r.Reason}
	if c.TempName != "" {
		refusal.Reason = "Отменён оператором; есть ли документ у банка, из журнала неизвестно: " + r.Reason
	}
	a := journal.Acceptance{InternalKey: c.InternalKey, SourceSHA256: c.SourceSHA256}
	file, err := intake.Notice(b, d.Now(), c.InternalKey+".xml", a, refusal)
	if err != nil {
		return err
	}
	if c.TempName != "" { // nobody may read "not sent" into it
		file.Name = "cancelled_" + c.InternalKey + ".xml"
	}
	return d.Office.Tell(c.Bank, file)
}

// Unadopted refuses acts on a journal that may only receive.
func Unadopted() error {
	return &Refusal{Text: Text{
		EN: "the journal was restored from a copy and only receives: adopt it first (journal adopt), then decide about single documents",
		RU: "журнал восстановлен из копии и работает только на приём: сначала примите его (journal adopt), затем решайте об отдельных документах",
	}}
}
