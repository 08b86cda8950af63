package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// history fills a journal with a bit of everything and closes it.
func history(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t)
	for i, s := range []State{Confirmed, Answered, Held, Suspect, Cancelled} {
		d.bring(t, "order", fmt.Sprint("k", i), s)
		d.clock.add(time.Hour)
	}
	in := d.receive(t, bankA, "file")
	if err := d.settle(t, in, matched(1, "e1", "c1")); err != nil {
		t.Fatal(err)
	}
	d.do(t, func(tx *Tx) error {
		visit, err := tx.BeginVisit(bankA, "s1")
		if err != nil {
			return err
		}
		if _, err := tx.TakeSlot(bankA, "s1", d.clock.now()); err != nil {
			return err
		}
		return errors.Join(
			tx.EndVisit(visit, VisitOutcome{Outcome: "ok"}),
			tx.Act(Act{Act: "release", Exchange: 3, Reason: "because"}),
			tx.Keys([]Key{{What: "w", Subject: "s", NotAfter: d.clock.now()}}),
			tx.Banks([]BankRow{{BIC: bankA, Name: "Bank"}}),
			tx.Note("note.x", "", 0, nil),
		)
	})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return d
}

// tamper changes a journal at rest as somebody with the file and a tool can:
// triggers aside, change, triggers back as they were.
func (d *desk) tamper(t *testing.T, change string) {
	t.Helper()
	run := func(sql string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "sqlite3", "-bail", d.path, sql).CombinedOutput()
		if err != nil {
			t.Fatalf("sqlite3 (apt install sqlite3): %v: %s", err, out)
		}
		return string(out)
	}
	triggers := run(`SELECT sql || ';' FROM sqlite_schema WHERE type = 'trigger' ORDER BY name`)
	run(`DROP TRIGGER event_delete; DROP TRIGGER event_insert; DROP TRIGGER event_update;` + change + `;` + triggers)
}

func TestVerifyUntouched(t *testing.T) {
	d := history(t)
	r := d.verify(t)
	if !r.OK || r.FirstBad != 0 || r.Events < 20 || r.Rows < 10 || len(r.Problems) != 0 || len(r.Head) != 64 {
		t.Errorf("report is %+v", r)
	}
	d.tamper(t, "SELECT 1")
	if r := d.verify(t); !r.OK {
		t.Errorf("the way of the tamperer alone is a problem: %v", r.Problems)
	}
}

func TestVerifyFindsChangedEvents(t *testing.T) {
	const swap = `CREATE TEMP TABLE x AS SELECT * FROM event WHERE seq IN (7, 8);
		UPDATE event SET seq = -7 WHERE seq = 7; UPDATE event SET seq = 7 WHERE seq = 8; UPDATE event SET seq = 8 WHERE seq = -7;`
	for name, c := range map[string]struct {
		change string
		first  int64
	}{
		"EditedBody":     {`UPDATE event SET body = json_set(body, '$.x', 1) WHERE seq = 5`, 5},
		"EditedActor":    {`UPDATE event SET actor = 'nobody' WHERE seq = 6`, 6},
		"EditedBank":     {`UPDATE event SET bank = '044525974' WHERE seq = 2`, 2},
		"EditedTime":     {`UPDATE event SET at = '2026-11-22T09:00:00.001Z' WHERE seq = 4`, 4},
		"TimeIsNoTime":   {`UPDATE event SET at = 'yesterday' WHERE seq = 4`, 4},
		"EditedExchange": {`UPDATE event SET exchange = 2 WHERE seq = 3`, 3},
		"EditedHash":     {`UPDATE event SET hash = replace(hash, substr(hash, 1, 4), 'abcd') WHERE seq = 9`, 9},
		"EditedPrev":     {`UPDATE event SET prev = hash WHERE seq = 9`, 9},
		"DeletedRow":     {`DELETE FROM event WHERE seq = 9`, 9},
		"DeletedFirst":   {`DELETE FROM event WHERE seq = 1`, 1},
		"SwappedRows":    {swap, 7},
		"Renumbered":     {`DELETE FROM event WHERE seq = 9; UPDATE event SET seq = -seq WHERE seq > 9; UPDATE event SET seq = -seq - 1 WHERE seq < 0`, 9},
		"ForgedTail": {`INSERT INTO event SELECT seq + 1, at, instance, actor, 'note.y', '', 0, '{}', hash,
			replace(hash, substr(hash, 1, 4), 'abcd') FROM event ORDER BY seq DESC LIMIT 1`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := history(t)
			before := d.verify(t)
			if c.first == 0 {
				c.first = before.Events + 1
			}
			d.tamper(t, c.change)
			r := d.verify(t)
			if r.OK || r.FirstBad != c.first || len(r.Problems) == 0 {
				t.Errorf("report is %+v, want the first bad event %d", r, c.first)
			}
			if _, err := Open(t.Context(), d.path, d.options()); err == nil {
				t.Error("the daemon starts on it")
			}
		})
	}
}

// TestVerifyNeedsCheckpointsForTheEnd: a tail that is cut off together with the
// tables that it made is consistent. Only who knows the head can tell.
func TestVerifyNeedsCheckpointsForTheEnd(t *testing.T) {
	d := newDesk(t)
	id := d.accept(t, order(bankA, "k1"))
	old := filepath.Join(t.TempDir(), "old.db")
	if _, err := d.DB().ExecContext(t.Context(), "VACUUM INTO ?", old); err == nil {
		t.Fatal("the reading pool can write")
	}
	if out, err := exec.CommandContext(t.Context(), "sqlite3", "-readonly", d.path, "VACUUM INTO '"+old+"'").CombinedOutput(); err != nil {
		t.Fatalf("sqlite3 (apt install sqlite3): %v: %s", err, out)
	}
	d.do(t, func(tx *Tx) error { return tx.Attempt(id, "x") })
	seq, hash, err := d.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	verify := func(path string, known map[int64]string) VerifyReport {
		r, err := Verify(t.Context(), path, VerifyOptions{Temp: t.TempDir(), Checkpoints: maps.All(known)})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := verify(old, nil); !r.OK || r.Events != seq-1 {
		t.Errorf("the old copy by itself: %+v", r)
	}
	if r := verify(old, map[int64]string{seq: hash}); r.OK || r.FirstBad != seq {
		t.Errorf("the old copy beside a checkpoint: %+v", r)
	}
	if r := verify(d.path, map[int64]string{seq: hash}); !r.OK {
		t.Errorf("the journal beside its checkpoint: %+v", r)
	}
	if r := verify(d.path, map[int64]string{2: hash}); r.OK || r.FirstBad != 2 {
		t.Errorf("the journal beside another's checkpoint: %+v", r)
	}
}

func TestVerifyFindsChangedTables(t *testing.T) {
	for name, c := range map[string]struct{ change, want string }{
		"EditedState":      {`UPDATE exchange SET state = 'Answered' WHERE id = 1`, "has state Answered, the events say Confirmed"},
		"EditedAmount":     {`UPDATE exchange SET amount = 1 WHERE id = 2`, "has amount 1, the events say 150000"},
		"ClearedDeadline":  {`UPDATE exchange SET due_at = '2030-01-01T00:00:00.000Z' WHERE id = 4`, "has due_at"},
		"DeletedExchange":  {`PRAGMA foreign_keys = OFF; DELETE FROM exchange WHERE id = 5`, "[5 office] is missing"},
		"InsertedExchange": {`CREATE TEMP TABLE x AS SELECT * FROM exchange WHERE id = 5; UPDATE x SET id = 6; INSERT INTO exchange SELECT * FROM x`, "[6 office] is not from any event"},
		"EditedSource":     {`UPDATE source SET sha256 = 'x' WHERE exchange = 1 AND place = 0`, "table source"},
		"EditedStream":     {`UPDATE stream SET seq = 9`, "table stream"},
		"EditedArrival":    {`UPDATE arrival SET verdict = 'invalid'`, "has verdict invalid"},
		"EditedVisit":      {`UPDATE visit SET outcome = 'failed'`, "table visit"},
		"DeletedSlot":      {`DELETE FROM slot`, "table slot"},
		"EditedAct":        {`UPDATE act SET actor = 'somebody else'`, "table act"},
		"DeletedKey":       {`DELETE FROM credential`, "table credential"},
		"RenamedBank":      {`UPDATE bank SET name = 'Other'`, "table bank"},
		"EditedDay":        {`UPDATE day SET suspect = 0`, "table day"},
		"EditedHead":       {`UPDATE head SET seq = seq - 1`, "do not stand at the last event"},
		"MissingHead":      {`DELETE FROM head`, "do not stand at the last event"},
	} {
		t.Run(name, func(t *testing.T) {
			d := history(t)
			d.tamper(t, c.change)
			r := d.verify(t)
			if r.OK || r.FirstBad != 0 || !strings.Contains(strings.Join(r.Problems, "\n"), c.want) {
				t.Errorf("report is %+v, want %q", r, c.want)
			}
		})
	}
}

func TestVerifyFindsChangedSchema(t *testing.T) {
	for name, c := range map[string]struct{ change, want string }{
		"DroppedTrigger": {`DROP TRIGGER event_update`, "missing trigger event_update"},
		"EmptiedTrigger": {`DROP TRIGGER event_delete; CREATE TRIGGER event_delete BEFORE DELETE ON event BEGIN SELECT 1; END`, "altered trigger event_delete"},
		"ExtraTrigger":   {`CREATE TRIGGER t AFTER INSERT ON exchange BEGIN SELECT 1; END`, "extra trigger t"},
		"ExtraView":      {`CREATE VIEW w AS SELECT 1`, "extra view w"},
		"ExtraTable":     {`CREATE TABLE w (x)`, "extra table w"},
		"AlteredView":    {`DROP VIEW visits; CREATE VIEW visits AS SELECT * FROM visit WHERE outcome = 'ok'`, "altered view visits"},
		"DroppedIndex":   {`DROP INDEX exchange_key`, "missing index exchange_key"},
		"WritableSchema": {`PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, '(0, 1)', '(0, 1, 2)') WHERE name = 'exchange'`, "altered table exchange"},
	} {
		t.Run(name, func(t *testing.T) {
			d := history(t)
			out, err := exec.CommandContext(t.Context(), "sqlite3", "-bail", d.path, ".dbconfig defensive off", c.change).CombinedOutput()
			if err != nil {
				t.Fatalf("sqlite3 (apt install sqlite3): %v: %s", err, out)
			}
			r := d.verify(t)
			if r.OK || !strings.Contains(strings.Join(r.Problems, "\n"), c.want) {
				t.Errorf("report is %+v, want %q", r, c.want)
			}
			if _, err := Open(t.Context(), d.path, d.options()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the daemon's start gives %v", err)
			}
		})
	}
}

// TestVerifyFlippedBytes turns one byte after the other of every page: each
// must be noticed, or change nothing that the journal says.
func TestVerifyFlippedBytes(t *testing.T) {
	d := history(t)
	whole, err := os.ReadFile(d.path)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	noticed, tried := 0, 0
	for at := 18; at < len(whole); at += 997 {
		tried++
		data := append([]byte(nil), whole...)
		data[at] ^= 0x04
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Verify(t.Context(), path, VerifyOptions{Temp: t.TempDir()})
		if err != nil || !r.OK {
			noticed++
			continue
		}
		if got, want := said(t, path), said(t, d.path); got != want {
			t.Errorf("byte %d changed what the journal says and was not noticed", at)
		}
	}
	if noticed < tried/8 {
		t.Errorf("of %d flipped bytes %d were noticed: most of the file is not that empty", tried, noticed)
	}
}

// said is all that the tables hold, as text.
func said(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sqlite3", "-readonly", path, ".dump").CombinedOutput()
	if err != nil {
		t.Fatalf("sqlite3 (apt install sqlite3): %v: %s", err, out)
	}
	return string(out)
}

func TestVerifyOtherFiles(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.db")
	if out, err := exec.CommandContext(t.Context(), "sqlite3", other, "CREATE TABLE event (x)").CombinedOutput(); err != nil {
		t.Fatalf("sqlite3 (apt install sqlite3): %v: %s", err, out)
	}
	if _, err := Verify(t.Context(), filepath.Join(dir, "none.db"), VerifyOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := Verify(t.Context(), text, VerifyOptions{}); err == nil {
		t.Error("a text file verifies")
	}
	if r, err := Verify(t.Context(), other, VerifyOptions{}); err != nil || r.OK || !strings.Contains(r.Problems[0], "not a journal") {
		t.Errorf("another database: %+v, %v", r, err)
	}
}

func TestVerifyStore(t *testing.T) {
	d := history(t)
	missing := sum("piev_k1.zip")
	asked := map[string]int{}
	var mu sync.Mutex // digests are looked up side by side
	r, err := Verify(t.Context(), d.path, VerifyOptions{ChainOnly: true, Store: func(digest string) error {
		mu.Lock()
		defer mu.Unlock()
		asked[digest]++
		if digest == missing {
			return os.ErrNotExist
		}
		return nil
	}})
	if err != nil || r.OK || len(r.Problems) != 1 || !strings.Contains(r.Problems[0], missing) {
		t.Errorf("report is %+v, %v", r, err)
	}
	for _, digest := range []string{sum("k0"), sum("k0sig"), sum("piev_k0.zip"), sum(bankA + "file")} {
		if asked[digest] != 1 {
			t.Errorf("%s was asked for %d times", digest, asked[digest])
		}
	}
	if r.Digests != int64(len(asked)) || r.Rows != 0 || !r.ChainOnly {
		t.Errorf("report is %+v, %d files were asked for", r, len(asked))
	}
}

func TestVerifyStops(t *testing.T) {
	d := history(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Verify(ctx, d.path, VerifyOptions{Store: func(string) error {
		cancel()
		return nil
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestOpenRefusesOtherSettings(t *testing.T) {
	for name, c := range map[string]struct{ change, want string }{
		"OtherApplication": {"PRAGMA application_id = 5", "not a journal"},
		"NewerSchema":      {"PRAGMA user_version = 99", "run the newer program"},
	} {
		t.Run(name, func(t *testing.T) {
			d := history(t)
			d.tamper(t, c.change)
			if _, err := Open(t.Context(), d.path, d.options()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestOptionsAreRequired(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	for name, o := range map[string]Options{"NoClock": {Instance: "x"}, "NoInstance": {Now: time.Now}} {
		if _, err := Create(t.Context(), path, o); err == nil {
			t.Errorf("%s: created", name)
		}
		if _, err := Open(t.Context(), path, o); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	if _, err := Open(t.Context(), path, Options{Now: time.Now, Instance: "x"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a journal that does not exist: %v", err)
	}
}

// TestVerifyLive proves the file again and again while it is written: every
// proof sees one moment.
func TestVerifyLive(t *testing.T) {
	d := newDesk(t)
	stop := make(chan struct{})
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				err := d.Write(t.Context(), "daemon", func(tx *Tx) error { return life(tx, fmt.Sprintf("%d-%d", w, n)) })
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	seen := int64(0)
	for range 8 {
		r := d.verify(t)
		if !r.OK || r.Events < seen {
			t.Errorf("while it is written, after %d events: %+v", seen, r)
		}
		seen = r.Events
	}
	close(stop)
	all.Wait()
	if r := d.verify(t); !r.OK || r.Events <= 1 {
		t.Errorf("report is %+v", r)
	}
}
