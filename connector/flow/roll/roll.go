// Package roll holds which banks are being visited, and for which of them nothing is left to
// do. It knows banks by their names only and calls no other room.
package roll

import (
	"maps"
	"sync"
)

// Roll is the list. Its zero value is empty. Safe for concurrent callers.
type Roll struct {
	mu      sync.Mutex
	visited map[string]bool
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

// Enter notes that a bank is being visited, one visit at a time, for the order of effects
// within a bank is what the state table is about. It is false when a visit is under way.
func (r *Roll) Enter(bank string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.visited[bank] {
		return false
	}
	if r.visited == nil {
		r.visited = make(map[string]bool)
	}
	r.visited[bank] = true
	return true
}

// Leave notes that the visit is over.
func (r *Roll) Leave(bank string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.visited, bank)
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
