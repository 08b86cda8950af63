package flow

import (
	"sync"
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/act"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/journal"
)

// TestPersonActsWhileAReplyIsSettled: between the judgement of a bank's reply and its commit a person cancels the document.
// The reply changes nothing then and is not taken for settled: the next visit judges it again, and a person hears of it.
func TestPersonActsWhileAReplyIsSettled(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	doc, _ := exchangeOne(t, o, f)
	o.pass(25 * time.Hour)
	f.reads.Today = o.clock()
	must(t, o.Sweep(t.Context()))
	x := o.find(t, doc.Key())
	if x.State != journal.Suspect {
		t.Fatalf("%s, want Suspect", x.State)
	}
	for _, r := range f.replies(doc) {
		f.leave(t, r)
	}
	var once sync.Once
	term := o.Deadline
	o.Deadline = func(b *banks.Bank, s journal.State, kind string, from time.Time) (time.Time, string) {
		if kind == "receipt" { // ours is made between the two
			once.Do(func() { o.do(t, x, act.Request{Act: act.Cancel, Confirm: true}) })
		}
		return term(b, s, kind, from)
	}
	if out := o.Visit(t.Context(), f.bank, Slot{}); fate.Of(out.Err) != fate.Refused {
		t.Errorf("%s %v, want the reply to be left for the next visit", fate.Of(out.Err), out.Err)
	}
	o.visit(t, f)
	if now := o.find(t, doc.Key()); now.State != journal.Cancelled {
		t.Errorf("%s, want it to stay as the person has it", now.State)
	}
	if told := o.alarms(t, "alarm.incoming"); len(told) != 1 {
		t.Errorf("alarms %v, want one about the reply", told)
	}
	o.checkBooks(t)
}
