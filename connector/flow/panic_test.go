package flow

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/reading"
	"bankconnector/connector/journal"
	"bankconnector/crypto/cms"
	"bankconnector/formats/envelope"
)

// hangless fails when the visit is over.
type hangless struct{ Mailbox }

func (hangless) Close() error { panic("the name of a debtor") }

type faulty struct{ reading.Verifier }

func (faulty) Verify([]byte, []byte, time.Time) cms.Verdict {
	var none *cms.Verdict
	return *none
}

// TestPanicInAVisit: a fault of the program that one bank's files or server bring out ends
// that bank's visit and nothing else; it is alarmed, and the next visit goes on from what the
// journal knows. What is shared by all banks is not trusted after it.
func TestPanicInAVisit(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(o *office, f *fakeBank) (mend func())
		kind  fate.Kind
		where string
	}{
		{"AtTheServer", func(_ *office, f *fakeBank) func() {
			f.fault = func(op string) (bool, error) {
				if op == "upload" {
					panic("the name of a debtor")
				}
				return true, nil
			}
			return func() { f.fault = nil }
		}, fate.Operator, "panic_test.go"},
		{"WhereTheFoldersAre", func(_ *office, f *fakeBank) func() {
			f.fault = func(op string) (bool, error) {
				if op == "real" {
					panic("the name of a debtor")
				}
				return true, nil
			}
			return func() { f.fault = nil }
		}, fate.Operator, "panic_test.go"},
		{"WhileItHangsUp", func(o *office, _ *fakeBank) func() {
			dial := o.Dial
			o.Dial = func(ctx context.Context, b *banks.Bank) (Mailbox, error) {
				box, err := dial(ctx, b)
				return hangless{box}, err
			}
			return func() { o.Dial = dial }
		}, fate.Operator, "panic_test.go"},
		{"WhileItDials", func(o *office, _ *fakeBank) func() {
			dial := o.Dial
			o.Dial = nil
			return func() { o.Dial = dial }
		}, fate.Operator, "visit.go"},
		{"WhileAFileIsRead", func(o *office, f *fakeBank) func() {
			o.visit(t, f)
			f.work(t)
			own := o.Verifier
			o.Verifier = func(*banks.Bank) reading.Verifier { return faulty{} }
			return func() { o.Verifier = own }
		}, fate.Operator, "panic_test.go"},
		{"WhileItSeals", func(o *office, _ *fakeBank) func() {
			own := o.Signer
			o.Signer = nil
			return func() { o.Signer = own }
		}, fate.Operator, "sealing.go"},
		{"InTheStore", func(o *office, _ *fakeBank) func() {
			own := o.Store
			o.Store = nil
			return func() { o.Store = own }
		}, fate.Broken, "store.go"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOffice(t)
			f, other := o.banks[0], o.banks[1]
			o.submit(t, f, 4)
			o.submit(t, other, 4)
			mend := tt.spoil(o, f)
			out := o.Visit(t.Context(), f.bank, Slot{})
			mend()
			var p *fate.Panic
			if fate.Of(out.Err) != tt.kind || !errors.As(out.Err, &p) || !strings.Contains(p.Where, tt.where) {
				t.Fatalf("%s %v, want %s at %s", fate.Of(out.Err), out.Err, tt.kind, tt.where)
			}
			alarms := o.alarms(t, "alarm.panic")
			if len(alarms) != 1 || !strings.Contains(alarms[0], tt.where) || strings.Contains(alarms[0], "debtor") {
				t.Errorf("alarms %v, want one that says where", alarms)
			}
			var failed int
			must(t, o.Book.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM visits WHERE outcome <> 'ok' AND error LIKE '%'||?||'%'`, tt.where).Scan(&failed))
			if failed != 1 {
				t.Errorf("%d visits failed by it, want 1", failed)
			}
			o.settle(t, other)
			o.settle(t, f)
			o.checkBooks(t)
		})
	}
}

// TestPanicInTheJournalBreaksIt: nobody knows what a transaction was about to say when its
// writer fails, so nothing is written any more, and the process ends.
func TestPanicInTheJournalBreaksIt(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	o.submit(t, f, 1)
	o.visit(t, f)
	o.tick = func() { panic("in a transaction") }
	out := o.Visit(t.Context(), f.bank, Slot{})
	o.tick = nil
	if fate.Of(out.Err) != fate.Broken || !errors.Is(out.Err, journal.ErrBroken) {
		t.Errorf("%s %v, want the journal to be broken", fate.Of(out.Err), out.Err)
	}
	if again := o.Visit(t.Context(), f.bank, Slot{}); fate.Of(again.Err) != fate.Broken {
		t.Errorf("the next visit: %v, want the journal to stay broken", again.Err)
	}
	o.checkBooks(t)
}

// TestPanicsLeaveNoMemoryTaken: what a visit held of the room for opened files is free again,
// or a bank that brings out a fault would keep the others waiting in the end.
func TestPanicsLeaveNoMemoryTaken(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	o.submit(t, f, 1)
	o.visit(t, f)
	f.work(t)
	large := make([]byte, 700<<10) // what an archive of this size may become is all the room
	_, err := rand.Read(large)
	must(t, err)
	file, err := envelope.Seal([]envelope.Entry{{Name: "rep_1.xml", Data: []byte("<x/>")}, {Name: "rep_1.xml.sig", Data: large}})
	must(t, err)
	f.put("rep_1.zip", file)
	own := o.Verifier
	o.Verifier = func(*banks.Bank) reading.Verifier { return faulty{} }
	for range 3 {
		if out := o.Visit(t.Context(), f.bank, Slot{}); fate.Of(out.Err) != fate.Operator {
			t.Fatalf("%v, want the fault of the program", out.Err)
		}
	}
	o.Verifier = own
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if out := o.Visit(ctx, f.bank, Slot{}); out.Err != nil {
		t.Fatalf("the visit after the fault is mended: %v", out.Err)
	}
	o.settle(t, f)
	o.checkBooks(t)
}
