package aging

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
)

// atOnce is how many files leave the quarantine in one round.
const atOnce = 1000

// removed is the body of note.quarantine.
type removed struct {
	File   string    `json:"file"` // in the quarantine
	SHA256 string    `json:"sha256"`
	At     time.Time `json:"at"`   // when it was put there
	Code   string    `json:"code"` // why
	Reason string    `json:"reason"`
}

// release removes files from the quarantine that lie there for longer than the rule says and
// that nobody is at work on: the store has their bytes, for as long as it keeps documents. The
// journal says so of each before it goes; a crash between the two leaves files that the next
// round tells of once more.
func (r Retention) release(ctx context.Context, in Rooms, now time.Time, log *slog.Logger) error {
	if r.QuarantineDays == 0 {
		return nil
	}
	before := now.UTC().AddDate(0, 0, -r.QuarantineDays)
	old, err := in.Quarantine.Old(before, atOnce)
	if err != nil || len(old) == 0 {
		return err
	}
	going, err := r.spare(ctx, in, old, before)
	if err != nil || len(going) == 0 {
		return err
	}
	err = in.Book.Write(ctx, actor, func(t *journal.Tx) error {
		for _, k := range going {
			body := removed{k.Path, k.SHA256, k.At, k.Code, fmt.Sprintf("retention.quarantine_days: %d", r.QuarantineDays)}
			if err := t.Note("note.quarantine", k.Bank, 0, body); err != nil {
				return err
			}
		}
		return nil
	})
	for _, k := range going {
		if err == nil {
			err = in.Quarantine.Remove(k)
		}
	}
	if err == nil {
		log.InfoContext(ctx, "files removed from the quarantine by the rule of retention", slog.Int("files", len(going)))
	}
	return err
}

// spare leaves out what somebody is at work on, and what lies nowhere else and is younger than
// documents are kept.
func (r Retention) spare(ctx context.Context, in Rooms, old []spool.Kept, before time.Time) (out []spool.Kept, err error) {
	digests := make([]string, len(old))
	for i, k := range old {
		digests[i] = k.SHA256
	}
	needed, err := in.Book.Needed(ctx, digests, before)
	if err != nil {
		return nil, err
	}
	busy := make(map[string]bool)
	for _, d := range needed {
		busy[d] = true
	}
	for _, k := range old {
		if busy[k.SHA256] {
			continue
		}
		err := in.Store.Check(ctx, k.SHA256)
		if errors.Is(err, fs.ErrNotExist) {
			if until, ruled := r.documents(before); !ruled || !k.At.Before(until) {
				continue
			}
			err = nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}
