// Package rounds visits a list of banks once, or again and again until no document is
// open and our receipts are out: what exchange and demo do. It may call install, flow,
// journal and banks.
package rounds

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"bankconnector/banks"
	"bankconnector/connector/flow"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/install"
	"bankconnector/connector/journal"
)

// Rounds are visits to a list of banks, once or until nothing is open.
type Rounds struct {
	*install.Installation
	Now   func() time.Time
	List  []*banks.Bank
	Until bool               // repeat until nothing is open and our receipts are out; false: once
	Seen  func(flow.Outcome) // told of every visit that ended, one at a time
}

// Result is what became of the rounds.
type Result struct {
	Visits []Visit `json:"visits"` // the last visit to each bank
	Open   int     `json:"open"`   // documents without their reply
	Rounds int     `json:"rounds"` // visits to the bank that was visited most
	// Refused documents of the office, each told why in its outbox.
	Refused int `json:"refused"`
}

// Visit is the sum of a bank's visits.
type Visit struct {
	Bank  string `json:"bank"`
	Sent  int    `json:"sent"`  // in all rounds
	Taken int    `json:"taken"` // in all rounds
	Error string `json:"error,omitempty"`
	Err   error  `json:"-"`
}

// Run visits until the purpose is reached or ctx ends; work outlives ctx, so that what is
// begun is finished. Each bank is visited by itself: one that is slow or dead keeps only
// its own documents.
func (r *Rounds) Run(ctx, work context.Context) (Result, error) {
	began := r.Now()
	t := tally{visits: make(map[banks.ID]*Visit), rounds: make(map[banks.ID]int), seen: r.Seen}
	work, end := context.WithCancelCause(work)
	defer end(nil)
	watch, rest := context.WithCancel(work)
	var group, watching sync.WaitGroup
	watching.Go(func() { r.sweep(watch, end) })
	if len(r.List) > 1 { // a single bank's visit takes in beside the call
		r.takeIn(work)
	}
	for _, b := range r.List {
		group.Go(func() {
			if err := r.follow(ctx, work, b, &t); err != nil {
				end(err)
			}
		})
	}
	group.Wait()
	rest()
	watching.Wait()
	if err := context.Cause(work); err != nil {
		return t.result(r.List), err
	}
	result := t.result(r.List)
	for _, b := range r.List {
		open, _, err := r.open(work, b)
		if err != nil {
			return result, err
		}
		result.Open += open
	}
	refused, err := r.Book.Find(work, journal.Filter{States: []journal.State{journal.Refused}, Since: began})
	if err != nil {
		return result, fmt.Errorf("count refused documents: %w", err)
	}
	result.Refused = len(refused)
	return result, nil
}

// sweep raises the alarm for passed deadlines, at once and then every second.
func (r *Rounds) sweep(ctx context.Context, end func(error)) {
	for ctx.Err() == nil {
		if err := r.Courier.Sweep(context.WithoutCancel(ctx)); err != nil {
			end(err)
			return
		}
		Wait(ctx, time.Second)
	}
}

// takeIn takes in what the office left for every bank before the first one is visited: a document that was left for two
// banks is seen to be so while it can still be kept back. A backlog does not keep the banks waiting for that. What goes
// wrong, each visit meets again and tells.
func (r *Rounds) takeIn(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, ahead)
	defer stop()
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, b := range r.List {
		group.Go(func() error { return r.Courier.Accept(ctx, b) })
	}
	_ = group.Wait() // the visits tell it
}

const (
	atOnce = 16              // inboxes that are read at a time
	ahead  = 2 * time.Second // for how long, before the first visit
)

// follow visits one bank until the purpose is reached. Its error ends all visits.
func (r *Rounds) follow(ctx, work context.Context, b *banks.Bank, t *tally) error {
	const shortest = 20 * time.Millisecond
	for pause := shortest; ; pause = min(2*pause, time.Second) {
		o := r.call(work, b)
		if t.add(o) {
			pause = shortest
		}
		if o.Err != nil && fate.Of(o.Err) == fate.Broken {
			return o.Err
		}
		if !r.Until || ctx.Err() != nil || work.Err() != nil {
			return nil
		}
		if _, more, err := r.open(work, b); err != nil || !more {
			return err
		}
		Wait(ctx, pause)
	}
}

// call is one visit, once there is a place for it.
func (r *Rounds) call(ctx context.Context, b *banks.Bank) flow.Outcome {
	if err := r.Courier.Enter(ctx, b); err != nil {
		return flow.Outcome{Bank: b.BIC, Err: err}
	}
	defer r.Courier.Leave(b)
	return r.Courier.Visit(ctx, b, flow.Slot{Name: "exchange"})
}

// open tells how many documents of a bank are open, and whether visits have something left
// to do there. Our receipts are no documents of the office, but a bank
// without them does not know that we have its reply: they go out before the end.
func (r *Rounds) open(ctx context.Context, b *banks.Bank) (n int, more bool, err error) {
	if n, err = r.Book.OpenDocuments(ctx, []string{string(b.BIC)}); err != nil {
		return 0, false, fmt.Errorf("count open documents: %w", err)
	}
	if n > 0 {
		return n, true, nil
	}
	receipts, err := r.Book.Find(ctx, journal.Filter{
		Bank: string(b.BIC), Kinds: []string{"receipt"}, Limit: 1,
		// Of those in doubt or suspect the visits decide nothing more.
		States: []journal.State{journal.Accepted, journal.Sealed, journal.Sending},
	})
	if err != nil {
		return 0, false, fmt.Errorf("find our receipts: %w", err)
	}
	return 0, len(receipts) > 0, nil
}

// tally is what has become of the visits so far.
type tally struct {
	mu     sync.Mutex
	visits map[banks.ID]*Visit
	rounds map[banks.ID]int
	seen   func(flow.Outcome)
}

// add adds one visit to its bank's line and tells whether anything moved.
func (t *tally) add(o flow.Outcome) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.visits[o.Bank]
	if v == nil {
		v = &Visit{Bank: string(o.Bank)}
		t.visits[o.Bank] = v
	}
	v.Sent, v.Taken, v.Err, v.Error = v.Sent+o.Sent, v.Taken+o.Taken, o.Err, ""
	if o.Err != nil {
		v.Error = o.Err.Error()
	}
	t.rounds[o.Bank]++
	t.seen(o)
	return o.Sent+o.Taken > 0
}

func (t *tally) result(list []*banks.Bank) Result {
	out := Result{Visits: []Visit{}}
	for _, b := range list {
		if v := t.visits[b.BIC]; v != nil {
			out.Visits = append(out.Visits, *v)
		}
		out.Rounds = max(out.Rounds, t.rounds[b.BIC])
	}
	return out
}

// Wait pauses until the time is over or the context ends.
func Wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
