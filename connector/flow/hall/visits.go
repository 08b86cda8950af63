package hall

import "sync"

// Visits holds which banks are being visited: one visit a bank at a time, for the order of
// effects within a bank is what the state table is about. Its zero value knows of none.
type Visits struct {
	mu   sync.Mutex
	busy map[string]bool
}

// Begin tells whether a visit to a bank may begin; it must End then.
func (v *Visits) Begin(bank string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.busy[bank] {
		return false
	}
	if v.busy == nil {
		v.busy = make(map[string]bool)
	}
	v.busy[bank] = true
	return true
}

// End lets the next visit to a bank begin.
func (v *Visits) End(bank string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.busy, bank)
}
