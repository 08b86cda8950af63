package journal

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"bankconnector/connector/journal/state"
)

// ways lead from nothing to each state along allowed arrows.
func ways(kind string) map[State][]State {
	sent := []State{Accepted, Sealed, Sending}
	w := map[State][]State{
		Accepted: {Accepted}, Held: {Held}, Sealed: {Accepted, Sealed}, Sending: sent,
		Ambiguous: append(sent[:3:3], Ambiguous), Delivered: append(sent[:3:3], Delivered),
		Suspect: append(sent[:3:3], Suspect), Cancelled: {Accepted, Cancelled}, Refused: {Held, Refused},
	}
	if kind == "receipt" {
		w[Closed] = append(sent[:3:3], Delivered, Closed)
		return w
	}
	w[Confirmed] = append(sent[:3:3], Confirmed)
	w[Answered] = append(sent[:3:3], Answered)
	w[Rejected] = append(sent[:3:3], Rejected)
	w[Closed] = append(sent[:3:3], Answered, Closed)
	return w
}

// change is a Change that satisfies every rule of the step.
func change(tx *Tx, x Exchange, to State) (Change, error) {
	c := Change{Reason: "test"}
	switch {
	case to == Sealed && x.State == Accepted:
		return sealing(tx, x)
	case to == Sending:
		c = Change{TempName: "." + x.InternalKey + ".part"}
	}
	return c, nil
}

// bring makes an exchange of the kind and walks it to a state.
func (d *desk) bring(t *testing.T, kind, key string, to State) int64 {
	t.Helper()
	a := order(bankA, key)
	a.Kind = kind
	way := ways(kind)[to]
	if way == nil {
		t.Fatalf("no way to %s", to)
	}
	if way[0] == Held {
		a.Held, a.Reason = true, "waits for its base document"
	}
	id := d.accept(t, a)
	for i, next := range way[1:] {
		d.do(t, func(tx *Tx) error {
			x, err := tx.Exchange(id)
			if err != nil {
				return err
			}
			c, err := change(tx, x, next)
			if err != nil {
				return err
			}
			return tx.Advance(id, way[i], next, c)
		})
	}
	if got := d.exchange(t, id).State; got != to {
		t.Fatalf("came to %s instead of %s", got, to)
	}
	return id
}

// TestAdvanceEveryArrow tries all 13 × 13 steps of an order, a query and a
// receipt in a real journal: exactly the allowed ones happen.
func TestAdvanceEveryArrow(t *testing.T) {
	d := newDesk(t)
	n, allowed := 0, 0
	for _, kind := range []string{"order", "query", "receipt"} {
		for from := range ways(kind) {
			for _, to := range state.All() {
				n++
				id := d.bring(t, kind, fmt.Sprintf("k%d", n), from)
				err := d.Write(t.Context(), "daemon", func(tx *Tx) error {
					x, err := tx.Exchange(id)
					if err != nil {
						return err
					}
					c, err := change(tx, x, to)
					if err != nil {
						return err
					}
					if from == Ambiguous {
						c.TempName = x.TempName
					}
					return tx.Advance(id, from, to, c)
				})
				after := d.exchange(t, id).State
				switch want := Allowed(from, to, kind); {
				case want && (err != nil || after != to):
					t.Errorf("%s from %s to %s: %v, stands at %s", kind, from, to, err, after)
				case !want && (err == nil || after != from):
					t.Errorf("%s from %s to %s happened: %v, stands at %s", kind, from, to, err, after)
				case want:
					allowed++
				}
			}
		}
	}
	if allowed < 80 {
		t.Errorf("only %d arrows were walked", allowed)
	}
	d.proven(t)
}

func TestAdvanceIsCompareAndSwap(t *testing.T) {
	d := newDesk(t)
	id := d.bring(t, "order", "k1", Sending)
	err := d.Write(t.Context(), "daemon", func(tx *Tx) error {
		return tx.Advance(id, Sealed, Sending, Change{TempName: "other.part"})
	})
	if !errors.Is(err, ErrStale) {
		t.Errorf("a step from a state that has passed gives %v", err)
	}
	err = d.Write(t.Context(), "daemon", func(tx *Tx) error { return tx.Advance(id+1, Sealed, Sending, Change{}) })
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("a step of no exchange gives %v", err)
	}
	if x := d.exchange(t, id); x.TempName != ".k1.part" {
		t.Errorf("temporary name is now %s", x.TempName)
	}
}

func TestSealNumbersWithoutGap(t *testing.T) {
	sealed := func(f func(*Change)) error {
		d := newDesk(t)
		d.seal(t, d.accept(t, order(bankA, "k1")))
		id := d.accept(t, order(bankA, "k2"))
		return d.Write(t.Context(), "daemon", func(tx *Tx) error {
			x, err := tx.Exchange(id)
			if err != nil {
				return err
			}
			c, err := sealing(tx, x)
			if err != nil {
				return err
			}
			f(&c)
			return tx.Advance(id, Accepted, Sealed, c)
		})
	}
	for name, f := range map[string]func(*Change){
		"GapRefused":              func(c *Change) { c.Seq = 3 },
		"RepeatedNumberRefused":   func(c *Change) { c.Seq = 1 },
		"NoNumberRefused":         func(c *Change) { c.Seq = 0 },
		"NoPreviousRefused":       func(c *Change) { c.Previous = "" },
		"OtherPreviousRefused":    func(c *Change) { c.Previous = sum("other") },
		"PreviousNotDigestStale":  func(c *Change) { c.Previous = "x" },
		"NextAfterTheNextRefused": func(c *Change) { c.Seq, c.Previous = 3, sum("piev_k2.zip") },
	} {
		t.Run(name, func(t *testing.T) {
			if err := sealed(f); !errors.Is(err, ErrStale) {
				t.Errorf("got %v", err)
			}
		})
	}
	for name, f := range map[string]func(*Change){
		"NoFileNameRefused":   func(c *Change) { c.FileName = "" },
		"NoFileDigestRefused": func(c *Change) { c.FileSHA256 = "" },
		"BadDigestRefused":    func(c *Change) { c.FileSHA256 = strings.ToUpper(c.FileSHA256) },
		"UsedNameRefused":     func(c *Change) { c.FileName = "piev_k1.zip" },
	} {
		t.Run(name, func(t *testing.T) {
			if err := sealed(f); err == nil {
				t.Error("was sealed")
			}
		})
	}
	t.Run("NextAccepted", func(t *testing.T) {
		if err := sealed(func(*Change) {}); err != nil {
			t.Error(err)
		}
	})
}

func TestStreamsAreCountedApart(t *testing.T) {
	d := newDesk(t)
	a := d.bring(t, "order", "a", Sealed)
	r := d.bring(t, "receipt", "r", Sealed)
	b := d.accept(t, order(bankB, "b"))
	d.seal(t, b)
	q := d.bring(t, "query", "q", Sealed)
	for id, want := range map[int64]int64{a: 1, r: 1, b: 1, q: 2} {
		if x := d.exchange(t, id); x.Seq != want {
			t.Errorf("%s of bank %s has number %d in stream %s, want %d", x.Kind, x.Bank, x.Seq, x.Stream, want)
		}
	}
	d.do(t, func(tx *Tx) error {
		if seq, previous, err := tx.Last(bankA, "documents"); seq != 2 || previous != sum("req_q.zip") || err != nil {
			t.Errorf("last of the stream is %d, %s, %v", seq, previous, err)
		}
		return nil
	})
}

func TestOneIntentForOneTemporaryFile(t *testing.T) {
	d := newDesk(t)
	step := func(id int64, from, to State, c Change) error {
		return d.Write(t.Context(), "daemon", func(tx *Tx) error { return tx.Advance(id, from, to, c) })
	}
	t.Run("NoNameRefused", func(t *testing.T) {
		id := d.bring(t, "order", "k1", Sealed)
		if err := step(id, Sealed, Sending, Change{}); err == nil {
			t.Error("an intent without a temporary name was written")
		}
	})
	t.Run("OtherNameAfterDoubtRefused", func(t *testing.T) {
		id := d.bring(t, "order", "k2", Ambiguous)
		if err := step(id, Ambiguous, Sending, Change{TempName: "other.part"}); !errors.Is(err, ErrStale) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("SameNameAfterDoubtAllowed", func(t *testing.T) {
		id := d.bring(t, "order", "k3", Ambiguous)
		if err := step(id, Ambiguous, Sending, Change{TempName: ".k3.part"}); err != nil {
			t.Error(err)
		}
	})
	t.Run("SentOnceMoreByAPerson", func(t *testing.T) {
		id := d.bring(t, "order", "k4", Suspect)
		before := d.exchange(t, id)
		if err := step(id, Suspect, Sealed, Change{}); err == nil {
			t.Error("sent once more without a reason")
		}
		if err := step(id, Suspect, Sealed, Change{Reason: "bank lost it", FileSHA256: sum("other")}); !errors.Is(err, ErrStale) {
			t.Errorf("other bytes sent once more: %v", err)
		}
		if err := step(id, Suspect, Sealed, Change{Reason: "bank lost it", Seq: before.Seq + 1}); !errors.Is(err, ErrStale) {
			t.Errorf("other number sent once more: %v", err)
		}
		d.advance(t, id, Suspect, Sealed, Change{Reason: "bank lost it", Seq: before.Seq})
		d.advance(t, id, Sealed, Sending, Change{TempName: "second.part"})
		x := d.exchange(t, id)
		if x.Seq != before.Seq || x.Previous != before.Previous || x.FileSHA256 != before.FileSHA256 || x.Resends != 1 ||
			!x.SealedAt.Equal(*before.SealedAt) || x.TempName != "second.part" {
			t.Errorf("before %+v\nafter %+v", before, x)
		}
		d.do(t, func(tx *Tx) error {
			if seq, _, err := tx.Last(bankA, "documents"); seq != before.Seq || err != nil {
				t.Errorf("the stream stands at %d, %v", seq, err)
			}
			return nil
		})
	})
	d.proven(t)
}

func TestStepNeedsItsReason(t *testing.T) {
	d := newDesk(t)
	n := 0
	for from, to := range map[State]State{Accepted: Held, Held: Refused, Sealed: Cancelled, Sending: Suspect} {
		n++
		id := d.bring(t, "order", fmt.Sprint(n), from)
		err := d.Write(t.Context(), "daemon", func(tx *Tx) error { return tx.Advance(id, from, to, Change{}) })
		if err == nil {
			t.Errorf("from %s to %s without a reason", from, to)
		}
	}
}

func TestTimesOfALife(t *testing.T) {
	d := newDesk(t)
	id := d.bring(t, "order", "k1", Sealed)
	d.clock.add(time.Minute)
	d.advance(t, id, Sealed, Sending, Change{TempName: ".k1.part", Attempt: true})
	d.do(t, func(tx *Tx) error { return tx.Attempt(id, "connection reset") })
	d.clock.add(time.Minute)
	zone := time.FixedZone("MSK", 3*3600)
	due := time.Date(2026, 11, 25, 3, 0, 0, 1, zone)
	d.advance(t, id, Sending, Answered, Change{AnswerCode: "04", DueAt: &due, Rule: "229-ФЗ ст. 70 ч. 5"})
	d.clock.add(time.Minute)
	d.advance(t, id, Answered, Answered, Change{AnswerCode: "01"})
	d.advance(t, id, Answered, Closed, Change{})

	x := d.exchange(t, id)
	at := func(minute int) string {
		return time.Date(2026, 11, 22, 9, minute, 0, 0, time.UTC).Format(time.RFC3339)
	}
	show := func(p *time.Time) string {
		if p == nil {
			return "-"
		}
		return p.Format(time.RFC3339)
	}
	for name, c := range map[string]struct {
		got  *time.Time
		want string
	}{
		"accepted": {x.AcceptedAt, at(0)}, "sealed": {x.SealedAt, at(0)}, "sending": {x.SendingAt, at(1)},
		"delivered by the answer": {x.DeliveredAt, at(2)}, "confirmed never": {x.ConfirmedAt, "-"},
		"answered first": {x.AnsweredAt, at(2)}, "closed": {x.ClosedAt, at(3)}, "due in UTC": {x.DueAt, "2026-11-25T00:00:00Z"},
	} {
		if show(c.got) != c.want {
			t.Errorf("%s: %s, want %s", name, show(c.got), c.want)
		}
	}
	if x.Attempts != 2 || x.AnswerCode != "01" || x.Rule == "" {
		t.Errorf("exchange is %+v", x)
	}
}

func TestWarningAfterDeadlineRefused(t *testing.T) {
	d := newDesk(t)
	id := d.bring(t, "order", "k1", Sending)
	due := d.clock.now().Add(time.Hour)
	warn := due.Add(time.Second)
	err := d.Write(t.Context(), "daemon", func(tx *Tx) error {
		return tx.Advance(id, Sending, Delivered, Change{DueAt: &due, WarnAt: &warn})
	})
	if err == nil {
		t.Error("a warning after the deadline was taken")
	}
}

func TestHeldReasonGoesWhenReleased(t *testing.T) {
	d := newDesk(t)
	id := d.bring(t, "order", "k1", Held)
	d.advance(t, id, Held, Accepted, Change{})
	if x := d.exchange(t, id); x.Reason != "" {
		t.Errorf("released, and still %q", x.Reason)
	}
}
