// Package touch knows when each bank was last written about: what a visit that found nothing
// to do must ask the journal again only when something has happened since.
//
// It opens record, for the shape of an event, and no other room.
package touch

import (
	"strings"
	"sync"

	"bankconnector/connector/journal/record"
)

// Touches are the last events about each bank, those of visits and slots apart. Its zero
// value knows none.
type Touches struct {
	fresh map[string]int64 // of the transaction under way; the writer's

	mu   sync.Mutex
	last map[string]int64
}

// Note is called by the writer for each event before its commit. One that is taken back
// stays noted: whoever asks is then sent to look for nothing.
func (t *Touches) Note(e *record.Event) {
	if e.Bank == "" || strings.HasPrefix(e.Kind, "visit.") || strings.HasPrefix(e.Kind, "slot.") {
		return
	}
	if t.fresh == nil {
		t.fresh = make(map[string]int64)
	}
	t.fresh[e.Bank] = e.Seq
}

// Publish is called by the writer when the commit has returned. Not before: who learns of a
// touch looks at once, and must see what it was.
func (t *Touches) Publish() {
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

// Last is a number that grows with each commit that touched a bank; 0 before the first.
func (t *Touches) Last(bank string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last[bank]
}
