package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"bankconnector/connector/flow/answering"
	"bankconnector/connector/flow/rule"
	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// commit writes everything that follows from one file in one transaction: the
// settlement, the exchange's new state, our receipt to send. A crash leaves all of it or
// nothing. That the same reply came before in another file shows only there, where it
// is settled; then the file is settled as what it is, without effect.
func (v *visit) commit(ctx context.Context, in journal.Incoming, j *judgement) (settled journal.Incoming, err error) {
	settled, err = v.commitOnce(ctx, in, j)
	switch {
	case errors.Is(err, journal.ErrDuplicate):
		j.Outcome, j.Reason = outcomeDuplicate, "the same signed content came before in another file"
	case errors.Is(err, journal.ErrConflict):
		j.strike(outcomeConflict, formats.StateDuplicate, fmt.Sprintf("key %s came before with other content", j.ExternalKey))
	default:
		return settled, err
	}
	return v.commitOnce(ctx, in, j)
}

// commitOnce returns the file's row as it stands then: what the office gets is made from
// it, so that a run that takes over after a crash makes the same bytes.
func (v *visit) commitOnce(ctx context.Context, in journal.Incoming, j *judgement) (settled journal.Incoming, err error) {
	receipt, err := v.receipt(ctx, in, j)
	if err != nil {
		return in, err
	}
	err = v.write(ctx, "settle", func(tx *journal.Tx) error {
		if err := v.effect(tx, in, j); err != nil {
			return err
		}
		var err error
		if settled, err = tx.Incoming(in.ID); err != nil {
			return err
		}
		if j.alarm != "" {
			if err := tx.Note("alarm.incoming", in.Bank, j.ExchangeID, alarm{Reason: j.alarm, Name: in.Name}); err != nil {
				return err
			}
			v.Log.ErrorContext(ctx, "reply set aside", slog.Any("bank", in.Bank), slog.Any("file", in.Name), slog.Any("err", j.Outcome))
		}
		if receipt == nil {
			return nil
		}
		_, err = tx.Accept(*receipt)
		return err
	})
	return settled, err
}

// effect settles the file and moves its exchange.
func (v *visit) effect(tx *journal.Tx, in journal.Incoming, j *judgement) error {
	if err := tx.Settle(in.ID, j.Settlement); err != nil || j.Outcome != outcomeMatched {
		return err
	}
	x, err := tx.Exchange(j.ExchangeID) // as it is now: replies are settled side by side
	if err != nil {
		return err
	}
	switch d := j.doc.(type) {
	case *formats.Receipt:
		return v.acknowledged(tx, in, x, d, j.renames)
	case *formats.Report:
		return v.replied(tx, in, x, fmt.Sprintf("%02d", d.AnswerType))
	case *formats.Answer:
		whole, err := wholeAnswer(tx, x, d)
		if err != nil || !whole {
			return err
		}
		return v.replied(tx, in, x, fmt.Sprintf("%02d", d.AnswerType))
	}
	return nil
}

// acknowledged moves an exchange by the bank's receipt.
func (v *visit) acknowledged(tx *journal.Tx, in journal.Incoming, x journal.Exchange, r *formats.Receipt, renames int) error {
	said := fmt.Sprintf("receipt %02d %s", r.StateID, r.StateText)
	e := rule.Acknowledge(x.State, r.StateID, renames)
	change := journal.Change{Incoming: in.ID, Reason: said}
	for _, to := range e.Through {
		if to == journal.Confirmed {
			change = v.term(change, to, x.Kind)
		}
		if err := tx.Advance(x.ID, x.State, to, change); err != nil {
			return err
		}
		x.State = to
	}
	if e.Note == "" {
		return nil
	}
	return tx.Note(e.Note, x.Bank, x.ID, alarm{Reason: e.Why + ": " + said, Name: in.Name})
}

// replied moves an exchange by a report or a whole answer.
func (v *visit) replied(tx *journal.Tx, in journal.Incoming, x journal.Exchange, code string) error {
	e := rule.Reply(x.State)
	for _, to := range e.Through {
		change := journal.Change{Incoming: in.ID}
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
	if e.Note == "" {
		return nil
	}
	return tx.Note(e.Note, x.Bank, x.ID, alarm{Reason: e.Why + ", code " + code, Name: in.Name})
}

// wholeAnswer tells whether with this page every page of an answer is there.
func wholeAnswer(tx *journal.Tx, x journal.Exchange, a *formats.Answer) (bool, error) {
	if a.PageCount <= 1 {
		return true, nil
	}
	pages, err := tx.Matched(x.ID, string(formats.KindAnswer))
	return pages >= a.PageCount, err
}

// receipt is our answer to a file of the bank: every file gets exactly one, a receipt
// gets none. Its key is made from bank and file, so that a restart makes the same, and two
// banks that leave the same bytes get one each.
func (v *visit) receipt(ctx context.Context, in journal.Incoming, j *judgement) (*journal.Acceptance, error) {
	if j.state == 0 || j.Kind == string(formats.KindReceipt) {
		return nil, nil
	}
	return v.answers().Receipt(ctx, in, answering.Key(in.Bank, in.SHA256),
		answering.Said{State: j.state, Reason: j.Reason, Key: j.ExternalKey, Exchange: j.ExchangeID, Faults: j.faults})
}

// receiptAgain answers a repeated file as the first one was answered.
func (v *visit) receiptAgain(ctx context.Context, first journal.Incoming, claimed string) error {
	again, err := v.answers().Again(ctx, first, claimed, v.rules())
	if again == nil || err != nil {
		return err
	}
	return v.write(ctx, "receipt again", func(tx *journal.Tx) error {
		_, err := tx.Accept(*again)
		return err
	})
}

func (v *visit) answers() answering.Desk {
	return answering.Desk{Book: v.Book, Store: v.Store, Bank: v.bank, Now: v.Now}
}
