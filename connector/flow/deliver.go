package flow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"

	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/rule"
	"bankconnector/connector/flow/sealing"
	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// outbound releases what may go now, seals it and delivers it: while some envelopes are
// on their way, the next ones are sealed.
func (v *visit) outbound(ctx context.Context) error {
	if err := v.release(ctx); err != nil {
		return err
	}
	left, err := v.find(ctx, 0, v.batch(), journal.Sealed)
	if err == nil && len(left) > 0 {
		err = v.sweepTemps(ctx, left)
	}
	if err != nil {
		return err
	}
	return each(ctx, v, v.envelopes(ctx, left), v.deliver)
}

// envelopes gives what an earlier visit sealed but could not upload, for its numbers are
// older, and then seals what was accepted, a batch at a time; what the office has left
// beyond the first portions is taken in meanwhile. The first batches are small: while they are
// on their way, the others are sealed.
func (v *visit) envelopes(ctx context.Context, left []journal.Exchange) iter.Seq2[sealing.Sealed, error] {
	portion := min(32, v.batch())
	next := func() (ready []sealing.Sealed, err error) {
		if len(left) > 0 {
			ready = sealing.Known(left)
			left, err = v.find(ctx, left[len(left)-1].ID, v.batch(), journal.Sealed)
			return ready, err
		}
		for {
			batch, err := v.find(ctx, 0, portion, journal.Accepted)
			if err != nil {
				return nil, err
			}
			v.feed.Begin(ctx)
			switch {
			case len(batch) > 0:
				portion = min(2*portion, v.batch())
				return v.sealer().Seal(ctx, v.bank, batch)
			case !v.feed.More():
				return nil, nil
			}
			if err := v.feed.Wait(ctx); err != nil {
				return nil, err
			}
		}
	}
	return func(yield func(sealing.Sealed, error) bool) {
		for {
			ready, err := next()
			if err != nil {
				yield(sealing.Sealed{}, err)
			}
			if err != nil || len(ready) == 0 {
				return
			}
			for _, x := range ready {
				err := v.feed.Glance() // what the portion beside us met ends the delivery at once
				if !yield(x, err) || err != nil {
					return
				}
			}
		}
	}
}

// sweepTemps removes the temp files that interrupted uploads of these documents left. They
// are Sealed, so no intent names a temp of theirs and no rename will.
func (v *visit) sweepTemps(ctx context.Context, left []journal.Exchange) error {
	temps, err := v.box.Leftovers(ctx)
	if err != nil {
		return fmt.Errorf("list temp files: %w", err)
	}
	for _, f := range temps {
		for _, x := range left {
			if !strings.HasPrefix(f.Name, "."+x.FileName+".") {
				continue
			}
			if err := v.box.Sweep(ctx, f.Name); err != nil && !fate.IsGone(err) {
				return fmt.Errorf("sweep %s: %w", f.Name, err)
			}
		}
	}
	return nil
}

func (v *visit) find(ctx context.Context, after int64, limit int, states ...journal.State) ([]journal.Exchange, error) {
	list, err := v.Book.Find(ctx, journal.Filter{Bank: string(v.bank.BIC), States: states, AfterID: after, Limit: limit})
	return list, v.disk("find documents", err)
}

// batch is how many documents are read at a time.
func (v *visit) batch() int { return cmp.Or(v.Batch, 256) }

// release lets go what waited for its base document, once the bank has confirmed that.
func (v *visit) release(ctx context.Context) error {
	for after := int64(0); ; {
		held, err := v.find(ctx, after, v.batch(), journal.Held)
		if err != nil || len(held) == 0 {
			return err
		}
		after = held[len(held)-1].ID
		err = each(ctx, v, fate.All(held), func(ctx context.Context, x journal.Exchange) error {
			return v.watch().Release(ctx, v.bank, x)
		})
		if err != nil {
			return err
		}
	}
}

// deliver brings one envelope to the bank. The order of effects is the promise: upload
// under a temp name of our own, read back, commit the intent, rename, commit the
// delivery. Where a crash falls decides what the next visit finds:
//
//	before the intent   a temp file that nothing will rename; uploaded anew under another name
//	after the intent    resolve looks at temp and final and goes on from what it sees
func (v *visit) deliver(ctx context.Context, x sealing.Sealed) error {
	weight := min(x.FileSize, inMemory)
	if err := v.room.Acquire(ctx, weight); err != nil {
		return &fate.Failure{Op: "deliver", Bank: v.bank.BIC, Document: x.InternalKey, Kind: fate.Transient, Err: err}
	}
	defer v.room.Release(weight)
	data, err := v.Store.Get(ctx, x.FileSHA256) // Get proves that these are the sealed bytes
	if err != nil {
		return v.disk("read envelope", err)
	}
	temp := "." + x.FileName + "." + v.Unique() + ".part"
	if err := v.box.Upload(ctx, temp, x.FileName, data); err != nil {
		return v.attempted(ctx, x, err)
	}
	// The intent has a term of its own: a bank that is never reached again is no silence.
	intent := v.term(journal.Change{TempName: temp, Attempt: true}, journal.Delivered, x.Kind)
	err = v.write(ctx, "intent", func(tx *journal.Tx) error {
		return tx.Advance(x.ID, journal.Sealed, journal.Sending, intent)
	})
	if err != nil {
		return err
	}
	x.State, x.TempName = journal.Sending, temp
	return v.publish(ctx, x)
}

// publish sends the rename that the intent announced and commits what came of it. An
// error is no proof of absence: the state stays, and resolve finds out.
func (v *visit) publish(ctx context.Context, x sealing.Sealed) error {
	if err := v.box.Publish(ctx, x.TempName, x.FileName); err != nil {
		v.Log.WarnContext(ctx, "outcome unknown", slog.Any("bank", x.Bank), slog.Any("doc", x.InternalKey), slog.Any("exchange", x.ID), slog.Any("file", x.FileName), slog.Any("err", err))
		return fmt.Errorf("publish %s: %w", x.FileName, err)
	}
	return v.delivered(ctx, x, journal.Sending, "renamed")
}

// delivered commits that the final name was seen or must have been, and starts the clock
// of the bank's receipt. Our receipts get none in return: theirs is the end of it, and of
// the exchange that they answer.
func (v *visit) delivered(ctx context.Context, x sealing.Sealed, from journal.State, evidence string) error {
	change := journal.Change{Evidence: evidence}
	if x.Kind != string(formats.KindReceipt) {
		change = v.term(change, journal.Delivered, x.Kind)
	}
	err := v.write(ctx, "delivered", func(tx *journal.Tx) error {
		if err := tx.Advance(x.ID, from, journal.Delivered, change); err != nil {
			return err
		}
		if x.Kind != string(formats.KindReceipt) {
			return nil
		}
		if err := tx.Advance(x.ID, journal.Delivered, journal.Closed, journal.Change{Evidence: evidence}); err != nil {
			return err
		}
		return closeParent(tx, x.Parent)
	})
	var f *fate.Failure
	if errors.As(err, &f) && errors.Is(err, journal.ErrStale) {
		return nil // the bank's receipt was faster than our commit
	}
	if err == nil {
		v.sent.Add(1)
		v.bytes.Add(x.FileSize)
		v.progress()
	}
	return err
}

// closeParent ends the exchange whose final reply our receipt has now acknowledged.
func closeParent(tx *journal.Tx, parent int64) error {
	if parent == 0 {
		return nil
	}
	p, err := tx.Exchange(parent)
	if err != nil || p.State != journal.Answered || !rule.Final(p.Kind, p.AnswerCode) {
		return err
	}
	return tx.Advance(parent, journal.Answered, journal.Closed, journal.Change{Reason: "final reply acknowledged"})
}

// attempted notes an upload that did not come about. Nothing is visible at the bank but
// perhaps a temp file that no rename will ever name.
func (v *visit) attempted(ctx context.Context, x sealing.Sealed, cause error) error {
	err := v.write(context.WithoutCancel(ctx), "attempt", func(tx *journal.Tx) error {
		return tx.Attempt(x.ID, cause.Error())
	})
	if err != nil {
		return err
	}
	return fmt.Errorf("upload %s: %w", x.FileName, cause)
}
