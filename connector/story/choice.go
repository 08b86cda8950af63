package story

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"bankconnector/connector/journal"
)

// Choice is which documents a person wants to see, in the words that he types. States are
// names of states in any case; Since and Until are days as 2026-11-22, Until excluded;
// Limit 0 is no limit.
type Choice struct {
	Bank, Key    string
	States       []string
	Open         bool
	Since, Until string
	Limit        int
}

// Filter is the choice as the journal takes it, its days those of a zone; the error says which
// word is none.
func (f Choice) Filter(zone *time.Location) (journal.Filter, error) {
	out := journal.Filter{Bank: f.Bank, Key: f.Key, Kinds: []string{"order", "query"}, Limit: f.Limit}
	for _, s := range f.States {
		i := slices.IndexFunc(journal.States(), func(known journal.State) bool { return strings.EqualFold(string(known), s) })
		if i < 0 {
			return out, fmt.Errorf("--state %q is no state; the states are %v", s, journal.States())
		}
		out.States = append(out.States, journal.States()[i])
	}
	if f.Open {
		out.States = append(out.States, journal.Accepted, journal.Held, journal.Sealed, journal.Sending, journal.Ambiguous,
			journal.Delivered, journal.Confirmed, journal.Suspect)
	}
	for text, into := range map[string]*time.Time{f.Since: &out.Since, f.Until: &out.Until} {
		if text == "" {
			continue
		}
		day, err := time.ParseInLocation(time.DateOnly, text, zone)
		if err != nil {
			return out, fmt.Errorf("%q is no day; write it as 2026-11-22", text)
		}
		*into = day
	}
	return out, nil
}

// Since is when a document entered its state, as far as the row tells.
func Since(x journal.Exchange) *time.Time {
	for _, at := range []*time.Time{x.ClosedAt, x.AnsweredAt, x.ConfirmedAt, x.DeliveredAt, x.SendingAt, x.SealedAt, x.AcceptedAt} {
		if at != nil {
			return at
		}
	}
	return nil
}
