// Package effect is what a bank's file does to the document that it is about, within the commit that settles it.
//
// What follows is decided by rule and pages. It may call waiting for the form of an alarm, journal and formats.
package effect

import (
	"fmt"

	"bankconnector/connector/flow/pages"
	"bankconnector/connector/flow/rule"
	"bankconnector/connector/flow/waiting"
	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// Reply is a file of the bank that was verified, understood and matched.
type Reply struct {
	File    journal.Incoming
	Doc     formats.Document
	Renames int                                                // intents of ours before the bank's receipt came
	Term    func(c journal.Change, kind string) journal.Change // the deadline of a confirmed document's reply
}

// Settle settles the file and moves its exchange. The error is journal.ErrDuplicate or journal.ErrConflict when the same
// came before in another file, a *pages.Conflict for a page that contradicts another one, journal.ErrStale when no reply can
// belong to the document any more.
func (r Reply) Settle(tx *journal.Tx, s journal.Settlement) error {
	whole, unfit := true, error(nil)
	if p := pages.Of(r.Doc); p.Count > 0 && s.ExchangeID != 0 {
		s.Page, s.Pages = p.Number, p.Count
		whole, unfit = complete(tx, s.ExchangeID, p)
	}
	if err := tx.Settle(r.File.ID, s); err != nil {
		return err // among others that this page came before, word for word
	}
	if unfit != nil || !whole {
		return unfit
	}
	x, err := tx.Exchange(s.ExchangeID) // as it is now: replies are settled side by side
	if err != nil {
		return err
	}
	if !rule.Answerable(x.State) { // a person was faster: the file is judged again
		return fmt.Errorf("%w: document %s has just become %s", journal.ErrStale, x.InternalKey, x.State)
	}
	switch d := r.Doc.(type) {
	case *formats.Receipt:
		return r.acknowledged(tx, x, d)
	case *formats.Report:
		return r.replied(tx, x, d.AnswerType)
	case *formats.Answer:
		return r.replied(tx, x, d.AnswerType)
	}
	return nil
}

// complete tells whether with this page every page of an answer is there.
func complete(tx *journal.Tx, exchange int64, p pages.Page) (bool, error) {
	events, err := tx.Events(exchange, pages.Settled)
	if err != nil {
		return false, err
	}
	come, err := pages.Come(events)
	if err != nil {
		return false, err
	}
	return pages.Whole(come, p)
}

// acknowledged moves an exchange by the bank's receipt.
func (r Reply) acknowledged(tx *journal.Tx, x journal.Exchange, d *formats.Receipt) error {
	said := fmt.Sprintf("receipt %02d %s", d.StateID, d.StateText)
	e := rule.Acknowledge(x.State, d.StateID, r.Renames)
	if x.Kind == string(formats.KindReceipt) {
		e.Through = nil // no word of the bank moves our own receipt: a look at its folder does, or a person
	}
	change := journal.Change{Incoming: r.File.ID, Reason: said}
	for _, to := range e.Through {
		if to == journal.Confirmed {
			change = r.Term(change, x.Kind)
		}
		if err := tx.Advance(x.ID, x.State, to, change); err != nil {
			return err
		}
		x.State = to
	}
	return r.note(tx, x, e, ": "+said)
}

// replied moves an exchange by a report or a whole answer.
func (r Reply) replied(tx *journal.Tx, x journal.Exchange, answer int) error {
	code := fmt.Sprintf("%02d", answer)
	e := rule.Reply(x.State)
	for _, to := range e.Through {
		change := journal.Change{Incoming: r.File.ID}
		if to == journal.Answered {
			change.AnswerCode = code
		} else {
			change.Reason = "acknowledged by the reply itself"
		}
		if err := tx.Advance(x.ID, x.State, to, change); err != nil {
			return err
		}
		x.State = to
	}
	return r.note(tx, x, e, ", code "+code)
}

func (r Reply) note(tx *journal.Tx, x journal.Exchange, e rule.Effect, said string) error {
	if e.Note == "" {
		return nil
	}
	return tx.Note(e.Note, x.Bank, x.ID, waiting.Alarm{Reason: e.Why + said, Name: r.File.Name})
}
