package flow

import (
	"context"
	"fmt"
	"log/slog"

	"bankconnector/connector/flow/act"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/rule"
	"bankconnector/connector/flow/sealing"
	"bankconnector/connector/flow/waiting"
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
	return each(ctx, v, fate.All(sealing.Known(doubtful)), v.resolveOne)
}

func (v *visit) resolveOne(ctx context.Context, x sealing.Sealed) error {
	sight, err := v.box.Look(ctx, x.TempName, x.FileName)
	if err != nil {
		return fmt.Errorf("look for %s: %w", x.FileName, err)
	}
	found := rule.Find(v.bank.Delivery.Mode, rule.Sight{Temp: sight.Temp.Octets(), Final: sight.Final.Octets()}, x.FileSize)
	v.Log.InfoContext(ctx, "resolved", slog.Any("bank", x.Bank), slog.Any("doc", x.InternalKey), slog.Any("exchange", x.ID), slog.Any("file", x.FileName), slog.Any("found", string(found)))
	policy, err := v.unknownOutcome(ctx, x)
	if err != nil {
		return err
	}
	next := rule.Resolve(v.bank.Delivery.Mode, policy, found, rule.Unread)
	if next.Step == rule.ReadBack {
		read, err := v.readBack(ctx, x)
		if err != nil {
			return err
		}
		next = rule.Resolve(v.bank.Delivery.Mode, policy, found, read)
	}
	return v.follow(ctx, x, found, next)
}

// unknownOutcome is what the bank's profile says about a delivery in doubt, or what a
// person has decided about this one since: the same rename once more.
func (v *visit) unknownOutcome(ctx context.Context, x sealing.Sealed) (string, error) {
	if x.State != journal.Ambiguous {
		return v.bank.Delivery.UnknownOutcome, nil
	}
	events, err := v.Book.Events(ctx, x.ID)
	if err == nil && act.Renames(events) {
		return rule.Reissue, nil
	}
	return v.bank.Delivery.UnknownOutcome, v.disk("find acts", err)
}

// follow takes the step that the rule gave.
func (v *visit) follow(ctx context.Context, x sealing.Sealed, found rule.Finding, next rule.Next) error {
	switch next.Step {
	case rule.Deliver:
		return v.delivered(ctx, x, x.State, string(found))
	case rule.SweepTemp:
		// A crash here leaves the final name alone, and the next look sees it or neither.
		if err := v.box.Sweep(ctx, x.TempName); err != nil && !fate.IsGone(err) {
			return fmt.Errorf("sweep %s: %w", x.TempName, err)
		}
		return v.delivered(ctx, x, x.State, string(found))
	case rule.Rename:
		return v.reissue(ctx, x)
	case rule.Doubt, rule.ReadBack:
	}
	return v.doubt(ctx, x, next.To, next.Why)
}

// readBack holds what stands under the final name against the sealed bytes.
func (v *visit) readBack(ctx context.Context, x sealing.Sealed) (rule.Bytes, error) {
	data, err := v.box.Read(ctx, x.FileName, x.FileSize+1)
	switch {
	case fate.IsGone(err):
		return rule.Taken, nil
	case err != nil:
		return rule.Unread, fmt.Errorf("read back %s: %w", x.FileName, err)
	case spool.Digest(data) != x.FileSHA256:
		return rule.Foreign, nil
	default:
		return rule.Ours, nil
	}
}

// reissue sends the same rename once more. Each rename has its own intent in the journal,
// so that a receipt "duplicate" can be told from somebody else's use of our key.
func (v *visit) reissue(ctx context.Context, x sealing.Sealed) error {
	err := v.write(ctx, "reissue", func(tx *journal.Tx) error {
		if x.State == journal.Sending {
			if err := tx.Advance(x.ID, journal.Sending, journal.Ambiguous, journal.Change{Reason: "only the temp name is there"}); err != nil {
				return err
			}
		}
		return tx.Advance(x.ID, journal.Ambiguous, journal.Sending, journal.Change{TempName: x.TempName, Attempt: true})
	})
	if err != nil {
		return err
	}
	x.State = journal.Sending
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
		return tx.Note("alarm.delivery", x.Bank, x.ID, waiting.Alarm{Reason: reason, Name: x.FileName})
	})
}
