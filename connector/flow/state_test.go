package flow

import (
	"fmt"
	"testing"
	"time"

	"bankconnector/connector/flow/rule"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/formats"
)

func spoolDigest(data []byte) string { return spool.Digest(data) }

// TestEveryEffectMayFail cuts the connection at each effect, before it took place and
// after, and wants the next visits to bring every document to its end exactly once.
func TestEveryEffectMayFail(t *testing.T) {
	for _, op := range []string{"dial", "upload", "publish", "list", "claim", "fetch", "discard"} {
		for _, applied := range []bool{false, true} {
			for nth := 1; nth <= 3; nth += 2 {
				t.Run(fmt.Sprintf("%s/applied=%v/%d", op, applied, nth), func(t *testing.T) {
					t.Parallel()
					o := newOffice(t)
					f := o.banks[0]
					f.bank.Delivery.UnknownOutcome = rule.Reissue // the fake refuses a second file with the same name
					o.submit(t, f, 8)
					count := 0
					f.fault = func(got string) (bool, error) {
						if got != op {
							return true, nil
						}
						if count++; count == nth {
							return applied, errCut
						}
						return true, nil
					}
					for range 6 {
						o.Visit(t.Context(), f.bank, Slot{Name: "test"}) // may fail: that is the test
						f.work(t)
					}
					if count < nth {
						t.Fatalf("the fault never came: %d of %d", count, nth)
					}
					o.settle(t, f)
					o.checkBooks(t)
				})
			}
		}
	}
}

func TestUnknownOutcomeIsHeld(t *testing.T) {
	for _, tt := range []struct {
		name    string
		applied bool
		taken   bool // the bank took the file before the next visit
		want    journal.State
		found   string
	}{
		{"NotRenamed", false, false, journal.Ambiguous, ""},
		{"Renamed", true, false, journal.Delivered, string(rule.FoundFinal)},
		{"RenamedAndTaken", true, true, journal.Delivered, string(rule.FoundNothing)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			f := o.banks[0]
			key := o.submit(t, f, 1)[0].Document.Key()
			f.fault = func(op string) (bool, error) {
				if op == "publish" {
					return tt.applied, errCut
				}
				return true, nil
			}
			if out := o.Visit(t.Context(), f.bank, Slot{}); out.Err == nil || out.Sent != 0 {
				t.Fatalf("visit with an unknown outcome: sent %d, %v", out.Sent, out.Err)
			}
			if x := o.find(t, key); x.State != journal.Sending {
				t.Fatalf("after the cut: %s, want Sending", x.State)
			}
			f.fault = nil
			if tt.taken {
				f.collect()
			}
			o.visit(t, f)
			if x := o.find(t, key); x.State != tt.want || x.Evidence != tt.found {
				t.Errorf("after the next visit: %s %q, want %s %q", x.State, x.Evidence, tt.want, tt.found)
			}
			o.checkBooks(t)
		})
	}
}

func TestReceiptOfAnAmbiguousDelivery(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	key := o.submit(t, f, 1)[0].Document.Key()
	f.fault = func(op string) (bool, error) { return op != "publish", map[bool]error{true: errCut}[op == "publish"] }
	o.Visit(t.Context(), f.bank, Slot{})
	f.fault = nil
	o.visit(t, f)
	if x := o.find(t, key); x.State != journal.Ambiguous {
		t.Fatalf("state %s, want Ambiguous", x.State)
	}
	// The rename was only late: now it is carried out, and the bank acknowledges.
	x := o.find(t, key)
	must(t, rename(f.to, f.to, x.TempName, x.FileName))
	f.work(t)
	o.visit(t, f)
	if x := o.find(t, key); x.ConfirmedAt == nil {
		t.Errorf("state %s, want it confirmed by the receipt", x.State)
	}
	o.checkBooks(t)
}

func TestNoReceiptByTheDeadline(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	doc, sent := exchangeOne(t, o, f)
	o.pass(25 * time.Hour)
	must(t, o.Sweep(t.Context()))
	if x := o.find(t, doc.Key()); x.State != journal.Suspect || x.Reason == "" {
		t.Fatalf("past the deadline: %s %q, want Suspect with a reason", x.State, x.Reason)
	}
	f.leave(t, f.receipt(doc.Key(), sent, formats.StateAccepted))
	o.visit(t, f)
	if x := o.find(t, doc.Key()); x.State != journal.Confirmed {
		t.Errorf("after a late receipt: %s, want Confirmed", x.State)
	}
	o.checkBooks(t)
}

func TestBanksReceiptDecides(t *testing.T) {
	for _, tt := range []struct {
		state int
		want  journal.State
	}{
		{formats.StateDelivered, journal.Confirmed},
		{formats.StateAccepted, journal.Confirmed},
		{formats.StateBadSignature, journal.Rejected},
		{formats.StateBadSchema, journal.Rejected},
		{formats.StateBadLogic, journal.Rejected},
		{formats.StateWrongAddressee, journal.Rejected},
		{formats.StateNoBase, journal.Rejected},
		{formats.StateDuplicate, journal.Suspect}, // we sent it once: somebody used our key
		{formats.StateInternal, journal.Delivered},
	} {
		t.Run(fmt.Sprint(tt.state), func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			f := o.banks[0]
			doc, sent := exchangeOne(t, o, f)
			f.leave(t, f.receipt(doc.Key(), sent, tt.state))
			o.visit(t, f)
			if x := o.find(t, doc.Key()); x.State != tt.want {
				t.Errorf("%s, want %s", x.State, tt.want)
			}
			o.checkBooks(t)
		})
	}
}

func TestLiftWaitsForItsArrest(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	list := o.submit(t, f, 16)
	var lift *formats.Order
	for _, s := range list {
		if d, ok := s.Document.(*formats.Order); ok && d.DocCode == "O_IP_ACT_ENDARREST" {
			lift = d
		}
	}
	if lift == nil {
		t.Fatal("no lifting among the samples")
	}
	base, _ := lift.Base()
	o.visit(t, f)
	for range 2 { // delivered is not enough: only the bank's receipt releases the lifting
		if x := o.find(t, lift.Key()); x.State != journal.Held {
			t.Fatalf("the lifting is %s while its arrest is %s", x.State, o.find(t, base).State)
		}
		o.visit(t, f)
	}
	got := f.collect()
	for _, a := range got {
		doc := f.open(t, a)
		if doc.Key() == lift.Key() {
			t.Fatal("the lifting overtook its arrest")
		}
		if doc.Key() == base {
			f.leave(t, f.receipt(base, a, formats.StateAccepted))
		}
	}
	o.visit(t, f)
	if x := o.find(t, lift.Key()); x.State != journal.Delivered {
		t.Errorf("after the arrest was confirmed the lifting is %s", x.State)
	}
	o.checkBooks(t)
}

func TestLiftOfARejectedArrestStays(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	list := o.submit(t, f, 16)
	o.visit(t, f)
	var held []journal.Exchange
	for _, a := range f.collect() {
		f.leave(t, f.receipt(f.open(t, a).Key(), a, formats.StateBadLogic))
	}
	o.visit(t, f)
	held = mustFind(t, o, journal.Filter{States: []journal.State{journal.Held}})
	if rejected := mustFind(t, o, journal.Filter{States: []journal.State{journal.Rejected}}); len(rejected)+len(held) != len(list) {
		t.Errorf("%d rejected and %d held of %d", len(rejected), len(held), len(list))
	}
	if got := f.collect(); len(got) != 0 {
		t.Errorf("%d files went out after the bank had rejected their base", len(got))
	}
	o.checkBooks(t)
}

func TestRepeatedReplyHasNoSecondEffect(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	doc, sent := exchangeOne(t, o, f)
	f.leave(t, f.receipt(doc.Key(), sent, formats.StateAccepted))
	name, data := f.sealed(t, f.reply(doc), f.sign)
	f.put(name, data)
	o.visit(t, f)
	first := o.find(t, doc.Key())
	f.collect()
	t.Run("SameFile", func(t *testing.T) {
		f.put(name, data)
		o.visit(t, f)
		if x := o.find(t, doc.Key()); x.State != first.State || *x.AnsweredAt != *first.AnsweredAt {
			t.Errorf("%s, want it as it was: %s", x.State, first.State)
		}
		checkReceipt(t, f, spoolDigest(data), formats.StateAccepted)
	})
	t.Run("SignedAnew", func(t *testing.T) {
		name, data := f.sealed(t, f.reply(doc), f.sign)
		f.put(name, data)
		o.visit(t, f)
		if in := onlyIncoming(t, o, name); in.Outcome != outcomeDuplicate {
			t.Errorf("outcome %q, want duplicate", in.Outcome)
		}
	})
	t.Run("SameKeyOtherContent", func(t *testing.T) {
		r := f.reply(doc).(*formats.Report)
		r.LegalImpossibility = "other"
		name, data := f.sealed(t, r, f.sign)
		f.put(name, data)
		o.visit(t, f)
		if in := onlyIncoming(t, o, name); in.Outcome != outcomeConflict {
			t.Errorf("outcome %q %q, want conflict", in.Outcome, in.Reason)
		}
		checkReceipt(t, f, spoolDigest(data), formats.StateDuplicate)
	})
	o.checkBooks(t)
}
