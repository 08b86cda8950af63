package waiting

import (
	"encoding/json"
	"fmt"

	"bankconnector/connector/flow/rule"
	"bankconnector/connector/journal"
)

// lifting is the body of note.lifting, an event of the base document: what was to take it back, in the order in which it
// came to be known.
type lifting struct {
	Exchange int64  `json:"exchange"`
	Key      string `json:"key"`
	Code     string `json:"code"`
	Amount   *int64 `json:"amount,omitempty"` // kopecks
}

// Lift holds a lifting against its base and the liftings that came before it, by rule.Lift, and writes it down beside the
// base. Refused and held say why it cannot go, or must wait for a person; of what is no lifting neither is said. It reads
// within the commit, so that of two that come at one moment one sees the other.
func Lift(tx *journal.Tx, base, x journal.Exchange) (refused, held string, err error) {
	l, ok := rule.LiftingOf(x.InternalKey, x.Code, x.Amount)
	if !ok || base.ID == 0 {
		return "", "", nil
	}
	events, err := tx.Events(base.ID, "note.lifting")
	if err != nil {
		return "", "", err
	}
	known := false
	var before []rule.Lifting
	for _, e := range events {
		var n lifting
		if err := json.Unmarshal(e.Body, &n); err != nil {
			return "", "", fmt.Errorf("read event %d: %w", e.Seq, err)
		}
		if known = n.Exchange == x.ID; known {
			break
		}
		other, err := tx.Exchange(n.Exchange)
		if err != nil {
			return "", "", err
		}
		if earlier, ok := rule.LiftingOf(n.Key, n.Code, n.Amount); ok && rule.Lifts(other.State) {
			before = append(before, earlier)
		}
	}
	refused, held = rule.Lift(base.InternalKey, base.Amount, before, l)
	if known || refused != "" {
		return refused, held, nil
	}
	return refused, held, tx.Note("note.lifting", x.Bank, base.ID, lifting{x.ID, x.InternalKey, x.Code, x.Amount})
}
