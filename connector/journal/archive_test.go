package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		if err := sqlite.Folder(d.shelf.Dir); err != nil {
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
	forged := fmt.Sprintf(`INSERT INTO archive SELECT %d, %d, '2026-12', 'f', '', '', '', '', '', 0, 'r', %%s, '' WHERE true`, a.Last+1, a.Last+2)
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
			if kills < 20 {
				t.Error("the child hardly came to write")
			}
			return
		}
	}
}
