package backup_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
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
