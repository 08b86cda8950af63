package aging_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"bankconnector/connector/install/aging"
	"bankconnector/connector/journal"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// months is a journal with an event in each of so many months, and its clock.
func months(t *testing.T, n int) (*journal.Book, *time.Time) {
	t.Helper()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	b, err := journal.Create(t.Context(), filepath.Join(t.TempDir(), "journal.db"), journal.Options{Now: func() time.Time { return now }, Instance: "test"})
	must(t, err)
	t.Cleanup(func() { must(t, b.Close()) })
	for i := range n {
		now = time.Date(2026, time.Month(i+1), 28, 12, 0, 0, 0, time.UTC)
		must(t, b.Write(t.Context(), "test", func(tx *journal.Tx) error { return tx.Note("note.month", "", 0, nil) }))
	}
	return b, &now
}

func count(t *testing.T, b *journal.Book, query string) (n int) {
	t.Helper()
	must(t, b.DB().QueryRowContext(t.Context(), query).Scan(&n))
	return n
}

func TestRound(t *testing.T) {
	const archives, retired = `SELECT count(*) FROM archives`, `SELECT count(*) FROM archives WHERE retired_by IS NOT NULL`
	b, now := months(t, 6)
	log := slog.New(slog.DiscardHandler)
	for _, c := range []struct {
		name              string
		at                time.Time
		rules             aging.Rules
		archives, retired int
	}{
		{"NoRule", time.Date(2027, 7, 1, 0, 0, 0, 0, time.UTC), aging.Rules{}, 0, 0},
		{"OnTheLastDayOfAMonth", time.Date(2026, 7, 31, 0, 0, 0, 0, time.UTC), aging.Rules{Journal: aging.Journal{ArchiveAfter: 3}}, 3, 0},
		{"AgainAtOnce", time.Date(2026, 7, 31, 1, 0, 0, 0, time.UTC), aging.Rules{Journal: aging.Journal{ArchiveAfter: 3}}, 3, 0},
		{"AMonthLater", time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), aging.Rules{Journal: aging.Journal{ArchiveAfter: 3}}, 4, 0},
		{"NotYetOldEnough", time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC), aging.Rules{Retention: aging.Retention{ArchivesYears: 1}}, 4, 0},
		{"OldEnough", time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC), aging.Rules{Retention: aging.Retention{ArchivesYears: 1}}, 4, 2},
		{"Both", time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC), aging.Rules{Journal: aging.Journal{ArchiveAfter: 1}, Retention: aging.Retention{ArchivesYears: 1}}, 9, 5},
	} {
		*now = c.at
		if err := c.rules.Round(t.Context(), aging.Rooms{Book: b}, c.at, log); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if a, r := count(t, b, archives), count(t, b, retired); a != c.archives || r != c.retired {
			t.Errorf("%s: %d archives, %d of them retired, want %d and %d", c.name, a, r, c.archives, c.retired)
		}
	}
}

// TestRoundEnds: what holds a month back is no failure, nor is the end of the program; a broken journal is.
func TestRoundEnds(t *testing.T) {
	b, now := months(t, 1)
	must(t, b.Write(t.Context(), "test", func(tx *journal.Tx) error {
		_, err := tx.Accept(journal.Acceptance{Bank: "044525225", Kind: "order", InternalKey: "k", SourceSHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"})
		return err
	}))
	*now = now.AddDate(0, 6, 0)
	rules := aging.Rules{Journal: aging.Journal{ArchiveAfter: 1}}
	if err := rules.Round(t.Context(), aging.Rooms{Book: b}, *now, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("an open document: %v", err)
	}
	if n := count(t, b, `SELECT count(*) FROM archives`); n != 0 {
		t.Errorf("%d archives", n)
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	if err := rules.Round(ended, aging.Rooms{Book: b}, *now, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("the program ends: %v", err)
	}
	if _, err := (aging.Hand{Options: journal.Options{Now: time.Now}}).Archive(t.Context(), "2026-13", ""); err == nil || errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a month that is none: %v", err)
	}
}
