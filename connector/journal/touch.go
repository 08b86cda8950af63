package journal

import (
	"context"
	"strings"
	"sync"

	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/standing"
)

// touches knows the last event about each bank, visits and slots apart: what a visit that
// found nothing to do must ask again only when something has happened since.
type touches struct {
	fresh map[string]int64 // of the transaction under way; the writer's

	mu   sync.Mutex
	last map[string]int64
}

// note is called for each event before its commit. One that is taken back stays noted:
// whoever asks is then sent to look for nothing.
func (t *touches) note(e *Event) {
	if e.Bank == "" || strings.HasPrefix(e.Kind, "visit.") || strings.HasPrefix(e.Kind, "slot.") {
		return
	}
	if t.fresh == nil {
		t.fresh = make(map[string]int64)
	}
	t.fresh[e.Bank] = e.Seq
}

// publish is called when the commit has returned. Not before: who learns of a touch looks
// at once, and must see what it was.
func (t *touches) publish() {
	if len(t.fresh) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.last = make(map[string]int64)
	}
	for bank, seq := range t.fresh {
		t.last[bank] = max(seq, t.last[bank]+1)
	}
	clear(t.fresh)
}

// Touched is a number that grows with each commit in which this process wrote an event
// about the bank, those of visits and slots apart; 0 before the first. What was read after
// the question holds as long as the number does.
func (b *Book) Touched(bank string) int64 {
	b.touched.mu.Lock()
	defer b.touched.mu.Unlock()
	return b.touched.last[bank]
}

// Unfinished tells whether a bank has documents that a visit would bring on (Accepted, Held,
// Sealed, Sending, Ambiguous), or incoming files as [Book.IncomingOpen] lists them.
func (b *Book) Unfinished(ctx context.Context, bank string) (bool, error) {
	return first(ctx, b, func(f sqlite.Fields) (bool, error) { return f.Num(0) != 0, nil },
		`SELECT EXISTS (SELECT 1 FROM exchange WHERE state IN ('Accepted', 'Held', 'Sealed', 'Sending', 'Ambiguous') AND bank = ?)
			OR EXISTS (SELECT 1 FROM arrival WHERE bank = ? AND `+standing.IncomingLeft+`)`, bank, bank)
}
