package journal

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
)

// BeginVisit opens a row of visits; slot is "" for a visit outside the plan.
func (t *Tx) BeginVisit(bank, slot string) (int64, error) {
	if bank == "" {
		return 0, errors.New("begin visit: bank is required")
	}
	id := next(&t.b.end.visit)
	return id, t.append("visit.begun", bank, 0, record.Visited{ID: id, Slot: slot})
}

// EndVisit closes a visit, once: a second time gives [ErrStale].
func (t *Tx) EndVisit(id int64, o VisitOutcome) error {
	row, err := t.one(`SELECT bank, ended_at FROM visit WHERE id = ?`, id)
	if err != nil {
		return err
	}
	switch {
	case row == nil:
		return fmt.Errorf("end visit %d: %w", id, ErrNotFound)
	case row[1] != nil:
		return fmt.Errorf("end visit %d: %w: it has ended", id, ErrStale)
	}
	switch o.Outcome {
	case "ok", "partial", "failed", "skipped":
	default:
		return fmt.Errorf("end visit %d: unknown outcome %q", id, o.Outcome)
	}
	return t.append("visit.ended", row.Str(0), 0, record.Visited{ID: id, VisitOutcome: &o})
}

// TakeSlot writes a slot into the run ledger; false if it was taken before.
// Call it in the closure that begins the run, so that a slot runs once.
func (t *Tx) TakeSlot(bank, slot string, at time.Time) (bool, error) {
	if bank == "" || slot == "" || at.IsZero() {
		return false, errors.New("take slot: bank, slot and time are required")
	}
	row, err := t.one(`SELECT 1 FROM slot WHERE bank = ? AND slot = ?`, bank, slot)
	if err != nil || row != nil {
		return false, err
	}
	return true, t.append("slot.taken", bank, 0, record.Taken{Slot: slot, At: sqlite.Stamp(at)})
}

// Act records what a person did and why.
func (t *Tx) Act(a Act) error {
	if a.Act == "" || strings.TrimSpace(a.Reason) == "" {
		return errors.New("record operator act: act and reason are required")
	}
	if a.Exchange != 0 {
		x, err := t.Exchange(a.Exchange)
		if err != nil {
			return fmt.Errorf("record operator act: %w", err)
		}
		if a.Bank == "" {
			a.Bank = x.Bank
		}
	}
	return t.append("operator.acted", a.Bank, a.Exchange, a)
}

// Discard says that a segment of the store is to be removed, before it is.
func (t *Tx) Discard(d record.Discarded) error {
	if d.Segment == "" || !record.IsDigest(d.SHA256) || !record.IsDigest(d.Index) || d.Reason == "" {
		return fmt.Errorf("discard segment %q: its name, its digests and a reason are required", d.Segment)
	}
	return t.append("store.discarded", "", 0, d)
}

// Note appends an event that changes no table. kind starts with "note.",
// "alarm." or "config."; body is a struct, or anything JSON writes the same
// way each time. bank and exchange may be empty.
func (t *Tx) Note(kind, bank string, exchange int64, body any) error {
	if !noted(kind) {
		return fmt.Errorf("note %q: it must start with note., alarm. or config. and go on", kind)
	}
	if body == nil {
		body = struct{}{}
	}
	return t.append(kind, bank, exchange, body)
}

func noted(kind string) bool {
	for _, p := range []string{"note.", "alarm.", "config."} {
		if strings.HasPrefix(kind, p) && len(kind) > len(p) {
			return true
		}
	}
	return false
}

// Keys replaces the whole content of keys_expiring.
func (t *Tx) Keys(list []Key) error {
	out := make([]Key, len(list))
	for i, k := range list {
		k.NotAfter = *level(&k.NotAfter)
		out[i] = k
	}
	return t.append("keys.listed", "", 0, record.Listed{Keys: out})
}

// Banks replaces the names of banks.
func (t *Tx) Banks(list []BankRow) error {
	seen := map[string]bool{}
	for _, b := range list {
		if b.BIC == "" || seen[b.BIC] {
			return fmt.Errorf("list banks: BIC %q is empty or twice", b.BIC)
		}
		seen[b.BIC] = true
	}
	return t.append("banks.listed", "", 0, record.Listed{Banks: list})
}
