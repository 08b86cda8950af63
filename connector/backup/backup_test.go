package backup_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bankconnector/connector/backup"
	"bankconnector/connector/evidence"
	"bankconnector/connector/evidence/adopt"
	"bankconnector/connector/evidence/note"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
)

// house is an installation at work.
type house struct {
	t     *testing.T
	dir   string
	book  *journal.Book
	store *spool.Store
	seal  adopt.Seal
	n     int
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	var err error
	h.book, err = journal.Create(t.Context(), filepath.Join(h.dir, "journal.db"), journal.Options{Now: time.Now, Instance: "here"})
	must(t, err)
	h.store, err = spool.OpenStore(filepath.Join(h.dir, "store"))
	must(t, err)
	key, err := note.OpenKey(filepath.Join(h.dir, "checkpoint.key"), filepath.Join(h.dir, "checkpoint.pub"), rand.Reader)
	must(t, err)
	h.seal = adopt.Seal{Key: key, Instance: "here", Files: []string{filepath.Join(h.dir, "checkpoints")}}
	t.Cleanup(func() { must(t, errors.Join(h.book.Close(), h.store.Close())) })
	return h
}

// accept takes a document in, and a checkpoint of it.
func (h *house) accept(ctx context.Context) {
	h.t.Helper()
	h.n++
	name := strings.Repeat("x", h.n)
	digest, err := h.store.Put(ctx, []byte("document "+name))
	must(h.t, err)
	must(h.t, h.book.Write(ctx, "daemon", func(tx *journal.Tx) error {
		_, err := tx.Accept(journal.Acceptance{Bank: "044525225", Kind: "order", InternalKey: name, SourceSHA256: digest})
		return err
	}))
	_, err = h.seal.Checkpoint(ctx, h.book)
	must(h.t, err)
}

func (h *house) back(into string, at time.Time) string {
	h.t.Helper()
	copied, err := backup.Make(h.t.Context(), backup.Source{
		Journal: filepath.Join(h.dir, "journal.db"), Store: filepath.Join(h.dir, "store"),
		Checkpoints: h.seal.Files[0], Public: filepath.Join(h.dir, "checkpoint.pub"),
	}, backup.Folder(into), into, at)
	must(h.t, err)
	return filepath.Join(into, copied)
}

func (h *house) drill(into string) backup.Result {
	h.t.Helper()
	r, err := backup.Drill(h.t.Context(), evidence.Inquiry{Keys: []ed25519.PublicKey{h.seal.Key.Public()}, Temp: h.t.TempDir()}, into, h.seal.Files[0])
	must(h.t, err)
	return r
}

func TestBackup(t *testing.T) {
	h, into := newHouse(t), filepath.Join(t.TempDir(), "copies")
	h.accept(t.Context())
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	first := h.back(into, noon)
	t.Run("IsProven", func(t *testing.T) {
		if r := h.drill(into); !r.OK || r.Path != first || r.Digests != 1 || r.Checkpoints != 1 || r.Behind != 0 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("TellsHowFarItIsBehind", func(t *testing.T) {
		h.accept(t.Context())
		h.accept(t.Context())
		if r := h.drill(into); !r.OK || r.Behind != 2 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("TheNewestIsDrilled", func(t *testing.T) {
		second := h.back(into, noon.Add(time.Millisecond))
		if r := h.drill(into); !r.OK || r.Path != second || r.Digests != 3 || r.Behind != 0 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("HalfACopyIsNone", func(t *testing.T) {
		must(t, os.WriteFile(filepath.Join(into, "journal-20991231T000000.000Z.db.part"), []byte("half"), 0o640))
		if r := h.drill(into); !r.OK {
			t.Errorf("%+v", r)
		}
	})
	t.Run("MissingDocumentsAreNamed", func(t *testing.T) {
		must(t, os.RemoveAll(filepath.Join(into, "store")))
		r := h.drill(into)
		missing := slices.ContainsFunc(r.Problems, func(p string) bool { return strings.HasPrefix(p, "store: ") })
		if r.OK || len(r.Problems) != 3 || !missing {
			t.Errorf("%+v", r)
		}
		h.back(into, noon.Add(time.Second))
		if r := h.drill(into); !r.OK || r.Digests != 3 {
			t.Errorf("after one more backup: %+v", r)
		}
	})
	t.Run("NoCopyIsAnError", func(t *testing.T) {
		if _, err := backup.Drill(t.Context(), evidence.Inquiry{}, t.TempDir(), ""); !errors.Is(err, backup.ErrNoCopy) {
			t.Errorf("%v", err)
		}
	})
}

// TestBackupBesideAWriter: every copy of a journal that is being written is one moment of it.
func TestBackupBesideAWriter(t *testing.T) {
	h, into := newHouse(t), filepath.Join(t.TempDir(), "copies")
	h.accept(t.Context())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			h.accept(context.WithoutCancel(ctx)) // the end of the test cuts none in two
		}
	}()
	for i := range 5 {
		h.back(into, time.Date(2026, 11, 22, 12, i, 0, 0, time.UTC))
		if r := h.drill(into); !r.OK || r.Digests == 0 {
			t.Errorf("copy %d: %+v", i, r)
		}
	}
	stop()
	<-done
}

// frail is a place that fails at its n-th Put.
type frail struct {
	backup.Folder
	left int
}

var errFrail = errors.New("the place is full")

func (f *frail) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	if f.left--; f.left < 0 {
		_, _ = io.CopyN(io.Discard, r, size/2)
		return errFrail
	}
	return f.Folder.Put(ctx, name, r, size)
}

// TestNothingLooksFinished: a transfer that fails anywhere leaves no journal's copy, the next one is whole, and it comes
// back whole, also in two steps.
func TestNothingLooksFinished(t *testing.T) {
	h, there := newHouse(t), t.TempDir()
	for range 3 {
		h.accept(t.Context())
	}
	source := backup.Source{
		Journal: filepath.Join(h.dir, "journal.db"), Store: filepath.Join(h.dir, "store"),
		Checkpoints: h.seal.Files[0], Public: filepath.Join(h.dir, "checkpoint.pub"),
	}
	tries := 0
	for failing := true; failing; tries++ {
		_, err := backup.Make(t.Context(), source, &frail{backup.Folder(there), tries}, t.TempDir(), time.Date(2026, 11, 22, 12, tries, 0, 0, time.UTC))
		failing = errors.Is(err, errFrail)
		copies, _ := filepath.Glob(filepath.Join(there, "journal-*"))
		if failing == (len(copies) == 1) || !failing && err != nil {
			t.Errorf("%d files went: %v, %v", tries, copies, err)
		}
	}
	if tries < 4 {
		t.Errorf("only %d tries", tries)
	}
	into := backup.Folder(filepath.Join(t.TempDir(), "fetched"))
	ctx, stop := context.WithCancel(t.Context())
	if err := backup.Fetch(ctx, &halting{backup.Folder(there), stop}, into); !errors.Is(err, context.Canceled) {
		t.Errorf("cut off: %v", err)
	}
	if _, err := backup.Drill(t.Context(), evidence.Inquiry{}, string(into), ""); err == nil {
		t.Error("half of a copy was proven")
	}
	must(t, backup.Fetch(t.Context(), backup.Folder(there), into))
	if r := h.drill(string(into)); !r.OK || r.Digests != 3 || r.Behind != 0 {
		t.Errorf("fetched: %+v", r)
	}
	if err := backup.Fetch(t.Context(), backup.Folder(t.TempDir()), into); !errors.Is(err, backup.ErrNoCopy) {
		t.Errorf("fetched nothing: %v", err)
	}
}

// halting is a place whose reader gives up after the first file.
type halting struct {
	backup.Folder
	stop context.CancelFunc
}

func (f *halting) Get(ctx context.Context, name string, w io.Writer, size int64) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f.stop()
	return f.Folder.Get(ctx, name, w, size)
}
