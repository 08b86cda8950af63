package backup_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"bankconnector/connector/backup"
	"bankconnector/connector/evidence"
	"bankconnector/connector/journal"
	"bankconnector/connector/journal/volume"
)

// TestArchivesAreFetched: a copy that comes back from elsewhere has the journal's archives.
func TestArchivesAreFetched(t *testing.T) {
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	source := backup.Source{Journal: filepath.Join(t.TempDir(), "journal.db"), Store: filepath.Join(t.TempDir(), "store")}
	book, err := journal.Create(t.Context(), source.Journal, journal.Options{Now: func() time.Time { return now }, Instance: "here"})
	must(t, err)
	defer book.Close()
	for range 2 {
		must(t, book.Write(t.Context(), "test", func(tx *journal.Tx) error { return tx.Note("note.month", "", 0, nil) }))
		now = now.AddDate(0, 1, 0)
	}
	_, err = book.Archive(t.Context(), "test", "test", now)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(volume.Folder(source.Journal), "journal-2026-02.db.new"), []byte("half"), 0o640))
	elsewhere, back := filepath.Join(t.TempDir(), "elsewhere"), filepath.Join(t.TempDir(), "back")
	_, err = backup.Make(t.Context(), source, backup.Folder(elsewhere), t.TempDir(), now)
	must(t, err)
	must(t, backup.Fetch(t.Context(), backup.Folder(elsewhere), backup.Folder(back)))
	r, err := backup.Drill(t.Context(), evidence.Inquiry{Temp: t.TempDir()}, back, "")
	if err != nil || !r.OK || r.Archives != 1 || r.Events != r.Last {
		t.Errorf("%+v, %v", r, err)
	}
	if files, err := os.ReadDir(filepath.Join(back, "archive")); err != nil || len(files) != 1 {
		t.Errorf("there lie %v, %v", files, err)
	}
}
