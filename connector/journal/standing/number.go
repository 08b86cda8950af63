package standing

import (
	"context"
	"fmt"
	"time"

	"bankconnector/connector/journal/sqlite"
)

// Gap is what is missing of a bank's own numbers, first and last included.
type Gap struct {
	Bank, Stream string
	First, Last  int64
	Since        time.Time // when a later number showed that it is missing
}

// Gaps lists the gaps since before a time that nobody was told of, the oldest first.
func Gaps(ctx context.Context, r *sqlite.Readers, before time.Time) ([]Gap, error) {
	return Rows(ctx, r, func(f sqlite.Fields) (g Gap, err error) {
		g = Gap{Bank: f.Str(0), Stream: f.Str(1), First: f.Num(2), Last: f.Num(3)}
		g.Since, err = sqlite.Time(f.Str(4))
		return g, err
	}, `SELECT bank, stream, first, last, since FROM gap WHERE told_at IS NULL AND since < ? ORDER BY since, bank, stream, first`, sqlite.Stamp(before))
}

// GapAsItWas finds a gap that nobody was told of, if it still is between the same numbers.
const GapAsItWas = `SELECT 1 FROM gap WHERE bank = ? AND stream = ? AND first = ? AND last = ? AND told_at IS NULL`

// Numbered is a file with the place that the bank's own manifest gives it.
type Numbered struct {
	ID            int64
	Name          string
	SHA256        string // of the envelope
	ContentSHA256 string // of what was signed
	Seq           int64
	Previous      string // SHA-256 of the envelope before it, as the bank says
}

// Beside lists the files that have a number of a bank's stream, the one before it or the one after it.
func Beside(c *sqlite.Conn, bank, stream string, seq int64) (list []Numbered, err error) {
	err = c.Each(`SELECT id, name, sha256, content_sha256, seq, previous FROM arrival WHERE bank = ? AND stream = ? AND seq > 0 AND seq BETWEEN ? AND ?`,
		func(f sqlite.Fields) error {
			list = append(list, Numbered{f.Num(0), f.Str(1), f.Str(2), f.Str(3), f.Num(4), f.Str(5)})
			return nil
		}, bank, stream, seq-1, seq+1)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return list, nil
}
