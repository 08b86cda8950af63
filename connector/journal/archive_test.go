package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bankconnector/connector/journal/rebuild"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/volume"
)

// month writes a finished order with a file that came for it, and a note, and goes on to the
// next month.
func (d *desk) month(t *testing.T, key string) (exchange int64) {
	t.Helper()
	exchange = d.bring(t, "order", key, Answered)
	in := d.receive(t, bankA, "file "+key)
	if err := d.settle(t, in, matched(exchange, "e"+key, "c"+key)); err != nil {
		t.Fatal(err)
	}
	d.do(t, func(tx *Tx) error { return errors.Join(tx.Hand(in), tx.Clean(in)) })
	d.do(t, func(tx *Tx) error { return tx.Note("note.month", bankA, exchange, nil) })
	d.clock.add(31 * 24 * time.Hour)
	return exchange
}

// year is a journal of some months.
func year(t *testing.T, months int) (d *desk, exchanges []int64) {
	t.Helper()
	d = newDesk(t)
	for i := range months {
		exchanges = append(exchanges, d.month(t, fmt.Sprint("k", i)))
	}
	d.do(t, func(tx *Tx) error { return tx.Note("note.now", "", 0, nil) })
	return d, exchanges
}

func (d *desk) archive(t *testing.T) record.Archived {
	t.Helper()
	a, err := d.Archive(t.Context(), "daemon", "by rule", d.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (d *desk) archiveAll(t *testing.T) (list []record.Archived) {
	t.Helper()
	for {
		a, err := d.Archive(t.Context(), "daemon", "by rule", d.clock.now())
		if errors.Is(err, volume.ErrNothing) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, a)
	}
}

func (d *desk) number(t *testing.T, query string) (n int64) {
	t.Helper()
	if err := d.DB().QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// told is all that the book tells about exchanges.
func (d *desk) told(t *testing.T, exchanges []int64) (out []any) {
	t.Helper()
	for _, x := range exchanges {
		events, err := d.Events(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		about, err := d.About(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d.exchange(t, x), events[0].Hash, len(events), events[len(events)-1].Hash, about)
	}
	return out
}

func TestArchive(t *testing.T) {
	d, exchanges := year(t, 3)
	before := d.told(t, exchanges)
	seq, head, err := d.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list := d.archiveAll(t)
	if len(list) != 3 || list[0].File != "journal-2026-11.db" || list[2].Month != "2027-01" || list[0].First != 1 || list[2].Last != seq-1 {
		t.Fatalf("archives are %+v", list)
	}
	for i, a := range list {
		info, err := os.Stat(filepath.Join(filepath.Dir(d.path), "archive", a.File))
		if err != nil || info.Mode().Perm() != 0o440 || info.Size() != a.Size {
			t.Errorf("%s: %v, %v", a.File, info, err)
		}
		if i > 0 && (a.First != list[i-1].Last+1 || a.Prev != list[i-1].Head) {
			t.Errorf("%+v does not follow %+v", a, list[i-1])
		}
	}
	if first := d.number(t, `SELECT min(seq) FROM event`); first != seq {
		t.Errorf("the journal begins at event %d, want %d", first, seq)
	}
	if diff := cmp.Diff(before, d.told(t, exchanges)); diff != "" {
		t.Errorf("the book tells otherwise (-before +after):\n%s", diff)
	}
	for n, want := range map[int64]string{seq: head, list[1].Last: list[1].Head} {
		if got, err := d.Hash(t.Context(), n); err != nil || got != want {
			t.Errorf("event %d has hash %s, %v, want %s", n, got, err, want)
		}
	}
	r := d.verify(t)
	if !r.OK || r.Archives != 3 || r.Events != seq+3 || r.Last != seq+3 {
		t.Errorf("verdict is %+v", r)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d.reopen(t)
	if again := d.month(t, "after"); again != exchanges[2]+1 {
		t.Errorf("the next exchange has the number %d", again)
	}
	if more := d.archiveAll(t); len(more) != 1 || more[0].First != list[2].Last+1 {
		t.Errorf("the month after gives %+v", more)
	}
	d.proven(t)
}

// TestArchiveHoldsBack: what somebody still waits for keeps its month and those after it.
func TestArchiveHoldsBack(t *testing.T) {
	d := newDesk(t)
	open := d.bring(t, "order", "open", Delivered)
	file := d.receive(t, bankA, "file")
	d.clock.add(31 * 24 * time.Hour)
	d.month(t, "closed")
	var u *volume.UnfinishedError
	if _, err := d.Archive(t.Context(), "daemon", "by rule", d.clock.now()); !errors.As(err, &u) || u.Month != "2026-11" || len(u.Exchanges) != 1 || u.Exchanges[0] != open || len(u.Files) != 1 || u.Files[0] != file {
		t.Fatalf("an unfinished month gives %v", err)
	}
	if err := d.settle(t, file, matched(open, "e1", "c1")); err != nil {
		t.Fatal(err)
	}
	d.do(t, func(tx *Tx) error {
		return errors.Join(tx.Hand(file), tx.Clean(file), tx.Advance(open, Delivered, Answered, Change{}))
	})
	if list := d.archiveAll(t); len(list) != 2 {
		t.Errorf("archived are %+v", list)
	}
	if _, err := d.Archive(t.Context(), "daemon", " ", d.clock.now()); err == nil {
		t.Error("no reason is needed")
	}
	d.proven(t)
}

// TestArchiveKeepsTheMonthThatIsNotOver also when the caller would give it.
func TestArchiveKeepsTheMonthThatIsNotOver(t *testing.T) {
	d := newDesk(t)
	d.do(t, func(tx *Tx) error { return tx.Note("note.now", "", 0, nil) })
	for _, before := range []time.Time{d.clock.now(), d.clock.now().AddDate(1, 0, 0)} {
		if _, err := d.Archive(t.Context(), "daemon", "by rule", before); !errors.Is(err, volume.ErrNothing) {
			t.Errorf("before %s: %v", before, err)
		}
	}
	d.clock.add(31 * 24 * time.Hour)
	if _, err := d.Archive(t.Context(), "daemon", "by rule", time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)); !errors.Is(err, volume.ErrNothing) {
		t.Errorf("a month that was not asked for: %v", err)
	}
}

// TestArchiveGoesOn stops between any two steps, opens the journal again and goes on.
func TestArchiveGoesOn(t *testing.T) {
	file := func(d *desk) (volume.Stretch, record.Archived, error) {
		var s volume.Stretch
		err := d.readers.Do(t.Context(), func(c *sqlite.Conn) (err error) {
			s, err = volume.Oldest(c, d.clock.now(), d.clock.now())
			return err
		})
		if err != nil {
			return s, record.Archived{}, err
		}
		a, err := volume.Bind(t.Context(), d.path, d.shelf.Dir, s)
		a.Reason = "by rule"
		return s, a, err
	}
	said := func(d *desk) (record.Archived, error) {
		_, a, err := file(d)
		return a, errors.Join(err, d.Write(t.Context(), "daemon", func(tx *Tx) error { return tx.archived(a) }))
	}
	for name, until := range map[string]func(d *desk) error{
		"Nothing": func(*desk) error { return nil },
		"HalfAFile": func(d *desk) error {
			return errors.Join(os.Mkdir(d.shelf.Dir, 0o750), os.WriteFile(filepath.Join(d.shelf.Dir, "journal-2026-11.db.new"), []byte("half"), 0o400))
		},
		"AFile": func(d *desk) error {
			_, _, err := file(d)
			return err
		},
		"AnEvent": func(d *desk) error {
			_, err := said(d)
			return err
		},
		"SomeOfTheEventsGone": func(d *desk) error {
			_, err := said(d)
			return errors.Join(err, d.Write(t.Context(), "daemon", func(tx *Tx) error { return tx.leave(3) }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, exchanges := year(t, 2)
			before := d.told(t, exchanges)
			if err := until(d); err != nil {
				t.Fatal(err)
			}
			d.proven(t)
			if diff := cmp.Diff(before, d.told(t, exchanges)); diff != "" {
				t.Errorf("after the crash the book tells otherwise (-before +after):\n%s", diff)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			d.reopen(t)
			d.do(t, func(tx *Tx) error { return tx.Note("note.between", "", 0, nil) })
			d.archiveAll(t)
			if diff := cmp.Diff(before, d.told(t, exchanges)); diff != "" {
				t.Errorf("the book tells otherwise (-before +after):\n%s", diff)
			}
			if n := d.number(t, `SELECT count(*) FROM archive`); n != 2 {
				t.Errorf("%d archives", n)
			}
			if n := d.number(t, `SELECT count(*) FROM event WHERE seq <= (SELECT max(last) FROM archive)`); n != 0 {
				t.Errorf("%d events lie in both places", n)
			}
			d.proven(t)
		})
	}
}

// TestArchiveRefusesAnotherFile in its place, and changes nothing.
func TestArchiveRefusesAnotherFile(t *testing.T) {
	d, _ := year(t, 1)
	other := newDesk(t)
	other.do(t, func(tx *Tx) error { return tx.Note("note.elsewhere", "", 0, nil) })
	other.month(t, "k0")
	other.archive(t)
	if err := os.CopyFS(d.shelf.Dir, os.DirFS(other.shelf.Dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Archive(t.Context(), "daemon", "by rule", d.clock.now()); !errors.Is(err, volume.ErrOther) {
		t.Errorf("another installation's archive gives %v", err)
	}
	if n := d.number(t, `SELECT count(*) FROM archive`); n != 0 || d.number(t, `SELECT min(seq) FROM event`) != 1 {
		t.Errorf("%d archives", n)
	}
	d.proven(t)
}

// TestNobodyElseDeletesEvents: the trigger lets only go what the chain itself says is archived.
func TestNobodyElseDeletesEvents(t *testing.T) {
	d, _ := year(t, 2)
	a := d.archive(t)
	try := func(statements ...string) (err error) {
		return d.Write(t.Context(), "daemon", func(tx *Tx) error {
			err := tx.Note("note.try", "", 0, nil) // what a refused closure wrote is gone with this
			for _, s := range statements {
				if err == nil {
					_, err = tx.c.Exec(s)
				}
			}
			return err
		})
	}
	forged := fmt.Sprintf(`INSERT INTO archive SELECT %d, %d, '2026-12', 'f', '', '', '', '', '', 0, 'r', %%s, '', 0, NULL, '', '', '', 0 WHERE true`, a.Last+1, a.Last+2)
	for name, statements := range map[string][]string{
		"OfTheJournal":          {`DELETE FROM event WHERE seq = (SELECT min(seq) FROM event)`},
		"All":                   {`DELETE FROM event`},
		"ByAForgedRow":          {fmt.Sprintf(forged, `0`), `DELETE FROM event WHERE seq = (SELECT min(seq) FROM event)`},
		"ByTheEventOfAnother":   {fmt.Sprintf(forged, `(SELECT seq FROM event WHERE kind = 'book.archived')`), `DELETE FROM event WHERE seq = (SELECT min(seq) FROM event)`},
		"ByTheRowOfAnother":     {`UPDATE archive SET last = last + 1`, `DELETE FROM event WHERE seq = (SELECT min(seq) FROM event)`},
		"ByReplacing":           {`INSERT OR REPLACE INTO event SELECT * FROM event WHERE seq = (SELECT max(seq) FROM event)`},
		"ByPuttingTheFirstBack": {`INSERT INTO event SELECT 1, at, instance, actor, kind, bank, exchange, body, prev, hash FROM event LIMIT 1`},
	} {
		if err := try(statements...); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := d.number(t, `SELECT count(*) FROM archive`); n != 1 {
		t.Errorf("%d archives", n)
	}
	d.proven(t)
}

// TestVerifyFindsSpoiltArchives spoils archives, or the journal beside them, as somebody with
// the files and this program can.
func TestVerifyFindsSpoiltArchives(t *testing.T) {
	run := func(t *testing.T, path, change string) {
		t.Helper()
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
		(&desk{path: path}).tamper(t, change)
	}
	const november, december = "journal-2026-11.db", "journal-2026-12.db"
	for name, c := range map[string]struct {
		spoil func(t *testing.T, d *desk, archive func(string) string)
		names string
		first int64
	}{
		"Missing": {func(t *testing.T, _ *desk, archive func(string) string) {
			must(t, os.Remove(archive(december)))
		}, december + ", which holds events", 0},
		"AllMissing": {func(t *testing.T, d *desk, _ func(string) string) { must(t, os.RemoveAll(d.shelf.Dir)) }, november + ", which holds events", 1},
		"Swapped": {func(t *testing.T, _ *desk, archive func(string) string) {
			must(t, errors.Join(os.Rename(archive(november), archive("x")), os.Rename(archive(december), archive(november)), os.Rename(archive("x"), archive(december))))
		}, november + " is not the file", 1},
		"EventEdited": {func(t *testing.T, _ *desk, archive func(string) string) {
			run(t, archive(november), `UPDATE event SET actor = 'x' WHERE seq = 3`)
		}, "event 3: content does not have the hash", 1},
		"EventTaken": {func(t *testing.T, _ *desk, archive func(string) string) {
			run(t, archive(november), `DELETE FROM event WHERE seq = 4`)
		}, "event 4: missing", 1},
		"EndCut": {func(t *testing.T, _ *desk, archive func(string) string) {
			run(t, archive(november), `DELETE FROM event WHERE seq > 5`)
		}, "event 6: missing", 1},
		"OctetAppended": {func(t *testing.T, _ *desk, archive func(string) string) {
			data, err := os.ReadFile(archive(november))
			must(t, errors.Join(err, os.Chmod(archive(november), 0o640), os.WriteFile(archive(november), append(data, 0), 0o640)))
		}, november + " is not the file", 1},
		"NoDatabase": {func(t *testing.T, _ *desk, archive func(string) string) {
			must(t, errors.Join(os.Chmod(archive(november), 0o640), os.WriteFile(archive(november), []byte("nothing"), 0o640)))
		}, november + " is not the file", 1},
		"RowForged": {func(t *testing.T, d *desk, archive func(string) string) {
			run(t, archive(november), `UPDATE event SET actor = 'x' WHERE seq = 3`)
			digest, size, err := volume.Digest(t.Context(), archive(november))
			must(t, err)
			d.tamper(t, fmt.Sprintf(`UPDATE archive SET sha256 = '%s', size = %d WHERE first = 1`, digest, size))
		}, "table archive (first)", 3},
		"RowTaken": {func(t *testing.T, d *desk, _ func(string) string) {
			d.tamper(t, `DELETE FROM archive WHERE first = 1`)
		}, "begins at event", 1},
		"RowsTaken": {func(t *testing.T, d *desk, _ func(string) string) { d.tamper(t, `DELETE FROM archive`) }, "event 1: missing", 1},
		"RowTurned": {func(t *testing.T, d *desk, _ func(string) string) {
			d.tamper(t, `UPDATE archive SET last = last + 1 WHERE first = 1`)
		}, "begins at event", 0},
		"JournalCut": {func(t *testing.T, d *desk, _ func(string) string) { d.tamper(t, `DELETE FROM event`) }, "the journal ends within its archives", 0},
		"EventPutBackChanged": {func(t *testing.T, d *desk, archive func(string) string) {
			d.tamper(t, `ATTACH '`+archive(december)+`' AS a; INSERT INTO event SELECT seq, at, instance, 'x', kind, bank, exchange, body, prev, hash FROM a.event WHERE seq = (SELECT max(seq) FROM a.event)`)
		}, "content does not have the hash", 0},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := year(t, 2)
			d.archiveAll(t)
			must(t, d.Close())
			d.proven(t)
			c.spoil(t, d, func(name string) string { return filepath.Join(d.shelf.Dir, name) })
			r := d.verify(t)
			if text := strings.Join(r.Problems, "\n"); r.OK || !strings.Contains(text, c.names) || r.FirstBad == 0 || c.first != 0 && r.FirstBad != c.first {
				t.Errorf("first bad event %d, want %q:\n%s", r.FirstBad, c.names, text)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestLeftoverIsNoFault, but must be what the archive holds.
func TestLeftoverIsNoFault(t *testing.T) {
	d, _ := year(t, 2)
	a := d.archive(t)
	must(t, d.Close())
	back := `ATTACH '` + filepath.Join(d.shelf.Dir, a.File) + `' AS a; INSERT INTO event SELECT * FROM a.event WHERE seq >= %d`
	d.tamper(t, fmt.Sprintf(back, a.Last-3))
	d.proven(t)
	d.tamper(t, fmt.Sprintf(`DELETE FROM event WHERE seq = %d`, a.Last-1))
	if r := d.verify(t); r.OK || r.FirstBad != a.Last-1 {
		t.Errorf("a hole in what is left over: %+v", r)
	}
}

// TestKilledWhileArchiving kills the process at the calls by which it changes something on the
// disk, one after the other, and wants nothing lost, nothing doubled, and the next one to go on.
func TestKilledWhileArchiving(t *testing.T) {
	d := newDesk(t)
	d.clock.at = time.Now().AddDate(0, -3, 0)
	must(t, d.Close())
	must(t, os.Remove(d.path))
	b, err := Create(t.Context(), d.path, d.options())
	must(t, err)
	d.Book = b
	exchanges := []int64{d.month(t, "k0"), d.month(t, "k1")}
	before := d.told(t, exchanges)
	must(t, d.Close())
	d.clock.at = time.Now().Add(time.Hour) // the child has the real clock; ours must not be before it
	for kills, when := 0, 1; ; kills, when = kills+1, when+1+kills/8 {
		dir := t.TempDir()
		must(t, os.CopyFS(dir, os.DirFS(filepath.Dir(d.path))))
		c := &desk{clock: d.clock, path: filepath.Join(dir, filepath.Base(d.path))}
		must(t, os.Chmod(c.path, 0o640))
		const calls = "pwrite64,fsync,fdatasync,renameat2,fchmodat,unlinkat,mkdirat,ftruncate"
		cmd, _ := start(t, c, []string{childArchive + "=yes"}, "strace", "-f", "-qq", "-o", "/dev/null",
			"-e", "trace="+calls, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", calls, when))
		ended := cmd.Wait()
		c.proven(t)
		c.reopen(t)
		if diff := cmp.Diff(before, c.told(t, exchanges)); diff != "" {
			t.Errorf("killed at call %d: the book tells otherwise (-before +after):\n%s", when, diff)
		}
		c.archiveAll(t)
		if diff := cmp.Diff(before, c.told(t, exchanges)); diff != "" {
			t.Errorf("killed at call %d, then archived: the book tells otherwise (-before +after):\n%s", when, diff)
		}
		c.proven(t)
		must(t, c.Close())
		if ended == nil {
			t.Logf("killed %d times, up to call %d", kills, when)
			if kills < 8 { // each thread counts its calls by itself
				t.Error("the child hardly came to write")
			}
			return
		}
	}
}

func (d *desk) retire(t *testing.T, months int) []record.Archived {
	t.Helper()
	list, err := d.Retire(t.Context(), "daemon", "by rule", d.clock.now().AddDate(0, -months, 0))
	must(t, err)
	return list
}

// TestRetire removes the oldest archives, twice, and wants the rest proven as before.
func TestRetire(t *testing.T) {
	d, exchanges := year(t, 5)
	months := d.archiveAll(t)
	var states []string
	for _, left := range []int{3, 2} {
		list := d.retire(t, left)
		if len(list) == 0 || list[0].File == "" {
			t.Fatalf("%d months: %+v", left, list)
		}
		r := d.verify(t)
		if !r.OK || r.Archives != left || len(r.Retired) != 5-left || r.Rows == 0 || !strings.Contains(r.Retired[0], months[0].File) {
			t.Errorf("%d archives left: %+v", left, r)
		}
		files, err := filepath.Glob(filepath.Join(d.shelf.Dir, "*"))
		must(t, err)
		if len(files) != left+1 {
			t.Errorf("%d archives left, and there lie %v", left, files)
		}
		states = append(states, list[len(list)-1].State)
		if again := d.retire(t, left); len(again) != 0 {
			t.Errorf("a second time retires %+v", again)
		}
	}
	if states[0] == states[1] {
		t.Errorf("files of state are %v", states)
	}
	if _, err := d.About(t.Context(), exchanges[0]); !errors.Is(err, volume.ErrRetired) {
		t.Errorf("what was retired is told: %v", err)
	}
	if _, err := d.About(t.Context(), exchanges[4]); err != nil {
		t.Error(err)
	}
	if hash, err := d.Hash(t.Context(), months[1].Last); err != nil || hash != months[1].Head {
		t.Errorf("the head of a retired month is %s, %v", hash, err)
	}
	if _, err := d.Hash(t.Context(), 3); !errors.Is(err, volume.ErrRetired) {
		t.Errorf("the hash of a retired event: %v", err)
	}
	must(t, d.Close())
	d.reopen(t)
	d.month(t, "after")
	d.archiveAll(t)
	d.proven(t)
	known := map[int64]string{3: strings.Repeat("0", 64), months[0].Last: months[0].Head, months[4].Last: months[4].Head}
	o := VerifyOptions{Temp: t.TempDir(), Checkpoints: maps.All(known)}
	if r, err := Verify(t.Context(), d.path, o); err != nil || !r.OK || r.Witnessed != months[4].Last {
		t.Errorf("%+v, %v", r, err)
	}
	known[months[1].Last] = strings.Repeat("0", 64)
	if r, err := Verify(t.Context(), d.path, o); err != nil || r.OK || r.FirstBad != months[1].Last {
		t.Errorf("a checkpoint that the head of a retired month contradicts: %+v, %v", r, err)
	}
}

// TestRetireSpares what somebody still needs.
func TestRetireSpares(t *testing.T) {
	trust := func(all string) func(t *testing.T, d *desk) {
		return func(t *testing.T, d *desk) {
			d.do(t, func(tx *Tx) error {
				return tx.Note("config.trust", "", 0, json.RawMessage(`{"all":`+all+`,"trust":[]}`))
			})
		}
	}
	for name, c := range map[string]struct {
		second func(t *testing.T, d *desk) // what happens in the second month
		last   func(t *testing.T, d *desk)
		want   int
	}{
		"Nothing":         {func(*testing.T, *desk) {}, func(*testing.T, *desk) {}, 3},
		"AnAdoption":      {func(t *testing.T, d *desk) { d.do(t, func(tx *Tx) error { return tx.Adopt("lost", 1, nil) }) }, func(*testing.T, *desk) {}, 1},
		"WhatWasReliedOn": {trust("true"), func(*testing.T, *desk) {}, 1},
		"Liftings": {func(t *testing.T, d *desk) {
			d.do(t, func(tx *Tx) error { return tx.Note("note.lifting", bankA, 1, nil) })
		}, func(*testing.T, *desk) {}, 1},
		"NotAPartOfIt": {trust("false"), func(*testing.T, *desk) {}, 3},
		"ABaseOfAnOpenLift": {func(*testing.T, *desk) {}, func(t *testing.T, d *desk) {
			a := order(bankA, "lift")
			a.BaseKey = "k1"
			d.accept(t, a)
		}, 1},
		"NotTheBaseOfAClosedOne": {func(*testing.T, *desk) {}, func(t *testing.T, d *desk) {
			a := order(bankA, "lift")
			a.BaseKey = "k1"
			d.advance(t, d.accept(t, a), Accepted, Cancelled, Change{Reason: "r"})
		}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.month(t, "k0")
			c.second(t, d)
			d.month(t, "k1")
			d.month(t, "k2")
			c.last(t, d)
			notes := func() (n int) {
				d.do(t, func(tx *Tx) error {
					list, err := tx.Events(1, "note.lifting")
					n = len(list)
					return err
				})
				return n
			}
			before := notes()
			d.archiveAll(t)
			if after := notes(); after != before {
				t.Errorf("a commit sees %d liftings, and saw %d", after, before)
			}
			if list := d.retire(t, 0); len(list) != c.want {
				t.Errorf("retired are %+v, want %d", list, c.want)
			}
			d.proven(t)
		})
	}
}

// TestRetireGoesOn after a crash between any two steps.
func TestRetireGoesOn(t *testing.T) {
	for name, until := range map[string]func(t *testing.T, d *desk, list []volume.Volume) error{
		"AFileOfState": func(t *testing.T, d *desk, list []volume.Volume) error {
			_, err := rebuild.State(t.Context(), d.shelf.Dir, nil, list)
			return err
		},
		"HalfAFileOfState": func(_ *testing.T, d *desk, _ []volume.Volume) error {
			return os.WriteFile(filepath.Join(d.shelf.Dir, "state-2027-01.db.new"), []byte("half"), 0o600)
		},
		"TheEvents": func(t *testing.T, d *desk, list []volume.Volume) error {
			said, err := rebuild.State(t.Context(), d.shelf.Dir, nil, list)
			return errors.Join(err, d.Write(t.Context(), "daemon", func(tx *Tx) error {
				for _, a := range said {
					err = errors.Join(err, tx.append("book.retired", "", 0, a))
				}
				return err
			}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := year(t, 3)
			d.archiveAll(t)
			var list []volume.Volume
			must(t, d.readers.Do(t.Context(), func(c *sqlite.Conn) (err error) {
				_, list, err = d.shelf.Retirable(c, d.clock.now())
				return err
			}))
			if len(list) != 3 {
				t.Fatalf("retirable are %+v", list)
			}
			must(t, until(t, d, list))
			d.proven(t)
			must(t, d.Close())
			d.reopen(t)
			d.retire(t, 0)
			d.proven(t)
			if files, err := filepath.Glob(filepath.Join(d.shelf.Dir, "*.db")); err != nil || len(files) != 1 {
				t.Errorf("there lie %v, %v", files, err)
			}
			if n := d.number(t, `SELECT count(*) FROM archives WHERE retired_by IS NOT NULL`); n != 3 {
				t.Errorf("%d are retired", n)
			}
		})
	}
}

// TestRetireTrustsNoFile that is not the one that the journal names.
func TestRetireTrustsNoFile(t *testing.T) {
	d, _ := year(t, 3)
	list := d.archiveAll(t)
	path := filepath.Join(d.shelf.Dir, list[1].File)
	must(t, os.Chmod(path, 0o640))
	(&desk{path: path}).tamper(t, `UPDATE event SET actor = 'x' WHERE seq = (SELECT max(seq) FROM event)`)
	if _, err := d.Retire(t.Context(), "daemon", "by rule", d.clock.now()); err == nil || !strings.Contains(err.Error(), list[1].File) {
		t.Errorf("a spoilt archive is retired: %v", err)
	}
	if n := d.number(t, `SELECT count(*) FROM archives WHERE retired_by IS NOT NULL`); n != 0 {
		t.Errorf("%d are retired", n)
	}
}

// TestVerifyFindsWhatWasNotRetired: nobody removes an archive in the name of the rule.
func TestVerifyFindsWhatWasNotRetired(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, d *desk, a []record.Archived)
		want  string
	}{
		"RowForged": {func(t *testing.T, d *desk, a []record.Archived) {
			must(t, os.Remove(filepath.Join(d.shelf.Dir, a[1].File)))
			d.tamper(t, fmt.Sprintf(`UPDATE archive SET retired = (SELECT max(seq) FROM event), retired_at = at, state = '%s', state_sha256 = '%s'
				FROM (SELECT max(at) AS at FROM event) WHERE first = %d`, a[0].State, a[0].StateSHA256, a[1].First))
		}, "table archive (first)"},
		"StateMissing": {func(t *testing.T, d *desk, a []record.Archived) {
			must(t, os.Remove(filepath.Join(d.shelf.Dir, a[0].State)))
		}, "the tables of before are not known"},
		"StateEdited": {func(t *testing.T, d *desk, a []record.Archived) {
			path := filepath.Join(d.shelf.Dir, a[0].State)
			must(t, os.Chmod(path, 0o640))
			(&desk{path: path}).tamper(t, `UPDATE exchange SET bank = '044525000' WHERE id = 1`)
		}, "is not the file that the journal names"},
		"TableOfBeforeEdited": {func(t *testing.T, d *desk, _ []record.Archived) {
			d.tamper(t, `UPDATE exchange SET doc_num = 'x' WHERE id = 1`)
		}, "table exchange (id)"},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := year(t, 3)
			d.archiveAll(t)
			list := d.retire(t, 2)
			if len(list) != 1 {
				t.Fatalf("retired are %+v", list)
			}
			var all []record.Archived
			must(t, d.readers.Do(t.Context(), func(c *sqlite.Conn) error {
				volumes, err := volume.List(c)
				for _, v := range volumes {
					all = append(all, v.Archived)
				}
				return err
			}))
			must(t, d.Close())
			d.proven(t)
			c.spoil(t, d, all)
			if r := d.verify(t); r.OK || !strings.Contains(strings.Join(r.Problems, "\n"), c.want) {
				t.Errorf("want %q: %+v", c.want, r)
			}
		})
	}
}

// TestProofBesideArchiving: whoever proves or asks while events move sees a whole chain.
func TestProofBesideArchiving(t *testing.T) {
	d, exchanges := year(t, 8)
	before := d.told(t, exchanges)
	seq, _, err := d.Head(t.Context())
	must(t, err)
	ended := make(chan error, 1)
	go func() {
		for {
			if _, err := d.Archive(t.Context(), "daemon", "by rule", d.clock.now()); err != nil {
				ended <- err
				return
			}
		}
	}()
	for n := 0; ; n++ {
		if r := d.verify(t); !r.OK || r.Events != r.Last || r.Last < seq {
			t.Errorf("proof %d: %+v", n, r)
		}
		if diff := cmp.Diff(before, d.told(t, exchanges)); diff != "" {
			t.Errorf("the book tells otherwise (-before +after):\n%s", diff)
		}
		db, left, err := d.Reports(t.Context(), "", "")
		must(t, err)
		var all, last int64
		must(t, db.QueryRowContext(t.Context(), `SELECT count(*), max(seq) FROM event_all`).Scan(&all, &last))
		if must(t, db.Close()); all != last || len(left) != 0 {
			t.Errorf("event_all has %d events of %d, without %v", all, last, left)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, volume.ErrNothing) {
				t.Error(err)
			}
			d.proven(t)
			return
		default:
		}
	}
}

// TestReportsOfMonths: event_all holds the archives that were asked for, and says what it does not hold.
func TestReportsOfMonths(t *testing.T) {
	d, _ := year(t, 12)
	list := d.archiveAll(t)
	for name, c := range map[string]struct {
		from, to string
		archives int
		left     int
	}{
		"TheNewestTen": {"", "", 10, 2},
		"OneMonth":     {"2026-12", "2026-12", 1, 0},
		"UpToOne":      {"", "2027-01", 3, 0},
		"FromOne":      {"2027-09", "", 2, 0},
		"None":         {"2030-01", "2030-02", 0, 0},
	} {
		db, left, err := d.Reports(t.Context(), c.from, c.to)
		must(t, err)
		want := d.number(t, `SELECT count(*) FROM event`)
		months := 0
		for _, a := range list {
			if a.Month >= c.from && (c.to == "" || a.Month <= c.to) {
				if months++; c.left == 0 || a.Last > list[c.left-1].Last {
					want += a.Last - a.First + 1
				}
			}
		}
		var all int64
		must(t, db.QueryRowContext(t.Context(), `SELECT count(DISTINCT seq) FROM event_all`).Scan(&all))
		if must(t, db.Close()); all != want || months-len(left) != c.archives || len(left) != c.left {
			t.Errorf("%s: %d events, want %d; %d months, without %v", name, all, want, months, left)
		}
		if _, err := db.ExecContext(t.Context(), `ATTACH 'x' AS x`); err == nil {
			t.Errorf("%s: another file is attached", name)
		}
	}
}

// TestArchiveLeavesRoom: an archive that could fill the disk is not begun.
func TestArchiveLeavesRoom(t *testing.T) {
	d, _ := year(t, 1)
	var s volume.Stretch
	must(t, d.readers.Do(t.Context(), func(c *sqlite.Conn) (err error) {
		s, err = volume.Oldest(c, d.clock.now(), d.clock.now())
		return err
	}))
	large := filepath.Join(t.TempDir(), "journal.db")
	must(t, d.Backup(t.Context(), large))
	must(t, os.Truncate(large, 8<<40)) // a hole: it takes no room, and no disk has twice as much
	dir := filepath.Join(t.TempDir(), "archive")
	if _, err := volume.Bind(t.Context(), large, dir, s); !errors.Is(err, volume.ErrRoom) {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("there lies %v, %v", left, err)
	}
}

// TestJournalOfBefore: a journal of before there were archives is proven and read as it is, and
// brought forward when it is opened.
func TestJournalOfBefore(t *testing.T) {
	d := newDesk(t)
	must(t, d.Close())
	must(t, os.Remove(d.path))
	old := fstest.MapFS{}
	names, err := fs.Glob(record.Migrations(), "*/*.sql")
	must(t, err)
	for _, name := range names[:3] {
		text, err := fs.ReadFile(record.Migrations(), name)
		must(t, err)
		old[name] = &fstest.MapFile{Data: text}
	}
	c, err := sqlite.Scratch(d.path)
	must(t, err)
	must(t, c.Script(fmt.Sprintf("PRAGMA application_id=%d", sqlite.ApplicationID)))
	_, _, err = sqlite.Migrate(c, old)
	must(t, err)
	e := record.Event{Seq: 1, At: d.clock.now(), Instance: "test", Actor: "test", Kind: "note.before", Bank: bankA, Exchange: 1, Prev: record.NoHash}
	var page record.Page
	must(t, page.Append(c, &e, struct{}{}))
	must(t, page.Flush(c))
	acted := record.Event{
		Seq: 2, At: e.At, Instance: "test", Actor: "test", Kind: "operator.acted", Prev: e.Hash,
		Body: json.RawMessage(`{"act":"folders","reason":"r","as":"where they lie"}`),
	}
	acted.Hash, err = acted.Digest(new(bytes.Buffer))
	must(t, err)
	_, err = c.Exec(`INSERT INTO event (`+record.Columns+`) VALUES (?, ?, ?, ?, ?, '', 0, ?, ?, ?)`,
		acted.Seq, sqlite.Stamp(acted.At), acted.Instance, acted.Actor, acted.Kind, string(acted.Body), acted.Prev, acted.Hash)
	must(t, err)
	_, err = c.Exec(`INSERT INTO act (seq, at, actor, act, exchange, bank, reason) VALUES (2, ?, 'test', 'folders', 0, '', 'r')`, sqlite.Stamp(acted.At))
	must(t, err)
	_, err = c.Exec(`INSERT INTO head (one, seq, hash, at) VALUES (1, 2, ?, ?)`, acted.Hash, sqlite.Stamp(e.At))
	must(t, errors.Join(err, c.Script("PRAGMA journal_mode=DELETE"), c.Close(), os.Chmod(d.path, 0o640)))

	d.proven(t)
	view, err := View(t.Context(), d.path)
	must(t, err)
	if events, err := view.Events(t.Context(), 1); err != nil || len(events) != 1 {
		t.Errorf("events are %v, %v", events, err)
	}
	db, _, err := view.Reports(t.Context(), "", "")
	must(t, err)
	var n int
	must(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM event_all`).Scan(&n))
	if must(t, errors.Join(db.Close(), view.Close())); n != 2 {
		t.Errorf("event_all has %d events", n)
	}
	d.clock.add(31 * 24 * time.Hour)
	d.reopen(t)
	if a := d.archive(t); a.Last != 2 {
		t.Errorf("archived is %+v", a)
	}
	d.proven(t)
	d.retire(t, -1)
	d.proven(t)
	if said, err := d.Said(t.Context(), "folders", "", 0); err != nil || len(said) != 1 || said[0] != "where they lie" {
		t.Errorf("an act whose event is gone says %v, %v", said, err)
	}
}
