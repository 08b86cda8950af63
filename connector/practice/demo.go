package practice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"bankconnector/banks"
	"bankconnector/banks/rehearsal"
	"bankconnector/connector/flow"
	"bankconnector/connector/install"
	"bankconnector/connector/journal"
	"bankconnector/connector/rounds"
)

// Demo is the whole main job on one machine: samples go to rehearsal banks, and the visits
// repeat until every document is answered.
type Demo struct {
	Documents int                 // for each bank
	Seed      int64               // draws documents and answers
	Step      func(flow.Progress) // told of every document
	Seen      func(flow.Outcome)  // told of every visit that ended

	stage *Stage
	log   *slog.Logger
	plan  *install.Plan
	banks *rehearsal.Rehearsal
}

// OpenDemo starts the rehearsal banks of a stage that is set up. Run stops them.
func OpenDemo(ctx context.Context, stage *Stage, seed int64, log *slog.Logger) (*Demo, error) {
	d := &Demo{Seed: seed, stage: stage, log: log}
	var err error
	if d.banks, err = stage.Start(context.WithoutCancel(ctx), rehearsal.Config{Seed: seed, Log: log, FinalReports: true}); err != nil {
		return nil, err
	}
	if d.plan, err = install.Read(filepath.Join(stage.Dir, "config.yaml")); err != nil {
		return nil, errors.Join(err, d.banks.Close())
	}
	return d, nil
}

// Banks are the banks of the demo.
func (d *Demo) Banks() []*banks.Bank { return d.plan.Registry.All() }

// Result is what became of a demo. Lost, duplicated and misdirected are counted from what
// the banks' own ledgers hold, not from the journal.
type Result struct {
	Banks       int     `json:"banks"`
	Documents   int     `json:"documents"`
	Delivered   int     `json:"delivered"`
	Confirmed   int     `json:"confirmed"`
	Answered    int     `json:"answered"`
	Lost        int     `json:"lost"`
	Duplicated  int     `json:"duplicated"`
	Misdirected int     `json:"misdirected"`
	Seconds     float64 `json:"seconds"` // from the first document to the last answer
	Journal     string  `json:"journal"` // path
}

// Text is the result for a person, in "ru" or "en".
func (r Result) Text(lang string) string {
	text := resultEN
	if lang == "ru" {
		text = resultRU
	}
	return fmt.Sprintf(text[1:], r.Banks, r.Documents, r.Delivered, r.Confirmed, r.Answered, r.Lost, r.Duplicated, r.Misdirected, r.Seconds, r.Journal)
}

const resultEN = `
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

const resultRU = `
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

// Run plays the demo until every document is answered or ctx ends; what is under way then
// is finished.
func (d *Demo) Run(ctx context.Context) (Result, error) {
	start := d.stage.Now()
	result, submitted, err := d.exchange(ctx)
	result.Seconds = d.stage.Now().Sub(start).Seconds()
	if err == nil {
		err = d.banks.Idle(ctx) // they still write our last receipts into their ledgers
	}
	if err := errors.Join(err, d.banks.Close()); err != nil {
		return result, err
	}
	c, err := Compare(d.stage.Dir, d.Banks(), submitted)
	result.Lost, result.Duplicated, result.Misdirected = c.Lost, c.Duplicated, c.Misdirected
	return result, err
}

// exchange submits the samples and visits the banks; it returns the addressee of each key.
func (d *Demo) exchange(ctx context.Context) (Result, map[string]string, error) {
	work, list := context.WithoutCancel(ctx), d.Banks()
	result := Result{Banks: len(list), Journal: d.plan.JournalPath()}
	in, err := install.Open(work, d.plan, install.Options{Now: d.stage.Now, Log: d.log, Watch: d.Step, Halt: ctx.Done()})
	if err != nil {
		return result, nil, err
	}
	submitted, err := d.submit(ctx, in)
	if err == nil {
		r := rounds.Rounds{Installation: in, Now: d.stage.Now, List: list, Until: true, Seen: d.Seen}
		_, err = r.Run(ctx, work)
	}
	if err == nil {
		err = result.count(work, in.Book)
	}
	result.Documents = len(submitted)
	return result, submitted, errors.Join(err, in.Close())
}

func (d *Demo) submit(ctx context.Context, in *install.Installation) (map[string]string, error) {
	official, err := OpenOfficial(d.plan, "")
	if err != nil {
		return nil, err
	}
	return Samples{Documents: d.Documents, Seed: d.Seed, Official: official, Now: d.stage.Now}.Put(ctx, in.Office, d.Banks())
}

// count reads from the journal how far the documents came.
func (r *Result) count(ctx context.Context, book *journal.Book) error {
	list, err := book.Find(ctx, journal.Filter{Kinds: []string{"order", "query"}})
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
