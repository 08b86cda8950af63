package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bankconnector/connector/journal/numbers"
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
	b := &Book{path: path}
	b.look()
	b.read = sqlite.Reports(path, readers, nil)
	if _, _, err := b.Head(ctx); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Hash is the hash of one event, or [ErrNotFound], or volume.ErrRetired.
func (b *Book) Hash(ctx context.Context, seq int64) (string, error) {
	hash, err := b.shelf.Hash(ctx, seq)
	if err == nil && hash == "" {
		err = fmt.Errorf("event %d: %w", seq, ErrNotFound)
	}
	return hash, err
}

// Touched grows with each commit in which this process wrote an event about the bank, those of visits and
// slots apart; 0 before the first. What was read after the question holds as long as the number does.
func (b *Book) Touched(bank string) int64 { return b.touched.Last(bank) }

// Before lists the events of a kind up to a time, the newest first, until more says that it
// has enough.
func (b *Book) Before(ctx context.Context, kind string, at time.Time, more func(Event) (bool, error)) error {
	return b.shelf.Back(ctx, kind, sqlite.Stamp(at), more)
}

// Events lists the events of one kind that tell of an exchange, those in archives and those of this commit included.
func (t *Tx) Events(exchange int64, kind string) (list []Event, err error) {
	if err = t.usable(); err == nil {
		if list, t.err = t.b.page.About(t.c, exchange, kind); t.err == nil {
			list, t.err = t.b.shelf.Before(t.c, exchange, kind, list)
		}
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
