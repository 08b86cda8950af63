package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

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
	own, err := b.Events(ctx, exchange)
	if err != nil || len(own) == 0 || own[0].Kind != "exchange.opened" {
		return nil, errors.Join(err, fmt.Errorf("events of exchange %d: %w", exchange, volume.ErrRetired))
	}
	receipts, files, err := b.Belonging(ctx, exchange)
	if err != nil {
		return nil, err
	}
	all := [][]Event{own}
	for _, r := range receipts {
		events, err := b.Events(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, events)
	}
	for _, f := range files {
		events, err := b.shelf.Find(ctx, volume.Within{First: own[0].Seq, Last: f.LastEvent}, `kind LIKE 'incoming.%'
			AND seq BETWEEN ? AND ? AND json_extract(body, '$.id') = ?`, own[0].Seq, f.LastEvent, f.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, events)
	}
	for _, e := range slices.Concat(all...) {
		seqs = append(seqs, e.Seq)
	}
	slices.Sort(seqs)
	return slices.Compact(seqs), nil
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
