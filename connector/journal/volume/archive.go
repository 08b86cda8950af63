package volume

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
)

const (
	// Version stands in user_version of an archive: no journal has a schema of that number, so
	// that no program takes an archive for the journal itself.
	Version = 1001

	fileMode = 0o440
	portion  = 4096 // events read at once
)

// archiveTable is table event of the journal, as it is there, and what the file is. Nothing in
// it may change.
const archiveTable = `
CREATE TABLE event (
  seq      INTEGER PRIMARY KEY,
  at       TEXT    NOT NULL,
  instance TEXT    NOT NULL,
  actor    TEXT    NOT NULL,
  kind     TEXT    NOT NULL,
  bank     TEXT    NOT NULL,
  exchange INTEGER NOT NULL,
  body     TEXT    NOT NULL,
  prev     TEXT    NOT NULL,
  hash     TEXT    NOT NULL
) STRICT;
CREATE INDEX event_exchange ON event (exchange, seq) WHERE exchange <> 0;
CREATE TABLE archive (
  month TEXT    NOT NULL,
  first INTEGER NOT NULL,
  last  INTEGER NOT NULL,
  prev  TEXT    NOT NULL,
  head  TEXT    NOT NULL
) STRICT;
CREATE VIEW journal_help (name, column_name, meaning) AS VALUES
('event', '', 'События одного месяца из журнала journal.db; столбцы те же, их объясняет journal_help журнала'),
('archive', '', 'Что это за файл; одна строка. Его SHA-256 называет событие book.archived журнала'),
('archive', 'month', 'Месяц событий, UTC'),
('archive', 'first', 'Первое событие'),
('archive', 'last', 'Последнее событие'),
('archive', 'prev', 'Хэш события перед первым: последний хэш предыдущего архива'),
('archive', 'head', 'Хэш последнего события: с него продолжается следующий архив или журнал'),
('journal_help', '', 'Эта справка');
`

// closing makes every change an error; set when all rows are in.
const closing = `
CREATE TRIGGER event_insert BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'an archive does not change'); END;
CREATE TRIGGER event_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'an archive does not change'); END;
CREATE TRIGGER event_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'an archive does not change'); END;
`

// Stretch is the part of the chain that a month is.
type Stretch struct {
	Month       string // "2026-01"
	First, Last int64
	Prev, Head  string // hash of the event before, and of the last one
}

// Name is the file's name in the folder of archives.
func (s Stretch) Name() string { return "journal-" + s.Month + ".db" }

// ErrOther reports a file in an archive's place that does not hold the stretch.
var ErrOther = errors.New("another file lies in the archive's place")

// Bind writes a stretch of a journal into its archive, proves what it wrote and gives it its
// name. The journal is only read. A file that is there already is taken when it holds that
// very stretch, for a crash may have come between it and its event; else it is ErrOther.
//
// A crash before the file has its name leaves only a file .new, which the next Bind removes;
// one after leaves a whole archive that no event names yet, beside a journal that still has
// every event.
func Bind(ctx context.Context, journal, dir string, s Stretch) (a record.Archived, err error) {
	path := filepath.Join(dir, s.Name())
	if _, err := os.Lstat(path); err == nil {
		if a, err = Inspect(ctx, path, s); err != nil {
			err = fmt.Errorf("%w: %s: %w: move it away, then archive once more", ErrOther, path, err)
		}
		return a, err
	} else if !errors.Is(err, fs.ErrNotExist) {
		return a, err
	}
	if err := sqlite.Folder(dir); err != nil {
		return a, err
	}
	if err := enough(journal, dir, s); err != nil {
		return a, err
	}
	if err := sqlite.Prepare(path); err != nil {
		return a, err
	}
	err = fill(ctx, journal, sqlite.NewName(path), s)
	if err == nil {
		err = sqlite.Settle(sqlite.NewName(path), fileMode)
	}
	if err == nil { // what was written is read back from the file before anybody relies on it
		a, err = Inspect(ctx, sqlite.NewName(path), s)
	}
	if err != nil { // the journal may need the room
		return a, errors.Join(fmt.Errorf("make %s: %w", s.Name(), err), os.Remove(sqlite.NewName(path)))
	}
	return a, sqlite.Publish(path)
}

// ErrRoom reports a disk that could become full by an archive; the journal would stop on it.
var ErrRoom = errors.New("not enough room on the disk for the archive")

// reserve stays free besides an archive, in octets.
const reserve = 64 << 20

// enough is ErrRoom unless the disk takes the archive twice over: its size is estimated by its
// share of the journal's events.
func enough(journal, dir string, s Stretch) error {
	info, err := os.Stat(journal)
	if err != nil {
		return err
	}
	c, err := sqlite.Read(journal)
	if err != nil {
		return err
	}
	all, err := c.Number(`SELECT max(seq) - min(seq) + 1 FROM event`)
	if err = errors.Join(err, c.Close()); err != nil {
		return err
	}
	free, err := sqlite.Room(dir)
	if err != nil {
		return err
	}
	share := float64(s.Last-s.First+1) / float64(max(all, 1))
	if need := int64(2*share*float64(info.Size())) + reserve; free < need {
		return fmt.Errorf("%w: %s has %d MiB left, %s needs %d: make room there, then archive once more", ErrRoom, dir, free>>20, s.Name(), need>>20)
	}
	return nil
}

// fill writes the rows of the stretch.
func fill(ctx context.Context, journal, path string, s Stretch) (err error) {
	from, err := sqlite.Read(journal)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := sqlite.Scratch(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if err := to.Script(fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d; BEGIN; %s", sqlite.ApplicationID, Version, archiveTable)); err != nil {
		return err
	}
	// A portion at a time, each with an end: a long query would keep the journal's log from starting anew.
	for last := s.First - 1; last < s.Last; {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := min(last+portion, s.Last)
		err := from.Each(`SELECT `+record.Columns+` FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq`, func(f sqlite.Fields) error {
			return to.Put(`INSERT INTO event (`+record.Columns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
				f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9])
		}, last+1, end)
		if err != nil {
			return err
		}
		last = end
	}
	if err := to.Put(`INSERT INTO archive (month, first, last, prev, head) VALUES (?, ?, ?, ?, ?)`, s.Month, s.First, s.Last, s.Prev, s.Head); err != nil {
		return err
	}
	return to.Script(closing + "COMMIT")
}

// Inspect proves that a file is an archive of a stretch: its schema, every hash from the one
// before the first event to the head, SQLite's own check. It returns what an event says of it.
func Inspect(ctx context.Context, path string, s Stretch) (a record.Archived, err error) {
	c, err := sqlite.Read(path)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := Form(c); err != nil {
		return a, err
	}
	row, err := c.One(`SELECT month, first, last, prev, head FROM archive LIMIT 1`)
	if err != nil {
		return a, err
	}
	if row == nil || (Stretch{row.Str(0), row.Num(1), row.Num(2), row.Str(3), row.Str(4)}) != s {
		return a, fmt.Errorf("it says of itself %v", row)
	}
	a = record.Archived{File: s.Name(), Month: s.Month, First: s.First, Last: s.Last, Prev: s.Prev, Head: s.Head}
	if err := inspect(ctx, c, &a); err != nil {
		return a, err
	}
	if row, err = c.One("PRAGMA integrity_check(1)"); err != nil || row.Str(0) != "ok" {
		return a, errors.Join(err, fmt.Errorf("integrity_check: %v", row))
	}
	a.SHA256, a.Size, err = Digest(ctx, path)
	return a, err
}

// inspect walks the chain of the file.
func inspect(ctx context.Context, c *sqlite.Conn, a *record.Archived) error {
	var buf bytes.Buffer
	next, prev := a.First, a.Prev
	err := c.Each(`SELECT `+record.Columns+` FROM event ORDER BY seq`, func(f sqlite.Fields) error {
		seq := f.Num(0)
		sum, err := record.Chain(&buf, seq, f.Str(8), f.Str(1), f.Str(2), f.Str(3), f.Str(4), f.Str(5), strconv.FormatInt(f.Num(6), 10), f.Str(7))
		switch {
		case err != nil:
			return err
		case seq != next:
			return fmt.Errorf("event %d is missing", next)
		case f.Str(8) != prev:
			return fmt.Errorf("event %d does not follow the one before it", seq)
		case string(sum) != f.Str(9):
			return fmt.Errorf("event %d does not have the hash that stands beside it", seq)
		}
		if seq == a.First {
			a.FromAt = f.Str(1)
		}
		next, prev, a.ToAt = seq+1, f.Str(9), f.Str(1)
		return ctx.Err()
	})
	switch {
	case err != nil:
		return err
	case next != a.Last+1:
		return fmt.Errorf("its last event is %d, not %d", next-1, a.Last)
	case prev != a.Head:
		return fmt.Errorf("its head is %s, not %s", prev, a.Head)
	}
	return nil
}

// Form is an error unless a file has the very schema of an archive and says what it is once.
func Form(c *sqlite.Conn) error {
	wrong, err := sqlite.Differences(c, func(int64) (map[string]string, error) { return sqlite.Made(archiveTable + closing) })
	if err != nil {
		return err
	}
	for _, p := range []struct {
		name string
		want int64
	}{{"application_id", sqlite.ApplicationID}, {"user_version", Version}} {
		n, err := c.Number("PRAGMA " + p.name)
		if err != nil {
			return err
		}
		if n != p.want {
			wrong = append(wrong, fmt.Sprintf("%s is %d", p.name, n))
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return fmt.Errorf("it has not the form of an archive: %v", wrong)
	}
	return nil
}

// Digest is the SHA-256 of a file in hex, and its size in octets.
func Digest(ctx context.Context, path string) (digest string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	sum := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		n, err := f.Read(buf)
		_, _ = sum.Write(buf[:n]) // a hash takes everything
		size += int64(n)
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(sum.Sum(nil)), size, nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return "", size, err
		}
	}
}
