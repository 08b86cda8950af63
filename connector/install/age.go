package install

import (
	"context"
	"time"

	"bankconnector/connector/install/aging"
	"bankconnector/connector/journal"
)

// Age does what time asks for; a journal that a checkpoint contradicts is left as it is.
func (in *Installation) Age(ctx context.Context) error {
	if in.behind != nil {
		return nil
	}
	c := &in.force.Load().Config
	quarantine, err := c.quarantine()
	if err != nil {
		return err
	}
	rooms := aging.Rooms{Book: in.Book, Store: in.Store, Quarantine: quarantine}
	return aging.Rules{Journal: c.Journal, Retention: c.Retention}.Round(ctx, rooms, in.opts.Now(), in.opts.Log)
}

// Hand is a person at work on the archives while no daemon is.
type Hand = aging.Hand

// Errors of a Hand that callers decide on.
var (
	ErrNoRule   = aging.ErrNoRule
	ErrNoReason = aging.ErrNoReason
)

// Hand is for whoever runs this.
func (p *Plan) Hand(now func() time.Time) (h Hand, err error) {
	if err := p.MayWrite(); err != nil {
		return h, err
	}
	h = aging.Hand{StateDir: p.Config.StateDir, Journal: p.JournalPath(), Options: journal.Options{Now: now, Instance: instance()}, Retention: p.Config.Retention}
	h.Seal, err = p.seal()
	return h, err
}
