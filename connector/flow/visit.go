package flow

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/ground"
	"bankconnector/connector/flow/hall"
	"bankconnector/connector/flow/intake"
	"bankconnector/connector/flow/ration"
	"bankconnector/connector/flow/roll"
	"bankconnector/connector/flow/waiting"
	"bankconnector/connector/journal"
)

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
	room  *semaphore.Weighted // octets of documents in memory
	files ration.Files        // what of the bank's files is held in memory

	feed   *intake.Feed // what the office left
	faults []error      // of single documents; the visit went on
}

// ErrBusy is why a visit did not take place: another one is at work.
var ErrBusy = roll.ErrBusy

// Slot is the run of the timetable that a visit is: its name in the run ledger and its
// time. A slot without a time is a visit that a person asked for.
type Slot struct {
	Name string
	At   time.Time
}

// Visit calls on one bank: takes in what the office left for it, dials, finds out what
// became of doubtful deliveries, takes what the bank left, leaves what waits. The error
// in the outcome is a *fate.Failure of the gravest kind met; the journal holds them all. A
// slot of the timetable is entered into the run ledger in the same commit as the visit's
// beginning, so that it happens once, across restarts and steps of the clock.
func (c *Courier) Visit(ctx context.Context, b *banks.Bank, slot Slot) Outcome {
	out := Outcome{Bank: b.BIC}
	if err := c.all().roll.Visit(ctx, string(b.BIC)); err != nil {
		out.Err = &fate.Failure{Op: "visit", Bank: b.BIC, Kind: fate.Transient, Err: err}
		return out
	}
	defer c.all().roll.Leave(string(b.BIC))

	start := c.Now()
	v := &visit{Courier: c, bank: b, room: semaphore.NewWeighted(inMemory), feed: c.intake().Feed(b)}
	var id int64
	err := v.write(ctx, "begin visit", func(tx *journal.Tx) (err error) {
		if !slot.At.IsZero() {
			if fresh, err := tx.TakeSlot(string(b.BIC), slot.Name, slot.At); err != nil || !fresh {
				return errors.Join(err, fate.ErrTaken)
			}
		}
		id, err = tx.BeginVisit(string(b.BIC), slot.Name)
		return err
	})
	if err != nil {
		out.Err = err
		return out
	}
	err = v.run(ctx)
	faults := append(v.faults, v.feed.Faults(ctx)...)
	out.Err = fate.Gravest(err, faults...)
	out.Sent, out.Taken, out.Bytes = int(v.sent.Load()), int(v.taken.Load()), v.bytes.Load()
	out.Took = c.Now().Sub(start)
	var fault *fate.Panic
	if errors.As(errors.Join(append(faults, err)...), &fault) {
		c.Log.ErrorContext(ctx, "the program failed in a visit", slog.Any("bank", b.BIC), slog.Any("err", fault), slog.String("stack", string(fault.Stack)))
	}
	// The end of a visit is written even when its time is up: an auditor must not find a
	// visit that never ended but for a crash.
	end := context.WithoutCancel(ctx)
	err = v.write(end, "end visit", func(tx *journal.Tx) error {
		r := out.record()
		if c.Receive != nil && out.Err == nil {
			r.Outcome, r.Error = "partial", c.Receive.Error()
		}
		if err := tx.EndVisit(id, r); err != nil || fault == nil {
			return err
		}
		return tx.Note("alarm.panic", string(b.BIC), 0, waiting.Alarm{Reason: fault.Error()})
	})
	out.Err = fate.Gravest(out.Err, err)
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
// which lies there releases what waits for it. The bank is called while the local work goes
// on: opening a connection is waiting, a dozen round trips of it.
func (v *visit) run(ctx context.Context) (err error) {
	defer fate.Recover("visit", &err)
	if v.bank.State == banks.StateSuspended {
		return v.feed.While(ctx, nil)
	}
	calling, hangUp := context.WithCancel(ctx)
	defer hangUp()
	answer, came := v.call(calling)
	local := v.feed.While(ctx, v.idleUntil(came))
	if local != nil {
		hangUp() // what comes of it is closed below
	}
	v.Hall.Waits(string(v.bank.BIC))
	box, err := answer()
	if err != nil {
		return fate.Gravest(err, local)
	}
	v.Hall.Moves(string(v.bank.BIC))
	v.box = box
	if err = local; err == nil {
		err = v.exchange(ctx)
	}
	if shut := box.Close(); err == nil && shut != nil {
		v.Log.InfoContext(ctx, "close connection", slog.Any("bank", v.bank.BIC), slog.Any("err", shut))
	}
	return err
}

// call begins to open the connection and returns where to wait for it; came is closed when
// there is nothing to wait for. A bank with a limit of one is called when it is asked for:
// nothing goes side by side there.
func (v *visit) call(ctx context.Context) (answer func() (Mailbox, error), came <-chan struct{}) {
	there := make(chan struct{})
	dial := sync.OnceValues(func() (box Mailbox, err error) {
		defer fate.Recover("connect", &err)
		return v.Dial(ctx, v.bank)
	})
	if v.bank.Limits.Parallel <= 1 {
		close(there)
		return dial, there
	}
	go func() { // the answer waits for it, and has what it brings
		defer close(there)
		_, _ = dial()
	}()
	return dial, there
}

// idleUntil tells whether further portions may come in before the bank answers: the visit gives its place in the hall
// back after the first one, and goes on while nobody wants it. What goes nowhere comes in whole.
func (v *visit) idleUntil(came <-chan struct{}) func() bool {
	if v.bank.State != banks.StateActive {
		return nil
	}
	return func() bool {
		v.Hall.Waits(string(v.bank.BIC))
		return !fate.Closed(came) && v.Hall.Room()
	}
}

// stand makes sure that the folders are those of the earlier visits, before anything is read or left there.
func (v *visit) stand(ctx context.Context) error {
	toBank, fromBank, err := v.box.RealPaths(ctx)
	if err != nil {
		return fmt.Errorf("ask where the folders are: %w", err)
	}
	return ground.Ground{Book: v.Book, Log: v.Log, Memory: &v.all().places}.Stand(ctx, v.bank, ground.Of(v.bank, toBank, fromBank))
}

func (v *visit) exchange(ctx context.Context) (err error) {
	defer fate.Recover("exchange", &err)                                 // so that the connection is closed
	steps := []func(context.Context) error{v.stand, v.resume, v.inbound} // not even the same rename again
	if v.Receive == nil {
		steps = []func(context.Context) error{v.stand, v.unlessAtRest(v.resolve), v.unlessAtRest(v.resume), v.inbound}
		if v.bank.State == banks.StateActive {
			steps = append(steps, v.gate, v.unlessAtRest(v.outbound))
		}
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// unlessAtRest leaves a step out when the journal has nothing of this bank that it could be
// about. A thousand banks are asked every minute whether they have something for us, and
// the journal need not be asked each time whether we have something for them.
func (v *visit) unlessAtRest(step func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		bank := string(v.bank.BIC)
		touched := v.Book.Touched(bank) // before the look: what comes after it is looked at again
		if v.feed.More() {
			return step(ctx)
		}
		if v.all().roll.Rests(bank, touched) {
			return nil
		}
		unfinished, err := v.Book.Unfinished(ctx, bank)
		switch {
		case err != nil:
			return v.disk("find unfinished work", err)
		case unfinished:
			return step(ctx)
		}
		v.all().roll.Rest(bank, touched)
		return nil
	}
}

// gate ends a visit before anything more leaves, when nothing may. What came is taken by
// then, and what was announced before is known.
func (v *visit) gate(context.Context) error {
	if v.MaySend == nil {
		return nil
	}
	if err := v.MaySend(); err != nil {
		return &fate.Failure{Op: "send", Bank: v.bank.BIC, Kind: fate.Transient, Err: err}
	}
	return nil
}

// How much a visit has under way. A document holds a file open at the bank for less than
// half of its way, and waits for answers and for the journal during the rest, so there are
// more documents than the bank allows open files; the mailbox keeps to that limit. Many
// visits at work share what two processors can keep moving: more would only wait for the
// journal, each on a stack that the garbage collector walks. A bank with a limit of one gets
// one document after the other.
const (
	ahead    = 4
	underWay = 1024     // documents of all visits at work
	fewest   = 8        // documents of one visit, however many there are
	inMemory = 32 << 20 // octets of documents
)

// width is how many documents of the visit may be under way at once, now: it is asked before each.
func (v *visit) width() int {
	limit := v.bank.Limits.Parallel
	if limit <= 1 {
		return 1
	}
	return min(ahead*limit, max(fewest, underWay/max(1, v.Hall.Moving())))
}

// each does the work for every item side by side. Failures of single documents are noted,
// and the others go on.
func each[T any](ctx context.Context, v *visit, items iter.Seq2[T, error], work func(context.Context, T) error) error {
	faults, err := fate.Each(ctx, v.width, v.Halt, items, work)
	v.faults = append(v.faults, faults...)
	if err == nil && fate.Closed(v.Halt) {
		err = &fate.Failure{Op: "visit", Bank: v.bank.BIC, Kind: fate.Transient, Err: hall.ErrHalted}
	}
	return err
}

func (v *visit) write(ctx context.Context, op string, fn func(*journal.Tx) error) error {
	v.Hall.Moves(string(v.bank.BIC)) // what is written follows from something that the bank did
	return fate.Write(ctx, v.Book, v.bank.BIC, op, fn)
}

func (v *visit) disk(op string, err error) error { return fate.Disk(v.bank.BIC, op, err) }

func (v *visit) progress() {
	if v.Watch != nil {
		v.Watch(Progress{Bank: v.bank.BIC, Sent: int(v.sent.Load()), Taken: int(v.taken.Load())})
	}
}
