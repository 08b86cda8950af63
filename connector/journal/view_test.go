package journal

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestViewThatWasThereFirst opens a view beside a journal without its log, as a daemon
// killed while it made the file leaves it, and wants it to see what is written later.
func TestViewThatWasThereFirst(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "journal.db")
	o := Options{Now: time.Now, Instance: "test"}
	made, err := Create(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path + "-wal", path + "-shm"} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	view, err := View(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	book, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	if err := book.Write(t.Context(), "test", func(tx *Tx) error { return tx.Note("note.test", "", 0, struct{}{}) }); err != nil {
		t.Fatal(err)
	}
	want, _, err := book.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := view.Head(t.Context()); err != nil || got != want {
		t.Errorf("the view sees %d events, %v, want %d", got, err, want)
	}
}
