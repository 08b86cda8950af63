// Package sqlite is the file under the journal: one raw connection to SQLite
// with the settings that make an acknowledged commit survive a power cut, the
// migrations and the digest of the schema, and the place on the disk.
//
// It knows neither what an event is nor what the tables mean. It is the only
// importer of the driver, and calls no other room.
package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

// Conn is one raw SQLite connection with its prepared statements. It goes
// round database/sql on purpose: that pool may replace a connection in the
// middle of a batch, and a cancelled context would interrupt the transaction
// of every other caller in it. Not safe for concurrent use.
type Conn struct {
	raw   *sqlite3.SQLiteConn
	stmts map[string]*sqlite3.SQLiteStmt
}

func dial(dsn string) (*Conn, error) {
	d, err := (&sqlite3.SQLiteDriver{}).Open(dsn)
	if err != nil {
		return nil, err
	}
	raw, ok := d.(*sqlite3.SQLiteConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("unexpected driver connection %T", d), d.Close())
	}
	return &Conn{raw: raw, stmts: map[string]*sqlite3.SQLiteStmt{}}, nil
}

// Close ends the connection; a nil one has nothing to end.
func (c *Conn) Close() error {
	if c == nil {
		return nil
	}
	return errors.Join(c.forget(), c.raw.Close())
}

// forget closes the prepared statements.
func (c *Conn) forget() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	clear(c.stmts)
	return errors.Join(errs...)
}

// Leave ends the connection after cause. When that is a failure of the engine or the disk,
// nothing is closed, for closing writes the log back into the file, and flushes again what
// could not be flushed: the kernel may have dropped those pages, and a flush that now
// succeeds proves nothing (Rebello et al., ATC'20). The next process begins with what the
// disk really has.
func (c *Conn) Leave(cause error) error {
	if !Fatal(cause) {
		return c.Close()
	}
	runtime.SetFinalizer(c.raw, nil) // the driver's would close it
	return nil
}

// Script runs statements without arguments, as many as the text holds.
func (c *Conn) Script(text string) error {
	_, err := c.raw.Exec(text, nil)
	return err
}

// WriteBack brings everything from the log into the file and empties the log. Close
// does that too, and says nothing when the disk fails in it.
func (c *Conn) WriteBack() error {
	row, err := c.One("PRAGMA wal_checkpoint(TRUNCATE)")
	if err != nil {
		return fmt.Errorf("write back: %w", err)
	}
	if row == nil || row.Num(0) != 0 {
		return errors.New("write back: somebody else uses the file")
	}
	return nil
}

func (c *Conn) prepare(query string) (*sqlite3.SQLiteStmt, error) {
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

// Exec runs a statement, prepared once, and returns how many rows it changed.
// Arguments are nil, int64 or string.
func (c *Conn) Exec(query string, args ...driver.Value) (int64, error) {
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

// Put runs a statement whose count of changed rows nobody needs. Its arguments are bound
// and it is stepped in one call of the engine, where Exec needs one for each argument.
func (c *Conn) Put(query string, args ...driver.Value) error {
	rows, err := c.begin(query, args) // runs it: the driver steps once before it returns
	if err != nil {
		return err
	}
	return rows.Close()
}

// begin binds the arguments of a statement, prepared once, and steps it once.
func (c *Conn) begin(query string, args []driver.Value) (driver.Rows, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.Query(args)
}

// PutRows is Put for n rows at once: head ends with VALUES, row holds the marks of one.
func (c *Conn) PutRows(head, row string, n int, args []driver.Value) error {
	return c.Put(head+row+strings.Repeat(", "+row, n-1), args...)
}

// Began is an error unless a transaction is open: the engine ends one by itself after
// some errors.
func (c *Conn) Began() error {
	if c.raw.AutoCommit() {
		return errors.New("the transaction has ended underneath")
	}
	return nil
}

// Rollback takes back the open transaction; SQLite may have done so itself.
func (c *Conn) Rollback() error {
	if c.raw.AutoCommit() {
		return nil
	}
	return c.Script("ROLLBACK")
}

// Cursor is a result being read row by row.
type Cursor struct {
	rows driver.Rows
	row  Fields
}

// Query starts reading a result; one at a time for each query text.
func (c *Conn) Query(query string, args ...driver.Value) (*Cursor, error) {
	rows, err := c.begin(query, args)
	if err != nil {
		return nil, err
	}
	return &Cursor{rows: rows, row: make(Fields, len(rows.Columns()))}, nil
}

// Names are the names of the columns.
func (r *Cursor) Names() []string { return r.rows.Columns() }

// Next returns the next row, valid until the one after it, or nil at the end.
func (r *Cursor) Next() (Fields, error) {
	switch err := r.rows.Next(r.row); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return r.row, nil
}

// Close ends the reading.
func (r *Cursor) Close() error { return r.rows.Close() }

// Each calls fn for every row; the row is only valid inside the call.
func (c *Conn) Each(query string, fn func(Fields) error, args ...driver.Value) (err error) {
	r, err := c.Query(query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		row, err := r.Next()
		if err != nil || row == nil {
			return err
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}

// One returns the first row, or nil when there is none.
func (c *Conn) One(query string, args ...driver.Value) (Fields, error) {
	r, err := c.Query(query, args...)
	if err != nil {
		return nil, err
	}
	row, err := r.Next() // its own: the cursor makes no further one
	return row, errors.Join(err, r.Close())
}

// Number returns the first column of the first row, 0 when there is none.
func (c *Conn) Number(query string, args ...driver.Value) (int64, error) {
	row, err := c.One(query, args...)
	if err != nil || row == nil {
		return 0, err
	}
	return row.Num(0), nil
}

// Fatal tells an error of the engine or the disk, after which nothing that
// the connection says can be relied on, from one that a statement earned.
func Fatal(err error) bool {
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

// Full tells an error of a disk without room. A flush that found none is not meant: what it
// was about may be lost.
func Full(err error) bool {
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Code == sqlite3.ErrFull || e.ExtendedCode == sqlite3.ErrIoErrWrite && errors.Is(e.SystemErrno, syscall.EDQUOT)
}
