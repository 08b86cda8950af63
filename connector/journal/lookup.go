package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/standing"
	"bankconnector/connector/journal/state"
)

// View opens a journal for reading only, beside the daemon that writes it:
// the queries work, every Write is an error.
func View(ctx context.Context, path string) (*Book, error) {
	if err := sqlite.Check(path); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	b := &Book{path: path, readers: sqlite.NewReaders(path, readers)}
	b.read = sqlite.Reports(path, readers)
	if _, _, err := b.Head(ctx); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Hash is the hash of one event, or [ErrNotFound].
func (b *Book) Hash(ctx context.Context, seq int64) (string, error) {
	return first(ctx, b, func(f sqlite.Fields) (string, error) { return f.Str(0), nil }, `SELECT hash FROM event WHERE seq = ?`, seq)
}

// IncomingClaimed lists the files of a bank that were taken under one name of
// ours, oldest first: a file that was cut short is read under it several times.
func (b *Book) IncomingClaimed(ctx context.Context, bank, claimed string) ([]Incoming, error) {
	return standing.Rows(ctx, b.readers, standing.ReadIncoming, `SELECT `+standing.IncomingColumns+` FROM arrival WHERE bank = ? AND claimed = ? AND claimed <> '' ORDER BY id`,
		bank, claimed)
}

// Last is what [Tx.Last] is, read outside a commit: a caller that seals checks
// it again by the numbers it writes.
func (b *Book) Last(ctx context.Context, bank, stream string) (seq int64, previous string, err error) {
	last, err := first(ctx, b, func(f sqlite.Fields) (Source, error) {
		seq = f.Num(0)
		return Source{SHA256: f.Str(1)}, nil
	}, lastOf, bank, stream)
	if errors.Is(err, ErrNotFound) {
		return 0, "", nil
	}
	return seq, last.SHA256, err
}

// Matched counts the matched files of one kind that belong to an exchange,
// those of this commit included: the pages of an answer that have come.
func (t *Tx) Matched(exchange int64, kind string) (int, error) {
	row, err := t.one(`SELECT count(*) FROM arrival WHERE exchange = ? AND kind = ? AND outcome = 'matched'`, exchange, kind)
	if err != nil {
		return 0, err
	}
	return int(row.Num(0)), nil
}

// States lists every state, in the order of a document's life.
func States() []State { return state.All() }

// Gaps lists what is missing of the banks' own numbers since before a time and nobody was told of, the oldest first.
func (b *Book) Gaps(ctx context.Context, before time.Time) ([]Gap, error) {
	return standing.Gaps(ctx, b.readers, before)
}

// Missed records that people were told of a gap; [ErrStale] when a late number has changed it since.
func (t *Tx) Missed(g Gap) error {
	row, err := t.one(standing.GapAsItWas, g.Bank, g.Stream, g.First, g.Last)
	if err == nil && row == nil {
		err = fmt.Errorf("numbers %d to %d of bank %s: %w", g.First, g.Last, g.Bank, ErrStale)
	}
	if err != nil {
		return err
	}
	return t.append("incoming.missed", g.Bank, 0, record.Missed{Stream: g.Stream, First: g.First, Last: g.Last})
}

// Beside lists the files of a bank's stream that have a number, the one before it or the one
// after it, those of this commit included.
func (t *Tx) Beside(bank, stream string, seq int64) (list []Numbered, err error) {
	if t.over || t.err != nil {
		return nil, errors.Join(errors.New("journal: the transaction is over"), t.err)
	}
	list, t.err = standing.Beside(t.c, bank, stream, seq)
	return list, t.err
}
