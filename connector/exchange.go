package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"bankconnector/connector/entry"
	"bankconnector/connector/install"
	"bankconnector/connector/rounds"
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
	c.Flags().StringVar(&o.until, "until", "", "answered: repeat the visits until no document is open and our receipts are out")
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
	bars := a.bars(list)
	work, stop := entry.Grace(ctx)
	defer stop()
	in, err := install.Open(work, plan, install.Options{Now: a.now, Log: a.logger(), Watch: bars.Step, Halt: ctx.Done()})
	if err != nil {
		return err
	}
	r := rounds.Rounds{Installation: in, Now: a.now, List: list, Until: o.until == "answered", Seen: bars.Visited}
	result, err := r.Run(ctx, work)
	bars.Close()
	if err := errors.Join(err, in.Close()); err != nil {
		return err
	}
	return errors.Join(in.Behind(), a.exchangeReport(result, r.Until))
}

// exchangeReport prints the result; the error says what the exit code must tell.
func (a *app) exchangeReport(r rounds.Result, until bool) error {
	var failed error
	bad := 0
	for _, v := range r.Visits {
		if v.Err != nil {
			failed, bad = v.Err, bad+1
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
	case r.Refused > 0:
		return withCode(exitPartly, fmt.Errorf("%d documents of the office were refused; see: bankconnector documents list --state Refused", r.Refused))
	case until && r.Open > 0:
		return withCode(exitPartly, fmt.Errorf("%d documents are still open; see: bankconnector documents list --open", r.Open))
	}
	return nil
}
