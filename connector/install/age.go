package install

import (
	"context"
	"errors"
	"time"

	"bankconnector/connector/control"
	"bankconnector/connector/install/aging"
	"bankconnector/connector/journal"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/spool"
)

// Age does what time asks for, by the configuration in force; a journal that a checkpoint
// contradicts is left as it is.
func (in *Installation) Age(ctx context.Context) error {
	if in.behind != nil {
		return nil
	}
	return in.force.Load().Config.Journal.Round(ctx, in.Book, in.opts.Now(), in.opts.Log)
}

// ArchiveJournal moves the closed months before one ("2026-01", "" = all), because a person
// says so; see [aging.Archive]. The error is spool.ErrLocked while a daemon works on the
// journal, adopt.ErrContradicted when a checkpoint contradicts it.
func (p *Plan) ArchiveJournal(ctx context.Context, now func() time.Time, before, reason string) (list []record.Archived, err error) {
	until := now()
	if before != "" {
		if until, err = aging.Month(before); err != nil {
			return nil, err
		}
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
		list, err = aging.Archive(ctx, book, control.Self(), reason, until)
	}
	if len(list) > 0 {
		_, e := seal.Checkpoint(ctx, book)
		err = errors.Join(err, e)
	}
	return list, errors.Join(err, book.Close())
}
