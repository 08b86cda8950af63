// Package proof shows that a journal is what was written: every hash, every
// number, and state tables that are what the events say. It changes nothing,
// needs no network and does not know the daemon. It opens record and sqlite.
package proof

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
)

// Options say what else to look at.
type Options struct {
	// Store checks one file of the content store by its SHA-256; nil = the store is not checked.
	Store func(sha256 string) error
	// Checkpoints are hashes known from outside by event number; the chain must pass through each.
	Checkpoints map[int64]string
	// ChainOnly leaves out rebuilding the state tables, which takes most of the time.
	ChainOnly bool
	// Temp is where the state tables are rebuilt; "" = the system's folder for temporary files.
	Temp string
}

// Report is what Verify found. FirstBad is the number of the first event
// that is wrong or missing, 0 if none is.
type Report struct {
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

func (r *Report) problem(format string, args ...any) {
	if len(r.Problems) == maxProblems {
		r.Further++
		return
	}
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

func (r *Report) bad(seq int64, format string, args ...any) {
	if r.FirstBad == 0 {
		r.FirstBad = seq
	}
	r.problem("event %d: "+format, append([]any{seq}, args...)...)
}

// verification is one run of Verify.
type verification struct {
	r       *Report
	o       Options
	c       *sqlite.Conn // the journal, inside one read transaction
	rebuilt *sqlite.Conn // nil when ChainOnly, or once a replay has failed
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
func Verify(ctx context.Context, path string, o Options) (Report, error) {
	r := Report{Path: path, ChainOnly: o.ChainOnly}
	c, err := sqlite.Read(path)
	if err != nil {
		return r, fmt.Errorf("verify journal: %w", err)
	}
	v := &verification{r: &r, o: o, c: c}
	err = v.all(ctx)
	if err = errors.Join(err, c.Close()); err != nil {
		return r, fmt.Errorf("verify journal: %w", err)
	}
	r.OK = len(r.Problems) == 0
	return r, nil
}

func (v *verification) all(ctx context.Context) error {
	if err := v.c.Script("BEGIN"); err != nil {
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
	id, err := v.c.Number("PRAGMA application_id")
	if err != nil {
		return err
	}
	if id != sqlite.ApplicationID {
		v.r.problem("not a journal: application_id is %d", id)
		return nil
	}
	changed, err := sqlite.Differences(v.c, record.Migrations())
	if err != nil {
		v.r.problem("%v", err)
	}
	if len(changed) > 0 {
		v.r.problem("schema was changed: %s", strings.Join(changed, ", "))
	}
	for _, check := range []string{"PRAGMA integrity_check(10)", "PRAGMA foreign_key_check"} {
		err := v.c.Each(check, func(f sqlite.Fields) error {
			if f.Str(0) != "ok" {
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
	_, err := v.c.One(`SELECT ` + record.Columns + ` FROM event LIMIT 1`)
	return err == nil
}

// startRebuild makes an empty database for the replay.
func (v *verification) startRebuild() (done func(), err error) {
	dir, err := os.MkdirTemp(v.o.Temp, "journal-verify-")
	if err != nil {
		return nil, err
	}
	c, err := sqlite.Scratch(filepath.Join(dir, "rebuilt.db"))
	if err == nil {
		if _, _, err = sqlite.Migrate(c, record.Migrations()); err == nil {
			err = c.Script("BEGIN")
		}
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	v.rebuilt = c
	return func() {
		c.Close()
		os.RemoveAll(dir)
	}, nil
}

// chain reads every event once: hash, link, number, time, and its replay.
func (v *verification) chain(ctx context.Context) error {
	last, prev, lastAt := int64(0), record.NoHash, ""
	err := v.c.Each(`SELECT `+record.Columns+` FROM event ORDER BY seq`, func(f sqlite.Fields) error {
		if f.Num(0)%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		seq := f.Num(0)
		switch {
		case seq != last+1:
			v.r.bad(last+1, "missing; the next one is %d", seq)
		case f.Str(8) != prev:
			v.r.bad(seq, "prev is not the hash of the event before it")
		}
		sum, err := record.Chain(&v.buf, seq, f.Str(8), f.Str(1), f.Str(2), f.Str(3), f.Str(4), f.Str(5), strconv.FormatInt(f.Num(6), 10), f.Str(7))
		switch {
		case err != nil:
			v.r.bad(seq, "%v", err)
		case sum != f.Str(9):
			v.r.bad(seq, "content does not have the hash that stands beside it")
		case f.Str(1) < lastAt:
			v.r.bad(seq, "time %s is before the event before it", f.Str(1))
		}
		if want, ok := v.o.Checkpoints[seq]; ok && want != f.Str(9) {
			v.r.bad(seq, "hash %s is not the checkpoint's %s: the journal was written anew", f.Str(9), want)
		}
		v.replay(f)
		last, prev, lastAt = seq, f.Str(9), f.Str(1)
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
func (v *verification) replay(f sqlite.Fields) {
	if v.rebuilt == nil {
		return
	}
	e, err := record.Read(f)
	if err == nil {
		err = record.Project(v.rebuilt, &e)
	}
	if err != nil {
		v.r.bad(f.Num(0), "cannot be replayed: %v", err)
		v.rebuilt = nil
	}
}

// compare walks every state table beside its rebuilt twin.
func (v *verification) compare(ctx context.Context) error {
	row, err := v.c.One(`SELECT seq, hash FROM head`)
	if err != nil {
		v.r.problem("table head cannot be read: %v", err)
	} else if row == nil || row.Num(0) != v.r.Events && v.r.FirstBad == 0 || row.Str(1) != v.r.Head {
		v.r.problem("state tables do not stand at the last event")
	}
	if v.rebuilt == nil {
		return nil
	}
	for _, t := range record.Tables() {
		if err := v.compareTable(ctx, t[0], t[1]); err != nil {
			return err
		}
	}
	return nil
}

func (v *verification) compareTable(ctx context.Context, table, key string) error {
	query := `SELECT * FROM ` + table + ` ORDER BY ` + key
	want, err := v.rebuilt.Query(query)
	if err != nil {
		return err
	}
	defer want.Close()
	got, err := v.c.Query(query)
	if err != nil {
		v.r.problem("table %s cannot be read: %v", table, err)
		return nil
	}
	defer got.Close()
	for n := int64(1); ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		w, err := want.Next()
		if err != nil {
			return err
		}
		g, err := got.Next()
		if err != nil {
			v.r.problem("table %s cannot be read at row %d: %v", table, n, err)
			return nil
		}
		if w == nil && g == nil {
			return nil
		}
		v.r.Rows++
		if text := difference(want.Names(), w, g); text != "" {
			v.r.problem("table %s (%s): %s", table, key, text)
			return nil // one difference shifts all that follows
		}
	}
}

// difference tells how a row differs from what the events say, or "".
func difference(names []string, want, got sqlite.Fields) string {
	switch {
	case want == nil:
		return fmt.Sprintf("row %v is not from any event", got[:2])
	case got == nil:
		return fmt.Sprintf("row %v is missing", want[:2])
	}
	for i := range want {
		if !same(want[i], got[i]) {
			return fmt.Sprintf("row %v has %s %v, the events say %v", want[:2], names[i], got[i], want[i])
		}
	}
	return ""
}

// same compares two values of a strict table; what cannot stand in one, a blob
// put in by force, is never the same.
func same(want, got any) bool {
	switch want.(type) {
	case nil, int64, string:
		return want == got
	default:
		return false
	}
}

// store asks for every file that the journal names.
func (v *verification) store(ctx context.Context) error {
	if v.o.Store == nil {
		return nil
	}
	return v.c.Each(`SELECT source_sha256 FROM exchange WHERE source_sha256 <> ''
		UNION SELECT file_sha256 FROM exchange WHERE file_sha256 <> ''
		UNION SELECT sha256 FROM source UNION SELECT sha256 FROM arrival`, func(f sqlite.Fields) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v.r.Digests++
		if err := v.o.Store(f.Str(0)); err != nil {
			v.r.problem("store: %s: %v", f.Str(0), err)
		}
		return nil
	})
}

// Tail checks the last n events, that the projection stands at the same place
// and that nobody changed the schema: what a start can afford.
func Tail(c *sqlite.Conn, n int64) error {
	changed, err := sqlite.Differences(c, record.Migrations())
	if err != nil {
		return err
	}
	if len(changed) > 0 {
		return fmt.Errorf("schema was changed: %s: run journal verify", strings.Join(changed, ", "))
	}
	end, err := c.Number(`SELECT max(seq) FROM event`)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	last, prev := max(end-n, 0), ""
	if last == 0 {
		prev = record.NoHash
	}
	err = c.Each(`SELECT `+record.Columns+` FROM event WHERE seq > ? ORDER BY seq`, func(f sqlite.Fields) error {
		e, err := record.Read(f)
		if err != nil {
			return err
		}
		sum, err := e.Digest(&buf)
		if err != nil {
			return err
		}
		if sum != e.Hash || e.Seq != last+1 || prev != "" && e.Prev != prev {
			return fmt.Errorf("chain is broken at event %d: run journal verify, restore from a backup", last+1)
		}
		last, prev = e.Seq, e.Hash
		return nil
	}, last)
	if err != nil {
		return err
	}
	row, err := c.One(`SELECT seq, hash FROM head`)
	if err != nil {
		return err
	}
	if row == nil || row.Num(0) != last || row.Str(1) != prev {
		return fmt.Errorf("state tables do not stand at the last event %d: run journal verify", last)
	}
	return nil
}
