package evidence

import (
	"context"
	"database/sql"
	"fmt"
)

// skipped is how many numbers the adoptions of a restored journal leave out in every
// stream, in how many leaps.
const skipped = `SELECT coalesce((SELECT seq FROM stream WHERE bank = ''), 0), (SELECT count(*) FROM act WHERE act = 'adopt')`

// numbers holds every stream of every bank to numbers without a gap but those that a
// person's adoption left out, each envelope naming the one before it.
func (f *Findings) numbers(ctx context.Context, db *sql.DB) error {
	var all, leaps int64
	if err := db.QueryRowContext(ctx, skipped).Scan(&all, &leaps); err != nil {
		f.problem("streams cannot be read: %v", err)
		return nil
	}
	rows, err := db.QueryContext(ctx, `SELECT bank, stream, seq, previous, file_sha256, last_event FROM exchange
		WHERE seq > 0 ORDER BY bank, stream, seq`)
	if err != nil {
		f.problem("numbers of envelopes cannot be read: %v", err)
		return nil
	}
	defer rows.Close()
	type envelope struct {
		bank, stream, previous, digest string
		seq, event                     int64
	}
	var last envelope
	for rows.Next() {
		var e envelope
		if err := rows.Scan(&e.bank, &e.stream, &e.seq, &e.previous, &e.digest, &e.event); err != nil {
			return fmt.Errorf("read numbers of envelopes: %w", err)
		}
		if e.bank != last.bank || e.stream != last.stream {
			last = envelope{}
		}
		if gap := e.seq - last.seq - 1; gap != 0 && (leaps == 0 || gap%(all/leaps) != 0 || e.seq <= gap || e.seq/(all/leaps) > leaps) {
			f.problem("bank %s, %s: number %d is missing", e.bank, e.stream, last.seq+1)
		} else if e.previous != last.digest {
			f.problem("bank %s, %s: envelope %d names %q as the one before it, not %q", e.bank, e.stream, e.seq, e.previous, last.digest)
		}
		f.Numbers++
		last = e
	}
	if err := rows.Err(); err != nil {
		f.problem("numbers of envelopes cannot be read: %v", err)
	}
	return nil
}
