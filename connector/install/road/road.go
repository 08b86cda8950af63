// Package road joins flow's Mailbox to the SFTP session of the room mailbox: the same calls, each room's own nouns, and
// the fate of each error. It decides nothing, and may call flow, fate and mailbox.
package road

import (
	"context"
	"errors"
	"sync"
	"time"

	"bankconnector/banks"
	"bankconnector/banks/mailbox"
	"bankconnector/connector/flow"
	"bankconnector/connector/flow/fate"
)

// road is one session.
type road struct {
	*mailbox.Session
	bank banks.ID
}

// patience is how long a handshake keeps its place: what costs processor time is over by
// then, and a bank that says nothing must not keep the others from being called on.
const patience = time.Second

// Dial opens the road to a bank; at most handshakes of them are being opened at once,
// because a burst of key exchanges starves the sessions that are already at work.
func Dial(d *mailbox.Dialer, handshakes int) func(context.Context, *banks.Bank) (flow.Mailbox, error) {
	places := make(chan struct{}, max(1, handshakes))
	return func(ctx context.Context, b *banks.Bank) (flow.Mailbox, error) {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return nil, failure(b.BIC, "connect", "", context.Cause(ctx))
		}
		release := sync.OnceFunc(func() { <-places })
		tired := time.AfterFunc(patience, release)
		s, err := d.Dial(ctx, b)
		tired.Stop()
		release()
		if err != nil {
			return nil, failure(b.BIC, "connect", "", err)
		}
		return road{s, b.BIC}, nil
	}
}

func (r road) Upload(ctx context.Context, temp, final string, data []byte) error {
	return failure(r.bank, "upload", final, r.Session.Upload(ctx, temp, final, data))
}

func (r road) Publish(ctx context.Context, temp, final string) error {
	return failure(r.bank, "publish", final, r.Session.Publish(ctx, temp, final))
}

func (r road) Look(ctx context.Context, temp, final string) (flow.Sight, error) {
	s, err := r.Session.Look(ctx, temp, final)
	return flow.Sight{Temp: file(s.Temp), Final: file(s.Final)}, failure(r.bank, "look for", final, err)
}

func (r road) Read(ctx context.Context, final string, limit int64) ([]byte, error) {
	data, err := r.Session.Read(ctx, final, limit)
	return data, failure(r.bank, "read back", final, err)
}

func (r road) Sweep(ctx context.Context, temp string) error {
	return failure(r.bank, "sweep", temp, r.Session.Sweep(ctx, temp))
}

func (r road) Leftovers(ctx context.Context) ([]flow.File, error) {
	list, _, err := r.Session.Leftovers(ctx)
	return files(list), failure(r.bank, "list temp files", "", err)
}

func (r road) RealPaths(ctx context.Context) (toBank, fromBank string, err error) {
	toBank, fromBank, err = r.Session.RealPaths(ctx)
	return toBank, fromBank, failure(r.bank, "ask where the folders are", "", err)
}

func (r road) List(ctx context.Context) (flow.Listing, error) {
	l, err := r.Session.List(ctx)
	return flow.Listing{Files: files(l.Files), Claimed: files(l.Claimed), Strange: l.Strange, Truncated: l.Truncated},
		failure(r.bank, "list", "", err)
}

func (r road) Claim(ctx context.Context, name, claimed string) error {
	return failure(r.bank, "claim", name, r.Session.Claim(ctx, name, claimed))
}

func (r road) Fetch(ctx context.Context, claimed string, size int64) ([]byte, error) {
	data, err := r.Session.Fetch(ctx, claimed, size)
	return data, failure(r.bank, "fetch", claimed, err)
}

func (r road) Discard(ctx context.Context, claimed string) error {
	return failure(r.bank, "discard", claimed, r.Session.Discard(ctx, claimed))
}

func file(e *mailbox.Entry) *flow.File {
	if e == nil {
		return nil
	}
	f := flow.File(*e)
	return &f
}

func files(list []mailbox.Entry) []flow.File {
	out := make([]flow.File, len(list))
	for i, e := range list {
		out[i] = flow.File(e)
	}
	return out
}

// failure gives an error of the mailbox its fate. What the mailbox could not classify is
// unknown, which is the one reading that never loses or doubles a document.
func failure(bank banks.ID, op, document string, err error) error {
	if err == nil {
		return nil
	}
	kind := fate.Ambiguous
	var e *mailbox.Error
	if errors.As(err, &e) {
		switch e.Kind {
		case mailbox.Transient:
			kind = fate.Transient
		case mailbox.Operator:
			kind = fate.Operator
		case mailbox.Refused:
			kind = fate.Refused
		case mailbox.Changed:
			kind = fate.Changed
		case mailbox.Gone:
			kind = fate.Gone
		case mailbox.Exists:
			kind = fate.Exists
		case mailbox.Unknown:
		}
	}
	return &fate.Failure{Op: op, Bank: bank, Document: document, Kind: kind, Err: err}
}
