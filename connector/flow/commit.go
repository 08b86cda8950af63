package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"bankconnector/connector/flow/answering"
	"bankconnector/connector/flow/effect"
	"bankconnector/connector/flow/pages"
	"bankconnector/connector/flow/waiting"
	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// commit writes everything that follows from one file in one transaction: the
// settlement, the exchange's new state, our receipt to send. A crash leaves all of it or
// nothing. That the same reply came before in another file shows only there, where it
// is settled; then the file is settled as what it is, without effect.
func (v *visit) commit(ctx context.Context, in journal.Incoming, j *judgement) (settled journal.Incoming, err error) {
	settled, err = v.commitOnce(ctx, in, j)
	var page *pages.Conflict
	switch {
	case errors.As(err, &page):
		j.strike(outcomeConflict, formats.StateBadLogic, page.Reason)
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
			if err := tx.Note("alarm.incoming", in.Bank, j.ExchangeID, waiting.Alarm{Reason: j.alarm, Name: in.Name}); err != nil {
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
	var err error
	if j.Outcome != outcomeMatched {
		err = tx.Settle(in.ID, j.Settlement)
	} else {
		confirmed := func(c journal.Change, kind string) journal.Change { return v.term(c, journal.Confirmed, kind) }
		err = effect.Reply{File: in, Doc: j.doc, Renames: j.renames, Term: confirmed}.Settle(tx, j.Settlement)
	}
	if err != nil {
		return err
	}
	return waiting.Number(tx, in, j.Settlement)
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
	again, err := v.answers().Again(ctx, first, claimed)
	if err != nil || again == nil {
		return err
	}
	return v.write(ctx, "receipt again", func(tx *journal.Tx) error {
		_, err := tx.Accept(*again)
		return err
	})
}

func (v *visit) answers() answering.Desk {
	return answering.Desk{Book: v.Book, Store: v.Store, Bank: v.bank, Deadline: v.Deadline, Now: v.Now}
}
