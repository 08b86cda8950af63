package flow

import (
	"testing"
	"time"

	"bankconnector/connector/flow/rule"
	"bankconnector/connector/flow/waiting"
	"bankconnector/connector/journal"
	"bankconnector/formats"
)

func countEvents(t *testing.T, o *office, id int64, kind string) (n int) {
	t.Helper()
	events, err := o.Book.Events(t.Context(), id)
	must(t, err)
	for _, e := range events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func TestFailedUploadsAreNoSecondSending(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	key := o.submit(t, f, 1)[0].Document.Key()
	f.fault = func(op string) (bool, error) { return false, map[bool]error{true: errCut}[op == "upload"] }
	for range 3 {
		o.Visit(t.Context(), f.bank, Slot{})
	}
	f.fault = nil
	o.visit(t, f)
	for _, a := range f.collect() {
		f.leave(t, f.receipt(key, a, formats.StateDuplicate))
	}
	o.visit(t, f)
	if x := o.find(t, key); x.State != journal.Suspect {
		t.Errorf("sent once, called a duplicate: %s, want Suspect, for somebody used our key", x.State)
	}
	o.checkBooks(t)
}

func TestEverySecondRenameIsAnnounced(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	f.bank.Delivery.UnknownOutcome = rule.Reissue
	key := o.submit(t, f, 1)[0].Document.Key()
	f.fault = func(op string) (bool, error) { return op != "publish", map[bool]error{true: errCut}[op == "publish"] }
	o.Visit(t.Context(), f.bank, Slot{})
	f.fault = nil
	o.visit(t, f)
	x := o.find(t, key)
	if n := countEvents(t, o, x.ID, "exchange.sending"); n != 2 || x.State != journal.Delivered {
		t.Fatalf("%s after %d intents, want Delivered after 2", x.State, n)
	}
	for _, a := range f.collect() {
		f.leave(t, f.receipt(key, a, formats.StateDuplicate))
	}
	o.visit(t, f)
	if x := o.find(t, key); x.State != journal.Delivered {
		t.Errorf("called a duplicate after our own second rename: %s, want it to wait for the receipt of the first copy", x.State)
	}
	o.checkBooks(t)
}

func TestSilenceIsAlarmedOnce(t *testing.T) {
	for _, tt := range []struct {
		name  string
		state journal.State
		bring func(t *testing.T, o *office, f *fakeBank) // the only document to that state
		then  journal.State
	}{
		{"NeverSealed", journal.Accepted, func(t *testing.T, o *office, f *fakeBank) {
			t.Helper()
			o.submit(t, f, 1)
			must(t, o.Accept(t.Context(), f.bank))
		}, journal.Accepted},
		{"NeverUploaded", journal.Sealed, func(t *testing.T, o *office, f *fakeBank) {
			t.Helper()
			o.submit(t, f, 1)
			f.fault = func(op string) (bool, error) { return op != "upload", map[bool]error{true: errCut}[op == "upload"] }
			o.Visit(t.Context(), f.bank, Slot{})
		}, journal.Sealed},
		{"BaseNeverCame", journal.Held, func(t *testing.T, o *office, f *fakeBank) {
			t.Helper()
			o.submitLift(t, f)
			o.visit(t, f)
		}, journal.Held},
		{"BankGoneSinceTheIntent", journal.Sending, func(t *testing.T, o *office, f *fakeBank) {
			t.Helper()
			o.submit(t, f, 1)
			f.fault = func(op string) (bool, error) { return op != "publish", map[bool]error{true: errCut}[op == "publish"] }
			o.Visit(t.Context(), f.bank, Slot{})
		}, journal.Sending},
		{"NoReceipt", journal.Delivered, func(t *testing.T, o *office, f *fakeBank) {
			t.Helper()
			exchangeOne(t, o, f)
		}, journal.Suspect},
		{"NoReply", journal.Confirmed, func(t *testing.T, o *office, f *fakeBank) {
			t.Helper()
			doc, sent := exchangeOne(t, o, f)
			f.leave(t, f.receipt(doc.Key(), sent, formats.StateAccepted))
			o.visit(t, f)
		}, journal.Confirmed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			tt.bring(t, o, o.banks[0])
			x := mustFind(t, o, journal.Filter{Kinds: []string{"order", "query"}})[0]
			if x.State != tt.state {
				t.Fatalf("%s, want %s", x.State, tt.state)
			}
			for range 3 {
				o.pass(25 * time.Hour)
				must(t, o.Sweep(t.Context()))
			}
			must(t, o.Book.Close()) // a restart must not repeat it either
			o.memory = waiting.Memory{}
			o.open(t, false)
			must(t, o.Sweep(t.Context()))
			if n := countEvents(t, o, x.ID, "alarm.overdue"); n != 1 {
				t.Errorf("%d alarms, want 1", n)
			}
			if x = o.find(t, x.InternalKey); x.State != tt.then {
				t.Errorf("%s, want %s", x.State, tt.then)
			}
			o.checkBooks(t)
		})
	}
}

// submitLift leaves a lifting whose arrest is nowhere.
func (o *office) submitLift(t *testing.T, f *fakeBank) *formats.Order {
	t.Helper()
	for _, s := range formats.NewSampler(7, startTime).Next(f.sample, 32) {
		if d, ok := s.Document.(*formats.Order); ok && d.DocCode == "O_IP_ACT_ENDARREST" {
			must(t, o.Office.Submit(string(f.bank.BIC), "piev_"+d.Key()+".xml", s.XML))
			return d
		}
	}
	t.Fatal("no lifting among the samples")
	return nil
}

// A lifting whose arrest the bank refused can never leave by itself: somebody hears of it
// at once, and once only.
func TestLiftOfAnEndedArrestIsAlarmed(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	o.submit(t, f, 16)
	o.visit(t, f)
	for _, a := range f.collect() {
		f.leave(t, f.receipt(f.open(t, a).Key(), a, formats.StateBadLogic))
	}
	for range 3 {
		o.visit(t, f)
	}
	must(t, o.Book.Close()) // a restart must not repeat it either
	o.memory = waiting.Memory{}
	o.open(t, false)
	o.visit(t, f)
	for _, x := range mustFind(t, o, journal.Filter{States: []journal.State{journal.Held}}) {
		if n := countEvents(t, o, x.ID, "alarm.held"); n != 1 {
			t.Errorf("%s: %d alarms, want 1", x.InternalKey, n)
		}
	}
	o.checkBooks(t)
}

// A lifting that its arrest's receipt let go has a term of its own from then on.
func TestReleasedLiftHasANewTerm(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	o.submit(t, f, 16)
	o.visit(t, f)
	x := mustFind(t, o, journal.Filter{States: []journal.State{journal.Held}})[0]
	for _, a := range f.collect() {
		f.leave(t, f.receipt(f.open(t, a).Key(), a, formats.StateAccepted))
	}
	o.pass(time.Hour)
	f.fault = func(op string) (bool, error) { return op != "upload", map[bool]error{true: errCut}[op == "upload"] }
	o.Visit(t.Context(), f.bank, Slot{})
	now := o.find(t, x.InternalKey)
	if now.State != journal.Sealed || !now.DueAt.Equal(x.DueAt.Add(time.Hour)) {
		t.Errorf("%s, due %v, want Sealed with the term of its release, an hour after %v", now.State, now.DueAt, x.DueAt)
	}
	o.checkBooks(t)
}

// TestManyLateDocumentsAreEachToldOnce: a bank that is down for days leaves many behind, and they are told of side by side.
func TestManyLateDocumentsAreEachToldOnce(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	o.submit(t, f, 150)
	must(t, o.Accept(t.Context(), f.bank))
	for range 3 {
		o.pass(8 * 24 * time.Hour)
		must(t, o.Sweep(t.Context()))
	}
	late := mustFind(t, o, journal.Filter{Kinds: []string{"order", "query"}})
	if len(late) != 150 {
		t.Fatalf("%d documents", len(late))
	}
	for _, x := range late {
		if n := countEvents(t, o, x.ID, "alarm.overdue"); n != 1 {
			t.Errorf("%s %s: %d alarms, want 1", x.State, x.InternalKey, n)
		}
	}
	o.checkBooks(t)
}
