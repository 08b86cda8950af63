package journal

import (
	"context"
	"database/sql"
	"fmt"

	"bankconnector/connector/journal/volume"
)

// Excerpt writes stretches of the chain, first and last event of each, to a new SQLite
// file: what proves an event to somebody who does not get the journal.
func (b *Book) Excerpt(ctx context.Context, into string, stretches [][2]int64) error {
	err := volume.Excerpt(into, stretches, func(first, last int64) ([]Event, error) { return b.shelf.Between(ctx, first, last) })
	if err != nil {
		return fmt.Errorf("write excerpt: %w", err)
	}
	return nil
}

// About lists the numbers of all events that tell of an exchange: its own, those of our
// receipts for what came back, and those of the files that came.
func (b *Book) About(ctx context.Context, exchange int64) (seqs []int64, err error) {
	return b.shelf.Around(ctx, &b.Tables, exchange)
}

// Reports is a pool for queries that people type, close it: the journal with its archives of
// the months from and to ("2026-01", "" for all) and the view event_all over their events.
// Left names the archives that are not in it; see [volume.Shelf.Reports].
func (b *Book) Reports(ctx context.Context, from, to string) (db *sql.DB, left []string, err error) {
	return b.shelf.Reports(ctx, b.path, from, to)
}

// Events lists all that the book says about an exchange, in order, archives included.
func (b *Book) Events(ctx context.Context, exchange int64) ([]Event, error) {
	return b.shelf.About(ctx, exchange)
}
