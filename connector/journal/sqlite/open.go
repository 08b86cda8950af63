package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/mattn/go-sqlite3"
)

// ApplicationID is "BKC1" in the header of the file, so that it can be told
// from any other database.
const ApplicationID = 0x424B4331

// setting is one pragma that must hold on the writing connection.
type setting struct{ name, want string }

// settings are asserted after the connection is made, because the driver runs
// PRAGMA synchronous=NORMAL on its own unless told otherwise, and NORMAL loses
// acknowledged commits at a power cut.
func settings() []setting {
	return []setting{
		{"application_id", fmt.Sprint(ApplicationID)},
		{"journal_mode", "wal"},
		{"synchronous", "2"},
		{"foreign_keys", "1"},
		{"recursive_triggers", "1"},
		{"locking_mode", "normal"},
		{"busy_timeout", "5000"},
		{"trusted_schema", "0"},
		{"cell_size_check", "1"},
		{"mmap_size", "0"},
		{"query_only", "0"},
		{"ignore_check_constraints", "0"},
		{"writable_schema", "0"},
	}
}

func address(path, query string) string {
	return "file:" + (&url.URL{Path: filepath.Clean(path)}).EscapedPath() + "?" + query
}

const (
	writeQuery = "mode=rw&_journal_mode=WAL&_synchronous=FULL&_txlock=immediate&_busy_timeout=5000" +
		"&_foreign_keys=1&_recursive_triggers=1&_locking_mode=NORMAL&_mutex=no"
	// The program asks the same few dozen questions again and again: their statements are kept.
	// One goroutine at a time uses a connection, so that SQLite need not lock it once more.
	readQuery = "mode=ro&_query_only=1&_busy_timeout=5000&_synchronous=FULL&_stmt_cache_size=64&_mutex=no"
)

// writerPace: the log is written back every 4,096 pages (16 MiB) instead of 1,000, for the
// pages that every commit touches are then written once instead of four times; up to
// 16 MiB of pages are kept, which only this connection changes.
const writerPace = "PRAGMA wal_autocheckpoint=4096; PRAGMA cache_size=-16384"

// Write opens an existing file for writing. The -wal and -shm files stay when
// the connection closes and get the group of the file, so that readers who may
// not create them can read, live or at rest. Settings that do not hold are
// found by Assert.
func Write(path string) (*Conn, error) {
	c, err := dial(address(path, writeQuery))
	if err != nil {
		return nil, err
	}
	err = c.harden()
	if err == nil {
		err = c.Script(writerPace)
	}
	if err == nil {
		err = c.raw.SetFileControlInt("main", sqlite3.SQLITE_FCNTL_PERSIST_WAL, 1)
	}
	if err == nil {
		_, err = c.One("SELECT count(*) FROM sqlite_schema") // makes -wal and -shm
	}
	if err == nil {
		err = shareGroup(path)
	}
	if err != nil {
		return nil, errors.Join(err, c.Leave(err))
	}
	return c, nil
}

// Read opens a file as an auditor does, live or at rest. A file alone, without
// what WAL keeps beside it, is a copy: it is opened as immutable, so that
// nothing is made beside it and its folder need not be writable.
func Read(path string) (*Conn, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	c, err := dial(address(path, readOf(path)))
	if err != nil {
		return nil, err
	}
	err = c.harden()
	if err == nil {
		_, err = c.One("SELECT count(*) FROM sqlite_schema")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w (a copy needs its -wal beside it, in a folder that can be written, "+
			"or must be made by journal backup)", path, err), c.Close())
	}
	return c, nil
}

// readOf is how a file is opened for reading, live or as a copy.
func readOf(path string) string {
	if alone(path) {
		return readQuery + "&immutable=1"
	}
	return readQuery
}

// alone tells a file that no commits can be waiting beside.
func alone(path string) bool {
	wal, err := os.Stat(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	_, shm := os.Stat(path + "-shm")
	return err == nil && wal.Size() == 0 && errors.Is(shm, fs.ErrNotExist)
}

// Backup writes a consistent copy of a file, live or at rest, to a new file of mode 0640, by
// SQLite's backup interface, and returns when it is on the disk. It keeps a writer from
// starting its log anew while it runs, but not from writing.
func Backup(ctx context.Context, path, into string) (err error) {
	c, err := dial(address(path, readOf(path)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	// All steps read in one transaction: else a commit of the daemon, another process, would begin the copy anew.
	if err := c.Script("BEGIN; SELECT count(*) FROM sqlite_schema"); err != nil {
		return err
	}
	if err := makeEmpty(into); err != nil {
		return err
	}
	// A crash here leaves an unfinished copy that does not verify.
	if err := copyPages(ctx, c, into); err != nil {
		return errors.Join(err, os.Remove(into))
	}
	return syncFile(into)
}

// pagesAStep is how much is copied between two looks at the context.
const pagesAStep = 4096

func copyPages(ctx context.Context, c *Conn, into string) (err error) {
	to, err := dial(address(into, "mode=rw&_journal_mode=OFF&_synchronous=OFF"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	b, err := to.raw.Backup("main", c.raw, "main")
	if err != nil {
		return err
	}
	for done := false; !done; {
		if done, err = b.Step(pagesAStep); err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return errors.Join(err, b.Finish())
		}
	}
	if err := b.Finish(); err != nil {
		return err
	}
	// The copied header says WAL; a copy is one file, and its reader must not make others beside it.
	return to.Script("PRAGMA journal_mode=DELETE")
}

// Scratch makes a database to be thrown away: nothing in it survives a crash.
func Scratch(path string) (*Conn, error) {
	return dial(address(path, "mode=rwc&_journal_mode=OFF&_synchronous=OFF&_foreign_keys=1"))
}

// Pool is a read-only pool of connections to the file, beside a writer, or to a copy.
func Pool(path string, connections int) (*sql.DB, error) {
	return pool(reader{path: path}, connections), nil
}

// Reports is a pool for queries that people type: each connection may read the file and
// nothing else. Neither another file nor a setting can be reached from SQL, so nothing can
// be written, whatever the query says.
//
// What begin does on each connection, such as to attach archives, comes before the fence; nil
// does nothing.
func Reports(path string, connections int, begin func(*Conn) error) *sql.DB {
	return pool(reader{path: path, fenced: true, begin: begin}, connections)
}

func pool(r reader, connections int) *sql.DB {
	db := sql.OpenDB(r)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if alone(r.path) {
		// What is a copy now may be the live file at the next query (a daemon killed while it
		// made the journal is started again): each query gets a connection of its own.
		db.SetMaxIdleConns(0)
	}
	return db
}

// reader opens each connection as the file is at that moment, live or a copy.
type reader struct {
	path   string
	fenced bool // only reading is authorized
	begin  func(*Conn) error
}

func (r reader) Connect(context.Context) (driver.Conn, error) {
	c, err := dial(address(r.path, readOf(r.path)))
	if err != nil {
		return nil, err
	}
	if r.begin != nil {
		// The pool closes the connection by itself: with a statement left, SQLite would keep it, and what it holds.
		if err := errors.Join(r.begin(c), c.forget()); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	if r.fenced {
		c.raw.RegisterAuthorizer(onlyReading)
	}
	return c.raw, nil
}

// Attached is how many other files a connection can read at once.
const Attached = 10

// Attach makes a file readable beside this one, under a name, and changes nothing in it.
func (c *Conn) Attach(path, name string) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	// SQLite takes it for writing where that is allowed: mode=ro and query_only forbid that.
	_, err := c.raw.Exec(`ATTACH ? AS `+name, []driver.Value{address(path, "mode=ro&immutable=1")})
	return err
}

// Temporary makes a view of this connection alone.
func (c *Conn) Temporary(view string) error {
	return c.Script("PRAGMA query_only=OFF; CREATE TEMP VIEW " + view + "; PRAGMA query_only=ON")
}

// recursive is SQLITE_RECURSIVE, which the driver does not name.
const recursive = 33

// onlyReading authorizes what a SELECT is made of. query_only and mode=ro are not enough:
// SQL can switch the one off, and the other does not hold for an attached file.
func onlyReading(op int, pragma, function, _ string) int {
	switch op {
	case sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, recursive:
		return sqlite3.SQLITE_OK
	case sqlite3.SQLITE_FUNCTION:
		if function != "load_extension" {
			return sqlite3.SQLITE_OK
		}
	case sqlite3.SQLITE_PRAGMA: // those that only describe tables
		if pragma == "table_info" || pragma == "table_xinfo" || pragma == "table_list" {
			return sqlite3.SQLITE_OK
		}
	}
	return sqlite3.SQLITE_DENY
}

func (r reader) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// harden sets what the address cannot.
func (c *Conn) harden() error {
	return c.Script("PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA journal_size_limit=67108864;")
}

// Assert reads every setting back and refuses a difference.
func (c *Conn) Assert() error {
	for _, s := range settings() {
		row, err := c.One("PRAGMA " + s.name)
		if err != nil {
			return fmt.Errorf("read pragma %s: %w", s.name, err)
		}
		got := "0" // a pragma that this build leaves out returns no row
		if row != nil {
			got = fmt.Sprint(row[0])
		}
		if got != s.want && s.name == "application_id" {
			return fmt.Errorf("not a journal: application_id is %s", got)
		}
		if got != s.want {
			return fmt.Errorf("pragma %s is %s, must be %s: refusing to write without it", s.name, got, s.want)
		}
	}
	return nil
}
