// Package aging does what time asks of an installation by rule: closed months of the journal
// move to archives, and archives and documents that are older than they must be kept are
// removed.
//
// It decides by the rule and the journal alone, and writes nothing that the journal did not
// announce. It may open what install opens, never install.
package aging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"bankconnector/connector/flow/fate"
	"bankconnector/connector/journal"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/volume"
	"bankconnector/connector/spool"
)

// Journal is how the journal is kept from growing without end.
type Journal struct {
	// ArchiveAfter is how many whole months must lie after a month until its events move to a file of their own; 0 = never.
	ArchiveAfter int `yaml:"archive_after" jsonschema:"default=0,minimum=0,maximum=120"`
}

// before is the first month that stays, as of now; false when nothing moves.
func (j Journal) before(now time.Time) (time.Time, bool) {
	y, m, _ := now.UTC().Date()
	return time.Date(y, m-time.Month(j.ArchiveAfter), 1, 0, 0, 0, 0, time.UTC), j.ArchiveAfter > 0
}

// month reads "2026-01"; "" is the other time.
func month(text string, other time.Time) (time.Time, error) {
	if text == "" {
		return other, nil
	}
	at, err := time.Parse("2006-01", text)
	if err != nil {
		return at, fmt.Errorf("%q is no month; write it as 2026-01", text)
	}
	return at, nil
}

// Archive moves every closed month before one, oldest first, and returns what moved. The
// error is a *volume.UnfinishedError when a document or a file of a bank keeps a month in the
// journal: what lies before that month has moved.
func Archive(ctx context.Context, book *journal.Book, actor, reason string, before time.Time) (list []record.Archived, err error) {
	for {
		a, err := book.Archive(ctx, actor, reason, before)
		if errors.Is(err, volume.ErrNothing) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, a)
	}
}

// Retention is how long what is old is kept. Nothing is removed unless a rule says so, and
// nothing that somebody still needs.
type Retention struct {
	// ArchivesYears is how many years an archive of the journal is kept after its month; 0 = for ever.
	ArchivesYears int `yaml:"archives_years" jsonschema:"default=0,minimum=0,maximum=100"`
	// DocumentsYears is how many years stored documents are kept after they were needed last; 0 = for ever.
	DocumentsYears int `yaml:"documents_years" jsonschema:"default=0,minimum=0,maximum=100"`
	// QuarantineDays is how many days a refused file lies in the quarantine, besides the store; 0 = for ever.
	QuarantineDays int `yaml:"quarantine_days" jsonschema:"default=0,minimum=0,maximum=36500"`
}

// archives is the first month that is kept, as of now; false when all are.
func (r Retention) archives(now time.Time) (time.Time, bool) {
	y, m, _ := now.UTC().Date()
	return time.Date(y-r.ArchivesYears, m, 1, 0, 0, 0, 0, time.UTC), r.ArchivesYears > 0
}

// reason is what the journal says of a removal by the rule.
func (r Retention) reason() string {
	return fmt.Sprintf("retention.archives_years: %d", r.ArchivesYears)
}

// Rooms are what the rules work on.
type Rooms struct {
	Book       *journal.Book
	Store      *spool.Store
	Quarantine *spool.Quarantine
}

// Rules are all of them.
type Rules struct {
	Journal
	Retention
}

// Round does what the rules ask for now, in the name of the program. What keeps a month in the
// journal is told and tried again at the next round. The error ends the process when the
// journal is broken.
func (r Rules) Round(ctx context.Context, in Rooms, now time.Time, log *slog.Logger) error {
	book := in.Book
	err := r.archive(ctx, book, now, log)
	if before, due := r.archives(now); due && err == nil {
		var list []record.Archived
		list, err = book.Retire(ctx, actor, r.reason(), before)
		for _, a := range list {
			log.WarnContext(ctx, "archive removed by the rule of retention", slog.String("file", a.File))
		}
	}
	if err == nil {
		err = r.discard(ctx, in, now, log)
	}
	if err == nil {
		err = r.release(ctx, in, now, log)
	}
	switch {
	case errors.Is(err, journal.ErrBroken):
		return &fate.Failure{Op: "archive", Kind: fate.Broken, Err: err}
	case ctx.Err() != nil:
		return nil // the program ends: the next start goes on
	}
	return err
}

const actor = "bankconnector"

func (j Journal) archive(ctx context.Context, book *journal.Book, now time.Time, log *slog.Logger) error {
	before, due := j.before(now)
	if !due {
		return nil
	}
	list, err := Archive(ctx, book, actor, fmt.Sprintf("journal.archive_after: %d", j.ArchiveAfter), before)
	for _, a := range list {
		log.InfoContext(ctx, "month archived", slog.String("file", a.File), slog.Int64("events", a.Last-a.First+1))
	}
	var held *volume.UnfinishedError
	if errors.As(err, &held) {
		log.InfoContext(ctx, "month stays in the journal", slog.Any("err", err))
		return nil
	}
	return err
}
