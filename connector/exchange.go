package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"bankconnector/banks"
	"bankconnector/connector/flow"
	"bankconnector/connector/install"
)

// exchangeOptions are the flags of exchange.
type exchangeOptions struct {
	banks   []string
	until   string
	timeout time.Duration
}

func (a *app) exchangeCommand() *cobra.Command {
	var o exchangeOptions
	c := &cobra.Command{
		Use:   "exchange",
		Short: a.say("Visit all (or the named) banks now", "Посетить все (или названные) банки сейчас"),
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.until != "" && o.until != "answered" {
				return usage("--until %q: only answered is known", o.until)
			}
			ctx, stop := context.WithTimeout(c.Context(), o.timeout)
			defer stop()
			return a.exchange(ctx, o)
		},
	}
	c.Flags().StringSliceVar(&o.banks, "bank", nil, "BIC of a bank to visit (may be repeated)")
	c.Flags().StringVar(&o.until, "until", "", "answered: repeat the visits until no document is open")
	c.Flags().DurationVar(&o.timeout, "timeout", 10*time.Minute, "give up after this time")
	return a.configFlag(c)
}

func (a *app) exchange(ctx context.Context, o exchangeOptions) error {
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	list, err := plan.Select(o.banks)
	if err != nil {
		return usage("%w", err)
	}
	bars := a.newBars(list)
	work, stop := grace(ctx)
	defer stop()
	in, err := install.Open(work, plan, install.Options{Now: a.now, Log: a.logger(), Watch: bars.step, Halt: ctx.Done()})
	if err != nil {
		return err
	}
	rounds := rounds{Installation: in, list: list, until: o.until == "answered", seen: bars.visited}
	result, err := rounds.run(ctx, work)
	bars.close()
	if err := errors.Join(err, in.Close()); err != nil {
		return err
	}
	return a.exchangeReport(result, rounds.until)
}

// rounds are visits to a list of banks, once or until nothing is open.
type rounds struct {
	*install.Installation
	list  []*banks.Bank
	until bool
	seen  func(flow.Outcome)
}

// roundsResult is what exchange reports.
type roundsResult struct {
	Visits []visitResult `json:"visits"` // the last visit to each bank
	Open   int           `json:"open"`   // documents without their reply
	Rounds int           `json:"rounds"`
}

type visitResult struct {
	Bank  string `json:"bank"`
	Sent  int    `json:"sent"`  // in all rounds
	Taken int    `json:"taken"` // in all rounds
	Error string `json:"error,omitempty"`
	err   error
}

// run visits until the purpose is reached or ctx ends; work outlives ctx, so that what is
// begun is finished.
func (r *rounds) run(ctx, work context.Context) (roundsResult, error) {
	total := make(map[banks.ID]*visitResult)
	var result roundsResult
	todo := r.list
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		moved := false
		for _, o := range r.Courier.Round(work, todo, r.Config.Visits.Parallel, flow.Slot{Name: "exchange"}) {
			moved = add(total, o) || moved
			r.seen(o)
			if codeOf(o.Err) == exitRetry {
				return result, o.Err
			}
		}
		result.Rounds++
		var err error
		if todo, result.Open, err = r.open(work); err != nil {
			return result, err
		}
		if !r.until || result.Open == 0 || ctx.Err() != nil {
			break
		}
		if moved {
			pause = 20 * time.Millisecond
		}
		wait(ctx, pause)
	}
	for _, b := range r.list {
		if v := total[b.BIC]; v != nil {
			result.Visits = append(result.Visits, *v)
		}
	}
	return result, nil
}

// add adds one visit to its bank's line and tells whether anything moved.
func add(total map[banks.ID]*visitResult, o flow.Outcome) bool {
	v := total[o.Bank]
	if v == nil {
		v = &visitResult{Bank: string(o.Bank)}
		total[o.Bank] = v
	}
	v.Sent, v.Taken, v.err, v.Error = v.Sent+o.Sent, v.Taken+o.Taken, o.Err, ""
	if o.Err != nil {
		v.Error = o.Err.Error()
	}
	return o.Sent+o.Taken > 0
}

// open tells which banks still have open documents, and how many there are in all.
func (r *rounds) open(ctx context.Context) ([]*banks.Bank, int, error) {
	var list []*banks.Bank
	sum := 0
	for _, b := range r.list {
		n, err := r.Book.OpenDocuments(ctx, []string{string(b.BIC)})
		if err != nil {
			return nil, 0, fmt.Errorf("count open documents: %w", err)
		}
		if n > 0 {
			list, sum = append(list, b), sum+n
		}
	}
	return list, sum, nil
}

// graceTime is how long a step that is under way may take to end after the first signal.
const graceTime = 30 * time.Second

// grace returns a context that outlives ctx by the grace time.
func grace(ctx context.Context) (context.Context, context.CancelFunc) {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		t := time.NewTimer(graceTime)
		defer t.Stop()
		select {
		case <-t.C:
			stop()
		case <-work.Done():
		}
	})
	return work, stop
}

// wait pauses until the time is over or the context ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// exchangeReport prints the result; the error says what the exit code must tell.
func (a *app) exchangeReport(r roundsResult, until bool) error {
	var failed error
	bad := 0
	for _, v := range r.Visits {
		if v.err != nil {
			failed, bad = v.err, bad+1
		}
	}
	if a.json {
		if err := a.report(r); err != nil {
			return err
		}
	}
	switch {
	case bad > 0 && bad == len(r.Visits):
		return fmt.Errorf("every visit failed: %w", failed)
	case bad > 0:
		return withCode(exitPartly, fmt.Errorf("%d of %d visits failed; the last: %w", bad, len(r.Visits), failed))
	case until && r.Open > 0:
		return withCode(exitPartly, fmt.Errorf("%d documents are still open; see: bankconnector documents list --open", r.Open))
	}
	return nil
}
