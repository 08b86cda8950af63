package flow

import (
	"context"
	"errors"
	"sync"
	"testing"
)

// intakeUnderWay begins to take in what the office left for a bank and stops in the midst of it, until it is let go on.
func intakeUnderWay(t *testing.T, o *office, f *fakeBank) (resume func() error) {
	t.Helper()
	unique, begun, release := o.Unique, make(chan struct{}), make(chan struct{})
	var once sync.Once
	o.Unique = func() string {
		once.Do(func() { close(begun); <-release })
		return unique()
	}
	ended := make(chan error, 1)
	go func() { ended <- o.Accept(t.Context(), f.bank) }()
	<-begun
	return func() error { close(release); return <-ended }
}

// TestVisitBesideAnIntake: a bank's slot comes while its documents are being taken in from the office, which happens every
// few seconds. The visit is not turned away, for then the slot would have to wait for the pause after a failure; it begins
// when they are in, takes them along, and until then no second one begins.
func TestVisitBesideAnIntake(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	o.submit(t, f, 2)
	resume := intakeUnderWay(t, o, f)
	visited := make(chan Outcome, 2)
	for range 2 {
		go func() { visited <- o.Visit(t.Context(), f.bank, Slot{}) }()
	}
	if out := <-visited; !errors.Is(out.Err, ErrBusy) {
		t.Fatalf("two visits beside an intake, and one ended before it: %+v", out)
	}
	must(t, o.Accept(t.Context(), f.bank)) // the next look into the office's folder has nothing to do
	must(t, resume())
	if out := <-visited; out.Err != nil || out.Sent != 2 {
		t.Errorf("the visit beside an intake of two documents: sent %d, %v", out.Sent, out.Err)
	}
	o.settle(t, f)
	o.checkBooks(t)
}

// TestVisitThatEndsBesideAnIntake: the time of a visit is up before the office's documents are in. It did not take place,
// and the next one does.
func TestVisitThatEndsBesideAnIntake(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	o.submit(t, f, 1)
	resume := intakeUnderWay(t, o, f)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if out := o.Visit(ctx, f.bank, Slot{}); !errors.Is(out.Err, context.Canceled) {
		t.Errorf("a visit whose time was up: %v", out.Err)
	}
	must(t, resume())
	o.settle(t, f)
	o.checkBooks(t)
}
