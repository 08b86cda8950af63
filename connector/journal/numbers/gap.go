package numbers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/standing"
)

// Gap is what is missing of a bank's own numbers, first and last included. It is the body of
// "incoming.missed", which says that people were told.
type Gap struct {
	Bank   string    `json:"-"` // the event's own
	Stream string    `json:"stream"`
	First  int64     `json:"first"`
	Last   int64     `json:"last"`
	Since  time.Time `json:"-"` // when a later number showed that it is missing
}

// String names the numbers.
func (g Gap) String() string {
	if g.First == g.Last {
		return fmt.Sprintf("number %d", g.First)
	}
	return fmt.Sprintf("numbers %d to %d", g.First, g.Last)
}

// Gaps lists the gaps since before a time that nobody was told of, the oldest first.
func Gaps(ctx context.Context, r *sqlite.Readers, before time.Time) ([]Gap, error) {
	return standing.Rows(ctx, r, func(f sqlite.Fields) (g Gap, err error) {
		g = Gap{Bank: f.Str(0), Stream: f.Str(1), First: f.Num(2), Last: f.Num(3)}
		g.Since, err = sqlite.Time(f.Str(4))
		return g, err
	}, `SELECT bank, stream, first, last, since FROM gap WHERE told_at IS NULL AND since < ? ORDER BY since, bank, stream, first`, sqlite.Stamp(before))
}

// Stands tells whether a gap still is between the same numbers, and nobody was told of it.
func (g Gap) Stands(c *sqlite.Conn) (bool, error) {
	row, err := c.One(`SELECT 1 FROM gap WHERE bank = ? AND stream = ? AND first = ? AND last = ? AND told_at IS NULL`, g.Bank, g.Stream, g.First, g.Last)
	return row != nil, err
}

// file is one that has a number.
type file struct {
	id            int64
	name          string
	sha256        string // of the envelope
	contentSHA256 string // of what was signed
	seq           int64
	previous      string // SHA-256 of the envelope before it, as the bank says
}

// Contradiction tells what a file's number says against its neighbours, or nothing: a number
// that stands on other content as well, or an envelope that names another one before it than
// came. Of several envelopes with one number, any will do: a document may be packed anew.
func Contradiction(c *sqlite.Conn, p Place) (string, error) {
	var beside []file
	err := c.Each(`SELECT id, name, sha256, content_sha256, seq, previous FROM arrival
		WHERE bank = ? AND stream = ? AND seq > 0 AND seq BETWEEN ? AND ?`, func(f sqlite.Fields) error {
		beside = append(beside, file{f.Num(0), f.Str(1), f.Str(2), f.Str(3), f.Num(4), f.Str(5)})
		return nil
	}, p.Bank, p.Stream, p.Seq-1, p.Seq+1)
	if err != nil {
		return "", fmt.Errorf("read journal: %w", err)
	}
	return cmp.Or(doubled(beside, p), broken(beside, p.Seq-1), broken(beside, p.Seq)), nil
}

func doubled(beside []file, p Place) string {
	at := slices.IndexFunc(beside, func(f file) bool { return f.id == p.ID })
	for _, f := range beside {
		if at >= 0 && f.seq == p.Seq && f.contentSHA256 != beside[at].contentSHA256 {
			return fmt.Sprintf("number %d stands on two documents, in %s and in %s", p.Seq, f.name, beside[at].name)
		}
	}
	return ""
}

// broken tells where an envelope with the number after seq names none of those with seq.
func broken(beside []file, seq int64) string {
	said, came := "", ""
	for _, next := range beside {
		if next.seq != seq+1 {
			continue
		}
		for _, f := range beside {
			switch {
			case f.seq != seq:
			case strings.EqualFold(f.sha256, next.previous):
				return ""
			default:
				said, came = next.previous, f.sha256
			}
		}
	}
	if came == "" {
		return ""
	}
	return fmt.Sprintf("number %d names %.16s before it, number %d came as %.16s", seq+1, said, seq, came)
}
