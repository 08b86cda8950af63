// Package rebuild makes the tables of current state once more from events, to be compared, or
// to be kept where the events go. It decides nothing, and opens record, volume and sqlite.
package rebuild

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
)

// Rebuilding makes the state tables once more from the events. Every table but a few small
// ones is a bank's own, so that the banks are shared out over as many databases as there are
// processors; an event of no bank is projected in each of them.
type Rebuilding struct {
	dir   string
	parts []*sqlite.Conn
}

// What waits between reading and projecting is a good part of what a verification holds in memory.
const (
	batchSize = 256 // events
	waiting   = 2   // batches in front of each part
	tallyEach = 32  // batches
)

// lean is the schema without what only speeds queries up or forbids what cannot happen
// here: the journal's own indexes are checked by SQLite.
func lean(c *sqlite.Conn) error {
	var drop strings.Builder
	err := c.Each(`SELECT type, name FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL`, func(f sqlite.Fields) error {
		fmt.Fprintf(&drop, "DROP %s %s;", f.Str(0), f.Str(1))
		return nil
	})
	if err != nil {
		return err
	}
	return c.Script(drop.String() + "PRAGMA foreign_keys=OFF; BEGIN")
}

// New opens empty databases in a new folder below temp.
func New(temp string) (r *Rebuilding, err error) {
	r = &Rebuilding{}
	if r.dir, err = os.MkdirTemp(temp, "journal-verify-"); err != nil {
		return nil, err
	}
	for i := range runtime.GOMAXPROCS(0) {
		c, err := sqlite.Scratch(filepath.Join(r.dir, fmt.Sprintf("rebuilt%d.db", i)))
		if err == nil {
			r.parts = append(r.parts, c)
			_, _, err = sqlite.Migrate(c, record.Migrations())
		}
		if err == nil {
			err = lean(c)
		}
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	return r, nil
}

// Close throws them away.
func (r *Rebuilding) Close() error {
	var errs []error
	for _, c := range r.parts {
		errs = append(errs, c.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(r.dir))...)
}

// of are the parts that project what belongs to a bank, all of them for "".
func (r *Rebuilding) of(bank string) []*sqlite.Conn {
	if bank == "" {
		return r.parts
	}
	i := part(bank, len(r.parts))
	return r.parts[i : i+1]
}

// Failed is an event that cannot be projected.
type Failed struct {
	Seq   int64
	Cause error
}

func (f *Failed) Error() string { return f.Cause.Error() }

// Replay projects every event that read gives, in order. After the first failure the rest
// would only repeat it: it returns a *Failed.
func (r *Rebuilding) Replay(ctx context.Context, read func(fn func(sqlite.Fields) error) error) error {
	group, ctx := errgroup.WithContext(ctx)
	queues := make([]chan []record.Event, len(r.parts))
	for i, c := range r.parts {
		queues[i] = make(chan []record.Event, waiting)
		group.Go(func() error {
			var page record.Page
			for n := 1; ; n++ {
				events, more := <-queues[i]
				if !more {
					return page.Tally(c)
				}
				for j := range events {
					if err := page.Replay(c, &events[j]); err != nil {
						return &Failed{events[j].Seq, err}
					}
				}
				if n%tallyEach == 0 { // what is counted in memory must not grow with the journal
					if err := page.Tally(c); err != nil {
						return err
					}
				}
			}
		})
	}
	group.Go(func() error {
		defer func() {
			for _, q := range queues {
				close(q)
			}
		}()
		return deal(ctx, queues, read)
	})
	return group.Wait()
}

// deal gives each event to the part of its bank, those of no bank to every part.
func deal(ctx context.Context, queues []chan []record.Event, read func(fn func(sqlite.Fields) error) error) error {
	batches := make([][]record.Event, len(queues))
	send := func(i int) error {
		select {
		case queues[i] <- batches[i]:
			batches[i] = nil
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	add := func(i int, e record.Event) error {
		if batches[i] == nil {
			batches[i] = make([]record.Event, 0, batchSize)
		}
		if batches[i] = append(batches[i], e); len(batches[i]) < batchSize {
			return nil
		}
		return send(i)
	}
	err := read(func(f sqlite.Fields) error {
		e, err := record.Read(f)
		if err != nil {
			return &Failed{f.Num(0), err}
		}
		if e.Bank != "" {
			return add(part(e.Bank, len(queues)), e)
		}
		for i := range queues {
			if err := add(i, e); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range batches {
		if err == nil && len(batches[i]) > 0 {
			err = send(i)
		}
	}
	return err
}

// part is where a bank's rows are rebuilt.
func part(bank string, of int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(bank))       // a hash takes everything
	return int(h.Sum32() % uint32(of)) //nolint:gosec // a count of processors
}

// Merged reads one table of all parts in the order of its key. A row that stands in
// several of them is from an event of no bank, and counts once.
type Merged struct {
	cursors []*sqlite.Cursor
	rows    []sqlite.Fields // the next one of each, nil at its end
	key     []int           // places of the key columns
	last    sqlite.Fields
}

// Tables lists the tables that it makes, each with its key columns.
func (r *Rebuilding) Tables() ([][2]string, error) { return tables(r.parts[0]) }

// tables lists the tables of current state, each with its key columns: all but the chain
// itself and how far it has been projected.
func tables(c *sqlite.Conn) (out [][2]string, err error) {
	err = c.Each(`SELECT s.name, (SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_table_info(s.name) WHERE pk > 0 ORDER BY pk))
		FROM sqlite_schema s WHERE s.type = 'table' AND s.name NOT IN ('event', 'head') AND s.name NOT LIKE 'sqlite_%' ORDER BY s.rowid`,
		func(f sqlite.Fields) error {
			out = append(out, [2]string{f.Str(0), f.Str(1)})
			return nil
		})
	return out, err
}

// Table reads some columns of one table.
func (r *Rebuilding) Table(table, key string, columns []string) (m *Merged, err error) {
	m = &Merged{rows: make([]sqlite.Fields, len(r.parts))}
	for i, c := range r.parts {
		cursor, err := c.Query(`SELECT ` + strings.Join(columns, ", ") + ` FROM ` + table + ` ORDER BY ` + key)
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
		m.cursors = append(m.cursors, cursor)
		if m.rows[i], err = cursor.Next(); err != nil {
			return nil, errors.Join(err, m.Close())
		}
	}
	for _, column := range strings.Split(key, ", ") {
		for i, name := range m.cursors[0].Names() {
			if name == column {
				m.key = append(m.key, i)
			}
		}
	}
	return m, nil
}

// Close ends the reading.
func (m *Merged) Close() error {
	var errs []error
	for _, c := range m.cursors {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Next is the next row, valid until the one after it, or nil at the end.
func (m *Merged) Next() (sqlite.Fields, error) {
	least := -1
	for i, row := range m.rows {
		if row != nil && (least < 0 || m.compare(row, m.rows[least]) < 0) {
			least = i
		}
	}
	if least < 0 {
		return nil, nil
	}
	m.last = append(m.last[:0], m.rows[least]...)
	for i, row := range m.rows {
		if row == nil || m.compare(row, m.last) != 0 {
			continue
		}
		var err error
		if m.rows[i], err = m.cursors[i].Next(); err != nil {
			return nil, err
		}
	}
	return m.last, nil
}

// compare orders rows as SQLite orders the columns of a key: numbers by size, text by octets.
func (m *Merged) compare(a, b sqlite.Fields) int {
	for _, i := range m.key {
		x, y := a.Num(i), b.Num(i)
		if d := strings.Compare(a.Str(i), b.Str(i)); d != 0 || x == y {
			if d != 0 {
				return d
			}
			continue
		}
		if x < y {
			return -1
		}
		return 1
	}
	return 0
}
