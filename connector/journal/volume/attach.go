package volume

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
)

// Months reads "2026-01", "2026-01:2026-06" or a part of it, "" for all.
func Months(text string) (from, to string) {
	from, to, more := strings.Cut(text, ":")
	if !more {
		to = from
	}
	return from, to
}

// Reports is a pool for queries that people type, over a journal and its archives of the
// months from and to, "" for all: each connection has the archives as a1, a2 and so on, and
// the temporary view event_all, in which every event stands once, wherever it lies.
//
// SQLite attaches few files at once: the newest are taken. Left are the archives that are not
// in event_all, because there are too many, or because they are not there.
func (s *Shelf) Reports(ctx context.Context, journal, from, to string) (db *sql.DB, left []string, err error) {
	db = sqlite.Reports(journal, 1, func(c *sqlite.Conn) (err error) {
		left, err = s.attach(c, from, to)
		return err
	})
	if err := db.PingContext(ctx); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read journal: %w", err), db.Close())
	}
	return db, left, nil
}

// attach makes event_all on a connection and holds it at that moment: an event that leaves the
// journal for an archive later is still there for it.
func (s *Shelf) attach(c *sqlite.Conn, from, to string) (left []string, err error) {
	list, left, err := s.choose(c, from, to)
	if err != nil {
		return nil, err
	}
	end, err := moved(c)
	if err != nil {
		return nil, err
	}
	view := []string{fmt.Sprintf(`event_all AS SELECT %s FROM main.event WHERE seq > %d`, record.Columns, end)}
	for i, v := range list {
		name := fmt.Sprintf("a%d", i+1)
		if err := c.Attach(filepath.Join(s.Dir, v.File), name); err != nil {
			return nil, fmt.Errorf("attach archive %s: %w", v.File, err)
		}
		view = append(view, `SELECT `+record.Columns+` FROM `+name+`.event`)
	}
	if err := errors.Join(c.Temporary(strings.Join(view, " UNION ALL ")), c.Script("BEGIN")); err != nil {
		return nil, err
	}
	now, err := moved(c)
	if err == nil && now != end {
		err = driver.ErrBadConn // a month moved just now: begin anew
	}
	return left, err
}

// moved is the last event that an archive holds.
func moved(c *sqlite.Conn) (end int64, err error) {
	list, err := List(c)
	for _, v := range list {
		end = v.Last
	}
	return end, err
}

// choose takes the newest archives of the months.
func (s *Shelf) choose(c *sqlite.Conn, from, to string) (taken []Volume, left []string, err error) {
	list, err := Within{}.volumes(c)
	if err != nil {
		return nil, nil, err
	}
	for _, v := range slices.Backward(list) {
		_, err := os.Stat(filepath.Join(s.Dir, v.File))
		switch {
		case v.Month < from || to != "" && v.Month > to:
		case errors.Is(err, fs.ErrNotExist) || err == nil && len(taken) == sqlite.Attached:
			left = append(left, v.File)
		case err != nil:
			return nil, nil, err
		default:
			taken = append(taken, v)
		}
	}
	return taken, left, nil
}
