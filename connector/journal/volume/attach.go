package volume

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
)

// Reports is a pool for queries that people type, over a journal and its archives of the
// months from and to, "" for all: each connection has the archives as a1, a2 and so on, and
// the temporary view event_all, in which every event stands once, wherever it lies.
//
// SQLite attaches few files at once: the newest are taken. Left are the archives that are not
// in event_all, because there are too many, or because they are not there.
func (s *Shelf) Reports(ctx context.Context, journal, from, to string) (db *sql.DB, left []string, err error) {
	var list []Volume
	err = s.Live.Do(ctx, func(c *sqlite.Conn) error {
		list, err = Within{}.volumes(c)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read journal: %w", err)
	}
	var taken []Volume
	for i := len(list) - 1; i >= 0; i-- {
		v := list[i]
		_, err := os.Stat(filepath.Join(s.Dir, v.File))
		switch {
		case v.Month < from || to != "" && v.Month > to:
		case errors.Is(err, fs.ErrNotExist) || err == nil && len(taken) == sqlite.Attached:
			left = append(left, v.File)
		case err != nil:
			return nil, nil, fmt.Errorf("read journal: %w", err)
		default:
			taken = append(taken, v)
		}
	}
	return sqlite.Reports(journal, 1, func(c *sqlite.Conn) error { return s.attach(c, taken) }), left, nil
}

// attach makes event_all. An event that has not left the journal yet stands in both places.
func (s *Shelf) attach(c *sqlite.Conn, list []Volume) error {
	view := []string{`event_all AS SELECT ` + record.Columns + ` FROM main.event`}
	end := int64(0)
	for i, v := range list {
		name := fmt.Sprintf("a%d", i+1)
		if err := c.Attach(filepath.Join(s.Dir, v.File), name); err != nil {
			return fmt.Errorf("attach archive %s: %w", v.File, err)
		}
		view = append(view, `SELECT `+record.Columns+` FROM `+name+`.event`)
		end = max(end, v.Last)
	}
	if end > 0 {
		view[0] += fmt.Sprintf(` WHERE seq > %d`, end)
	}
	return c.Temporary(strings.Join(view, " UNION ALL "))
}
