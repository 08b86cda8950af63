package act

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bankconnector/connector/journal"
)

// Dispute says that the other side's register and ours do not agree about a document, or
// that it names one which we never sent. As holds the difference.
const Dispute = "dispute"

// dispute records a difference once. A document that the bank may still act on becomes
// Suspect, and a person decides; about one that has come to its end the act itself says it.
func (d *Desk) dispute(ctx context.Context, actor string, r Request) (out Outcome, err error) {
	out = Outcome{Exchange: r.Exchange, Bank: r.Bank}
	if strings.TrimSpace(r.As) == "" || r.Exchange == 0 && r.Bank == "" {
		return out, refuse("a dispute needs the difference and the bank", "нужны расхождение и банк")
	}
	known, err := d.disputed(ctx, r)
	if err != nil {
		return out, err
	}
	err = d.Book.Write(ctx, actor, func(tx *journal.Tx) error {
		var x journal.Exchange
		if r.Exchange != 0 {
			if x, err = tx.Exchange(r.Exchange); err != nil {
				return err
			}
			out.Bank, out.Key, out.From, out.To = x.Bank, x.InternalKey, x.State, x.State
		}
		if known {
			return nil
		}
		if err := tx.Act(journal.Act{Act: Dispute, Exchange: r.Exchange, Bank: r.Bank, Reason: r.Reason, As: r.As}); err != nil {
			return err
		}
		out.Changed = true
		if r.Exchange == 0 || !journal.Allowed(x.State, journal.Suspect, x.Kind) {
			return nil
		}
		out.To = journal.Suspect
		return tx.Advance(x.ID, x.State, journal.Suspect, journal.Change{Reason: actor + ": " + r.As})
	})
	if errors.Is(err, journal.ErrNotFound) {
		return out, refuse("no document has the id %d", "документа с номером %d нет", r.Exchange)
	}
	if err != nil {
		return out, fmt.Errorf("record the difference: %w", err)
	}
	return out, nil
}

// disputed tells whether this difference stands in the journal. What a person decided
// about it since is not asked again by the same register.
func (d *Desk) disputed(ctx context.Context, r Request) (bool, error) {
	if r.Exchange != 0 {
		events, err := d.Book.Events(ctx, r.Exchange)
		return slices.ContainsFunc(events, func(e journal.Event) bool {
			a := acted(e)
			return a.Act == Dispute && a.As == r.As
		}), err
	}
	said, err := d.Book.Said(ctx, Dispute, r.Bank, 0)
	return slices.Contains(said, r.As), err
}
