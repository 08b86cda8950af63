package flow

import (
	"context"
	"fmt"
	"log/slog"

	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/sealing"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
)

// resolve finds out what became of the deliveries that an earlier visit left in doubt.
// It runs on a connection made after the doubt and sends no bytes: at most the same
// rename again, where the bank's profile allows it.
func (v *visit) resolve(ctx context.Context) error {
	doubtful, err := v.Book.Find(ctx, journal.Filter{
		Bank: string(v.bank.BIC), States: []journal.State{journal.Sending, journal.Ambiguous},
	})
	if err != nil {
		return v.disk("find doubtful", err)
	}
	return each(ctx, v, sealing.Known(doubtful), v.resolveOne)
}

func (v *visit) resolveOne(ctx context.Context, x sealing.Sealed) error {
	sight, err := v.box.Look(ctx, x.TempName, x.FileName)
	if err != nil {
		return fmt.Errorf("look for %s: %w", x.FileName, err)
	}
	found := judge(v.bank.Delivery.Mode, sight, x.FileSize)
	v.Log.InfoContext(ctx, "resolved", slog.Any("bank", x.Bank), slog.Any("doc", x.InternalKey), slog.Any("exchange", x.ID), slog.Any("file", x.FileName), slog.Any("found", string(found)))
	switch found {
	case foundFinal:
		return v.recognise(ctx, x, found)
	case foundNothing:
		return v.vanished(ctx, x)
	case foundBoth:
		return v.halfRenamed(ctx, x)
	case foundTemp:
		return v.stillTemp(ctx, x)
	case foundStrange:
	}
	return v.doubt(ctx, x, journal.Suspect, "a file of another size stands under our name")
}

// recognise reads back what stands under the final name: only our bytes prove our
// delivery.
func (v *visit) recognise(ctx context.Context, x sealing.Sealed, found finding) error {
	data, err := v.box.Read(ctx, x.FileName, x.FileSize+1)
	if fate.IsGone(err) {
		return v.vanished(ctx, x) // taken by the bank between the look and the read
	}
	if err != nil {
		return fmt.Errorf("read back %s: %w", x.FileName, err)
	}
	if spool.Digest(data) != x.FileSHA256 {
		return v.doubt(ctx, x, journal.Suspect, "the file under our name holds other bytes")
	}
	return v.delivered(ctx, x, x.State, string(found))
}

// vanished: neither name is there. With a rename the only way is that the bank took the
// file; if its housekeeping removed the temp instead, no receipt will come, and the
// deadline makes it Suspect. In direct mode nothing was perhaps ever written, so nobody knows.
func (v *visit) vanished(ctx context.Context, x sealing.Sealed) error {
	if v.bank.Delivery.Mode == modeDirect {
		return v.doubt(ctx, x, journal.Ambiguous, "nothing stands under the final name: taken, or never written")
	}
	return v.delivered(ctx, x, x.State, string(foundNothing))
}

// halfRenamed: a server that links and unlinks was cut between the two. The final name
// is ours, the temp is a second name of the same bytes.
func (v *visit) halfRenamed(ctx context.Context, x sealing.Sealed) error {
	data, err := v.box.Read(ctx, x.FileName, x.FileSize+1)
	if err != nil && !fate.IsGone(err) {
		return fmt.Errorf("read back %s: %w", x.FileName, err)
	}
	if err == nil && spool.Digest(data) != x.FileSHA256 {
		return v.doubt(ctx, x, journal.Suspect, "the file under our name holds other bytes")
	}
	if err := v.box.Sweep(ctx, x.TempName); err != nil && !fate.IsGone(err) {
		return fmt.Errorf("sweep %s: %w", x.TempName, err)
	}
	return v.delivered(ctx, x, x.State, string(foundBoth))
}

// stillTemp: the rename did not happen, or has not yet, or (link and unlink) it did and
// the bank took the final name before the unlink was lost. Only a bank that refuses a
// second document with the same key may be sent the same rename again.
func (v *visit) stillTemp(ctx context.Context, x sealing.Sealed) error {
	if v.bank.Delivery.UnknownOutcome != reissue {
		return v.doubt(ctx, x, journal.Ambiguous, "the temp name is there, the final name is not")
	}
	if x.State == journal.Ambiguous {
		err := v.write(ctx, "reissue", func(tx *journal.Tx) error {
			return tx.Advance(x.ID, journal.Ambiguous, journal.Sending, journal.Change{TempName: x.TempName, Attempt: true})
		})
		if err != nil {
			return err
		}
		x.State = journal.Sending
	}
	return v.publish(ctx, x)
}

// doubt commits a state that waits for the bank's receipt, for another look, or for a
// person.
func (v *visit) doubt(ctx context.Context, x sealing.Sealed, to journal.State, reason string) error {
	if x.State == to {
		return nil
	}
	change := journal.Change{Reason: reason}
	if x.DueAt == nil {
		change = v.term(change, journal.Delivered, x.Kind)
	}
	v.Log.ErrorContext(ctx, "delivery in doubt", slog.Any("bank", x.Bank), slog.Any("doc", x.InternalKey), slog.Any("exchange", x.ID), slog.Any("state", string(to)), slog.Any("err", reason))
	return v.write(ctx, "doubt", func(tx *journal.Tx) error {
		if err := tx.Advance(x.ID, x.State, to, change); err != nil {
			return err
		}
		return tx.Note("alarm.delivery", x.Bank, x.ID, alarm{Reason: reason, Name: x.FileName})
	})
}
