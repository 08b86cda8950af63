package volume

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
)

// Folder is where the archives of a journal lie, beside it.
func Folder(journal string) string { return filepath.Join(filepath.Dir(journal), "archive") }

// Volume is one archive, as the journal's own events name it.
type Volume struct {
	record.Archived
	Event   int64 // that names it
	Retired int64 // event that says that it is removed, 0 while it is to be there
	Why     string
}

// columns of table archive, in the order that read takes them.
const columns = `file, month, first, last, from_at, to_at, prev, head, sha256, size, reason, event,
	retired, retired_why, state, state_sha256, state_size`

func read(f sqlite.Fields) Volume {
	return Volume{record.Archived{
		File: f.Str(0), Month: f.Str(1), First: f.Num(2), Last: f.Num(3), FromAt: f.Str(4), ToAt: f.Str(5),
		Prev: f.Str(6), Head: f.Str(7), SHA256: f.Str(8), Size: f.Num(9), Reason: f.Str(10),
		State: f.Str(14), StateSHA256: f.Str(15), StateSize: f.Num(16),
	}, f.Num(11), f.Num(12), f.Str(13)}
}

// List reads which archives a journal names, also those that are removed, oldest first. A
// journal of before there were archives has none.
func List(c *sqlite.Conn) (out []Volume, err error) {
	n, err := c.Number(`SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'archive'`)
	if err != nil || n == 0 {
		return nil, err
	}
	err = c.Each(`SELECT `+columns+` FROM archive ORDER BY first`, func(f sqlite.Fields) error {
		out = append(out, read(f))
		return nil
	})
	return out, err
}

// Shelf reads events wherever they lie: in the journal or in one of its archives.
type Shelf struct {
	Live *sqlite.Readers
	Dir  string // folder of the archives
}

var (
	// ErrMissing reports an archive that the journal names and nobody finds.
	ErrMissing = errors.New("archive is missing")
	// ErrRetired reports events whose archive was removed by the rule of retention.
	ErrRetired = errors.New("removed by the rule of retention")
	// ErrDiscarded reports a stored document that the journal says was removed by that rule.
	ErrDiscarded = errors.New("the document was removed by the rule of retention")
)

// Find reads the events for which a condition holds, in their order: those of the journal,
// and of every archive whose last event is not before the time from, "" for all, and whose
// stretch meets the numbers first to last.
//
// The journal is read before the list of archives: events that move meanwhile are then met
// twice and counted once, never missed.
func (s *Shelf) Find(ctx context.Context, within Within, where string, args ...driver.Value) (out []record.Event, err error) {
	query := `SELECT ` + record.Columns + ` FROM event WHERE ` + where + ` ORDER BY seq`
	add := func(f sqlite.Fields) error {
		e, err := record.Read(f)
		if out = append(out, e); len(out)%1024 == 0 && err == nil {
			err = ctx.Err()
		}
		return err
	}
	var volumes []Volume
	err = s.Live.Do(ctx, func(c *sqlite.Conn) error {
		if err := c.Each(query, add, args...); err != nil {
			return err
		}
		volumes, err = within.volumes(c)
		return err
	})
	for _, v := range volumes {
		if err == nil {
			err = s.in(v, func(c *sqlite.Conn) error { return c.Each(query, add, args...) })
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	if len(volumes) == 0 {
		return out, nil
	}
	slices.SortFunc(out, func(a, b record.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return slices.CompactFunc(out, func(a, b record.Event) bool { return a.Seq == b.Seq }), nil
}

// Within bounds where events are looked for; what is zero bounds nothing.
type Within struct {
	From  string // time before which none of them can be, as the journal writes it
	First int64  // numbers between which all of them are
	Last  int64
}

// volumes are the archives in which such events may lie.
func (w Within) volumes(c *sqlite.Conn) ([]Volume, error) {
	list, err := List(c)
	return slices.DeleteFunc(list, func(v Volume) bool {
		return v.Retired != 0 || v.ToAt < w.From || v.Last < w.First || w.Last != 0 && v.First > w.Last
	}), err
}

// About reads all events of an exchange.
func (s *Shelf) About(ctx context.Context, exchange int64) ([]record.Event, error) {
	var from string
	err := s.Live.Do(ctx, func(c *sqlite.Conn) error {
		row, err := c.One(`SELECT accepted_at FROM exchange WHERE id = ?`, exchange)
		if row != nil {
			from = row.Str(0)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return s.Find(ctx, Within{From: from}, `exchange = +? AND exchange <> 0`, exchange)
}

// Between reads the events with the numbers first to last.
func (s *Shelf) Between(ctx context.Context, first, last int64) ([]record.Event, error) {
	return s.Find(ctx, Within{First: first, Last: last}, `seq BETWEEN +? AND +?`, first, last)
}

var errEnough = errors.New("nobody asks for more")

// Back gives the events of a kind up to a time, the newest first, until more says that it has
// enough: first those of the journal, then those of one archive after the other.
func (s *Shelf) Back(ctx context.Context, kind, until string, more func(record.Event) (bool, error)) error {
	seen := int64(math.MaxInt64) // what is being moved is met twice
	each := func(f sqlite.Fields) error {
		if ctx.Err() != nil || f.Num(0) >= seen {
			return ctx.Err()
		}
		seen = f.Num(0)
		e, err := record.Read(f)
		if err != nil {
			return err
		}
		if on, err := more(e); err != nil || !on {
			return cmp.Or(err, errEnough)
		}
		return nil
	}
	look := func(c *sqlite.Conn) error {
		return c.Each(`SELECT `+record.Columns+` FROM event WHERE kind = ? AND at <= ? ORDER BY seq DESC`, each, kind, until)
	}
	var volumes []Volume
	err := s.Live.Do(ctx, func(c *sqlite.Conn) error {
		if err := look(c); err != nil {
			return err
		}
		var err error
		volumes, err = Within{}.volumes(c)
		return err
	})
	for _, v := range slices.Backward(volumes) {
		if err == nil && v.FromAt <= until {
			err = s.in(v, look)
		}
	}
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("read journal: %w", err)
	}
	return nil
}

// Hash is the hash of one event, "" when there is none. The error is ErrRetired when its
// archive was removed and it was not the last one in it.
func (s *Shelf) Hash(ctx context.Context, seq int64) (hash string, err error) {
	events, err := s.Between(ctx, seq, seq)
	if err != nil {
		return "", err
	}
	if len(events) > 0 {
		return events[0].Hash, nil
	}
	err = s.Live.Do(ctx, func(c *sqlite.Conn) error {
		list, err := List(c)
		for _, v := range list {
			switch {
			case v.Retired == 0 || seq < v.First || seq > v.Last:
			case seq == v.Last:
				hash = v.Head
			default:
				err = fmt.Errorf("event %d lay in %s: %w, event %d", seq, v.File, ErrRetired, v.Retired)
			}
		}
		return err
	})
	return hash, err
}

// in opens an archive for a moment.
func (s *Shelf) in(v Volume, fn func(*sqlite.Conn) error) (err error) {
	path := filepath.Join(s.Dir, v.File)
	c, err := sqlite.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s holds events %d to %d, event %d names it: put it back into %s", ErrMissing, v.File, v.First, v.Last, v.Event, s.Dir)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return fn(c)
}
