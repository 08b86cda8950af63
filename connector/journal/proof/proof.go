// Package proof shows that a journal is what was written: every hash, every
// number, and state tables that are what the events say. It changes nothing,
// needs no network and does not know the daemon. It opens record and sqlite.
package proof

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
)

// Options say what else to look at.
type Options struct {
	// Store checks one file of the content store by its SHA-256; nil = the store is not checked.
	Store func(sha256 string) error
	// Checkpoints are event numbers and hashes known from outside; the chain must pass through each. nil = none is known.
	Checkpoints iter.Seq2[int64, string]
	// Further asks the same file what else the caller wants to know, on a read-only pool, after all the rest; nil = nothing.
	Further func(db *sql.DB) error
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
	Rows      int64    `json:"rows"`      // rows of state tables compared
	Digests   int64    `json:"digests"`   // files of the store checked
	Witnessed int64    `json:"witnessed"` // newest event that a checkpoint confirms, 0 if none does
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
	if r.FirstBad == 0 || seq < r.FirstBad {
		r.FirstBad = seq
	}
	r.problem("event %d: "+format, append([]any{seq}, args...)...)
}

// verification is one run of Verify.
type verification struct {
	r       *Report
	o       Options
	c       *sqlite.Conn      // the journal, inside one read transaction
	named   []map[string]bool // files of the store that only events name
	rebuilt *sqlite.Conn      // nil when ChainOnly, or once a replay has failed
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

func (v *verification) all(ctx context.Context) (err error) {
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
		defer func() { err = errors.Join(err, done()) }()
	}
	if err := v.chain(ctx); err != nil {
		return err
	}
	if err := v.compare(ctx); err != nil {
		return err
	}
	if err := v.reliedOn(ctx); err != nil {
		return err
	}
	if err := v.store(ctx); err != nil || v.o.Further == nil {
		return err
	}
	db, err := sqlite.Pool(v.r.Path, 1)
	if err != nil {
		return err
	}
	return errors.Join(v.o.Further(db), db.Close())
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
func (v *verification) startRebuild() (done func() error, err error) {
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
	return func() error { return errors.Join(c.Close(), os.RemoveAll(dir)) }, nil
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
