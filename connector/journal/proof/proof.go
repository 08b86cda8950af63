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
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"bankconnector/connector/journal/rebuild"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/volume"
)

// Options say what else to look at.
type Options struct {
	// Store checks one file of the content store by its SHA-256, several at once; nil = the store is not checked.
	Store func(sha256 string) error
	// Removed is told, before Store is asked, which segments of the store the journal says are removed, each with the
	// SHA-256 of the index that stays; of a document that lay in one Store then says volume.ErrDiscarded. nil = nobody asks.
	Removed func(indexes map[string]string) error
	// Checkpoints are event numbers and hashes known from outside; the chain must pass through each. nil = none is known.
	Checkpoints iter.Seq2[int64, string]
	// Adopted are hashes of events book.adopted that the caller knows of: what such an event gave up is no problem then.
	Adopted []string
	// Further asks the same file what else the caller wants to know, on a read-only pool, after all the rest; nil = nothing.
	Further func(db *sql.DB) error
	// ChainOnly leaves out what takes most of the time: rebuilding the state tables, and SQLite's own check of the file.
	ChainOnly bool
	// Archives is the folder of the archives that the journal names; "" = archive, beside the journal.
	Archives string
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
	Last      int64    `json:"last"`                // number of the last event
	Archives  int      `json:"archives,omitempty"`  // files that hold the first ones
	Retired   []string `json:"retired,omitempty"`   // each: archive that the journal says was removed by the rule of retention
	Rows      int64    `json:"rows"`                // rows of state tables compared
	Digests   int64    `json:"digests"`             // files of the store checked
	Discarded int64    `json:"discarded,omitempty"` // of them those that the journal says were removed by the rule of retention
	Witnessed int64    `json:"witnessed"`           // newest event that a checkpoint confirms, 0 if none does
	ChainOnly bool     `json:"chain_only,omitempty"`
	Adoptions []string `json:"adoptions,omitempty"` // each: who went on with a restored journal, when and why
	Problems  []string `json:"problems,omitempty"`  // the first 50
	Further   int      `json:"further,omitempty"`   // problems not listed
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
	held    chan *sqlite.Conn // the same moment of it, for others
	end     int64             // number of the last event
	adopted []adoption
	named   []map[string]bool   // files of the store that only events name
	rebuilt *rebuild.Rebuilding // nil when ChainOnly, or once a replay has failed

	dir     string           // folder of the archives
	pieces  []*piece         // of the chain, in order
	lent    *piece           // whose connection is open
	retired *volume.Volume   // newest archive that was removed; nil: none was
	ends    map[int64]string // hashes of the last events of those that were removed
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
	err = v.hold()
	defer func() { err = errors.Join(err, v.release()) }()
	if err != nil {
		return err
	}
	if err := v.shape(); err != nil {
		return err
	}
	if len(v.r.Problems) > 0 && !v.readable() {
		return nil
	}
	if v.end, err = v.c.Number(`SELECT max(seq) FROM event`); err != nil {
		v.r.bad(1, "cannot be read: %v", err)
		return nil
	}
	v.r.Last = v.end
	v.list()
	if !v.o.ChainOnly {
		if v.rebuilt, err = rebuild.New(v.o.Temp); err != nil {
			return err
		}
		defer func(r *rebuild.Rebuilding) { err = errors.Join(err, r.Close()) }(v.rebuilt)
	}
	if err := v.read(ctx); err != nil {
		return err
	}
	if err := v.adoptions(); err != nil {
		return err
	}
	if err := v.witness(ctx); err != nil {
		return err
	}
	if err := v.compare(ctx); err != nil {
		return err
	}
	v.discarded()
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
	changed, err := sqlite.Differences(v.c, known)
	if err != nil {
		v.r.problem("%v", err)
	}
	if len(changed) > 0 {
		v.r.problem("schema was changed: %s", strings.Join(changed, ", "))
	}
	return nil
}

// whole asks SQLite for its own check of every page, index and constraint, on a connection
// of its own.
func whole(path string) (found []string, err error) {
	c, err := sqlite.Read(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for _, check := range []string{"PRAGMA integrity_check(10)", "PRAGMA foreign_key_check"} {
		err := c.Each(check, func(f sqlite.Fields) error {
			if f.Str(0) != "ok" {
				found = append(found, fmt.Sprintf("%s: %v", check, f))
			}
			return nil
		})
		if err != nil {
			found = append(found, fmt.Sprintf("%s: %v", check, err))
		}
	}
	return found, nil
}

// read looks at everything that is long, at once: SQLite's check of the file, the chain, and
// the events once more for the tables.
func (v *verification) read(ctx context.Context) error {
	var sick []string
	group, groupCtx := errgroup.WithContext(ctx)
	if !v.o.ChainOnly {
		group.Go(func() (err error) {
			sick, err = whole(v.r.Path)
			return err
		})
	}
	var swapped []finding
	group.Go(func() (err error) {
		swapped, err = v.archives(groupCtx)
		return errors.Join(err, v.chain(groupCtx))
	})
	var unread *rebuild.Failed
	if v.rebuilt != nil {
		group.Go(func() error {
			err := v.base(groupCtx)
			if err == nil {
				err = v.rebuilt.Replay(groupCtx, v.events)
			}
			if errors.As(err, &unread) {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, text := range sick {
		v.r.problem("%s", text)
	}
	for _, f := range swapped {
		v.r.bad(f.seq, "%s", f.text)
	}
	if unread != nil {
		v.r.bad(unread.Seq, "cannot be replayed: %v", unread.Cause)
		v.rebuilt = nil
	}
	return nil
}

func (v *verification) readable() bool {
	_, err := v.c.One(`SELECT ` + record.Columns + ` FROM event LIMIT 1`)
	return err == nil
}

// compare walks every state table beside its rebuilt twin.
func (v *verification) compare(ctx context.Context) error {
	row, err := v.c.One(`SELECT seq, hash FROM head`)
	if err != nil {
		v.r.problem("table head cannot be read: %v", err)
	} else if row == nil || row.Num(0) != v.end && v.r.FirstBad == 0 || row.Str(1) != v.r.Head {
		v.r.problem("state tables do not stand at the last event")
	}
	if v.rebuilt == nil {
		return nil
	}
	tables, err := v.rebuilt.Tables()
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := v.compareTable(ctx, t[0], t[1]); err != nil {
			return err
		}
	}
	return nil
}

func (v *verification) compareTable(ctx context.Context, table, key string) error {
	// A file of an older version has not all tables and columns of today; that it has those of
	// its version is shape's affair.
	if row, err := v.c.One(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?`, table); err != nil || row == nil {
		return err
	}
	got, err := v.c.Query(`SELECT * FROM ` + table + ` ORDER BY ` + key)
	if err != nil {
		v.r.problem("table %s cannot be read: %v", table, err)
		return nil
	}
	defer got.Close()
	want, err := v.rebuilt.Table(table, key, got.Names())
	if err != nil {
		v.r.problem("table %s has columns that no event makes: %v", table, err)
		return nil
	}
	defer func() { _ = want.Close() }() // what was read is judged already
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
		if text := difference(got.Names(), w, g); text != "" {
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

// unstored notes a document that the store does not give.
func (v *verification) unstored(digest string, err error) {
	if errors.Is(err, volume.ErrDiscarded) {
		v.r.Discarded++
		return
	}
	v.r.problem("store: %s: %v", digest, err)
}

// discarded tells the store which of its segments the journal says are removed.
func (v *verification) discarded() {
	if v.o.Removed == nil || v.o.Store == nil {
		return
	}
	indexes := make(map[string]string)
	known, err := v.c.Number(`SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'discard'`)
	if err == nil && known > 0 {
		err = v.c.Each(`SELECT segment, index_sha256 FROM discard`, func(f sqlite.Fields) error {
			indexes[f.Str(0)] = f.Str(1)
			return nil
		})
	}
	if err != nil {
		v.r.problem("table discard cannot be read: %v", err)
	} else if err := v.o.Removed(indexes); err != nil {
		v.r.problem("store: %v", err)
	}
}

// store asks for every file that the journal names, several at once.
func (v *verification) store(ctx context.Context) error {
	if v.o.Store == nil {
		return nil
	}
	var mu sync.Mutex
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	err := v.c.Each(`SELECT source_sha256 FROM exchange WHERE source_sha256 <> ''
		UNION SELECT file_sha256 FROM exchange WHERE file_sha256 <> ''
		UNION SELECT sha256 FROM source UNION SELECT sha256 FROM arrival`, func(f sqlite.Fields) error {
		v.r.Digests++
		digest := f.Str(0)
		group.Go(func() error {
			if err := v.o.Store(digest); err != nil {
				mu.Lock()
				defer mu.Unlock()
				v.unstored(digest, err)
			}
			return groupCtx.Err()
		})
		return groupCtx.Err()
	})
	return errors.Join(err, group.Wait())
}
