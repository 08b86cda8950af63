package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
)

// excerptTable is table event as a stranger gets it: octets are those that hash is the
// SHA-256 of.
const excerptTable = `CREATE TABLE event (seq INTEGER PRIMARY KEY, at TEXT, instance TEXT, actor TEXT, kind TEXT, bank TEXT,
	exchange INTEGER, body TEXT, prev TEXT, hash TEXT, octets BLOB) STRICT`

// Excerpt writes stretches of the chain, first and last event of each, to a new SQLite
// file: what proves an event to somebody who does not get the journal.
func (b *Book) Excerpt(ctx context.Context, into string, stretches [][2]int64) (err error) {
	c, err := sqlite.Scratch(into)
	if err != nil {
		return fmt.Errorf("write excerpt: %w", err)
	}
	defer func() {
		if err = errors.Join(err, c.Close()); err != nil {
			err = fmt.Errorf("write excerpt: %w", err)
		}
	}()
	if err := c.Script(excerptTable + "; BEGIN"); err != nil {
		return err
	}
	var buf bytes.Buffer
	for _, s := range stretches {
		events, err := rows(ctx, b, record.Read, `SELECT `+record.Columns+` FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq`, s[0], s[1])
		if err != nil {
			return err
		}
		for _, e := range events {
			hash, err := e.Digest(&buf)
			if err != nil {
				return err
			}
			if hash != e.Hash {
				return fmt.Errorf("event %d does not have its hash: run journal verify", e.Seq)
			}
			if _, err := c.Exec(`INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
				e.Seq, sqlite.Stamp(e.At), e.Instance, e.Actor, e.Kind, e.Bank, e.Exchange, string(e.Body), e.Prev, e.Hash, buf.Bytes()); err != nil {
				return fmt.Errorf("event %s: %w", strconv.FormatInt(e.Seq, 10), err)
			}
		}
	}
	return c.Script("COMMIT")
}

// About lists the numbers of all events that tell of an exchange: its own, those of our
// receipts for what came back, and those of the files that came.
func (b *Book) About(ctx context.Context, exchange int64) (seqs []int64, err error) {
	return rows(ctx, b, func(f sqlite.Fields) (int64, error) { return f.Num(0), nil }, `
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
	ids, err := rows(ctx, b, func(f sqlite.Fields) (int64, error) { return f.Num(0), nil }, `SELECT id FROM exchange
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
	ids, err = rows(ctx, b, func(f sqlite.Fields) (int64, error) { return f.Num(0), nil }, `SELECT id FROM arrival WHERE exchange = ?`, exchange)
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
