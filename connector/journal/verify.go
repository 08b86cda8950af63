package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// VerifyOptions say what else to look at.
type VerifyOptions struct {
	// Store checks one file of the content store by its SHA-256; nil = the store is not checked.
	Store func(sha256 string) error
	// Checkpoints are hashes known from outside by event number; the chain must pass through each.
	Checkpoints map[int64]string
	// ChainOnly leaves out rebuilding the state tables, which takes most of the time.
	ChainOnly bool
	// Temp is where the state tables are rebuilt; "" = the system's folder for temporary files.
	Temp string
}

// VerifyReport is what Verify found. FirstBad is the number of the first event
// that is wrong or missing, 0 if none is.
type VerifyReport struct {
	OK        bool     `json:"ok"`
	Path      string   `json:"path"`
	Events    int64    `json:"events"`
	Head      string   `json:"head"`
	FirstBad  int64    `json:"first_bad,omitempty"`
	Rows      int64    `json:"rows"`    // rows of state tables compared
	Digests   int64    `json:"digests"` // files of the store checked
	ChainOnly bool     `json:"chain_only,omitempty"`
	Problems  []string `json:"problems,omitempty"` // the first 50
	Further   int      `json:"further,omitempty"`  // problems not listed
}

const maxProblems = 50

func (r *VerifyReport) problem(format string, args ...any) {
	if len(r.Problems) == maxProblems {
		r.Further++
		return
	}
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

func (r *VerifyReport) bad(seq int64, format string, args ...any) {
	if r.FirstBad == 0 {
		r.FirstBad = seq
	}
	r.problem("event %d: "+format, append([]any{seq}, args...)...)
}

// verification is one run of Verify.
type verification struct {
	r       *VerifyReport
	o       VerifyOptions
	c       *conn // the journal, inside one read transaction
	rebuilt *conn // nil when ChainOnly, or once a replay has failed
	buf     bytes.Buffer
}

// Verify proves a journal, also a copy of one or the live file, and changes
// nothing in it: the hash of every event, the numbers without a gap, the
// checkpoints, the state tables rebuilt from the events and compared row by
// row, the schema, SQLite's own integrity check. Memory does not grow with the
// journal. The error is for what kept Verify from looking; what it found wrong
// is in the report.
//
// A chain alone cannot show that its end was cut off, or that all of it was
// computed anew: give it checkpoints from outside.
func Verify(ctx context.Context, path string, o VerifyOptions) (VerifyReport, error) {
	r := VerifyReport{Path: path, ChainOnly: o.ChainOnly}
	c, err := openForProof(path)
	if err != nil {
		return r, fmt.Errorf("verify journal: %w", err)
	}
	v := &verification{r: &r, o: o, c: c}
	err = v.all(ctx)
	if err = errors.Join(err, c.close()); err != nil {
		return r, fmt.Errorf("verify journal: %w", err)
	}
	r.OK = len(r.Problems) == 0
	return r, nil
}

// openForProof opens a live file as a reader does. A file without its -wal is
// at rest, or a copy on a medium that cannot be written: it is opened as
// immutable, so that nothing is made beside it.
func openForProof(path string) (*conn, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	dsn := readDSN(path)
	if info, err := os.Stat(path + "-wal"); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		dsn += "&immutable=1"
	}
	c, err := dial(dsn)
	if err != nil {
		return nil, err
	}
	if err := harden(c); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (v *verification) all(ctx context.Context) error {
	if err := v.c.script("BEGIN"); err != nil {
		return err
	}
	if err := v.shape(); err != nil {
		return err
	}
	if len(v.r.Problems) > 0 && !v.readable() {
		return nil
	}
	if !v.o.ChainOnly {
		done, err := v.startRebuild()
		if err != nil {
			return err
		}
		defer done()
	}
	if err := v.chain(ctx); err != nil {
		return err
	}
	if err := v.compare(ctx); err != nil {
		return err
	}
	return v.store(ctx)
}

// shape checks the file as SQLite and as a journal of this version.
func (v *verification) shape() error {
	id, err := v.c.number("PRAGMA application_id")
	if err != nil {
		return err
	}
	if id != applicationID {
		v.r.problem("not a journal: application_id is %d", id)
		return nil
	}
	if err := checkSchema(v.c); err != nil {
		v.r.problem("%v", err)
	}
	for _, check := range []string{"PRAGMA integrity_check(10)", "PRAGMA foreign_key_check"} {
		err := v.c.each(check, func(f fields) error {
			if f.str(0) != "ok" {
				v.r.problem("%s: %v", check, f)
			}
			return nil
		})
		if err != nil {
			v.r.problem("%s: %v", check, err)
		}
	}
	return nil
}

func (v *verification) readable() bool {
	_, err := v.c.one(`SELECT ` + eventColumns + ` FROM event LIMIT 1`)
	return err == nil
}

// startRebuild makes an empty database for the replay.
func (v *verification) startRebuild() (done func(), err error) {
	dir, err := os.MkdirTemp(v.o.Temp, "journal-verify-")
	if err != nil {
		return nil, err
	}
	c, err := dial(address(filepath.Join(dir, "rebuilt.db"), "mode=rwc&_journal_mode=OFF&_synchronous=OFF&_foreign_keys=1"))
	if err == nil {
		if _, _, err = migrate(c, migrations); err == nil {
			err = c.script("BEGIN")
		}
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	v.rebuilt = c
	return func() {
		c.close()
		os.RemoveAll(dir)
	}, nil
}

// chain reads every event once: hash, link, number, time, and its replay.
func (v *verification) chain(ctx context.Context) error {
	last, prev, lastAt := int64(0), noHash, ""
	err := v.c.each(`SELECT `+eventColumns+` FROM event ORDER BY seq`, func(f fields) error {
		if f.num(0)%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		seq := f.num(0)
		switch {
		case seq != last+1:
			v.r.bad(last+1, "missing; the next one is %d", seq)
		case f.str(8) != prev:
			v.r.bad(seq, "prev is not the hash of the event before it")
		}
		sum, err := chain(&v.buf, seq, f.str(8), f.str(1), f.str(2), f.str(3), f.str(4), f.str(5), fmt.Sprint(f.num(6)), f.str(7))
		switch {
		case err != nil:
			v.r.bad(seq, "%v", err)
		case sum != f.str(9):
			v.r.bad(seq, "content does not have the hash that stands beside it")
		case f.str(1) < lastAt:
			v.r.bad(seq, "time %s is before the event before it", f.str(1))
		}
		if want, ok := v.o.Checkpoints[seq]; ok && want != f.str(9) {
			v.r.bad(seq, "hash %s is not the checkpoint's %s: the journal was written anew", f.str(9), want)
		}
		v.replay(f)
		last, prev, lastAt = seq, f.str(9), f.str(1)
		v.r.Events++
		return nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		v.r.bad(last+1, "cannot be read: %v", err)
	}
	v.r.Head = prev
	for seq := range v.o.Checkpoints {
		if seq > last {
			v.r.bad(last+1, "missing: a checkpoint from outside knows event %d, the end was cut off or an old copy restored", seq)
		}
	}
	return nil
}

// replay projects an event into the rebuilt tables. After the first failure
// the rest would only repeat it.
func (v *verification) replay(f fields) {
	if v.rebuilt == nil {
		return
	}
	e, err := eventFrom(f)
	if err == nil {
		err = project(v.rebuilt, &e)
	}
	if err != nil {
		v.r.bad(f.num(0), "cannot be replayed: %v", err)
		v.rebuilt = nil
	}
}

// stateTables lists the tables that project writes, with their keys.
func stateTables() [][2]string {
	return [][2]string{
		{"exchange", "id"}, {"source", "exchange, place"}, {"stream", "bank, stream"}, {"arrival", "id"},
		{"visit", "id"}, {"slot", "bank, slot"}, {"act", "seq"}, {"credential", "place"}, {"bank", "bic"},
		{"day", "bank, day"},
	}
}

// compare walks every state table beside its rebuilt twin.
func (v *verification) compare(ctx context.Context) error {
	row, err := v.c.one(`SELECT seq, hash FROM head`)
	if err != nil {
		v.r.problem("table head cannot be read: %v", err)
	} else if row == nil || row.num(0) != v.r.Events && v.r.FirstBad == 0 || row.str(1) != v.r.Head {
		v.r.problem("state tables do not stand at the last event")
	}
	if v.rebuilt == nil {
		return nil
	}
	for _, t := range stateTables() {
		if err := v.compareTable(ctx, t[0], t[1]); err != nil {
			return err
		}
	}
	return nil
}

func (v *verification) compareTable(ctx context.Context, table, key string) error {
	query := `SELECT * FROM ` + table + ` ORDER BY ` + key
	want, err := v.rebuilt.cursor(query)
	if err != nil {
		return err
	}
	defer want.close()
	got, err := v.c.cursor(query)
	if err != nil {
		v.r.problem("table %s cannot be read: %v", table, err)
		return nil
	}
	defer got.close()
	for n := int64(1); ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		w, err := want.next()
		if err != nil {
			return err
		}
		g, err := got.next()
		if err != nil {
			v.r.problem("table %s cannot be read at row %d: %v", table, n, err)
			return nil
		}
		if w == nil && g == nil {
			return nil
		}
		v.r.Rows++
		if text := difference(want.names, w, g); text != "" {
			v.r.problem("table %s (%s): %s", table, key, text)
			return nil // one difference shifts all that follows
		}
	}
}

// difference tells how a row differs from what the events say, or "".
func difference(names []string, want, got fields) string {
	switch {
	case want == nil:
		return fmt.Sprintf("row %v is not from any event", got[:2])
	case got == nil:
		return fmt.Sprintf("row %v is missing", want[:2])
	}
	for i := range want {
		if want[i] != got[i] {
			return fmt.Sprintf("row %v has %s %v, the events say %v", want[:2], names[i], got[i], want[i])
		}
	}
	return ""
}

// store asks for every file that the journal names.
func (v *verification) store(ctx context.Context) error {
	if v.o.Store == nil {
		return nil
	}
	return v.c.each(`SELECT source_sha256 FROM exchange WHERE source_sha256 <> ''
		UNION SELECT file_sha256 FROM exchange WHERE file_sha256 <> ''
		UNION SELECT sha256 FROM source UNION SELECT sha256 FROM arrival`, func(f fields) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v.r.Digests++
		if err := v.o.Store(f.str(0)); err != nil {
			v.r.problem("store: %s: %v", f.str(0), err)
		}
		return nil
	})
}
