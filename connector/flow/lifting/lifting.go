// Package lifting holds documents that take a base document back, an arrest or a levy, against it and against each other.
//
// It acts on nothing but the journal's note of them, and may call journal and formats.
package lifting

import (
	"encoding/json"
	"fmt"

	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// noted is the body of note.lifting, an event of the base document: what was to take it back, in the order in which it
// came to be known.
type noted struct {
	Exchange int64  `json:"exchange"`
	Key      string `json:"key"`
	Code     string `json:"code"`
	Amount   *int64 `json:"amount,omitempty"` // kopecks
}

// Judge holds a lifting against its base and the liftings that came before it, and writes it down beside the
// base. Refused and held say why it cannot go, or must wait for a person; of what is no lifting neither is said. It reads
// within the commit, so that of two that come at one moment one sees the other.
func Judge(tx *journal.Tx, base, x journal.Exchange) (refused *formats.Fault, held string, err error) {
	l, ok := of(x.InternalKey, x.Code, x.Amount)
	if !ok || base.ID == 0 {
		return nil, "", nil
	}
	events, err := tx.Events(base.ID, "note.lifting")
	if err != nil {
		return nil, "", err
	}
	known := false
	var before []lift
	for _, e := range events {
		var n noted
		if err := json.Unmarshal(e.Body, &n); err != nil {
			return nil, "", fmt.Errorf("read event %d: %w", e.Seq, err)
		}
		if known = n.Exchange == x.ID; known {
			break
		}
		other, err := tx.Exchange(n.Exchange)
		if err != nil {
			return nil, "", err
		}
		if earlier, ok := of(n.Key, n.Code, n.Amount); ok && counts(other.State) {
			before = append(before, earlier)
		}
	}
	refused, held = decide(base.InternalKey, base.Amount, before, l)
	if known || refused != nil {
		return refused, held, nil
	}
	return refused, held, tx.Note("note.lifting", x.Bank, base.ID, noted{x.ID, x.InternalKey, x.Code, x.Amount})
}
