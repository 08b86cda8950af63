package install

import (
	"cmp"
	"context"
	"errors"
	"time"

	"bankconnector/connector/control"
	"bankconnector/connector/install/aging"
	"bankconnector/connector/journal"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/spool"
)

// Age does what time asks for; a journal that a checkpoint contradicts is left as it is.
func (in *Installation) Age(ctx context.Context) error {
	if in.behind != nil {
		return nil
	}
	c := &in.force.Load().Config
	quarantine, err := c.quarantine()
	if err != nil {
		return err
	}
	return aging.Rules{Journal: c.Journal, Retention: c.Retention}.Round(ctx, aging.Rooms{Book: in.Book, Store: in.Store, Quarantine: quarantine}, in.opts.Now(), in.opts.Log)
}

// ArchiveJournal moves the closed months before one ("2026-01", "" = all), because a person says
// so. The error is spool.ErrLocked while a daemon works, adopt.ErrContradicted as ever.
func (p *Plan) ArchiveJournal(ctx context.Context, now func() time.Time, before, reason string) ([]record.Archived, error) {
	until, err := aging.Month(before, now())
	if err != nil {
		return nil, err
	}
	return p.aged(ctx, now, func(book *journal.Book) ([]record.Archived, error) {
		return aging.Archive(ctx, book, control.Self(), cmp.Or(reason, "journal archive"), until)
	})
}

// ErrNoRule reports that the configuration has no rule of retention.
var ErrNoRule = errors.New("retention.archives_years is not set: nothing is removed")

// RetireArchives removes the archives of months before one, or what the rule gives up, "". The errors are as above, and ErrNoRule.
func (p *Plan) RetireArchives(ctx context.Context, now func() time.Time, before, reason string) ([]record.Archived, error) {
	first, ruled := p.Config.Retention.Archives(now())
	if before == "" && !ruled {
		return nil, ErrNoRule
	}
	first, err := aging.Month(before, first)
	if err != nil {
		return nil, err
	}
	return p.aged(ctx, now, func(book *journal.Book) ([]record.Archived, error) {
		return book.Retire(ctx, control.Self(), cmp.Or(reason, p.Config.Retention.Reason()), first)
	})
}

// aged works on a journal that nobody else writes, and writes a checkpoint of what was done.
func (p *Plan) aged(ctx context.Context, now func() time.Time, work func(*journal.Book) ([]record.Archived, error)) (list []record.Archived, err error) {
	if err := p.MayWrite(); err != nil {
		return nil, err
	}
	lock, err := spool.Acquire(p.Config.StateDir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	seal, err := p.seal()
	if err != nil {
		return nil, err
	}
	book, err := journal.Open(ctx, p.JournalPath(), journal.Options{Now: now, Instance: instance()})
	if err != nil {
		return nil, err
	}
	if err = p.Behind(ctx, book); err == nil {
		list, err = work(book)
	}
	if len(list) > 0 {
		_, e := seal.Checkpoint(ctx, book)
		err = errors.Join(err, e)
	}
	return list, errors.Join(err, book.Close())
}
