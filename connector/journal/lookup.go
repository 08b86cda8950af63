package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bankconnector/connector/journal/numbers"
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
	return standing.Rows(ctx, b.readers, standing.ReadIncoming, `SELECT `+standing.IncomingColumns+` FROM arrival WHERE bank = +? AND claimed = +? AND claimed <> '' ORDER BY id`,
		bank, claimed)
}

// Last is what [Tx.Last] is, read outside a commit: a caller that seals checks
// it again by the numbers it writes.
func (b *Book) Last(ctx context.Context, bank, stream string) (seq int64, previous string, err error) {
	for _, key := range [][2]string{{bank, stream}, {}} {
		last, err := first(ctx, b, func(f sqlite.Fields) (position, error) {
			return position{seq: f.Num(0), hash: f.Str(1)}, nil
		}, lastOf, key[0], key[1])
		if !errors.Is(err, ErrNotFound) {
			return last.seq, last.hash, err
		}
	}
	return 0, "", nil
}

// Events lists the events of one kind that tell of an exchange, those of this commit included.
func (t *Tx) Events(exchange int64, kind string) (list []Event, err error) {
	if err = t.usable(); err == nil {
		list, t.err = t.b.page.About(t.c, exchange, kind)
		err = t.err
	}
	return list, err
}

// States lists every state, in the order of a document's life.
func States() []State { return state.All() }

// Gaps lists what is missing of the banks' own numbers since before a time and nobody was told of, the oldest first.
func (b *Book) Gaps(ctx context.Context, before time.Time) ([]numbers.Gap, error) {
	return numbers.Gaps(ctx, b.readers, before)
}

// Missed records that people were told of a gap; [ErrStale] when a late number has changed it since.
func (t *Tx) Missed(g numbers.Gap) error {
	stands := false
	if t.err == nil && !t.over {
		stands, t.err = g.Stands(t.c)
	}
	if t.err == nil && !stands {
		return fmt.Errorf("%s of bank %s: %w", g, g.Bank, ErrStale)
	}
	return t.append("incoming.missed", g.Bank, 0, g)
}

// Contradiction tells what the number of a file settled here says against its neighbours, or nothing.
func (t *Tx) Contradiction(i Incoming, s Settlement) (text string, err error) {
	if s.Seq > 0 && t.err == nil && !t.over {
		text, t.err = numbers.Contradiction(t.c, numbers.Place{ID: i.ID, Bank: i.Bank, Stream: s.Stream, Seq: s.Seq})
	}
	return text, t.err
}

// Routes lists what makes each bank's mailbox that bank's, also of banks that are not in the configuration any more.
func (b *Book) Routes(ctx context.Context) ([]standing.Route, error) {
	return standing.Routes(ctx, b.readers)
}

// Approvals lists what persons have said about changes of the configuration, the oldest first.
func (b *Book) Approvals(ctx context.Context) ([]Event, error) {
	return standing.Rows(ctx, b.readers, record.Read, `SELECT `+record.Columns+` FROM event
		WHERE seq IN (SELECT seq FROM act WHERE act IN ('approve', 'approve.proposed')) ORDER BY seq`)
}
