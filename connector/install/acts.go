package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/approval"
	"bankconnector/connector/control"
	"bankconnector/connector/evidence"
	"bankconnector/connector/flow/act"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
)

// answered is what came of an act, as it goes over the control socket.
type answered struct {
	Outcome act.Outcome `json:"outcome"`
	Refusal *act.Text   `json:"refusal,omitempty"`
	Error   string      `json:"error,omitempty"`
}

// Act does one act of a person on a document: by itself when nobody works on the state
// folder, else by asking the process that does. The error is *act.Refusal when the rules
// forbid it, spool.ErrLocked when another process has the folder and does not answer.
func Act(ctx context.Context, p *Plan, o Options, r act.Request) (act.Outcome, error) {
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		out, err := alone(ctx, p, o, r)
		if !errors.Is(err, spool.ErrLocked) {
			return out, err
		}
		var a answered
		asked := control.Ask(ctx, p.Config.StateDir, r, &a)
		switch {
		case asked == nil && a.Refusal != nil:
			return a.Outcome, &act.Refusal{Text: *a.Refusal}
		case asked == nil && a.Error != "":
			return a.Outcome, errors.New(a.Error)
		case !errors.Is(asked, control.ErrNobody):
			return a.Outcome, asked
		case wait > 2*time.Second || ctx.Err() != nil:
			return a.Outcome, fmt.Errorf("%w and does not answer yet: try again", err)
		}
		rest(ctx, wait) // it begins or ends just now
	}
}

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// alone does the act on a journal that nobody else writes.
func alone(ctx context.Context, p *Plan, o Options, r act.Request) (out act.Outcome, err error) {
	in := &Installation{Plan: p, opts: o}
	defer func() { err = errors.Join(err, in.Close()) }()
	if in.lock, err = spool.Acquire(p.Config.StateDir); errors.Is(err, fs.ErrNotExist) {
		return out, fmt.Errorf("there is no state folder yet: %w", err)
	} else if err != nil {
		return out, err
	}
	if err = p.MayWrite(); err != nil { // root may ask the process that has the folder
		return out, err
	}
	if in.Book, err = journal.Open(ctx, p.JournalPath(), journal.Options{Now: o.Now, Instance: instance()}); err != nil {
		return out, err
	}
	if in.keeper, err = in.keep(ctx); errors.Is(err, evidence.ErrWitness) {
		return out, act.Unadopted()
	} else if err != nil {
		return out, err
	}
	if in.Office, err = spool.OpenOffice(p.Config.OfficeDir, int64(p.Config.Office.FileSize)); err != nil {
		return out, err
	}
	in.force.Store(p)
	out, err = in.do(ctx, control.Self(), r)
	return out, err
}

// do is one act of a person, on a document or on the configuration as its files are now.
func (in *Installation) do(ctx context.Context, actor string, r act.Request) (act.Outcome, error) {
	if r.Act != approval.Act {
		return in.desk().Do(ctx, actor, r)
	}
	p, err := Read(in.force.Load().Path)
	if err != nil {
		return act.Outcome{}, err
	}
	return in.gate(p).Approve(ctx, p.Registry, actor, r.Reason)
}

// desk is where people act under the configuration in force.
func (in *Installation) desk() *act.Desk {
	p := in.force.Load()
	return &act.Desk{
		Book: in.Book, Office: in.Office, Deadline: p.deadline, Now: in.opts.Now, Approvals: p.Config.Approvals.of,
		Bank: func(id banks.ID) (*banks.Bank, bool) { return p.Registry.Bank(id) },
	}
}

// answer does the act that somebody asked for at the control socket.
func (in *Installation) answer(ctx context.Context, actor string, question json.RawMessage) any {
	var a answered
	var r act.Request
	err := json.Unmarshal(question, &r)
	switch {
	case err != nil:
	case in.behind != nil:
		err = act.Unadopted()
	default:
		a.Outcome, err = in.do(ctx, actor, r)
	}
	var refusal *act.Refusal
	if errors.As(err, &refusal) {
		a.Refusal = &refusal.Text
	} else if err != nil {
		a.Error = err.Error()
	}
	return a
}
