package evidence

import (
	"context"
	"database/sql"
	"fmt"
)

// numbers holds every stream of every bank to numbers without a gap, each envelope
// naming the one before it.
func (f *Findings) numbers(ctx context.Context, db *sql.DB) error {
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
		if e.seq != last.seq+1 {
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
