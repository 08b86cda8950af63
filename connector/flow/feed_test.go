package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/hall"
	"bankconnector/connector/journal"
)

// TestInboxOfManyPortions: what the office left is taken in portion by portion, before and beside its delivery, and all
// of it leaves in one visit; at a bank with a limit of one nothing goes side by side.
func TestInboxOfManyPortions(t *testing.T) {
	const documents = 700
	for parallel, patience := range map[int]time.Duration{1: 2 * time.Millisecond, 8: 20 * time.Second} {
		t.Run(fmt.Sprintf("Parallel%d", parallel), func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			f := o.banks[0]
			f.bank.Limits.Parallel = parallel
			o.submit(t, f, documents)
			b := beside(o)
			f.fault = func(op string) (bool, error) {
				if op == "upload" {
					b.upload(patience)
				}
				return true, nil
			}
			o.visit(t, f)
			if seen := b.seen.Load(); seen != (parallel > 1) {
				t.Errorf("documents came in while one was uploaded: %v", seen)
			}
			o.isEmpty(t, f, documents)
		})
	}
}

// side watches whether documents of the office are taken in while one is uploaded.
type side struct {
	uploads atomic.Int64 // under way
	seen    atomic.Bool
	over    atomic.Bool
	first   sync.Once
	came    chan struct{} // closed when it was seen
}

// beside has an office tell of each document that is taken in.
func beside(o *office) *side {
	b := &side{came: make(chan struct{})}
	unique := o.Unique
	o.Unique = func() string {
		if b.uploads.Load() > 0 && strings.Contains(string(debug.Stack()), "/intake.") {
			b.seen.Store(true)
			b.first.Do(func() { close(b.came) })
		}
		return unique()
	}
	return b
}

// upload is one that lasts until a document came in beside it, or for so long.
func (b *side) upload(most time.Duration) {
	b.uploads.Add(1)
	defer b.uploads.Add(-1)
	if b.over.Load() {
		return
	}
	select {
	case <-b.came:
	case <-time.After(most):
		b.over.Store(most > time.Second) // nobody waits as long twice
	}
}

// isEmpty wants every document of a bank known, none left in the inbox, and none that could have gone still here.
func (o *office) isEmpty(t *testing.T, f *fakeBank, documents int) {
	t.Helper()
	all, err := o.Book.Find(t.Context(), journal.Filter{Bank: string(f.bank.BIC)})
	must(t, err)
	sent := 0
	for _, x := range all {
		if x.State == journal.Delivered {
			sent++
		} else if x.State != journal.Held {
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

// faint is a log that fails the program when the intake says something while a delivery is under way.
type faint struct {
	slog.Handler
	sends func() bool
}

func (faint) Enabled(context.Context, slog.Level) bool { return true }

func (h faint) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "not a regular file") && h.sends() {
		panic("the name of a debtor")
	}
	return h.Handler.Handle(ctx, r)
}

// TestPanicBesideADelivery: a fault of the program in a portion that is taken in beside the delivery ends the visit at
// once, not the process, and is alarmed; the next visit goes on.
func TestPanicBesideADelivery(t *testing.T) {
	const documents = 1100
	o := newOffice(t)
	f := o.banks[0]
	f.bank.Limits.Parallel = 8
	o.submit(t, f, documents)
	for i := range 300 { // so that each portion meets one
		must(t, os.Mkdir(filepath.Join(o.dir, "office", "in", string(f.bank.BIC), fmt.Sprintf("strange%d.xml", i)), 0o700))
	}
	var sends atomic.Bool
	f.fault = func(op string) (bool, error) {
		if op == "publish" {
			sends.Store(true)
		}
		return true, nil
	}
	log := o.Log
	o.Log = slog.New(faint{slog.DiscardHandler, sends.Load})
	var fault *fate.Panic
	out := o.Visit(t.Context(), f.bank, Slot{Name: "test"})
	if !errors.As(out.Err, &fault) || out.Sent > documents/2 {
		t.Fatalf("the visit ended with %v, %d sent", out.Err, out.Sent)
	}
	alarms, err := o.Book.DB().QueryContext(t.Context(), `SELECT 1 FROM event WHERE kind = 'alarm.panic'`)
	must(t, err)
	defer alarms.Close()
	if !alarms.Next() {
		t.Error("no alarm")
	}
	must(t, alarms.Err())
	o.Log = log
	o.visit(t, f)
	o.isEmpty(t, f, documents)
}

// TestMuteBankWithADeepInboxKeepsNoPlace: a visit whose bank does not answer takes in what the office left, and anybody
// who wants its place in the hall has it after the first portion.
func TestMuteBankWithADeepInboxKeepsNoPlace(t *testing.T) {
	o := newOffice(t)
	mute, other := o.banks[0], o.banks[1]
	o.Hall = hall.New(1, o.Now) // the office's clock stands: nobody counts as standing still
	o.submit(t, mute, 400)
	dial, hangUp, entered, second := o.Dial, make(chan struct{}), make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(second) })
	o.Dial = func(ctx context.Context, b *banks.Bank) (Mailbox, error) {
		if b.BIC == mute.bank.BIC {
			<-hangUp
		}
		return dial(ctx, b)
	}
	unique, asked := o.Unique, atomic.Int64{}
	o.Unique = func() string { // the second portion lasts until the other bank has the place
		if strings.Contains(string(debug.Stack()), "/intake.") && asked.Add(1) > 64 {
			begin()
			<-entered
		}
		return unique()
	}
	must(t, o.Enter(t.Context(), mute.bank))
	var visit sync.WaitGroup
	visit.Go(func() {
		defer o.Leave(mute.bank)
		if out := o.Visit(t.Context(), mute.bank, Slot{Name: "test"}); out.Err != nil {
			t.Error(out.Err)
		}
	})
	soon, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	select {
	case <-second:
	case <-soon.Done():
		t.Error("nothing more came in while the bank was mute and the place free")
	}
	err := o.Enter(soon, other.bank)
	close(entered)
	if err != nil {
		t.Errorf("the other bank got no place: %v", err)
	} else {
		o.Leave(other.bank)
	}
	close(hangUp)
	visit.Wait()
	o.isEmpty(t, mute, 400)
}
