package flow

import (
	"testing"
	"time"

	"bankconnector/connector/flow/rule"
	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// TestDropBoxIsWrittenOnce: into a drop box that nobody can look into, a document whose
// outcome is unknown is written once, whatever became of it; the bank's receipt settles it,
// or its deadline brings a person.
func TestDropBoxIsWrittenOnce(t *testing.T) {
	for _, tt := range []struct {
		name    string
		written bool // whether the document arrived before the connection was cut
	}{{"Arrived", true}, {"Lost", false}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			f := o.banks[0]
			f.bank.Delivery.Mode = "blind"
			key := o.submit(t, f, 1)[0].Document.Key()
			published := 0
			f.fault = func(op string) (bool, error) {
				if op != "publish" {
					return true, nil
				}
				published++
				return tt.written, errCut
			}
			o.Visit(t.Context(), f.bank, Slot{})
			for range 3 {
				o.visit(t, f)
			}
			x := o.find(t, key)
			if x.State != journal.Ambiguous || published != 1 {
				t.Fatalf("%s after %d writes, want Ambiguous after one", x.State, published)
			}
			f.fault = nil
			if !tt.written {
				o.pass(25 * time.Hour)
				must(t, o.Sweep(t.Context()))
				if x := o.find(t, key); x.State != journal.Suspect {
					t.Errorf("past the deadline: %s, want Suspect", x.State)
				}
				return
			}
			for _, a := range f.collect() {
				f.leave(t, f.receipt(key, a, formats.StateAccepted))
			}
			o.visit(t, f)
			if x := o.find(t, key); x.State != journal.Confirmed {
				t.Errorf("after the receipt: %s, want Confirmed", x.State)
			}
			o.checkBooks(t)
		})
	}
}

// TestDropBoxIsNeverResolved: no sight, policy or read-back makes the rule do anything at a
// bank that shows nothing.
func TestDropBoxIsNeverResolved(t *testing.T) {
	size := int64(3)
	for _, sight := range []rule.Sight{{}, {Temp: &size}, {Final: &size}, {Temp: &size, Final: &size}} {
		for _, policy := range []string{"hold", rule.Reissue} {
			for _, read := range []rule.Bytes{rule.Unread, rule.Ours, rule.Foreign, rule.Taken} {
				next := rule.Resolve("blind", policy, rule.Find("blind", sight, size), read)
				if next.Step != rule.Doubt || next.To != journal.Ambiguous || next.Why == "" {
					t.Errorf("%+v, %s, %d: %+v", sight, policy, read, next)
				}
			}
		}
	}
}
