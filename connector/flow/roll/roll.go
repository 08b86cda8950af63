// Package roll holds which banks are being visited, whose documents are being taken in from
// the office, and for which banks nothing is left to do. It knows banks by their names only and calls no other room.
package roll

import (
	"context"
	"errors"
	"maps"
	"sync"
)

// ErrBusy is why a visit does not begin: another one is at work.
var ErrBusy = errors.New("a visit to this bank is under way")

// Roll is the list. Its zero value is empty. Safe for concurrent callers.
type Roll struct {
	mu      sync.Mutex
	visited map[string]bool
	intakes map[string]chan struct{}   // by bank: closed when the office's documents are in
	resting map[string]int64           // what journal.Book.Touched said when nothing was left to do
	stays   map[string]map[string]bool // by bank: files that stay there and need nothing more
}

// Stay notes that a file stays at its bank and needs nothing more in this process.
func (r *Roll) Stay(bank, observed string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stays == nil {
		r.stays = make(map[string]map[string]bool)
	}
	if r.stays[bank] == nil {
		r.stays[bank] = make(map[string]bool)
	}
	r.stays[bank][observed] = true
}

// Stays tells whether Stay was said of a file.
func (r *Roll) Stays(bank, observed string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stays[bank][observed]
}

// Forget forgets the files of a bank that do not lie there any more, by a whole listing.
func (r *Roll) Forget(bank string, lies map[string]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.stays[bank], func(observed string, _ bool) bool { return !lies[observed] })
}

// Visit notes that a bank is being visited, one visit at a time, for the order of effects
// within a bank is what the state table is about; the caller must Leave. While the office's
// documents for the bank are being taken in it waits for that. The error is ErrBusy, or the
// context's when it ended before they were in; then nothing is noted.
func (r *Roll) Visit(ctx context.Context, bank string) error {
	in, err := r.announce(bank)
	if in == nil || err != nil {
		return err
	}
	select {
	case <-in:
		return nil
	case <-ctx.Done():
		r.Leave(bank)
		return ctx.Err()
	}
}

// announce notes a visit, so that no intake begins any more, and returns the end of the one
// that is under way, nil when none is.
func (r *Roll) announce(bank string) (in <-chan struct{}, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.visited[bank] {
		return nil, ErrBusy
	}
	if r.visited == nil {
		r.visited = make(map[string]bool)
	}
	r.visited[bank] = true
	return r.intakes[bank], nil
}

// Leave notes that the visit is over.
func (r *Roll) Leave(bank string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.visited, bank)
}

// TakeIn notes that what the office left for a bank is being taken in beside no visit; end
// must be called after it. It is false when a visit or another intake is under way.
func (r *Roll) TakeIn(bank string) (end func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.visited[bank] || r.intakes[bank] != nil {
		return nil, false
	}
	if r.intakes == nil {
		r.intakes = make(map[string]chan struct{})
	}
	in := make(chan struct{})
	r.intakes[bank] = in
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.intakes, bank)
		close(in)
	}, true
}

// Rest notes that nothing was left to do for a bank when the journal said touched.
func (r *Roll) Rest(bank string, touched int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.resting == nil {
		r.resting = make(map[string]int64)
	}
	r.resting[bank] = touched
}

// Rests tells whether nothing was left to do for a bank and nothing has come since.
func (r *Roll) Rests(bank string, touched int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, ok := r.resting[bank]
	return ok && last == touched
}
