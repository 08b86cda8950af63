package journal

import (
	"context"
	"fmt"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/standing"
	"bankconnector/connector/journal/volume"
)

// Excerpt writes stretches of the chain, first and last event of each, to a new SQLite
// file: what proves an event to somebody who does not get the journal.
func (b *Book) Excerpt(ctx context.Context, into string, stretches [][2]int64) error {
	err := volume.Excerpt(into, stretches, func(first, last int64) ([]Event, error) {
		return standing.Rows(ctx, b.readers, record.Read, `SELECT `+record.Columns+` FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq`, first, last)
	})
	if err != nil {
		return fmt.Errorf("write excerpt: %w", err)
	}
	return nil
}

// About lists the numbers of all events that tell of an exchange: its own, those of our
// receipts for what came back, and those of the files that came.
func (b *Book) About(ctx context.Context, exchange int64) (seqs []int64, err error) {
	return standing.Rows(ctx, b.readers, func(f sqlite.Fields) (int64, error) { return f.Num(0), nil }, `
		WITH file AS (SELECT id, last_event FROM arrival WHERE exchange = ?1),
		part AS (SELECT id, last_event FROM exchange WHERE id = ?1 OR parent = ?1
			OR incoming IN (SELECT id FROM file) AND incoming <> 0)
		SELECT e.seq FROM event e JOIN part ON e.exchange = part.id
		UNION SELECT seq FROM event WHERE kind LIKE 'incoming.%' AND json_extract(body, '$.id') IN (SELECT id FROM file)
			AND seq BETWEEN (SELECT min(seq) FROM event WHERE exchange = ?1 AND exchange <> 0) AND (SELECT max(last_event) FROM file)
		ORDER BY 1`, exchange)
}

// Belonging lists what belongs to an exchange: our receipts for what came back, and the
// files that came.
func (b *Book) Belonging(ctx context.Context, exchange int64) (receipts []Exchange, files []Incoming, err error) {
	ids, err := standing.Rows(ctx, b.readers, func(f sqlite.Fields) (int64, error) { return f.Num(0), nil }, `SELECT id FROM exchange
		WHERE id <> ?1 AND (parent = ?1 OR incoming <> 0 AND incoming IN (SELECT id FROM arrival WHERE exchange = ?1)) ORDER BY id`, exchange)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		x, err := b.Exchange(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		receipts = append(receipts, x)
	}
	ids, err = standing.Rows(ctx, b.readers, func(f sqlite.Fields) (int64, error) { return f.Num(0), nil }, `SELECT id FROM arrival WHERE exchange = ?`, exchange)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		i, err := b.Incoming(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, i)
	}
	return receipts, files, nil
}
