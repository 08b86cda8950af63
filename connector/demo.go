package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bankconnector/banks/rehearsal"
	"bankconnector/connector/flow"
	"bankconnector/connector/install"
	"bankconnector/connector/journal"
	"bankconnector/connector/practice"
	"bankconnector/connector/rounds"
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

// demoResult is the last line of demo --json. Lost, duplicated and misdirected are
// counted from what the banks' own ledgers hold, not from the journal.
type demoResult struct {
	Banks       int     `json:"banks"`
	Documents   int     `json:"documents"`
	Delivered   int     `json:"delivered"`
	Confirmed   int     `json:"confirmed"`
	Answered    int     `json:"answered"`
	Lost        int     `json:"lost"`
	Duplicated  int     `json:"duplicated"`
	Misdirected int     `json:"misdirected"`
	Seconds     float64 `json:"seconds"`
	Journal     string  `json:"journal"`
}

func (a *app) demo(ctx context.Context, o demoOptions) (err error) {
	if o.banks < 1 || o.documents < 1 {
		return usage("demo needs at least one bank and one document")
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
	p := &practice.Stage{Dir: o.dir, Now: a.now}
	if err := p.Setup(o.banks); err != nil {
		return err
	}
	bank, err := p.Start(context.WithoutCancel(ctx), rehearsal.Config{Seed: o.seed, Log: a.logger(), FinalReports: true})
	if err != nil {
		return err
	}
	result, err := a.demoExchange(ctx, o)
	if err == nil {
		err = bank.Idle(ctx) // the banks still write our last receipts into their ledgers
	}
	if err := errors.Join(err, bank.Close()); err != nil {
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

func (a *app) demoExchange(ctx context.Context, o demoOptions) (demoResult, error) {
	start := a.now()
	result := demoResult{Banks: o.banks}
	plan, err := install.Read(filepath.Join(o.dir, "config.yaml"))
	if err != nil {
		return result, err
	}
	bars := a.newBars(plan.Registry.All())
	in, err := install.Open(context.WithoutCancel(ctx), plan, install.Options{Now: a.now, Log: a.logger(), Watch: bars.step, Halt: ctx.Done()})
	if err != nil {
		return result, err
	}
	official, err := practice.OpenOfficial(plan, "")
	if err != nil {
		return result, errors.Join(err, in.Close())
	}
	submitted, err := practice.Samples{Documents: o.documents, Seed: o.seed, Official: official, Now: a.now}.Put(ctx, in.Office, plan.Registry.All())
	if err == nil {
		r := rounds.Rounds{Installation: in, Now: a.now, List: plan.Registry.All(), Until: true, Seen: func(v flow.Outcome) {
			if v.Sent+v.Taken > 0 || v.Err != nil {
				bars.visited(v)
			}
		}}
		_, err = r.Run(ctx, context.WithoutCancel(ctx))
	}
	bars.close()
	if err == nil {
		err = count(ctx, in, &result)
	}
	if err := errors.Join(err, in.Close()); err != nil {
		return result, err
	}
	result.Documents, result.Journal = len(submitted), plan.JournalPath()
	result.Seconds = a.now().Sub(start).Seconds()
	c, err := practice.Compare(o.dir, plan.Registry.All(), submitted)
	result.Lost, result.Duplicated, result.Misdirected = c.Lost, c.Duplicated, c.Misdirected
	return result, err
}

// count reads from the journal how far the documents came.
func count(ctx context.Context, in *install.Installation, r *demoResult) error {
	list, err := in.Book.Find(context.WithoutCancel(ctx), journal.Filter{Kinds: []string{"order", "query"}})
	if err != nil {
		return fmt.Errorf("count documents: %w", err)
	}
	for _, x := range list {
		if x.DeliveredAt != nil {
			r.Delivered++
		}
		if x.ConfirmedAt != nil {
			r.Confirmed++
		}
		if x.AnsweredAt != nil {
			r.Answered++
		}
	}
	return nil
}

func (a *app) demoReport(r demoResult) error {
	if a.json {
		if err := a.report(r); err != nil {
			return err
		}
	} else {
		a.printf(strings.TrimLeft(a.say(demoEN, demoRU), "\n"), r.Banks, r.Documents, r.Delivered, r.Confirmed, r.Answered, r.Lost, r.Duplicated, r.Misdirected, r.Seconds, r.Journal)
	}
	if r.Answered != r.Documents || r.Lost+r.Duplicated+r.Misdirected > 0 {
		return withCode(exitPartly, errors.New("not every document was answered, or the ledgers disagree"))
	}
	return nil
}

const demoEN = `
banks        %d
documents    %d
delivered    %d
confirmed    %d
answered     %d
lost         %d   (by the banks' own ledgers)
duplicated   %d
misdirected  %d
seconds      %.1f
journal      %s
`

const demoRU = `
банков             %d
документов         %d
доставлено         %d
подтверждено       %d
получено ответов   %d
потеряно           %d   (по журналам самих банков)
удвоено            %d
не тому банку      %d
секунд             %.1f
журнал             %s
`
