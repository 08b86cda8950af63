package aging_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bankconnector/connector/evidence"
	"bankconnector/connector/install/aging"
	"bankconnector/connector/journal"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/spool"
)

// house is a journal and its store, with a clock.
type house struct {
	t     *testing.T
	dir   string
	now   time.Time
	book  *journal.Book
	store *spool.Store
	aside *spool.Quarantine
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), now: time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC)}
	var err error
	h.book, err = journal.Create(t.Context(), filepath.Join(h.dir, "journal.db"), journal.Options{Now: func() time.Time { return h.now }, Instance: "test"})
	must(t, err)
	h.open()
	h.aside, err = spool.OpenQuarantine(filepath.Join(h.dir, "quarantine"))
	must(t, err)
	t.Cleanup(func() { must(t, errors.Join(h.store.Close(), h.book.Close())) })
	return h
}

func (h *house) open() {
	h.t.Helper()
	var err error
	h.store, err = spool.OpenStore(filepath.Join(h.dir, "store"))
	must(h.t, err)
}

func (h *house) put(text string) string {
	h.t.Helper()
	digest, err := h.store.Put(h.t.Context(), []byte(text))
	must(h.t, err)
	return digest
}

// order takes a document in, and withdraws it unless it stays open.
func (h *house) order(key, base string, open bool) (digest string) {
	h.t.Helper()
	digest = h.put("order " + key)
	must(h.t, h.book.Write(h.t.Context(), "test", func(tx *journal.Tx) error {
		id, err := tx.Accept(journal.Acceptance{Bank: "044525225", Kind: "order", InternalKey: key, BaseKey: base, SourceSHA256: digest})
		if err != nil || open {
			return err
		}
		return tx.Advance(id, journal.Accepted, journal.Cancelled, journal.Change{Reason: "test"})
	}))
	return digest
}

// seal ends the growing segment, as if it were full, and makes it as old as the clock says.
func (h *house) seal(name string) {
	h.t.Helper()
	must(h.t, h.store.Close())
	var number int
	_, err := fmt.Sscanf(name, "%d.tar", &number)
	must(h.t, err)
	must(h.t, os.WriteFile(h.path(fmt.Sprintf("%06d.tar", number+1)), nil, 0o600))
	h.open()
	must(h.t, os.Chtimes(h.path(name), h.now, h.now))
}

func (h *house) path(name string) string { return filepath.Join(h.dir, "store", name) }

func (h *house) round() {
	h.t.Helper()
	rules := aging.Rules{Retention: aging.Retention{DocumentsYears: 5}}
	must(h.t, rules.Round(h.t.Context(), aging.Rooms{Book: h.book, Store: h.store}, h.now, slog.New(slog.DiscardHandler)))
}

func (h *house) has(digest string) bool {
	h.t.Helper()
	_, err := h.store.Get(h.t.Context(), digest)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.t.Fatal(err)
	}
	return err == nil
}

func (h *house) verify() evidence.Findings {
	h.t.Helper()
	f, err := evidence.Verify(h.t.Context(), evidence.Inquiry{Path: filepath.Join(h.dir, "journal.db"), Store: spool.ReadStore(filepath.Join(h.dir, "store")), Temp: h.t.TempDir()})
	must(h.t, err)
	return f
}

// decade is a house with a segment of years ago that may go, but for three documents.
func decade(t *testing.T) (h *house, old, base, list string) {
	t.Helper()
	h = newHouse(t)
	list = h.put("a list of revoked certificates")
	must(t, h.book.Write(t.Context(), "test", func(tx *journal.Tx) error {
		return tx.Note(evidence.ReliedKind, "", 0, evidence.Relied{All: true, Trust: []evidence.Material{{What: "crl", File: "a.crl", SHA256: []string{list}}}})
	}))
	for i := range 40 {
		h.order(fmt.Sprint("old", i), "", false)
	}
	old, base = h.order("old", "", false), h.order("base", "", false)
	h.seal("000001.tar")
	h.now = h.now.AddDate(6, 0, 0)
	h.order("lift", "base", true)
	return h, old, base, list
}

func TestDocuments(t *testing.T) {
	h, old, base, list := decade(t)
	h.round()
	if !h.has(old) || h.verify().Discarded != 0 {
		t.Fatal("a document went on the first day")
	}
	again := h.order("again", "", true) // nothing of before
	late := h.put("order old3")         // the same bytes once more, while the segment is condemned
	must(t, h.book.Write(t.Context(), "test", func(tx *journal.Tx) error {
		_, err := tx.Accept(journal.Acceptance{Bank: "044525225", Kind: "order", InternalKey: "late", SourceSHA256: late})
		return err
	}))
	h.now = h.now.Add(23 * time.Hour)
	h.round()
	if !h.has(old) {
		t.Fatal("a document went before the day was over")
	}
	h.now = h.now.Add(time.Hour)
	h.round()
	for name, c := range map[string]struct {
		digest string
		want   bool
	}{"old": {old, false}, "base of an open lift": {base, true}, "relied on": {list, true}, "new": {again, true}, "stored once more": {late, true}} {
		if got := h.has(c.digest); got != c.want {
			t.Errorf("%s: it is there: %v", name, got)
		}
	}
	if _, err := os.Stat(h.path("000001.tar")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the segment is there: %v", err)
	}
	d, err := h.book.Discarded(t.Context())
	if err != nil || len(d) != 1 || d[0].Segment != "000001.tar" || d[0].Documents != 43 || d[0].Carried != 3 || d[0].Reason != "retention.documents_years: 5" {
		t.Errorf("the journal says %+v, %v", d, err)
	}
	if f := h.verify(); !f.OK || f.Discarded != 40 {
		t.Errorf("verdict is %+v", f)
	}
	h.round()
	if f := h.verify(); !f.OK || f.Discarded != 40 {
		t.Errorf("after another round the verdict is %+v", f)
	}
	if text := h.verify().Text("ru"); !strings.Contains(text, "удалено по сроку хранения: 40") {
		t.Errorf("the verdict says %s", text)
	}
}

// TestDocumentsStay where many of a segment are needed, where they are young, and without a rule.
func TestDocumentsStay(t *testing.T) {
	for name, spare := range map[string]func(h *house){
		"ManyAreNeeded": func(h *house) {
			for i := range 6 {
				h.order(fmt.Sprint("lift", i), fmt.Sprint("old", i), true)
			}
		},
		"TheSegmentIsYoung": func(h *house) { must(h.t, os.Chtimes(h.path("000001.tar"), h.now, h.now)) },
		"TheClockGoesBack":  func(h *house) { h.now = h.now.Add(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			h, old, _, _ := decade(t)
			spare(h)
			for range 3 {
				h.round()
				if name != "TheClockGoesBack" {
					h.now = h.now.Add(25 * time.Hour)
				}
			}
			if !h.has(old) {
				t.Error("a document went")
			}
			if f := h.verify(); !f.OK || f.Discarded != 0 {
				t.Errorf("verdict is %+v", f)
			}
		})
	}
}

// TestDocumentsGoOn after a crash between any two steps.
func TestDocumentsGoOn(t *testing.T) {
	for name, until := range map[string]func(h *house, base string) error{
		"Carried": func(h *house, base string) error { return h.store.Carry(t.Context(), []string{base}) },
		"Said": func(h *house, _ string) error {
			s, err := h.store.Describe(t.Context(), "000001.tar")
			must(t, err)
			must(t, h.store.Carry(t.Context(), []string{h.put("order base"), h.put("a list of revoked certificates")}))
			return h.book.Write(t.Context(), "test", func(tx *journal.Tx) error {
				return tx.Discard(record.Discarded{Segment: s.Name, SHA256: s.SHA256, Size: s.Size, Index: s.Index, Documents: 43, Carried: 2, Reason: "test"})
			})
		},
		"IndexMoved": func(h *house, _ string) error { return os.Rename(h.path("000001.idx"), h.path("000001.gone")) },
	} {
		t.Run(name, func(t *testing.T) {
			h, old, base, list := decade(t)
			h.t = t
			must(t, until(h, base))
			if name != "IndexMoved" { // which comes after the event
				if f := h.verify(); !f.OK {
					t.Errorf("after the crash: %+v", f)
				}
			}
			must(t, h.store.Close())
			h.open()
			must(t, aging.Finish(t.Context(), h.book, h.store))
			h.round()
			h.now = h.now.Add(25 * time.Hour)
			h.round()
			if h.has(old) || !h.has(base) || !h.has(list) {
				t.Errorf("there are: old %v, base %v, list %v", h.has(old), h.has(base), h.has(list))
			}
			if f := h.verify(); !f.OK || f.Discarded != 41 {
				t.Errorf("verdict is %+v", f)
			}
		})
	}
}

// TestVerifyFindsWhatWasNotDiscarded: nobody removes documents in the name of the rule.
func TestVerifyFindsWhatWasNotDiscarded(t *testing.T) {
	gone := func(t *testing.T) *house {
		h, _, _, _ := decade(t)
		h.round()
		h.now = h.now.Add(25 * time.Hour)
		h.round()
		if f := h.verify(); !f.OK || f.Discarded != 41 {
			t.Fatalf("verdict is %+v", f)
		}
		return h
	}
	for name, c := range map[string]struct {
		make  func(t *testing.T) *house
		spoil func(h *house) error
		want  string
	}{
		"ListMissing": {gone, func(h *house) error { return os.Remove(h.path("000001.gone")) }, "documents of segment 000001.tar"},
		"ListEdited": {gone, func(h *house) error {
			data, err := os.ReadFile(h.path("000001.gone"))
			return errors.Join(err, os.Chmod(h.path("000001.gone"), 0o600), os.WriteFile(h.path("000001.gone"), append(data, 0), 0o600))
		}, "has the SHA-256"},
		"SegmentRemovedAsIfByTheRule": {func(t *testing.T) *house {
			h, _, _, _ := decade(t)
			return h
		}, func(h *house) error {
			return errors.Join(os.Remove(h.path("000001.tar")), os.Rename(h.path("000001.idx"), h.path("000001.gone")))
		}, "store: "},
	} {
		t.Run(name, func(t *testing.T) {
			h := c.make(t)
			must(t, c.spoil(h))
			if f := h.verify(); f.OK || !strings.Contains(strings.Join(f.Problems, "\n"), c.want) {
				t.Errorf("want %q: %+v", c.want, f)
			}
		})
	}
}

// TestAnotherSegmentStays: a store that was begun anew has segments of the same names.
func TestAnotherSegmentStays(t *testing.T) {
	h, _, _, _ := decade(t)
	h.round()
	h.now = h.now.Add(25 * time.Hour)
	h.round()
	must(t, h.store.Close())
	must(t, os.RemoveAll(filepath.Join(h.dir, "store")))
	h.open()
	fresh := h.put("the first document of another store")
	h.seal("000001.tar")
	must(t, aging.Finish(t.Context(), h.book, h.store))
	if !h.has(fresh) {
		t.Error("a segment of another store was removed")
	}
}

// TestQuarantine: refused files leave the quarantine by the rule, and the journal says so.
func TestQuarantine(t *testing.T) {
	h := newHouse(t)
	put := func(text string, days int) string {
		path, err := h.aside.Keep([]byte(text), spool.Refused{At: h.now.AddDate(0, 0, -days), Source: "bank", Bank: "044525225", Name: text + ".zip", Code: "bad", Reason: "test"})
		must(t, err)
		return filepath.Join(h.dir, "quarantine", path)
	}
	h.put("old")
	h.put("young")
	busy := h.put("busy")
	files := map[string]string{"old": put("old", 91), "young": put("young", 89), "busy": put("busy", 91), "nowhere else": put("nowhere else", 91), "ancient": put("ancient", 6*366)}
	must(t, h.book.Write(t.Context(), "test", func(tx *journal.Tx) error {
		_, _, err := tx.Receive(journal.Incoming{Bank: "044525225", Name: "busy.zip", SHA256: busy, Size: 4})
		return err
	}))
	must(t, os.WriteFile(filepath.Join(h.dir, "quarantine", "044525225", "stranger"), []byte("x"), 0o600))
	rules := aging.Rules{Retention: aging.Retention{DocumentsYears: 5, QuarantineDays: 90}}
	for range 2 {
		must(t, rules.Round(t.Context(), aging.Rooms{Book: h.book, Store: h.store, Quarantine: h.aside}, h.now, slog.New(slog.DiscardHandler)))
	}
	for name, want := range map[string]bool{"old": false, "young": true, "busy": true, "nowhere else": true, "ancient": false} {
		_, err := os.Stat(files[name])
		_, reason := os.Stat(files[name] + ".reason.json")
		if (err == nil) != want || (reason == nil) != want {
			t.Errorf("%s: %v, %v, want it there: %v", name, err, reason, want)
		}
	}
	if n := count(t, h.book, `SELECT count(*) FROM event WHERE kind = 'note.quarantine'`); n != 2 {
		t.Errorf("the journal tells of %d files", n)
	}
	if _, err := os.Stat(filepath.Join(h.dir, "quarantine", "044525225", "stranger")); err != nil {
		t.Errorf("a file that the program did not put there: %v", err)
	}
}
