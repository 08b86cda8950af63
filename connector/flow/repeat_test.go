package flow

import (
	"io/fs"
	"testing"
	"time"

	"bankconnector/connector/flow/roll"
	"bankconnector/connector/flow/rule"
	"bankconnector/connector/journal"
)

// receipts counts our receipts, of whatever state.
func (o *office) receipts(t *testing.T) int {
	t.Helper()
	list, err := o.Book.Find(t.Context(), journal.Filter{Kinds: []string{"receipt"}})
	must(t, err)
	return len(list)
}

// TestRepeatThatStaysInItsPlace: a bank whose files we may not touch left the same bytes
// under another name. It gets its receipt again, once, and no visit after that fails, reads
// the file or writes about it.
func TestRepeatThatStaysInItsPlace(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	f.bank.Pickup.Mode = rule.Leave
	f.put("rep_1.zip", []byte("<html>busy</html>"))
	for range 2 { // judged; its receipt goes out
		o.visit(t, f)
	}
	f.put("rep_2.zip", []byte("<html>busy</html>"))
	o.visit(t, f)
	first, _ := o.Book.Latest()
	for range 3 {
		o.pass(time.Minute)
		if out := o.Visit(t.Context(), f.bank, Slot{}); out.Err != nil || out.Taken > 0 {
			t.Errorf("a later visit took %d: %v", out.Taken, out.Err)
		}
	}
	if last, _ := o.Book.Latest(); last != first+6 {
		t.Errorf("three visits wrote %d events, want a beginning and an end of each", last-first)
	}
	if n := o.receipts(t); n != 2 {
		t.Errorf("%d receipts, want one for each copy", n)
	}
	o.checkBooks(t)
}

// TestRepeatThatCouldNotBeRemoved: the bank's server refused to remove a repeat that was
// answered. The next visit removes it, and answers no more.
func TestRepeatThatCouldNotBeRemoved(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	f.put("rep_1.zip", []byte("<html>busy</html>"))
	o.visit(t, f)
	f.put("rep_1.zip", []byte("<html>busy</html>"))
	f.fault = func(op string) (bool, error) {
		return op != "discard", map[bool]error{true: fs.ErrExist}[op == "discard"]
	}
	o.Visit(t.Context(), f.bank, Slot{})
	f.fault = nil
	o.pass(time.Minute)
	o.visit(t, f)
	if n := o.receipts(t); n != 2 || len(f.claimed) > 0 {
		t.Errorf("%d receipts and %d files left at the bank, want one receipt for each copy and none", n, len(f.claimed))
	}
	o.checkBooks(t)
}

// TestWhatStaysIsForgottenWhenItIsGone: the memory of files that stay at a bank does not grow
// beyond what lies there.
func TestWhatStaysIsForgottenWhenItIsGone(t *testing.T) {
	var r roll.Roll
	r.Stay("044525101", "1.0_a.zip")
	r.Stay("044525101", "1.0_b.zip")
	r.Stay("044525102", "1.0_a.zip")
	r.Forget("044525101", map[string]bool{"1.0_b.zip": true})
	if r.Stays("044525101", "1.0_a.zip") || !r.Stays("044525101", "1.0_b.zip") || !r.Stays("044525102", "1.0_a.zip") {
		t.Error("want forgotten what is gone, and nothing else")
	}
}
