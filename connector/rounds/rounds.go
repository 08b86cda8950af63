// Package rounds visits a list of banks once, or again and again until no document is
// open and our receipts are out: what exchange and demo do. It may call install, flow,
// journal and banks.
package rounds

import (
	"context"
	"fmt"
	"time"

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
	Seen  func(flow.Outcome) // told of every visit that ended
}

// Result is what became of the rounds.
type Result struct {
	Visits []Visit `json:"visits"` // the last visit to each bank
	Open   int     `json:"open"`   // documents without their reply
	Rounds int     `json:"rounds"`
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
// begun is finished.
func (r *Rounds) Run(ctx, work context.Context) (Result, error) {
	total := make(map[banks.ID]*Visit)
	result, began := Result{Visits: []Visit{}}, r.Now()
	todo := r.List
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		moved := false
		for _, o := range r.Courier.Round(work, todo, r.Config.Visits.Parallel, flow.Slot{Name: "exchange"}) {
			moved = add(total, o) || moved
			r.Seen(o)
			if o.Err != nil && fate.Of(o.Err) == fate.Broken {
				return result, o.Err
			}
		}
		result.Rounds++
		var err error
		if todo, result.Open, err = r.open(work); err != nil {
			return result, err
		}
		if !r.Until || len(todo) == 0 || ctx.Err() != nil {
			break
		}
		if moved {
			pause = 20 * time.Millisecond
		}
		Wait(ctx, pause)
	}
	refused, err := r.Book.Find(work, journal.Filter{States: []journal.State{journal.Refused}, Since: began})
	if err != nil {
		return result, fmt.Errorf("count refused documents: %w", err)
	}
	result.Refused = len(refused)
	for _, b := range r.List {
		if v := total[b.BIC]; v != nil {
			result.Visits = append(result.Visits, *v)
		}
	}
	return result, nil
}

// add adds one visit to its bank's line and tells whether anything moved.
func add(total map[banks.ID]*Visit, o flow.Outcome) bool {
	v := total[o.Bank]
	if v == nil {
		v = &Visit{Bank: string(o.Bank)}
		total[o.Bank] = v
	}
	v.Sent, v.Taken, v.Err, v.Error = v.Sent+o.Sent, v.Taken+o.Taken, o.Err, ""
	if o.Err != nil {
		v.Error = o.Err.Error()
	}
	return o.Sent+o.Taken > 0
}

// open tells which banks have something left to be done by visits, and how many documents
// are open in all. Our receipts have no deadline and are no documents of the office, but a
// bank without them does not know that we have its reply: they go out before the end.
func (r *Rounds) open(ctx context.Context) ([]*banks.Bank, int, error) {
	var list []*banks.Bank
	sum := 0
	for _, b := range r.List {
		n, err := r.Book.OpenDocuments(ctx, []string{string(b.BIC)})
		if err != nil {
			return nil, 0, fmt.Errorf("count open documents: %w", err)
		}
		receipts, err := r.Book.Find(ctx, journal.Filter{
			Bank: string(b.BIC), Kinds: []string{"receipt"}, Limit: 1,
			// Of those in doubt or suspect the visits decide nothing more.
			States: []journal.State{journal.Accepted, journal.Sealed, journal.Sending},
		})
		if err != nil {
			return nil, 0, fmt.Errorf("find our receipts: %w", err)
		}
		if n > 0 || len(receipts) > 0 {
			list, sum = append(list, b), sum+n
		}
	}
	return list, sum, nil
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
