package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bankconnector/banks/rehearsal"
	"bankconnector/connector/practice"
)

// rehearseOptions are the flags of rehearse.
type rehearseOptions struct {
	dir    string
	banks  int
	quirks []string
	seed   int64
	delay  time.Duration
	final  bool
}

func (a *app) rehearseCommand() *cobra.Command {
	var o rehearseOptions
	c := &cobra.Command{
		Use: "rehearse", Short: a.say("Rehearsal banks to practise with, until stopped", "Учебные банки, пока не остановят"), Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.rehearse(c.Context(), o) },
	}
	c.Flags().StringVar(&o.dir, "dir", "", "folder for the banks, their keys and a ready configuration (required)")
	c.Flags().IntVar(&o.banks, "banks", 3, "how many banks")
	c.Flags().StringSliceVar(&o.quirks, "quirk", nil, "how the banks misbehave (may be repeated):\n"+a.quirkList())
	c.Flags().Int64Var(&o.seed, "seed", 1, "draws the banks' answers")
	c.Flags().DurationVar(&o.delay, "delay", 0, "from the arrival of a document to its report or answer")
	c.Flags().BoolVar(&o.final, "final", true, "every first report is final; false: some orders are executed in part")
	return c
}

func (a *app) quirkList() string {
	var lines []string
	for _, q := range rehearsal.Quirks() {
		lines = append(lines, fmt.Sprintf("  %s: %s", q.Name, a.say(q.EN, q.RU)))
	}
	return strings.Join(lines, "\n")
}

func (a *app) rehearse(ctx context.Context, o rehearseOptions) error {
	if o.dir == "" || o.banks < 1 || o.banks > practice.MostBanks || o.delay < 0 {
		return usage("rehearse needs --dir DIR, --banks of 1 to %d, and a --delay that is not negative", practice.MostBanks)
	}
	p := &practice.Stage{Dir: o.dir, Now: a.now}
	for _, q := range o.quirks {
		if p.Quirks = append(p.Quirks, rehearsal.Quirk(q)); !slices.ContainsFunc(rehearsal.Quirks(), func(k rehearsal.QuirkInfo) bool { return string(k.Name) == q }) {
			return usage("--quirk %q: no bank misbehaves so; rehearse --help lists how they do", q)
		}
	}
	if err := p.Setup(o.banks); err != nil {
		return err
	}
	r, err := p.Start(ctx, rehearsal.Config{Seed: o.seed, Log: a.logger(), ReplyDelay: o.delay, FinalReports: o.final})
	if err != nil {
		return err
	}
	a.printf("READY\n")
	if !a.json {
		a.printf(a.say("%d banks serve; meet them with: bankconnector exchange -c %s/config.yaml\n", "банков работает: %d; встреча: bankconnector exchange -c %s/config.yaml\n"), o.banks, o.dir)
	}
	<-ctx.Done()
	return r.Close()
}
