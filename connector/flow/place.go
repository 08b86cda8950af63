package flow

import (
	"context"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/journal"
)

// Enter waits for a place for a visit, which must Leave. A halt keeps visits from
// beginning; those under way end by themselves.
func (c *Courier) Enter(ctx context.Context, b *banks.Bank) error {
	if err := c.Hall.Enter(ctx, c.Halt, string(b.BIC)); err != nil {
		return &fate.Failure{Op: "visit", Bank: b.BIC, Kind: fate.Transient, Err: err}
	}
	return nil
}

// Leave gives a visit's place back.
func (c *Courier) Leave(b *banks.Bank) { c.Hall.Leave(string(b.BIC)) }

// Skip writes into the journal that a slot of a bank passed without a visit, for the one
// before it is still under way: nothing is done twice, and nobody wonders where it is.
func (c *Courier) Skip(ctx context.Context, b *banks.Bank, slot Slot) error {
	return fate.Write(ctx, c.Book, b.BIC, "skip visit", func(tx *journal.Tx) error {
		if fresh, err := tx.TakeSlot(string(b.BIC), slot.Name, slot.At); err != nil || !fresh {
			return err
		}
		id, err := tx.BeginVisit(string(b.BIC), slot.Name)
		if err != nil {
			return err
		}
		return tx.EndVisit(id, journal.VisitOutcome{Outcome: "skipped", Error: ErrBusy.Error()})
	})
}
