package journal

import (
	"strings"
	"testing"
)

// TestAdopt: after a restore nothing that may have been sent since goes again by itself,
// no number is used twice, and the journal proves it.
func TestAdopt(t *testing.T) {
	d := newDesk(t)
	want := map[State]State{
		Accepted: Suspect, Held: Suspect, Sealed: Suspect, Sending: Suspect, Ambiguous: Suspect,
		Delivered: Delivered, Confirmed: Confirmed, Answered: Answered, Closed: Closed, Suspect: Suspect, Refused: Refused, Cancelled: Cancelled,
	}
	ids := make(map[State]int64)
	for from := range want {
		ids[from] = d.bring(t, "order", string(from), from)
	}
	before, _, err := d.Last(t.Context(), bankA, "documents")
	if err != nil {
		t.Fatal(err)
	}
	lost := map[int64]string{9999: sum("lost")}
	if err := d.Write(t.Context(), "Иванова", func(tx *Tx) error { return tx.Adopt(" ", 1, lost) }); err == nil {
		t.Error("adopted without a reason")
	}
	d.do(t, func(tx *Tx) error { return tx.Adopt("диск вышел из строя", 1, lost) })
	for from, to := range want {
		if x := d.exchange(t, ids[from]); x.State != to {
			t.Errorf("%s became %s, want %s", from, x.State, to)
		} else if from.Open() && to == Suspect && from != Suspect && !strings.Contains(x.Reason, "restored") {
			t.Errorf("%s is Suspect for %q", from, x.Reason)
		}
	}
	for _, stream := range []struct {
		bank string
		want int64
	}{{bankA, before + adoptionSkip}, {"044525999", adoptionSkip}} {
		if seq, _, err := d.Last(t.Context(), stream.bank, "documents"); err != nil || seq != stream.want {
			t.Errorf("stream of %s goes on after %d, want %d, %v", stream.bank, seq, stream.want, err)
		}
	}
	t.Run("NeverSealedIsNotSent", func(t *testing.T) {
		err := d.Write(t.Context(), "daemon", func(tx *Tx) error {
			return tx.Advance(ids[Accepted], Suspect, Sealed, Change{Reason: "again"})
		})
		if err == nil {
			t.Error("a document without an envelope is sent")
		}
		d.advance(t, ids[Accepted], Suspect, Cancelled, Change{Reason: "the bank does not have it"})
		d.bring(t, "order", string(Accepted), Sealed) // handed in again, under the next number
	})
	events, err := d.Adoptions(t.Context())
	if err != nil || len(events) != 1 || !strings.Contains(string(events[0].Body), "диск вышел из строя") {
		t.Errorf("adoptions %v, %v", events, err)
	}
	d.proven(t)
}
