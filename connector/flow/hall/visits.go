package hall

import "sync"

// Visits holds which banks are being visited: one visit a bank at a time, for the order of
// effects within a bank is what the state table is about. Its zero value knows of none.
type Visits struct {
	mu      sync.Mutex
	busy    map[string]bool
	resting map[string]int64 // what the journal's count for the bank was when nothing was left to do for it
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

// Rests tells whether nothing was left to do for a bank and nothing has come since.
func (v *Visits) Rests(bank string, touched int64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	last, ok := v.resting[bank]
	return ok && last == touched
}

// Rest notes that nothing is left to do for a bank.
func (v *Visits) Rest(bank string, touched int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.resting == nil {
		v.resting = make(map[string]int64)
	}
	v.resting[bank] = touched
}
