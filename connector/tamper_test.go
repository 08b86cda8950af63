package main

import (
	"bytes"
	"crypto/ed25519"
	crand "crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"bankconnector/connector/evidence"
	"bankconnector/connector/evidence/note"
	"bankconnector/connector/journal"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/volume"
	"bankconnector/connector/spool"
)

// crime is a finished demo and what somebody who holds its journal, its store and this
// program, but not the checkpoints that went elsewhere, can do to it.
type crime struct {
	t           *testing.T
	dir         string // of the demo, never changed
	events      []record.Event
	files       []string // of the store, relative
	checkpoints string   // kept elsewhere
	key         ed25519.PublicKey
	rnd         *rand.Rand
}

// scene is one copy to be spoilt.
type scene struct {
	path, store string
	forged      []string // checkpoints that came with the journal
}

func newCrime(t *testing.T, seed uint64) *crime {
	t.Helper()
	c := &crime{t: t, dir: t.TempDir(), rnd: rand.New(rand.NewPCG(seed, 0))}
	done(t, "demo", "--dir", c.dir, "--banks", "2", "--documents", "2", "--json")
	c.checkpoints = filepath.Join(t.TempDir(), "elsewhere")
	must(t, os.Rename(filepath.Join(c.dir, "state", "checkpoints"), c.checkpoints))
	data, err := os.ReadFile(filepath.Join(c.dir, "state", "checkpoint.pub"))
	must(t, err)
	c.key, err = note.ReadPublic(data)
	must(t, err)
	c.load()
	must(t, os.Mkdir(c.unpacked(), 0o750))
	text, err := exec.CommandContext(t.Context(), "tar", "-xf", filepath.Join(c.store(), "000001.tar"), "-C", c.unpacked()).CombinedOutput()
	if err != nil {
		t.Fatalf("tar: %v %s", err, text)
	}
	must(t, filepath.WalkDir(c.unpacked(), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			name, _ := filepath.Rel(c.unpacked(), path)
			c.files = append(c.files, name)
		}
		return err
	}))
	return c
}

// load reads the events of the demo.
func (c *crime) load() {
	c.t.Helper()
	db, err := sqlite.Read(c.journal())
	must(c.t, err)
	must(c.t, db.Each(`SELECT `+record.Columns+` FROM event ORDER BY seq`, func(f sqlite.Fields) error {
		e, err := record.Read(f)
		c.events = append(c.events, e)
		return err
	}))
	must(c.t, db.Close())
}

func (c *crime) journal() string { return filepath.Join(c.dir, "state", "journal.db") }
func (c *crime) store() string   { return filepath.Join(c.dir, "state", "store") }

// unpacked is the store as tar gives it back, each document a file.
func (c *crime) unpacked() string { return filepath.Join(c.dir, "unpacked") }

// copy makes a scene with the journal; the store is the demo's own until storeCopy.
func (c *crime) copy() *scene {
	c.t.Helper()
	data, err := os.ReadFile(c.journal())
	must(c.t, err)
	s := &scene{path: filepath.Join(c.t.TempDir(), "journal.db"), store: c.store()}
	must(c.t, os.WriteFile(s.path, data, 0o640))
	return s
}

func (c *crime) storeCopy(s *scene) {
	c.t.Helper()
	s.store = filepath.Join(filepath.Dir(s.path), "store")
	must(c.t, os.CopyFS(s.store, os.DirFS(c.unpacked())))
}

// verify is what the auditor does, with his own checkpoints.
func (c *crime) verify(s *scene) evidence.Findings {
	c.t.Helper()
	f, err := evidence.Verify(c.t.Context(), evidence.Inquiry{
		Path: s.path, Store: spool.ReadStore(s.store), Checkpoints: append(s.forged, c.checkpoints), Keys: []ed25519.PublicKey{c.key}, Temp: filepath.Dir(s.path),
	})
	if err != nil {
		return evidence.Findings{} // a file that cannot be opened as a journal is not sound
	}
	return f
}

// force runs SQL with the triggers out of the way and puts them back as they were.
func (c *crime) force(s *scene, statements ...string) {
	c.t.Helper()
	db, err := sql.Open("sqlite3", s.path)
	must(c.t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	rows, err := db.QueryContext(c.t.Context(), `SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'`)
	must(c.t, err)
	defer rows.Close()
	var drop, back []string
	for rows.Next() {
		var name, text string
		must(c.t, rows.Scan(&name, &text))
		drop, back = append(drop, "DROP TRIGGER "+name), append(back, text)
	}
	must(c.t, rows.Err())
	for _, text := range slices.Concat(drop, statements, back) {
		if _, err := db.ExecContext(c.t.Context(), text); err != nil {
			c.t.Fatalf("%s: %v", text, err)
		}
	}
}

// rewrite computes a whole journal anew from events, tables and all: what this program
// would have written had they happened.
func (c *crime) rewrite(s *scene, events []record.Event) {
	c.t.Helper()
	must(c.t, os.Remove(s.path))
	db, err := sqlite.Scratch(s.path)
	must(c.t, err)
	must(c.t, db.Script(fmt.Sprintf("PRAGMA application_id=%d", sqlite.ApplicationID)))
	_, _, err = sqlite.Migrate(db, record.Migrations())
	must(c.t, err)
	must(c.t, db.Script("BEGIN"))
	var page record.Page
	prev := record.NoHash
	for i, e := range events {
		e.Seq, e.Prev = int64(i+1), prev
		_ = page.Append(db, &e, e.Body) // what cannot be projected stands in the chain all the same
		prev = e.Hash
	}
	must(c.t, page.Flush(db))
	last := events[len(events)-1]
	_, err = db.Exec(`INSERT INTO head (one, seq, hash, at) VALUES (1, ?, ?, ?)`, int64(len(events)), prev, sqlite.Stamp(last.At))
	must(c.t, err)
	must(c.t, db.Script("COMMIT; PRAGMA journal_mode=DELETE"))
	must(c.t, db.Close())
}

// shelve moves all events of a scene into archives and returns them, none where the program
// refuses the journal as it is. The event that says so is in no checkpoint that went elsewhere.
func (c *crime) shelve(s *scene) []string {
	c.t.Helper()
	must(c.t, os.Chmod(s.path, 0o640))
	ahead := func() time.Time { return time.Now().Add(season) }
	book, err := journal.Open(c.t.Context(), s.path, journal.Options{Now: ahead, Instance: "archivist"})
	if err != nil {
		return nil
	}
	for err == nil {
		_, err = book.Archive(c.t.Context(), "archivist", "test", ahead())
	}
	var held *volume.UnfinishedError
	if !errors.Is(err, volume.ErrNothing) && !errors.As(err, &held) {
		must(c.t, err)
	}
	must(c.t, book.Close())
	files, err := filepath.Glob(filepath.Join(filepath.Dir(s.path), "archive", "*.db"))
	must(c.t, err)
	for _, f := range files {
		must(c.t, os.Chmod(f, 0o640))
	}
	return files
}

// shelved is one of the archives of a scene whose events are archived.
func (c *crime) shelved(s *scene) string {
	c.t.Helper()
	files := c.shelve(s)
	return files[c.rnd.IntN(len(files))]
}

// other is an archive of an edited history, computed anew.
func (c *crime) other() string {
	c.t.Helper()
	for {
		s := c.copy()
		c.rewrite(s, c.edited())
		if files := c.shelve(s); len(files) > 0 {
			return files[0]
		}
	}
}

// forge signs a checkpoint of the spoilt journal, in the name of the installation, with the
// key at a path, which is made when there is none.
func (c *crime) forge(s *scene, path string) {
	c.t.Helper()
	key, err := note.OpenKey(path, s.path+".pub", crand.Reader)
	must(c.t, err)
	known, _, err := note.Last(c.checkpoints)
	must(c.t, err)
	db, err := sqlite.Read(s.path)
	must(c.t, err)
	defer db.Close()
	row, err := db.One(`SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1`)
	must(c.t, err)
	raw, err := key.Sign(note.Checkpoint{Origin: known.Origin, Seq: row.Num(0), Hash: row.Str(1)})
	must(c.t, err)
	s.forged = []string{s.path + ".checkpoints"}
	must(c.t, os.WriteFile(s.forged[0], []byte(raw), 0o640))
}

func (c *crime) any() int                 { return c.rnd.IntN(len(c.events)) }
func (c *crime) file() string             { return c.files[c.rnd.IntN(len(c.files))] }
func (c *crime) seq() string              { return strconv.Itoa(c.any() + 1) }
func (c *crime) pick(of ...string) string { return of[c.rnd.IntN(len(of))] }

// edited is the history with one event changed.
func (c *crime) edited() []record.Event {
	events := slices.Clone(c.events)
	e := &events[c.any()]
	switch c.rnd.IntN(4) {
	case 0:
		e.Actor += "x"
	case 1:
		e.At = e.At.Add(time.Millisecond)
	case 2:
		e.Instance = "elsewhere"
	default:
		e.Body = json.RawMessage(strings.Replace(string(e.Body), "{", `{"x":1,`, 1))
		e.Body = json.RawMessage(strings.Replace(string(e.Body), ",}", "}", 1))
	}
	return events
}

// way is one way to spoil a scene.
type way struct {
	name  string
	spoil func(c *crime, s *scene)
}

func ways() []way {
	return []way{
		{"EventEdited", func(c *crime, s *scene) {
			column := c.pick("actor", "instance", "kind", "bank", "at", "body", "prev", "hash")
			change := column + " = " + column + " || 'x'"
			switch column {
			case "body":
				change = `body = json_set(body, '$.x', 1)`
			case "hash", "prev":
				change = column + " = lower(hex(randomblob(32)))"
			}
			c.force(s, `UPDATE event SET `+change+` WHERE seq = `+c.seq())
		}},
		{"EventMoved", func(c *crime, s *scene) {
			c.force(s, `UPDATE event SET exchange = exchange + 1 WHERE seq = `+c.seq())
		}},
		{"EventsDeleted", func(c *crime, s *scene) {
			from := c.any() + 1
			c.force(s, fmt.Sprintf(`DELETE FROM event WHERE seq BETWEEN %d AND %d`, from, from+c.rnd.IntN(5)))
		}},
		{"EventsSwapped", func(c *crime, s *scene) {
			a := c.rnd.IntN(len(c.events)-1) + 1
			b := a + 1 + c.rnd.IntN(len(c.events)-a)
			c.force(s, fmt.Sprintf(`UPDATE event SET seq = -1 WHERE seq = %d`, a), fmt.Sprintf(`UPDATE event SET seq = %d WHERE seq = %d`, a, b),
				fmt.Sprintf(`UPDATE event SET seq = %d WHERE seq = -1`, b))
		}},
		{"TailCut", func(c *crime, s *scene) {
			c.force(s, fmt.Sprintf(`DELETE FROM event WHERE seq > %d`, c.any()))
		}},
		{"TailCutAsIfItNeverWas", func(c *crime, s *scene) { c.rewrite(s, c.events[:max(1, c.any())]) }},
		{"ChainComputedAnewWithAnEdit", func(c *crime, s *scene) { c.rewrite(s, c.edited()) }},
		{"ChainComputedAnewWithoutAnEvent", func(c *crime, s *scene) {
			at := c.any()
			c.rewrite(s, slices.Delete(slices.Clone(c.events), at, at+1))
		}},
		{"ChainComputedAnewWithAnEventMore", func(c *crime, s *scene) {
			e := c.events[c.any()]
			e.Kind, e.Body, e.Exchange = "note.forged", json.RawMessage(`{}`), 0
			at := c.any()
			e.At = c.events[at].At
			c.rewrite(s, slices.Insert(slices.Clone(c.events), at, e))
		}},
		{"ChainComputedAnewWithCheckpointsByAStolenName", func(c *crime, s *scene) {
			events := c.edited()
			c.rewrite(s, events)
			c.forge(s, s.path+".key")
		}},
		{"ChainComputedAnewWithTheStolenKey", func(c *crime, s *scene) {
			c.rewrite(s, c.edited())
			c.forge(s, filepath.Join(c.dir, "state", "checkpoint.key"))
		}},
		{"TailCutAndAdoptedWithTheStolenKey", func(c *crime, s *scene) {
			known, _, err := note.Last(c.checkpoints)
			must(c.t, err)
			cut := c.events[:max(1, c.rnd.IntN(len(c.events)-1))]
			e := cut[len(cut)-1]
			e.Kind, e.Bank, e.Exchange = "book.adopted", "", 0
			e.Body = json.RawMessage(fmt.Sprintf(`{"reason":"restored","lost":{"%d":"%s"},"skip":1000000,"suspects":0}`, known.Seq, known.Hash))
			c.rewrite(s, append(slices.Clone(cut), e))
			c.forge(s, filepath.Join(c.dir, "state", "checkpoint.key"))
		}},
		{"TableEdited", func(c *crime, s *scene) {
			c.force(s, c.pick(
				`UPDATE exchange SET state = 'Held', open = 0 WHERE id = 1`,
				`UPDATE exchange SET amount = coalesce(amount, 0) + 1 WHERE id = (SELECT max(id) FROM exchange)`,
				`UPDATE arrival SET signer = 'nobody' WHERE id = 1`, `DELETE FROM arrival WHERE id = 1`,
				`UPDATE stream SET seq = seq + 1`, `DELETE FROM source WHERE exchange = 1`, `UPDATE head SET seq = seq - 1`,
				`UPDATE exchange SET delivered_at = '2026-01-01T00:00:00.000Z' WHERE id = 1`,
			))
		}},
		{"SchemaEdited", func(c *crime, s *scene) {
			c.force(s, c.pick(
				`CREATE TABLE extra (a)`, `DROP VIEW overdue`, `DROP INDEX exchange_seq`,
				`CREATE TRIGGER quiet AFTER INSERT ON event BEGIN SELECT 1; END`,
			))
		}},
		{"ArchiveEdited", func(c *crime, s *scene) {
			file := c.shelved(s)
			column := c.pick("actor", "instance", "kind", "bank", "at", "body", "prev", "hash")
			c.force(&scene{path: file}, `UPDATE event SET `+column+` = `+column+` || ' ' WHERE seq = (SELECT seq FROM event ORDER BY random() LIMIT 1)`)
		}},
		{"ArchiveCut", func(c *crime, s *scene) {
			c.force(&scene{path: c.shelved(s)}, `DELETE FROM event WHERE seq > (SELECT seq FROM event ORDER BY random() LIMIT 1) OR seq = (SELECT max(seq) FROM event)`)
		}},
		{"ArchiveMissing", func(c *crime, s *scene) { must(c.t, os.Remove(c.shelved(s))) }},
		{"ArchiveOfAnotherHistory", func(c *crime, s *scene) {
			file := c.shelved(s)
			must(c.t, os.Rename(c.other(), file))
		}},
		{"ArchiveOfAnotherHistoryAndItsDigest", func(c *crime, s *scene) {
			file := c.shelved(s)
			must(c.t, os.Rename(c.other(), file))
			digest, size, err := volume.Digest(c.t.Context(), file)
			must(c.t, err)
			c.force(s, fmt.Sprintf(`UPDATE archive SET sha256 = '%s', size = %d WHERE file = '%s'`, digest, size, filepath.Base(file)))
		}},
		{"JournalAndArchivesOfAnotherHistory", func(c *crime, s *scene) {
			c.rewrite(s, c.edited())
			c.shelve(s)
		}},
		{"JournalAndArchivesCutAsIfItNeverWas", func(c *crime, s *scene) {
			c.rewrite(s, c.events[:max(1, c.any())])
			c.shelve(s)
		}},
		{"ArchiveForgotten", func(c *crime, s *scene) {
			file := c.shelved(s)
			c.force(s, fmt.Sprintf(`DELETE FROM archive WHERE file = '%s'`, filepath.Base(file)))
		}},
		{"OctetOfAnArchiveFlipped", func(c *crime, s *scene) {
			file := c.shelved(s)
			data, err := os.ReadFile(file)
			must(c.t, err)
			data[c.rnd.IntN(len(data))] ^= 1 << c.rnd.IntN(8)
			must(c.t, os.WriteFile(file, data, 0o640))
		}},
		{"StoredFileEdited", func(c *crime, s *scene) {
			c.storeCopy(s)
			path := filepath.Join(s.store, c.file())
			data, err := os.ReadFile(path)
			must(c.t, err)
			data[c.rnd.IntN(len(data))] ^= 1 << c.rnd.IntN(8)
			must(c.t, os.WriteFile(path, data, 0o640))
		}},
		{"SegmentEdited", func(c *crime, s *scene) {
			document, err := os.ReadFile(filepath.Join(c.unpacked(), c.file()))
			must(c.t, err)
			segment, err := os.ReadFile(filepath.Join(c.store(), "000001.tar"))
			must(c.t, err)
			segment[bytes.Index(segment, document)+c.rnd.IntN(len(document))] ^= 1 << c.rnd.IntN(8)
			s.store = filepath.Join(filepath.Dir(s.path), "store")
			must(c.t, os.Mkdir(s.store, 0o750))
			must(c.t, os.WriteFile(filepath.Join(s.store, "000001.tar"), segment, 0o640))
		}},
		{"StoredFilesSwapped", func(c *crime, s *scene) {
			c.storeCopy(s)
			a := c.file()
			b := c.file()
			for a == b {
				b = c.file()
			}
			must(c.t, os.Rename(filepath.Join(s.store, a), filepath.Join(s.store, "x")))
			must(c.t, os.Rename(filepath.Join(s.store, b), filepath.Join(s.store, a)))
			must(c.t, os.Rename(filepath.Join(s.store, "x"), filepath.Join(s.store, b)))
		}},
		{"StoredFileRemoved", func(c *crime, s *scene) {
			c.storeCopy(s)
			must(c.t, os.Remove(filepath.Join(s.store, c.file())))
		}},
		{"DocumentReplacedInStoreAndJournal", func(c *crime, s *scene) {
			c.storeCopy(s)
			old := filepath.Base(c.file())
			store, err := spool.OpenStore(s.store)
			must(c.t, err)
			forged, err := store.Put(c.t.Context(), []byte("forged "+old))
			must(c.t, err)
			must(c.t, store.Close())
			events := slices.Clone(c.events)
			for i := range events {
				events[i].Body = bytes.ReplaceAll(events[i].Body, []byte(old), []byte(forged))
			}
			c.rewrite(s, events)
		}},
		{"OctetOfTheFileFlipped", func(c *crime, s *scene) {
			data, err := os.ReadFile(s.path)
			must(c.t, err)
			before := hashes(s.path)
			for hashes(s.path) == before { // a page keeps octets that belong to no row any more: those say nothing
				at := bytes.Index(data, []byte(c.events[c.any()].Hash))
				if at < 0 { // it lies across two pages
					continue
				}
				spoilt := bytes.Clone(data)
				spoilt[at+c.rnd.IntN(64)] ^= 0x10
				must(c.t, os.WriteFile(s.path, spoilt, 0o640))
			}
		}},
	}
}

// hashes is what the rows of a file say, as far as they can be read.
func hashes(path string) string {
	var out strings.Builder
	db, err := sqlite.Read(path)
	if err != nil {
		return err.Error()
	}
	defer db.Close()
	err = db.Each(`SELECT hash || prev FROM event UNION ALL SELECT hash FROM head`, func(f sqlite.Fields) error {
		out.WriteString(f.Str(0))
		return nil
	})
	return fmt.Sprint(out.String(), err)
}

// TestTampering spoils a journal in random ways. TAMPER_ROUNDS says how many times,
// TAMPER_SEED repeats a run.
func TestTampering(t *testing.T) {
	rounds, seed := number(t, "TAMPER_ROUNDS", 3*len(ways())), uint64(number(t, "TAMPER_SEED", int(time.Now().UnixNano()&0xffffff)))
	t.Logf("TAMPER_ROUNDS=%d TAMPER_SEED=%d", rounds, seed)
	c := newCrime(t, seed)
	if f := c.verify(c.copy()); !f.OK || f.Witnessed != int64(len(c.events)) || f.Signatures == 0 || f.Digests == 0 {
		t.Fatalf("the sound journal is refused: %+v", f)
	}
	all := ways()
	found := make(map[string]int)
	for i := range rounds {
		w := all[i%len(all)]
		t.Run(fmt.Sprintf("%s/%d", w.name, i), func(t *testing.T) {
			c.t = t // folders of a round go with it
			s := c.copy()
			w.spoil(c, s)
			if f := c.verify(s); f.OK {
				t.Errorf("not detected: %+v", f)
			} else {
				found[w.name]++
			}
		})
	}
	t.Logf("detected: %v", found)
}

// TestSoundIsNotRefused rebuilds and moves a journal without changing what it says.
func TestSoundIsNotRefused(t *testing.T) {
	c := newCrime(t, 1)
	for name, keep := range map[string]func(s *scene){
		"ComputedAnewWithoutAChange": func(s *scene) { c.rewrite(s, c.events) },
		"Vacuumed":                   func(s *scene) { c.force(s, "VACUUM") },
		"TriggersTakenAndPutBack":    func(s *scene) { c.force(s) },
		"StoreCopied":                func(s *scene) { c.storeCopy(s) },
		"Archived":                   func(s *scene) { c.shelve(s) },
		"ArchivedAndVacuumed": func(s *scene) {
			c.shelve(s)
			c.force(s, "VACUUM")
		},
		"Analyzed": func(s *scene) { c.force(s, "ANALYZE") },
		"BackedUp": func(s *scene) {
			must(t, sqlite.Backup(t.Context(), c.journal(), s.path+".copy"))
			s.path += ".copy"
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.copy()
			keep(s)
			if f := c.verify(s); !f.OK {
				t.Errorf("refused: %+v", f)
			}
		})
	}
}

func number(t *testing.T, name string, fallback int) int {
	t.Helper()
	if text := os.Getenv(name); text != "" {
		n, err := strconv.Atoi(text)
		must(t, err)
		return n
	}
	return fallback
}
