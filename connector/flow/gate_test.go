package flow

import (
	"errors"
	"testing"

	"bankconnector/connector/journal"
)

// TestNothingIsSentWhileHeadsCannotLeave: what the bank left is taken and handed over, and
// nothing new goes out, until checkpoints of the journal leave again.
func TestNothingIsSentWhileHeadsCannotLeave(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	stands := errors.New("checkpoints cannot leave")
	may := error(nil)
	o.MaySend = func() error { return may }
	first := o.submit(t, f, 1)[0].Document.Key()
	o.visit(t, f)
	f.work(t)
	may = stands
	second := o.submit(t, f, 2)[1].Document.Key()
	for range 3 {
		if out := o.Visit(t.Context(), f.bank, Slot{Name: "test"}); !errors.Is(out.Err, stands) || out.Sent != 0 {
			t.Fatalf("a visit that may not send: sent %d, %v", out.Sent, out.Err)
		}
		f.work(t)
	}
	if x := o.find(t, first); x.State == journal.Delivered {
		t.Error("the bank's receipt was not taken")
	}
	if x := o.find(t, second); x.State != journal.Accepted && x.State != journal.Held {
		t.Errorf("the second document is %s", x.State)
	}
	may = nil
	o.settle(t, f)
	o.checkBooks(t)
}
