// Package journal is the book: what was done with every document, when, by
// whom, and the proof that nobody changed it since.
//
// The book is one SQLite file. Table event is an append-only chain of hashes
// (see [Event]); every other table is current state, written only by one
// projection of events, in the same transaction, and can be rebuilt from them
// ([Verify] does so and compares). Views (exchanges, receipts, incoming,
// overdue, visits, bank_daily, operator_acts, keys_expiring, banks) are for
// auditors and keep their names and columns.
//
// The package does not know what a document means, does not keep its bytes,
// persons' names or addresses, does not sign checkpoints and does not stop a
// second daemon: the lock on the state directory does. It opens its own rooms
// sqlite, state, record, numbers, standing, touch, group, volume, rebuild and proof.
//
// # Writing
//
// One goroutine writes. Callers hand it closures ([Book.Write]); the closures
// that wait when a commit returns make the next commit. Once a commit has
// failed the book is broken and every later Write says [ErrBroken]: nobody can
// know what is on the disk, so nothing may be done outside on its word.
//
// # Reading while the daemon writes
//
// Auditors read the live file with the SQLite tool they like, 3.37 or newer;
// sqlite3 3.40 of Debian 12 is tested. What one needs, and all that he needs:
//
//   - to be in the group of the file, which Create takes from the folder
//     (folder: root or the daemon, group of the auditors, mode 0750);
//   - read permission on journal.db, journal.db-wal and journal.db-shm: they
//     are kept at 0640 in that group. If the daemon is not in the group itself,
//     give the folder the setgid bit (2750), then the files are born in it.
//
// No options are needed (-readonly or ?mode=ro do no harm): without write
// permission SQLite opens read-only, can neither write nor checkpoint, and so
// cannot meet the WAL-reset bug of versions before 3.51.3. The -wal and -shm
// files stay when the daemon ends, because a reader could not create them; the
// file is readable at rest, after a kill and after a power cut as well. A long
// query keeps the log from starting anew (it grows, and shrinks to 64 MiB
// afterwards) and does not stop the daemon. Root must not open the file with
// an old tool: give it a copy made by [Book.Backup].
package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"bankconnector/connector/journal/group"
	"bankconnector/connector/journal/proof"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/standing"
	"bankconnector/connector/journal/touch"
	"bankconnector/connector/journal/volume"
)

// Errors that callers decide on.
var (
	// ErrBroken: a commit failed or the disk did. Nothing more is written; end the process.
	ErrBroken = errors.New("journal is broken")
	// ErrDuplicate: the same document, file or content is already in the book.
	ErrDuplicate = errors.New("already in the journal")
	// ErrConflict: the key is in the book with other content.
	ErrConflict = errors.New("key is in the journal with other content")
	// ErrStale: the row is not in the state that the caller believes.
	ErrStale = errors.New("state has changed")
	// ErrNotFound: no such row.
	ErrNotFound = standing.ErrNotFound
	// ErrClock: the clock went back by more than 2 s since the last event; nothing is written until it has caught up.
	ErrClock = errors.New("clock went back")

	errClosed   = errors.New("journal is closed")
	errReadOnly = errors.New("journal is open for reading only")
)

// Options are what the book takes from outside.
type Options struct {
	Now      func() time.Time // the clock; required
	Instance string           // name of this installation, written into every event; required
}

func (o Options) check() error {
	if o.Now == nil || o.Instance == "" {
		return errors.New("journal options: Now and Instance are required")
	}
	return nil
}

// position is the end of the chain, and of the numbers given to rows.
type position struct {
	seq  int64
	hash string
	at   time.Time

	exchange, arrival, visit int64 // the last id of each table
}

// Book is an open journal. Its methods are safe for concurrent callers.
type Book struct {
	standing.Tables // what the tables say now

	path     string
	readers  *sqlite.Readers
	read     *sql.DB // for reports; opens nothing until it is asked
	shelf    *volume.Shelf
	now      func() time.Time
	instance string

	queue    *group.Queue[job] // nil: open for reading only
	once     sync.Once
	closeErr error
	grown    chan struct{} // one token: events were committed; for one listener
	broken   atomic.Pointer[error]
	stands   atomic.Pointer[position] // as the last commit left it
	touched  touch.Touches

	// Owned by the writing goroutine.
	w    *sqlite.Conn
	end  position // as the transaction under way sees it
	page record.Page
}

// Create makes a new journal and opens it. The file must not exist: a wrong
// path must not start a second history. The folder must exist.
func Create(ctx context.Context, path string, o Options) (*Book, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := sqlite.Prepare(path); err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	// Until publish, a crash leaves only the .new file, which the next Create removes.
	if err := fill(sqlite.NewName(path), o); err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	if err := sqlite.Publish(path); err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	return Open(ctx, path, o)
}

// fill writes the schema and the first event.
func fill(path string, o Options) (err error) {
	c, err := sqlite.Write(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Leave(err)) }()
	if err := c.Script(fmt.Sprintf("PRAGMA application_id=%d", sqlite.ApplicationID)); err != nil {
		return err
	}
	if _, _, err := sqlite.Migrate(c, record.Migrations()); err != nil {
		return err
	}
	if err := note(c, o, "book.created"); err != nil {
		return err
	}
	return c.WriteBack()
}

// note appends one event about the book itself, outside the queue.
func note(c *sqlite.Conn, o Options, kind string) error {
	b := &Book{w: c, now: o.Now, instance: o.Instance}
	if err := b.readHead(); err != nil {
		return err
	}
	version, err := c.Number("PRAGMA user_version")
	if err != nil {
		return err
	}
	j := job{actor: "journal", fn: func(t *Tx) error {
		return t.append(kind, "", 0, struct {
			Format string `json:"format"`
			Schema int64  `json:"schema"`
		}{"bankconnector/journal/v1", version})
	}}
	var results [1]error
	_, err = b.transact([]job{j}, results[:])
	return errors.Join(err, results[0])
}

// Open opens an existing journal for writing. It refuses a file that is not a
// journal, is newer than the program, lies on a network file system, can be
// written by others, or whose settings, schema, last 1,000 events or
// projection do not agree. An older schema is brought forward first.
func Open(ctx context.Context, path string, o Options) (*Book, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := sqlite.Check(path); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	c, err := sqlite.Write(path)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	b := &Book{path: path, w: c, now: o.Now, instance: o.Instance, grown: make(chan struct{}, 1)}
	if err := b.ready(o); err != nil {
		return nil, fmt.Errorf("open journal: %w", errors.Join(err, c.Leave(err)))
	}
	b.look()
	if b.read, err = sqlite.Pool(path, readers); err == nil {
		_, _, err = b.Head(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("open journal for reading: %w", errors.Join(err, c.Leave(err)))
	}
	b.queue = group.New(b.commit)
	return b, nil
}

// look makes ready to read: the tables, and the events wherever they lie.
func (b *Book) look() {
	b.readers = sqlite.NewReaders(b.path, readers)
	b.Tables = standing.NewTables(b.readers)
	b.shelf = &volume.Shelf{Live: b.readers, Dir: volume.Folder(b.path)}
}

const (
	readers    = 4
	tailEvents = 1000
)

// ready asserts all that Open promises.
func (b *Book) ready(o Options) error {
	if err := b.w.Assert(); err != nil {
		return err
	}
	from, to, err := sqlite.Migrate(b.w, record.Migrations())
	if err != nil {
		return err
	}
	if err := proof.Tail(b.w, tailEvents); err != nil {
		return err
	}
	if from != to {
		if err := note(b.w, o, "book.migrated"); err != nil {
			return err
		}
	}
	return b.readHead()
}

func (b *Book) readHead() error {
	b.end = position{hash: record.NoHash}
	row, err := b.w.One(`SELECT seq, hash, at, (SELECT max(id) FROM exchange), (SELECT max(id) FROM arrival), (SELECT max(id) FROM visit)
		FROM event ORDER BY seq DESC LIMIT 1`)
	if err != nil {
		return err
	}
	if row != nil {
		at, err := sqlite.Time(row.Str(2))
		if err != nil {
			return fmt.Errorf("read last event: %w", err)
		}
		b.end = position{row.Num(0), row.Str(1), at, row.Num(3), row.Num(4), row.Num(5)}
	}
	stands := b.end
	b.stands.Store(&stands)
	return nil
}

// Full tells that the book is broken because its disk is full. Nothing of it was lost, and
// with more room it can be opened again.
func (b *Book) Full() bool { return sqlite.Full(b.brokenErr()) }

// Close finishes the commit under way, refuses further writes and closes the
// file. The second and later calls return what the first one did.
func (b *Book) Close() error {
	b.once.Do(func() {
		if b.queue != nil {
			b.queue.Close()
		}
		// Readers first: the last connection to leave writes the WAL back, but for a broken book.
		b.closeErr = errors.Join(b.read.Close(), b.readers.Close(), b.w.Leave(b.brokenErr()))
	})
	return b.closeErr
}

// Backup writes a consistent copy of the journal to a new file and returns when
// it is on the disk. Writing goes on meanwhile; the copy verifies by itself.
func (b *Book) Backup(ctx context.Context, into string) error {
	if err := sqlite.Backup(ctx, b.path, into); err != nil {
		return fmt.Errorf("back up journal: %w", err)
	}
	return nil
}

// DB is a read-only pool on the same file, for reports.
func (b *Book) DB() *sql.DB { return b.read }

// Grown has a token when events were committed since the last one was taken. It is for one
// listener, who looks at Head then; a book open for reading only never has one.
func (b *Book) Grown() <-chan struct{} { return b.grown }

// Head is the last committed event, as the file tells it: its number and hash.
func (b *Book) Head(ctx context.Context) (seq int64, hash string, err error) {
	err = b.readers.Do(ctx, func(c *sqlite.Conn) error {
		row, err := c.One(`SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1`)
		if err == nil && row == nil {
			err = ErrNotFound
		}
		if err == nil {
			seq, hash = row.Num(0), row.Str(1)
		}
		return err
	})
	if err != nil {
		return 0, "", fmt.Errorf("read journal head: %w", err)
	}
	return seq, hash, nil
}

// Latest is the last event that this process has committed, without looking into the
// file; it is for a book that was opened for writing.
func (b *Book) Latest() (seq int64, hash string) {
	last := b.stands.Load()
	return last.seq, last.hash
}
