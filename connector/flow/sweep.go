package flow

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/rule"
	"bankconnector/connector/journal"
)

// Sweep raises the alarm for documents whose bank should have answered for them: no
// document may fall silent. One that a visit moves at the same moment keeps its newer
// state.
func (c *Courier) Sweep(ctx context.Context) error {
	late, err := c.Book.Overdue(ctx, c.Now())
	if err != nil {
		return &fate.Failure{Op: "find overdue", Kind: fate.Broken, Err: err}
	}
	for _, x := range late {
		to, raise := rule.Overdue(x.State)
		if raise && to == x.State {
			told, err := c.told(ctx, x)
			if err != nil {
				return err
			}
			raise = !told
		}
		if !raise {
			continue
		}
		if err := c.overdue(ctx, x, to); err != nil && !errors.Is(err, journal.ErrStale) {
			return err
		}
	}
	return nil
}

// overdue writes one alarm, and the state that comes with it.
func (c *Courier) overdue(ctx context.Context, x journal.Exchange, to journal.State) error {
	reason := "no receipt of the bank by "
	if x.State == journal.Confirmed {
		reason = "no reply of the bank by "
	}
	reason += x.DueAt.UTC().Format(time.RFC3339)
	err := fate.Write(ctx, c.Book, banks.ID(x.Bank), "overdue", func(tx *journal.Tx) error {
		if to != x.State {
			if err := tx.Advance(x.ID, x.State, to, journal.Change{Reason: reason}); err != nil {
				return err
			}
		}
		return tx.Note("alarm.overdue", x.Bank, x.ID, alarm{Reason: reason})
	})
	if err == nil {
		c.Log.ErrorContext(ctx, "deadline passed", slog.Any("bank", x.Bank), slog.Any("doc", x.InternalKey), slog.Any("exchange", x.ID), slog.Any("state", string(to)), slog.Any("err", reason))
	}
	return err
}

// told tells whether the alarm about this deadline stands in the journal already. Every
// event about a document is read for it once in the life of the process.
func (c *Courier) told(ctx context.Context, x journal.Exchange) (bool, error) {
	if due, ok := c.visits.told.Load(x.ID); ok && x.DueAt.Equal(due.(time.Time)) {
		return true, nil
	}
	events, err := c.Book.Events(ctx, x.ID)
	if err != nil {
		return false, &fate.Failure{Op: "find alarm", Bank: banks.ID(x.Bank), Kind: fate.Broken, Err: err}
	}
	for _, e := range events {
		if e.Kind == "alarm.overdue" && !e.At.Before(*x.DueAt) {
			c.visits.told.Store(x.ID, *x.DueAt)
			return true, nil
		}
	}
	return false, nil
}
