package aging

import (
	"cmp"
	"context"
	"errors"

	"bankconnector/connector/control"
	"bankconnector/connector/evidence/adopt"
	"bankconnector/connector/journal"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/spool"
)

// Hand is a person at work on the archives of an installation. His acts give spool.ErrLocked
// while a daemon works on the journal, adopt.ErrContradicted when a checkpoint contradicts it.
type Hand struct {
	StateDir string
	Journal  string // its file
	Options  journal.Options
	Seal     adopt.Seal // for a checkpoint of what was done
	Retention
}

// ErrNoReason reports a removal without the rule and without a reason.
var ErrNoReason = errors.New("who removes archives without the rule says why")

// ErrNoRule reports that the configuration has no rule of retention.
var ErrNoRule = errors.New("retention.archives_years is not set: nothing is removed")

// Archive moves the closed months before one ("2026-01", "" = all).
func (h Hand) Archive(ctx context.Context, before, reason string) ([]record.Archived, error) {
	until, err := month(before, h.Options.Now())
	if err != nil {
		return nil, err
	}
	return h.work(ctx, func(book *journal.Book) ([]record.Archived, error) {
		return Archive(ctx, book, control.Self(), cmp.Or(reason, "journal archive"), until)
	})
}

// Retire removes the archives of months before one, or what the rule gives up, "".
func (h Hand) Retire(ctx context.Context, before, reason string) ([]record.Archived, error) {
	if before != "" && reason == "" {
		return nil, ErrNoReason
	}
	first, ruled := h.archives(h.Options.Now())
	if before == "" && !ruled {
		return nil, ErrNoRule
	}
	first, err := month(before, first)
	if err != nil {
		return nil, err
	}
	return h.work(ctx, func(book *journal.Book) ([]record.Archived, error) {
		return book.Retire(ctx, control.Self(), cmp.Or(reason, h.reason()), first)
	})
}

// work is done on a journal that nobody else writes; a checkpoint of it follows.
func (h Hand) work(ctx context.Context, do func(*journal.Book) ([]record.Archived, error)) (list []record.Archived, err error) {
	lock, err := spool.Acquire(h.StateDir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	book, err := journal.Open(ctx, h.Journal, h.Options)
	if err != nil {
		return nil, err
	}
	if err = adopt.Behind(ctx, book, h.Seal.Files); err == nil {
		list, err = do(book)
	}
	if len(list) > 0 {
		_, e := h.Seal.Checkpoint(ctx, book)
		err = errors.Join(err, e)
	}
	return list, errors.Join(err, book.Close())
}
