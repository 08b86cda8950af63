package standing

import (
	"context"
	"fmt"
	"time"

	"bankconnector/connector/journal/sqlite"
)

// needs is the condition that somebody still needs the documents of exchange x: it has not come
// to its end, something happened to it or came for it at the time ?1 or later, or an open document, such as
// the lifting of an arrest, rests on it.
const needs = `(x.state NOT IN ('Closed', 'Refused', 'Rejected', 'Cancelled', 'Answered')
	OR max(x.accepted_at, coalesce(x.delivered_at, ''), coalesce(x.confirmed_at, ''), coalesce(x.answered_at, ''), coalesce(x.closed_at, '')) >= ?1
	OR EXISTS (SELECT 1 FROM arrival a WHERE a.exchange = x.id AND a.received_at >= ?1)
	OR x.class = 'office' AND x.internal_key IN (SELECT base_key FROM exchange WHERE open = 1 AND base_key <> ''))`

// needed are the documents that are: of such exchanges, of our receipts for what came back to
// them, and the files of banks that came for them, came since, or are not done with.
const needed = `SELECT x.source_sha256 FROM exchange x WHERE ` + needs + `
	UNION ALL SELECT x.file_sha256 FROM exchange x WHERE ` + needs + `
	UNION ALL SELECT s.sha256 FROM source s JOIN exchange x ON x.id = s.exchange WHERE ` + needs + `
	UNION ALL SELECT r.file_sha256 FROM exchange r JOIN exchange x ON x.id = r.parent WHERE ` + needs + `
	UNION ALL SELECT r.source_sha256 FROM exchange r JOIN exchange x ON x.id = r.parent WHERE ` + needs + `
	UNION ALL SELECT sha256 FROM arrival WHERE received_at >= ?1 OR ` + IncomingLeft + `
		OR EXISTS (SELECT 1 FROM exchange x WHERE x.id = arrival.exchange AND ` + needs + `)`

// Needed finds which of some documents, by digest, somebody needs at a time or since. It reads
// all tables of documents once and holds no more than it was asked about.
func (t *Tables) Needed(ctx context.Context, digests []string, since time.Time) (out []string, err error) {
	asked := make(map[string]bool, len(digests))
	for _, d := range digests {
		asked[d] = true
	}
	n := 0
	err = t.readers.Do(ctx, func(c *sqlite.Conn) error {
		return c.Each(needed, func(f sqlite.Fields) error {
			if d := f.Str(0); asked[d] {
				delete(asked, d)
				out = append(out, d)
			}
			if n++; n%1024 == 0 {
				return ctx.Err()
			}
			return nil
		}, sqlite.Stamp(since))
	})
	if err != nil {
		return nil, fmt.Errorf("find documents that are needed: %w", err)
	}
	return out, nil
}

// Discarded lists the segments of the store that the journal says are removed.
func (t *Tables) Discarded(ctx context.Context) ([]Discarded, error) {
	return Rows(ctx, t.readers, func(f sqlite.Fields) (Discarded, error) {
		return Discarded{
			Segment: f.Str(0), SHA256: f.Str(1), Size: f.Num(2), Index: f.Str(3), Documents: f.Num(4), Carried: f.Num(5), Before: f.Str(6), Reason: f.Str(7),
		}, nil
	}, `SELECT segment, sha256, size, index_sha256, documents, carried, before, reason FROM discard ORDER BY event`)
}

// Said lists what acts of one kind say (as), on an exchange or, with 0, on none, of a bank or,
// with "", of none; the newest first.
func (t *Tables) Said(ctx context.Context, act, bank string, exchange int64) ([]string, error) {
	return Rows(ctx, t.readers, func(f sqlite.Fields) (string, error) { return f.Str(0), nil },
		`SELECT said FROM act WHERE act = +? AND bank = +? AND exchange = +? ORDER BY seq DESC`, act, bank, exchange)
}
