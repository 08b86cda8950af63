package flow

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"

	"bankconnector/connector/flow/fate"
	"bankconnector/connector/journal"
)

// TestInboxOfManyPortions: what the office left is taken in portion by portion, before and beside its delivery, and all
// of it leaves in one visit, also for a bank with a limit of one, where nothing goes side by side.
func TestInboxOfManyPortions(t *testing.T) {
	const documents = 700
	for _, parallel := range []int{1, 8} {
		t.Run(fmt.Sprintf("Parallel%d", parallel), func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			f := o.banks[0]
			f.bank.Limits.Parallel = parallel
			o.submit(t, f, documents)
			o.visit(t, f)
			o.isEmpty(t, f, documents)
		})
	}
}

// isEmpty wants every document of a bank known, none left in the inbox, and none that could have gone still here.
func (o *office) isEmpty(t *testing.T, f *fakeBank, documents int) {
	t.Helper()
	all, err := o.Book.Find(t.Context(), journal.Filter{Bank: string(f.bank.BIC)})
	must(t, err)
	sent := 0
	for _, x := range all {
		switch x.State {
		case journal.Delivered:
			sent++
		case journal.Held:
		default:
			t.Errorf("%s is %s", x.InternalKey, x.State)
		}
	}
	if len(all) != documents || sent < documents/2 {
		t.Errorf("%d documents in the journal, %d delivered; want %d, and most delivered", len(all), sent, documents)
	}
	left, _, err := o.Office.Waiting(t.Context(), string(f.bank.BIC), documents)
	must(t, err)
	if len(left) != 0 {
		t.Errorf("%d files are left in the inbox", len(left))
	}
	o.checkBooks(t)
}

// TestPanicBesideADelivery: a fault of the program in a portion that is taken in beside the delivery ends the visit, not
// the process, and the next visit goes on.
func TestPanicBesideADelivery(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	f.bank.Limits.Parallel = 8
	const documents = 700
	o.submit(t, f, documents)
	unique, asked := o.Unique, atomic.Int64{}
	sent := func() bool { // the delivery has begun: portions come beside it
		taken, err := o.Book.Find(t.Context(), journal.Filter{Bank: string(f.bank.BIC), States: []journal.State{journal.Sending, journal.Delivered}, Limit: 1})
		return err == nil && len(taken) > 0
	}
	o.Unique = func() string {
		if asked.Add(1) > 64 && strings.Contains(string(debug.Stack()), "/intake.") && sent() {
			panic("the name of a debtor")
		}
		return unique()
	}
	var fault *fate.Panic
	if out := o.Visit(t.Context(), f.bank, Slot{Name: "test"}); !errors.As(out.Err, &fault) {
		t.Fatalf("the visit ended with %v", out.Err)
	}
	o.Unique = unique
	o.visit(t, f)
	o.isEmpty(t, f, documents)
}
