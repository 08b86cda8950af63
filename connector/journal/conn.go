package journal

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/mattn/go-sqlite3"
)

// conn is one raw SQLite connection with its prepared statements. It goes
// round database/sql on purpose: that pool may replace a connection in the
// middle of a batch, and a cancelled context would interrupt the transaction
// of every other caller in it. Not safe for concurrent use.
type conn struct {
	raw   *sqlite3.SQLiteConn
	stmts map[string]*sqlite3.SQLiteStmt
}

// fields is one row: nil, int64 or string in each place.
type fields []any

func dial(dsn string) (*conn, error) {
	d, err := (&sqlite3.SQLiteDriver{}).Open(dsn)
	if err != nil {
		return nil, err
	}
	raw, ok := d.(*sqlite3.SQLiteConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("unexpected driver connection %T", d), d.Close())
	}
	return &conn{raw: raw, stmts: map[string]*sqlite3.SQLiteStmt{}}, nil
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.raw.Close())...)
}

// script runs statements without arguments, as many as the text holds.
func (c *conn) script(text string) error {
	_, err := c.raw.Exec(text, nil)
	return err
}

func (c *conn) prepare(query string) (*sqlite3.SQLiteStmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	d, err := c.raw.Prepare(query)
	if err != nil {
		return nil, err
	}
	s, ok := d.(*sqlite3.SQLiteStmt)
	if !ok {
		return nil, errors.Join(fmt.Errorf("unexpected driver statement %T", d), d.Close())
	}
	c.stmts[query] = s
	return s, nil
}

// exec runs a prepared statement and returns how many rows it changed.
func (c *conn) exec(query string, args ...driver.Value) (int64, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	r, err := s.Exec(args)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// cursor is a result being read row by row.
type cursor struct {
	rows  driver.Rows
	names []string
	raw   []driver.Value
	row   fields
}

func (c *conn) cursor(query string, args ...driver.Value) (*cursor, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	rows, err := s.Query(args)
	if err != nil {
		return nil, err
	}
	names := rows.Columns()
	return &cursor{rows: rows, names: names, raw: make([]driver.Value, len(names)), row: make(fields, len(names))}, nil
}

// next returns the next row, valid until the one after it, or nil at the end.
func (c *cursor) next() (fields, error) {
	if err := c.rows.Next(c.raw); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	for i := range c.raw {
		c.row[i] = c.raw[i]
	}
	return c.row, nil
}

func (c *cursor) close() error { return c.rows.Close() }

// each calls fn for every row; the row is only valid inside the call.
func (c *conn) each(query string, fn func(fields) error, args ...driver.Value) (err error) {
	r, err := c.cursor(query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	for {
		row, err := r.next()
		if err != nil || row == nil {
			return err
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}

// one returns the first row, or nil when there is none.
func (c *conn) one(query string, args ...driver.Value) (fields, error) {
	var found fields
	err := c.each(query, func(f fields) error {
		if found == nil {
			found = append(fields(nil), f...)
		}
		return nil
	}, args...)
	return found, err
}

func (c *conn) number(query string, args ...driver.Value) (int64, error) {
	row, err := c.one(query, args...)
	if err != nil || row == nil {
		return 0, err
	}
	return row.num(0), nil
}

func (f fields) str(i int) string {
	s, _ := f[i].(string)
	return s
}

func (f fields) num(i int) int64 {
	n, _ := f[i].(int64)
	return n
}

// fatal tells an error of the engine or the disk, after which nothing that
// this connection says can be relied on, from one that a statement earned.
func fatal(err error) bool {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case sqlite3.ErrConstraint, sqlite3.ErrTooBig, sqlite3.ErrError, sqlite3.ErrMismatch, sqlite3.ErrRange:
		return false
	default:
		return true
	}
}
