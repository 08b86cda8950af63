package flow

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"bankconnector/banks"
	"bankconnector/connector/journal"
)

// visits holds which banks are being visited: one visit a bank at a time, for the order
// of effects within a bank is what the state table is about.
type visits struct {
	mu   sync.Mutex
	busy map[banks.ID]bool
}

func (v *visits) enter(id banks.ID) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.busy[id] {
		return false
	}
	if v.busy == nil {
		v.busy = make(map[banks.ID]bool)
	}
	v.busy[id] = true
	return true
}

func (v *visits) leave(id banks.ID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.busy, id)
}

// Outcome is what one visit did.
type Outcome struct {
	Bank  banks.ID
	Sent  int   // envelopes delivered
	Taken int   // files taken from the bank
	Bytes int64 // both ways
	Took  time.Duration
	Err   error // nil: everything that could be done was done
}

// visit is one call on one bank while it lasts.
type visit struct {
	*Courier
	bank  *banks.Bank
	box   Mailbox
	sent  atomic.Int64
	taken atomic.Int64
	bytes atomic.Int64

	mu     sync.Mutex
	faults []error // of single documents; the visit goes on
}

// Why a visit did not take place, or not to its end.
var (
	ErrBusy   = errors.New("a visit to this bank is under way")
	ErrTaken  = errors.New("this slot was run already")
	ErrHalted = errors.New("the program is stopping; the rest waits for the next visit")
)

// Slot is the run of the timetable that a visit is: its name in the run ledger and its
// time. A slot without a time is a visit that a person asked for.
type Slot struct {
	Name string
	At   time.Time
}

// Visit calls on one bank: takes in what the office left for it, dials, finds out what
// became of doubtful deliveries, takes what the bank left, leaves what waits. The error
// in the outcome is a *Failure of the gravest kind met; the journal holds them all. A
// slot of the timetable is entered into the run ledger in the same commit as the visit's
// beginning, so that it happens once, across restarts and steps of the clock.
func (c *Courier) Visit(ctx context.Context, b *banks.Bank, slot Slot) Outcome {
	out := Outcome{Bank: b.BIC}
	if !c.visits.enter(b.BIC) {
		out.Err = &Failure{Op: "visit", Bank: b.BIC, Kind: Transient, Err: ErrBusy}
		return out
	}
	defer c.visits.leave(b.BIC)

	start := c.Now()
	v := &visit{Courier: c, bank: b}
	var id int64
	err := c.write(ctx, b.BIC, "begin visit", func(tx *journal.Tx) (err error) {
		if !slot.At.IsZero() {
			if fresh, err := tx.TakeSlot(string(b.BIC), slot.Name, slot.At); err != nil || !fresh {
				return errors.Join(err, ErrTaken)
			}
		}
		id, err = tx.BeginVisit(string(b.BIC), slot.Name)
		return err
	})
	if err != nil {
		out.Err = err
		return out
	}
	out.Err = gravest(v.run(ctx), v.faults)
	out.Sent, out.Taken, out.Bytes = int(v.sent.Load()), int(v.taken.Load()), v.bytes.Load()
	out.Took = c.Now().Sub(start)
	// The end of a visit is written even when its time is up: an auditor must not find a
	// visit that never ended but for a crash.
	end := context.WithoutCancel(ctx)
	err = c.write(end, b.BIC, "end visit", func(tx *journal.Tx) error {
		return tx.EndVisit(id, out.record())
	})
	out.Err = gravest(out.Err, []error{err})
	return out
}

func (o Outcome) record() journal.VisitOutcome {
	r := journal.VisitOutcome{Outcome: "ok", Sent: o.Sent, Taken: o.Taken, Bytes: o.Bytes}
	if o.Err != nil {
		r.Outcome, r.Error = "failed", o.Err.Error()
		if o.Sent+o.Taken > 0 {
			r.Outcome = "partial"
		}
	}
	return r
}

// run is the order of a visit. Local work comes first, so that the office hears of a bad
// document even when the bank is down; inbound comes before outbound, so that a receipt
// which lies there releases what waits for it.
func (v *visit) run(ctx context.Context) error {
	if err := v.accept(ctx); err != nil {
		return err
	}
	if v.bank.State == banks.StateSuspended {
		return nil
	}
	box, err := v.Dial(ctx, v.bank)
	if err != nil {
		return err
	}
	v.box = box
	err = v.exchange(ctx)
	if shut := box.Close(); err == nil && shut != nil {
		v.Log.Info("close connection", "bank", v.bank.BIC, "err", shut)
	}
	return err
}

func (v *visit) exchange(ctx context.Context) error {
	steps := []func(context.Context) error{v.resolve, v.inbound}
	if v.bank.State == banks.StateActive {
		steps = append(steps, v.outbound)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Sweep raises the alarm for documents whose bank should have answered for them: no
// document may fall silent (a passed deadline becomes Suspect, and a person decides).
// A document that a visit moves at the same moment keeps its newer state.
func (c *Courier) Sweep(ctx context.Context) error {
	late, err := c.Book.Overdue(ctx, c.Now())
	if err != nil {
		return &Failure{Op: "find overdue", Kind: Broken, Err: err}
	}
	for _, x := range late {
		if x.State != journal.Delivered && x.State != journal.Ambiguous {
			continue
		}
		reason := "no receipt of the bank by " + x.DueAt.UTC().Format(time.RFC3339)
		err := c.write(ctx, banks.ID(x.Bank), "suspect", func(tx *journal.Tx) error {
			if err := tx.Advance(x.ID, x.State, journal.Suspect, journal.Change{Reason: reason}); err != nil {
				return err
			}
			return tx.Note("alarm.overdue", x.Bank, x.ID, alarm{Reason: reason})
		})
		switch {
		case errors.Is(err, journal.ErrStale):
			continue
		case err != nil:
			return err
		}
		c.Log.Error("no receipt by the deadline", "bank", x.Bank, "doc", x.InternalKey, "exchange", x.ID)
	}
	return nil
}

// alarm is the body of an alarm event.
type alarm struct {
	Reason string `json:"reason"`
	Name   string `json:"name,omitempty"`
}

// each runs work for every item, at most the bank's limit at a time. A failure of one
// document is noted and the others go on; one that ends the visit ends it.
func each[T any](ctx context.Context, v *visit, items []T, work func(context.Context, T) error) error {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(max(1, v.bank.Limits.Parallel))
	for _, item := range items {
		if within.Err() != nil || v.halted() {
			break
		}
		group.Go(func() error {
			err := work(within, item)
			if err == nil || endsVisit(err) {
				return err
			}
			v.mu.Lock()
			v.faults = append(v.faults, err)
			v.mu.Unlock()
			return nil
		})
	}
	err := group.Wait()
	if err == nil && v.halted() {
		err = &Failure{Op: "visit", Bank: v.bank.BIC, Kind: Transient, Err: ErrHalted}
	}
	return err
}

// halted tells that nothing new may be begun.
func (c *Courier) halted() bool {
	select {
	case <-c.Halt:
		return true
	default:
		return false
	}
}

// endsVisit tells whether to go on with the next document after err. A lost connection
// or a broken journal ends the visit, a refused document does not.
func endsVisit(err error) bool {
	var f *Failure
	return !errors.As(err, &f) || f.Kind != Refused && f.Kind != Gone && f.Kind != Exists
}

// gravest picks the error a visit ends with: broken before operator before the rest.
func gravest(err error, faults []error) error {
	rank := func(err error) int {
		var f *Failure
		switch {
		case err == nil:
			return 0
		case !errors.As(err, &f):
			return 2
		case f.Kind == Broken:
			return 4
		case f.Kind == Operator:
			return 3
		default:
			return 1
		}
	}
	for _, f := range faults {
		if rank(f) > rank(err) {
			err = f
		}
	}
	return err
}

// write runs one journal change for a bank. A stale state is a failure of the document,
// anything else means that the book cannot be trusted with what comes next.
func (c *Courier) write(ctx context.Context, bank banks.ID, op string, fn func(*journal.Tx) error) error {
	err := c.Book.Write(ctx, actor, fn)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, journal.ErrStale), errors.Is(err, journal.ErrDuplicate), errors.Is(err, journal.ErrConflict), errors.Is(err, ErrTaken):
		return &Failure{Op: op, Bank: bank, Kind: Refused, Err: err}
	case ctx.Err() != nil, errors.Is(err, journal.ErrClock):
		return &Failure{Op: op, Bank: bank, Kind: Transient, Err: err}
	default:
		return &Failure{Op: op, Bank: bank, Kind: Broken, Err: err}
	}
}

// actor is who the journal says did what the program does by itself.
const actor = "bankconnector"

// broken wraps a failure of our own disk or journal.
func (v *visit) broken(op string, err error) error {
	if err == nil {
		return nil
	}
	kind := Broken
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		kind = Transient
	}
	return &Failure{Op: op, Bank: v.bank.BIC, Kind: kind, Err: err}
}

func (v *visit) progress(open int) {
	if v.Watch != nil {
		v.Watch(Progress{Bank: v.bank.BIC, Sent: int(v.sent.Load()), Taken: int(v.taken.Load()), Open: open})
	}
}
