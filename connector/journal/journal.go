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
// second daemon: the lock on the state directory does. It calls no other room.
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
// The file is in WAL mode with normal locking and mode 0640, and SQLite gives
// its -wal and -shm files the same mode, owner and group. A member of the
// group reads the live file with any SQLite from 3.37 on, opened read-only
// (sqlite3 -readonly, or a file: URI with mode=ro). He needs search permission
// on the folder and read permission on the three files, nothing else: he can
// neither write nor checkpoint. The -wal and -shm files are kept when the
// daemon stops, because without them a reader who cannot create them could
// not open the file.
package journal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"
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
	ErrNotFound = errors.New("not in the journal")
	// ErrClock: the clock went back by more than 2 s since the last event; nothing is written until it caught up.
	ErrClock = errors.New("clock went back")

	errClosed = errors.New("journal is closed")
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

// position is the end of the chain.
type position struct {
	seq  int64
	hash string
	at   time.Time
}

// Book is an open journal. Its methods are safe for concurrent callers.
type Book struct {
	read     *sql.DB
	now      func() time.Time
	instance string

	queue    chan *job
	closing  chan struct{}
	finished chan struct{}
	once     sync.Once
	closeErr error
	broken   atomic.Pointer[error]

	// Owned by the writing goroutine.
	w    *conn
	head position
	buf  bytes.Buffer
}

// Create makes a new journal and opens it. The file must not exist: a wrong
// path must not start a second history. The folder must exist.
func Create(ctx context.Context, path string, o Options) (*Book, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := prepareFile(path); err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	// Until publish, a crash leaves only the .new file, which the next Create removes.
	if err := fill(newName(path), o); err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	if err := publishFile(path); err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	return Open(ctx, path, o)
}

// fill writes the schema and the first event.
func fill(path string, o Options) error {
	c, err := dial(writeDSN(path))
	if err != nil {
		return err
	}
	if err := begin(c, o); err != nil {
		return errors.Join(err, c.close())
	}
	return c.close()
}

func begin(c *conn, o Options) error {
	if err := c.script(fmt.Sprintf("PRAGMA application_id=%d", applicationID)); err != nil {
		return err
	}
	if _, _, err := migrate(c, migrations); err != nil {
		return err
	}
	return record(c, o, "book.created")
}

// record appends one event about the book itself, outside the queue.
func record(c *conn, o Options, kind string) error {
	b := &Book{w: c, now: o.Now, instance: o.Instance}
	if err := b.readHead(); err != nil {
		return err
	}
	version, err := c.number("PRAGMA user_version")
	if err != nil {
		return err
	}
	j := &job{actor: "journal", fn: func(t *Tx) error {
		return t.append(kind, "", 0, struct {
			Format string `json:"format"`
			Schema int64  `json:"schema"`
		}{"bankconnector/journal/v1", version})
	}}
	var results [1]error
	return errors.Join(b.transact([]*job{j}, results[:]), results[0])
}

// Open opens an existing journal for writing. It refuses a file that is not a
// journal, is newer than the program, lies on a network file system, can be
// written by others, whose settings, schema, last 1,000 events or projection
// do not agree. An older schema is brought forward first.
func Open(ctx context.Context, path string, o Options) (*Book, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := checkFile(path); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	c, err := dial(writeDSN(path))
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	b := &Book{
		w: c, now: o.Now, instance: o.Instance,
		queue: make(chan *job), closing: make(chan struct{}), finished: make(chan struct{}),
	}
	if err := b.ready(o); err != nil {
		return nil, fmt.Errorf("open journal: %w", errors.Join(err, c.close()))
	}
	b.read, err = sql.Open("sqlite3", readDSN(path))
	if err == nil {
		b.read.SetMaxOpenConns(4)
		b.read.SetMaxIdleConns(4)
		err = b.read.PingContext(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("open journal for reading: %w", errors.Join(err, c.close()))
	}
	go b.run()
	return b, nil
}

// ready asserts all that Open promises.
func (b *Book) ready(o Options) error {
	if id, err := b.w.number("PRAGMA application_id"); err != nil {
		return err
	} else if id != applicationID {
		return fmt.Errorf("not a journal: application_id is %d", id)
	}
	if err := b.w.raw.SetFileControlInt("main", sqlite3.SQLITE_FCNTL_PERSIST_WAL, 1); err != nil {
		return fmt.Errorf("keep -wal and -shm: %w", err)
	}
	if err := harden(b.w); err != nil {
		return err
	}
	if err := assertSettings(b.w); err != nil {
		return err
	}
	from, to, err := migrate(b.w, migrations)
	if err != nil {
		return err
	}
	if err := checkSchema(b.w); err != nil {
		return err
	}
	if err := checkTail(b.w, tailEvents); err != nil {
		return err
	}
	if from != to {
		if err := record(b.w, o, "book.migrated"); err != nil {
			return err
		}
	}
	return b.readHead()
}

const tailEvents = 1000

func (b *Book) readHead() error {
	b.head = position{hash: noHash}
	row, err := b.w.one(`SELECT seq, hash, at FROM event ORDER BY seq DESC LIMIT 1`)
	if err != nil || row == nil {
		return err
	}
	at, err := readStamp(row.str(2))
	if err != nil {
		return fmt.Errorf("read last event: %w", err)
	}
	b.head = position{seq: row.num(0), hash: row.str(1), at: at}
	return nil
}

// checkTail verifies the last n events and that the projection stands at the
// same place.
func checkTail(c *conn, n int64) error {
	var buf bytes.Buffer
	last, prev := int64(0), ""
	err := c.each(`SELECT `+eventColumns+` FROM (SELECT * FROM event ORDER BY seq DESC LIMIT ?) ORDER BY seq`,
		func(f fields) error {
			e, err := eventFrom(f)
			if err != nil {
				return err
			}
			if sum, err := e.digest(&buf); err != nil {
				return err
			} else if sum != e.Hash || prev != "" && (e.Prev != prev || e.Seq != last+1) {
				return fmt.Errorf("chain is broken at event %d: run journal verify, restore from a backup", e.Seq)
			}
			last, prev = e.Seq, e.Hash
			return nil
		}, n)
	if err != nil {
		return err
	}
	row, err := c.one(`SELECT seq, hash FROM head`)
	if err != nil {
		return err
	}
	if row == nil || row.num(0) != last || row.str(1) != prev {
		return fmt.Errorf("state tables do not stand at the last event %d: run journal verify", last)
	}
	return nil
}

// Close finishes the commit under way, refuses further writes and closes the
// file. The second and later calls return what the first one did.
func (b *Book) Close() error {
	b.once.Do(func() {
		close(b.closing)
		<-b.finished
		// Readers first: the last connection to leave writes the WAL back.
		b.closeErr = errors.Join(b.read.Close(), b.w.close())
	})
	return b.closeErr
}

// DB is a read-only pool on the same file, for reports.
func (b *Book) DB() *sql.DB { return b.read }

// Head is the last committed event: its number and hash.
func (b *Book) Head(ctx context.Context) (seq int64, hash string, err error) {
	err = b.read.QueryRowContext(ctx, `SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1`).Scan(&seq, &hash)
	if err != nil {
		return 0, "", fmt.Errorf("read journal head: %w", err)
	}
	return seq, hash, nil
}
