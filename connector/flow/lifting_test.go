package flow

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bankconnector/connector/flow/act"
	"bankconnector/connector/journal"
	"bankconnector/formats"
)

const (
	lifts       = "O_IP_ACT_ENDARREST"
	liftsPart   = "O_IP_ACT_ENDARR_NO_CHANGE"
	liftsToLevy = "O_IP_ACT_ENDARR_GMONEY"
)

// sampleOf is a sample order of a code, without what the sampler would have it lift.
func sampleOf(t *testing.T, f *fakeBank, code string) *formats.Order {
	t.Helper()
	for _, s := range formats.NewSampler(7, startTime).Next(f.sample, 200) {
		if d, ok := s.Document.(*formats.Order); ok && string(d.DocCode) == code {
			return d
		}
	}
	t.Fatalf("no order %s among the samples", code)
	return nil
}

// hand leaves an order under a key of the test's; sum is in kopecks, 0 for none.
func (o *office) hand(t *testing.T, f *fakeBank, d *formats.Order, key int, base string, sum formats.Money) string {
	t.Helper()
	d.InternalKey, d.RestrDocID, d.Amount, d.Barcode = fmt.Sprint(77411000000000+key), base, nil, ""
	if sum > 0 {
		d.Amount = &sum
	}
	data, err := formats.Encode(d, "")
	must(t, err)
	must(t, o.Office.Submit(string(f.bank.BIC), "piev_"+d.InternalKey+".xml", data))
	return d.InternalKey
}

// TestLiftings holds liftings against an arrest of 1000.00 that the bank has confirmed.
func TestLiftings(t *testing.T) {
	type lift struct {
		code  string
		sum   formats.Money
		state journal.State // after a visit in which the bank takes nothing
		says  string
	}
	const goes = journal.Delivered
	for _, tt := range []struct {
		name  string
		lifts []lift
	}{
		{"WithinTheArrest", []lift{{liftsPart, 100000, goes, ""}}},
		{"MoreThanWasArrested", []lift{{liftsPart, 100001, journal.Refused, "it lifts 1000.01 of base document 77411000000001, which is for 1000.00"}}},
		{"WholeForMoreThanWasArrested", []lift{{lifts, 100001, journal.Refused, "1000.01"}, {lifts, 0, goes, ""}}},
		{"LevyOfAGrownDebt", []lift{{liftsToLevy, 200000, goes, ""}}},
		{"PartsWithinTheArrest", []lift{{liftsPart, 40000, goes, ""}, {liftsPart, 60000, goes, ""}, {lifts, 0, goes, ""}}},
		{"PartsAboveTheArrest", []lift{{liftsPart, 40000, goes, ""}, {liftsPart, 60001, journal.Held, "with this one 1000.01 of base document 77411000000001 would be lifted"}}},
		{"WholeTwice", []lift{{lifts, 0, goes, ""}, {lifts, 0, journal.Held, "is lifted whole by document 77411000000002 already"}}},
		{"PartAfterWhole", []lift{{lifts, 0, goes, ""}, {liftsPart, 100, goes, ""}, {lifts, 0, journal.Held, "is lifted whole"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			f := o.banks[0]
			base := o.hand(t, f, sampleOf(t, f, "O_IP_ACT_ARREST_ACCMONEY"), 1, "", 100000)
			o.visit(t, f)
			f.work(t)
			o.visit(t, f)
			for i, l := range tt.lifts {
				key := o.hand(t, f, sampleOf(t, f, l.code), 2+i, base, l.sum)
				o.visit(t, f)
				x := o.find(t, key)
				if x.State != l.state || !strings.Contains(x.Reason, l.says) {
					t.Fatalf("lifting %d is %s %q, want %s %q", i+1, x.State, x.Reason, l.state, l.says)
				}
				o.visit(t, f) // nothing of it changes by itself
				if x = o.find(t, key); x.State != l.state {
					t.Errorf("lifting %d has become %s", i+1, x.State)
				}
				notice, told := o.outbox(t, f)["notsent_"+key+".xml"]
				if told && !strings.Contains(notice, "по основному документу "+base) {
					t.Errorf("the office is told in words that a bailiff does not read: %s", notice)
				}
				if told != (l.state == journal.Refused) {
					t.Errorf("lifting %d: the office is told that it was not sent: %v", i+1, told)
				}
				if n := countEvents(t, o, x.ID, "alarm.held"); (n == 1) != (l.state == journal.Held) || n > 1 {
					t.Errorf("lifting %d: %d alarms", i+1, n)
				}
			}
			o.checkBooks(t)
		})
	}
}

// TestLiftingsBeforeTheirArrest: what waits for its arrest is held against it, and against each other, when it is released;
// two that come at one moment do not both go.
func TestLiftingsBeforeTheirArrest(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	one := o.hand(t, f, sampleOf(t, f, lifts), 2, "77411000000001", 0)
	two := o.hand(t, f, sampleOf(t, f, lifts), 3, "77411000000001", 0)
	much := o.hand(t, f, sampleOf(t, f, liftsPart), 4, "77411000000001", 100001)
	o.visit(t, f)
	o.hand(t, f, sampleOf(t, f, "O_IP_ACT_ARREST_ACCMONEY"), 1, "", 100000)
	for range 3 {
		o.visit(t, f)
		f.work(t)
	}
	first, second, third := o.find(t, one), o.find(t, two), o.find(t, much)
	if first.State == journal.Held == (second.State == journal.Held) {
		t.Errorf("the two liftings are %s and %s, want one of them to go", first.State, second.State)
	}
	for _, x := range []journal.Exchange{first, second, third} {
		if n := countEvents(t, o, x.ID, "alarm.held"); (n == 1) != (x.State == journal.Held) {
			t.Errorf("document %s is %s after %d alarms", x.InternalKey, x.State, n)
		}
	}
	if third.State != journal.Held {
		t.Errorf("a lifting of more than was arrested is %s, want Held", third.State)
	}
	o.checkBooks(t)
}

// TestLiftingAfterOneThatEnded: a lifting that the bank refused takes nothing back, and the next one goes; a person lets
// go what was kept back.
func TestLiftingAfterOneThatEnded(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	base := o.hand(t, f, sampleOf(t, f, "O_IP_ACT_ARREST_ACCMONEY"), 1, "", 100000)
	o.visit(t, f)
	f.work(t)
	o.visit(t, f)
	o.hand(t, f, sampleOf(t, f, lifts), 2, base, 0)
	o.visit(t, f)
	for _, a := range f.collect() {
		if d := f.open(t, a); d.Kind() == formats.KindOrder {
			f.leave(t, f.receipt(d.Key(), a, formats.StateBadLogic))
		}
	}
	second := o.hand(t, f, sampleOf(t, f, lifts), 3, base, 0)
	o.visit(t, f) // the second is taken in before the bank's refusal of the first is read
	o.visit(t, f)
	if x := o.find(t, second); x.State != journal.Delivered {
		t.Errorf("the second lifting is %s %q, want Delivered: the first takes nothing back", x.State, x.Reason)
	}
	third := o.hand(t, f, sampleOf(t, f, lifts), 4, base, 0)
	o.visit(t, f)
	x := o.find(t, third)
	if x.State != journal.Held {
		t.Fatalf("the third lifting is %s, want Held", x.State)
	}
	_, err := o.desk().Do(t.Context(), "ivanova", act.Request{Act: act.Release, Exchange: x.ID, Reason: "the bank asks for it"})
	must(t, err)
	o.visit(t, f)
	if x := o.find(t, third); x.State != journal.Delivered {
		t.Errorf("a person let it go, and it is %s", x.State)
	}
	o.checkBooks(t)
}

// TestOrderLeftForTwoBanks: a document that does not itself say whose it is, in two banks' inboxes, goes to neither until
// a person decides; when the first has gone, somebody hears of it.
func TestOrderLeftForTwoBanks(t *testing.T) {
	const search = "O_IP_ACT_FIND_ACCOUNT"
	t.Run("BeforeEitherWent", func(t *testing.T) {
		o := newOffice(t)
		a, b := o.banks[0], o.banks[1]
		key := o.hand(t, a, sampleOf(t, a, search), 1, "", 0)
		o.hand(t, b, sampleOf(t, a, search), 1, "", 0)
		must(t, o.Accept(t.Context(), a.bank))
		must(t, o.Accept(t.Context(), b.bank))
		for range 2 {
			o.visit(t, a)
			o.visit(t, b)
		}
		x := o.find(t, key)
		if x.State != journal.Held || !strings.Contains(x.Reason, "for bank 044525102 too") {
			t.Errorf("%s %q, want Held, naming the other bank", x.State, x.Reason)
		}
		if len(a.collect())+len(b.collect()) > 0 {
			t.Error("it went to one of them")
		}
		if countEvents(t, o, x.ID, "alarm.office.conflict") == 0 {
			t.Error("nobody was told")
		}
		if _, told := o.outbox(t, b)["notsent_"+key+".xml"]; !told {
			t.Error("the office was not told that the second one does not go")
		}
		_, err := o.desk().Do(t.Context(), "ivanova", act.Request{Act: act.Release, Exchange: x.ID, Reason: "it is for this bank"})
		must(t, err)
		o.visit(t, a)
		if len(a.collect()) != 1 {
			t.Error("a person let it go, and it did not")
		}
		o.checkBooks(t)
	})
	t.Run("OtherContentUnderTheSameKey", func(t *testing.T) {
		o := newOffice(t)
		a, b := o.banks[0], o.banks[1]
		key := o.hand(t, a, sampleOf(t, a, "O_IP_ACT_ARREST_ACCMONEY"), 1, "", 100000) // its account says whose it is
		o.hand(t, b, sampleOf(t, a, search), 1, "", 0)
		must(t, o.Accept(t.Context(), a.bank))
		must(t, o.Accept(t.Context(), b.bank))
		o.visit(t, a)
		x := o.find(t, key)
		if x.State != journal.Delivered || countEvents(t, o, x.ID, "alarm.office.conflict") == 0 {
			t.Errorf("%s, and the alarm must stand with it", x.State)
		}
		o.checkBooks(t)
	})
	t.Run("AfterTheFirstWent", func(t *testing.T) {
		o := newOffice(t)
		a, b := o.banks[0], o.banks[1]
		key := o.hand(t, a, sampleOf(t, a, search), 1, "", 0)
		o.visit(t, a)
		o.hand(t, b, sampleOf(t, a, search), 1, "", 0)
		o.visit(t, b)
		x := o.find(t, key)
		if x.State != journal.Delivered || countEvents(t, o, x.ID, "alarm.office.conflict") == 0 {
			t.Errorf("%s, and the alarm must stand with it", x.State)
		}
		if len(b.collect()) > 0 {
			t.Error("it went to both")
		}
		o.checkBooks(t)
	})
}

// TestReceiptThatCannotLeave: our own receipt for a bank's reply has a term too; when it passes, somebody hears of it once.
func TestReceiptThatCannotLeave(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	doc, sent := exchangeOne(t, o, f)
	f.leave(t, f.receipt(doc.Key(), sent, formats.StateAccepted))
	f.leave(t, f.reply(doc))
	f.fault = func(op string) (bool, error) { return op != "upload", map[bool]error{true: errCut}[op == "upload"] }
	o.Visit(t.Context(), f.bank, Slot{})
	list := mustFind(t, o, journal.Filter{Kinds: []string{"receipt"}})
	if len(list) != 1 || list[0].State != journal.Sealed || list[0].DueAt == nil {
		t.Fatalf("receipts: %+v, want one that is sealed and has a term", list)
	}
	must(t, o.Sweep(t.Context()))
	if n := countEvents(t, o, list[0].ID, "alarm.overdue"); n != 0 {
		t.Errorf("%d alarms before the term", n)
	}
	for range 3 {
		o.pass(25 * time.Hour)
		must(t, o.Sweep(t.Context()))
	}
	if n := countEvents(t, o, list[0].ID, "alarm.overdue"); n != 1 {
		t.Errorf("%d alarms, want 1", n)
	}
	f.fault = nil
	o.visit(t, f)
	if x := mustFind(t, o, journal.Filter{Kinds: []string{"receipt"}})[0]; x.State != journal.Closed {
		t.Errorf("the receipt is %s in the end, want Closed", x.State)
	}
	o.checkBooks(t)
}
