package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"bankconnector/connector/flow"
	"bankconnector/connector/practice"
)

// demoOptions are the flags of demo.
type demoOptions struct {
	banks, documents int
	dir              string
	seed             int64
	timeout          time.Duration
}

func (a *app) demoCommand() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use: "demo", Short: a.say("The whole main job on this machine, nothing to configure", "Вся главная работа на этой машине, без настройки"), Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := context.WithTimeout(c.Context(), o.timeout)
			defer stop()
			return a.demo(ctx, o)
		},
	}
	c.Flags().IntVar(&o.banks, "banks", 5, "how many rehearsal banks")
	c.Flags().IntVar(&o.documents, "documents", 20, "how many documents for each")
	c.Flags().StringVar(&o.dir, "dir", "", "folder to work in, kept; a new temporary one by default")
	c.Flags().Int64Var(&o.seed, "seed", 1, "draws documents and answers")
	c.Flags().DurationVar(&o.timeout, "timeout", 10*time.Minute, "give up after this time")
	return c
}

func (a *app) demo(ctx context.Context, o demoOptions) (err error) {
	if o.banks < 1 || o.banks > practice.MostBanks || o.documents < 1 {
		return usage("demo needs 1 to %d banks and at least one document", practice.MostBanks)
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "bankconnector-demo-"); err != nil {
			return fmt.Errorf("make demo folder: %w", err)
		}
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return fmt.Errorf("find demo folder: %w", err)
	}
	a.tellf("%d rehearsal banks over SSH/SFTP on loopback, in %s\n", "учебных банков по SSH/SFTP на этой машине: %d, в папке %s\n", o.banks, o.dir)
	stage := &practice.Stage{Dir: o.dir, Now: a.now}
	if err := stage.Setup(o.banks); err != nil {
		return err
	}
	demo, err := practice.OpenDemo(ctx, stage, o.seed, a.logger())
	if err != nil {
		return err
	}
	bars := a.bars(demo.Banks())
	demo.Documents, demo.Step = o.documents, bars.Step
	demo.Seen = func(v flow.Outcome) {
		if v.Sent+v.Taken > 0 || v.Err != nil {
			bars.Visited(v)
		}
	}
	result, err := demo.Run(ctx)
	bars.Close()
	if err != nil {
		return err
	}
	return a.demoReport(result)
}

// tellf prints a line for a person, none with --json.
func (a *app) tellf(en, ru string, args ...any) {
	if !a.json {
		a.printf(a.say(en, ru), args...)
	}
}

func (a *app) demoReport(r practice.Result) error {
	if a.json {
		if err := a.report(r); err != nil {
			return err
		}
	} else {
		a.printf("%s", r.Text(a.lang))
	}
	if r.Answered != r.Documents || r.Lost+r.Duplicated+r.Misdirected > 0 {
		return withCode(exitPartly, errors.New("not every document was answered, or the ledgers disagree"))
	}
	return nil
}
