package flow

import (
	"context"
	"sync"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
)

// Round visits banks side by side, at most parallel at a time, and returns what each
// visit did, in the order of list. One bank's trouble is its own: only a broken journal
// or disk keeps the visits that have not begun from beginning.
func (c *Courier) Round(ctx context.Context, list []*banks.Bank, parallel int, slot Slot) []Outcome {
	out := make([]Outcome, len(list))
	if err := c.Sweep(ctx); err != nil {
		for i, b := range list {
			out[i] = Outcome{Bank: b.BIC, Err: err}
		}
		return out
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	places := make(chan struct{}, max(1, parallel))
	var group sync.WaitGroup
	for i, b := range list {
		// A halt keeps visits from beginning; those under way end by themselves.
		cause := ErrHalted
		if !c.halted() {
			select {
			case places <- struct{}{}:
				cause = nil
			case <-ctx.Done():
				cause = context.Cause(ctx)
			case <-c.Halt:
			}
		}
		if cause != nil {
			out[i] = Outcome{Bank: b.BIC, Err: &fate.Failure{Op: "visit", Bank: b.BIC, Kind: fate.Transient, Err: cause}}
			continue
		}
		group.Go(func() {
			defer func() { <-places }()
			out[i] = c.Visit(ctx, b, slot)
			if out[i].Err != nil && fate.Of(out[i].Err) == fate.Broken {
				stop(out[i].Err)
			}
		})
	}
	group.Wait()
	return out
}
