package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"bankconnector/connector/journal/rebuild"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/volume"
)

// swept events leave the table in one commit, so that nobody waits long for it.
const swept = 2000

// Archive moves the events of the oldest closed month into a file of their own, folder
// archive beside the journal, and returns what the event book.archived says of it. A month is
// closed when it is over (UTC) and every exchange and every file of a bank that began in it
// or before has come to its end, else the error is a *volume.UnfinishedError. It must lie before the
// month of the time before, else the error is volume.ErrNothing.
//
// First the file, whole and proven; then the event, which says that its events may go; then they
// go, a portion a commit. A crash between any two leaves every event in the journal, in the
// archive, or the same in both; the next call goes on.
func (b *Book) Archive(ctx context.Context, actor, reason string, before time.Time) (a record.Archived, err error) {
	if strings.TrimSpace(reason) == "" {
		return a, errors.New("archive: a reason is required")
	}
	if b.queue == nil {
		return a, errReadOnly
	}
	if err := b.sweep(ctx, actor); err != nil { // what a crash left
		return a, fmt.Errorf("archive: %w", err)
	}
	var s volume.Stretch
	err = b.readers.Do(ctx, func(c *sqlite.Conn) (err error) {
		s, err = volume.Oldest(c, before, b.now())
		return err
	})
	if err != nil {
		return a, fmt.Errorf("archive: %w", err)
	}
	if a, err = volume.Bind(ctx, b.path, b.shelf.Dir, s); err != nil {
		return a, fmt.Errorf("archive: %w", err)
	}
	a.Reason = reason
	// A crash here leaves a whole file that no event names: the next call takes it as it is.
	if err := b.Write(ctx, actor, func(t *Tx) error { return t.archived(a) }); err != nil {
		return a, fmt.Errorf("archive: %w", err)
	}
	// A crash here leaves the events in both places, and the journal says so.
	if err := b.sweep(ctx, actor); err != nil {
		return a, fmt.Errorf("archive: %w", err)
	}
	return a, nil
}

// Retire removes the archives of months before one that nobody needs any more, and returns
// them; which are needed says [volume.Shelf.Retirable]. Their hashes stay in the events
// book.retired, and what the tables were at their end in a file of state: chain and tables are
// proven as before. First that file, then the events, then they go: a crash between any two
// leaves more files than are needed, and the next call goes on.
func (b *Book) Retire(ctx context.Context, actor, reason string, before time.Time) (list []record.Archived, err error) {
	var earlier *volume.Volume
	var old []volume.Volume
	err = b.readers.Do(ctx, func(c *sqlite.Conn) (err error) {
		earlier, old, err = b.shelf.Retirable(c, before)
		return err
	})
	if err == nil && len(old) > 0 {
		list, err = rebuild.State(ctx, b.shelf.Dir, earlier, old)
	}
	if err == nil && len(list) > 0 {
		err = b.Write(ctx, actor, func(t *Tx) error {
			for i := range list {
				list[i].Reason = reason
				if err := t.append("book.retired", "", 0, list[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err == nil {
		err = b.shelf.Remove(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("retire archives: %w", err)
	}
	return list, nil
}

// archived says that a file holds a stretch, which must be all that the journal has of that
// month and the time before: nothing of it can be written any more.
func (t *Tx) archived(a record.Archived) error {
	row, err := t.one(`SELECT (SELECT min(seq) FROM event), (SELECT coalesce(max(last), 0) FROM archive),
		(SELECT hash FROM event WHERE seq = ?1), (SELECT at FROM event WHERE seq = ?1 + 1)`, a.Last)
	if err != nil {
		return err
	}
	end, err := volume.End(a.Month)
	if err != nil {
		return err
	}
	switch {
	case row.Num(0) != a.First || row.Num(1) != a.First-1:
		return fmt.Errorf("%w: the journal begins at event %d, archives end at %d, the file begins at %d", ErrStale, row.Num(0), row.Num(1), a.First)
	case row.Str(2) != a.Head:
		return fmt.Errorf("%w: event %d has the hash %s in the journal, %s in the file", ErrStale, a.Last, row.Str(2), a.Head)
	case row[3] != nil && row.Str(3) < end, sqlite.Stamp(t.at) < end:
		return fmt.Errorf("%w: month %s goes on after event %d", ErrStale, a.Month, a.Last)
	}
	return t.append("book.archived", "", 0, a)
}

// sweep takes the events that the archives hold out of the table, the oldest first. The
// trigger event_delete holds that none goes that no archive has. Each commit leaves a journal
// that begins somewhere in the newest archive, or behind it.
func (b *Book) sweep(ctx context.Context, actor string) error {
	for {
		first, last := int64(0), int64(0)
		err := b.readers.Do(ctx, func(c *sqlite.Conn) error {
			row, err := c.One(`SELECT (SELECT min(seq) FROM event), (SELECT coalesce(max(last), 0) FROM archive)`)
			if err == nil {
				first, last = row.Num(0), row.Num(1)
			}
			return err
		})
		if err != nil || first > last {
			return err
		}
		err = b.Write(ctx, actor, func(t *Tx) error { return t.leave(min(first+swept-1, last)) })
		if err != nil {
			return err
		}
	}
}

// leave deletes the events up to one. Another closure that fails in the same commit may take
// it back: sweep looks again, and does not count.
func (t *Tx) leave(last int64) error {
	if _, err := t.c.Exec(`DELETE FROM event WHERE seq <= ?`, last); err != nil {
		t.err = fmt.Errorf("delete what is archived: %w", err)
	}
	return t.err
}
