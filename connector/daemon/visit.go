package daemon

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow"
	"bankconnector/connector/flow/fate"
	"bankconnector/schedule"
)

// pause is a bank's standing after its last visit: the schedule is the retry, and a bank
// that fails is visited at growing distance.
type pause struct {
	busy  bool
	fails int
	until time.Time // left alone until then
	next  time.Time // no slot before then
}

const (
	firstPause  = 30 * time.Second
	longestWait = 15 * time.Minute
	spread      = 20 * time.Second // visits of one slot begin within this time, each bank at its own moment
)

// dispatch begins the visits that are due.
func (d *Daemon) dispatch(ctx context.Context) {
	courier := d.in.Courier
	for _, b := range d.in.Registry.All() {
		now := d.o.Now().Add(-schedule.Spread(string(b.BIC), spread))
		if b.State == banks.StateSuspended {
			continue
		}
		if d.late(b.BIC, now) {
			d.skip(ctx, courier, b, now)
		}
		if !d.enter(b.BIC, now) {
			continue
		}
		slots, err := d.due(ctx, b, now)
		if err != nil {
			d.failure(b.BIC, err)
		}
		d.await(b, now)
		if len(slots) == 0 {
			d.idle(b.BIC)
			continue
		}
		d.visits.Go(func() {
			if err := courier.Enter(ctx, b); err != nil {
				d.leave(b.BIC, nil) // the program ends: the slot stands open in the ledger
				return
			}
			defer courier.Leave(b)
			d.visit(ctx, courier, b, slots)
		})
	}
}

// due are the slots of a bank that must run now, by the run ledger and the catch-up rule.
// A bank without a ledger begins with the daemon's start.
func (d *Daemon) due(ctx context.Context, b *banks.Bank, now time.Time) ([]schedule.Slot, error) {
	_, last, ok, err := d.in.Book.LastSlot(ctx, string(b.BIC))
	if err != nil {
		return nil, &fate.Failure{Op: "read run ledger", Bank: b.BIC, Kind: fate.Broken, Err: err}
	}
	if !ok {
		last = d.since
	}
	return d.in.Timetable(b.BIC).Due(last, now), nil
}

// visit runs the due slots of one bank, one after the other.
func (d *Daemon) visit(ctx context.Context, courier *flow.Courier, b *banks.Bank, slots []schedule.Slot) {
	var err error
	defer func() { d.leave(b.BIC, err) }()
	for _, s := range slots {
		limited, stop := context.WithTimeout(ctx, b.Limits.VisitTime)
		o := courier.Visit(limited, b, flow.Slot{Name: s.Name, At: s.At})
		stop()
		if errors.Is(o.Err, fate.ErrTaken) {
			continue
		}
		if err = o.Err; err != nil {
			d.failure(b.BIC, err)
			return
		}
		d.o.Log.InfoContext(ctx, "visit", slog.Any("bank", b.BIC), slog.Any("sent", o.Sent), slog.Any("taken", o.Taken))
	}
}

// enter marks a bank as being visited, unless it is or must be left alone for a while.
func (d *Daemon) enter(id banks.ID, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.state[id]
	if p == nil {
		p = &pause{}
		d.state[id] = p
	}
	// A pause further off than the longest one means that the clock was set back.
	if p.busy || now.Before(p.next) || now.Before(p.until) && p.until.Sub(now) <= longestWait {
		return false
	}
	p.busy = true
	return true
}

// await notes when to look at a bank's slots again: not before the next one, and within the
// hour, for a clock may be set.
func (d *Daemon) await(b *banks.Bank, now time.Time) {
	next := now.Add(time.Hour)
	if slot, ok := d.in.Timetable(b.BIC).Next(now); ok && slot.At.Before(next) {
		next = slot.At
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state[b.BIC].next = next
}

// idle ends a look at a bank for which nothing is due.
func (d *Daemon) idle(id banks.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state[id].busy = false
}

// late tells that the next slot of a bank has come while it is still being visited.
func (d *Daemon) late(id banks.ID, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.state[id]
	return p != nil && p.busy && !now.Before(p.next)
}

// skip lets the slots pass that came during a visit: two visits would get in each other's
// way, and the one under way takes and leaves all there is. The ledger has the latest, so
// that none of them is caught up on.
func (d *Daemon) skip(ctx context.Context, courier *flow.Courier, b *banks.Bank, now time.Time) {
	d.mu.Lock()
	since := d.state[b.BIC].next
	d.mu.Unlock()
	d.await(b, now)
	passed := d.in.Timetable(b.BIC).Slots(since.Add(-time.Nanosecond), now)
	if len(passed) == 0 {
		return
	}
	slot := passed[len(passed)-1]
	d.o.Log.WarnContext(ctx, "a visit lasts longer than its period, the next one is skipped", slog.Any("bank", b.BIC), slog.String("slot", slot.Name))
	d.visits.Go(func() {
		if err := courier.Skip(ctx, b, flow.Slot{Name: slot.Name, At: slot.At}); err != nil {
			d.failure(b.BIC, err)
		}
	})
}

// again lets every bank's slots be looked at anew: they may have other times now.
func (d *Daemon) again() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.state {
		if !p.busy {
			p.next = time.Time{}
		}
	}
}

func (d *Daemon) leave(id banks.ID, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.state[id]
	// The ledger is looked at again: a visit that did not come to its slot has left it due, and the times may be others
	// since a reload.
	p.busy, p.next = false, time.Time{}
	if err == nil {
		p.fails = 0
		return
	}
	p.fails++
	wait := min(longestWait, firstPause<<min(p.fails-1, 10))
	var f *fate.Failure
	if errors.As(err, &f) && f.Kind == fate.Operator {
		wait = longestWait // a person must act; knocking on only locks the account
	}
	p.until = d.o.Now().Add(wait - wait/4 + schedule.Spread(string(id), wait/4))
}
