package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestWriteManyCallersAtOnce(t *testing.T) {
	const callers, each = 32, 40
	d := newDesk(t)
	var all sync.WaitGroup
	wrong := errors.New("wrong")
	for c := range callers {
		all.Go(func() {
			for n := range each {
				key := fmt.Sprintf("%d-%d", c, n)
				err := d.Write(t.Context(), "daemon", func(tx *Tx) error {
					if _, err := tx.Accept(order(bankA, key)); err != nil {
						return err
					}
					if n%4 == 3 {
						return wrong
					}
					return nil
				})
				if (n%4 == 3) != errors.Is(err, wrong) || n%4 != 3 && err != nil {
					t.Errorf("%s: %v", key, err)
				}
			}
		})
	}
	all.Wait()
	found, err := d.Find(t.Context(), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != callers*each*3/4 {
		t.Errorf("%d exchanges of %d good writes", len(found), callers*each*3/4)
	}
	for i, x := range found {
		if x.ID != int64(i+1) {
			t.Fatalf("exchange %d has the id %d: a failed write left a gap", i+1, x.ID)
		}
	}
	d.proven(t)
}

// TestWriteInOneBatch puts a good, a failing and a good write into one commit.
func TestWriteInOneBatch(t *testing.T) {
	d := newDesk(t)
	before, _, err := d.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hold, held := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		if err := d.Write(t.Context(), "daemon", func(*Tx) error {
			close(held)
			<-hold
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	<-held // the writer is inside a batch; what comes now waits for the next one
	errs := make([]error, 3)
	var waiting atomic.Int64
	for i := range errs {
		all.Go(func() {
			waiting.Add(1)
			errs[i] = d.Write(t.Context(), "daemon", func(tx *Tx) error {
				if _, err := tx.Accept(order(bankA, fmt.Sprint(i))); err != nil {
					return err
				}
				if _, err := tx.TakeSlot(bankA, fmt.Sprint(i), time.Unix(1, 0)); err != nil {
					return err
				}
				if i == 1 {
					return errors.New("second thoughts")
				}
				return nil
			})
		})
	}
	for waiting.Load() < int64(len(errs)) {
		runtime.Gosched()
	}
	close(hold)
	all.Wait()
	if errs[0] != nil || errs[1] == nil || errs[2] != nil {
		t.Errorf("results are %v", errs)
	}
	after, _, err := d.Head(t.Context())
	if after-before != 4 || err != nil {
		t.Errorf("%d events were added, %v", after-before, err)
	}
	d.proven(t)
}

func TestWriteTakesBackOnlyItself(t *testing.T) {
	d := newDesk(t)
	for i := range 50 {
		err := d.Write(t.Context(), "daemon", func(tx *Tx) error {
			for n := range rand.N(4) {
				if _, err := tx.Accept(order(bankA, fmt.Sprintf("%d-%d", i, n))); err != nil {
					return err
				}
			}
			if i%2 == 0 {
				return errors.New("no")
			}
			return nil
		})
		if (err != nil) != (i%2 == 0) {
			t.Fatalf("write %d: %v", i, err)
		}
	}
	d.proven(t)
}

// TestWriteHalfDoneIsTakenBack: a closure that swallows the error of a step
// that went half way does not succeed.
func TestWriteHalfDoneIsTakenBack(t *testing.T) {
	d := newDesk(t)
	d.bring(t, "order", "k1", Sealed)
	id := d.accept(t, order(bankA, "k2"))
	seq, _, err := d.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = d.Write(t.Context(), "daemon", func(tx *Tx) error {
		x, err := tx.Exchange(id)
		if err != nil {
			return err
		}
		c, err := sealing(tx, x)
		if err != nil {
			return err
		}
		c.FileName = "piev_k1.zip" // the unique index refuses the row after the event was inserted
		if err := tx.Advance(id, Accepted, Sealed, c); err == nil {
			t.Error("a name was used twice")
		}
		return nil
	})
	if err == nil {
		t.Error("a write with a half-done step succeeded")
	}
	if now, _, err := d.Head(t.Context()); now != seq || err != nil {
		t.Errorf("head went from %d to %d, %v", seq, now, err)
	}
	d.do(t, func(tx *Tx) error { return tx.Note("note.after", "", 0, nil) })
	d.proven(t)
}

func TestWriteAfterEnd(t *testing.T) {
	d := newDesk(t)
	var kept *Tx
	d.do(t, func(tx *Tx) error { kept = tx; return nil })
	if err := kept.Note("note.late", "", 0, nil); err == nil {
		t.Error("a transaction was used after its end")
	}
	if _, err := kept.Exchange(1); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("a transaction was read after its end: %v", err)
	}
}

func TestWriteEndedContext(t *testing.T) {
	d := newDesk(t)
	hold, held := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		err := d.Write(t.Context(), "daemon", func(*Tx) error {
			close(held)
			<-hold
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-held
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := d.Write(ctx, "daemon", func(tx *Tx) error { return tx.Note("note.never", "", 0, nil) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(hold)
	all.Wait()
	if n := count(t, d, `SELECT count(*) FROM event WHERE kind = 'note.never'`); n != 0 {
		t.Error("a write that was given up happened")
	}
}

func TestWriteNeedsActor(t *testing.T) {
	d := newDesk(t)
	if err := d.Write(t.Context(), "", func(*Tx) error { return nil }); err == nil {
		t.Error("an event without an actor was possible")
	}
}

func TestWriteAfterClose(t *testing.T) {
	d := newDesk(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	called := false
	err := d.Write(t.Context(), "daemon", func(*Tx) error { called = true; return nil })
	if err == nil || called {
		t.Errorf("got %v, called %v", err, called)
	}
}

func TestClock(t *testing.T) {
	d := newDesk(t)
	id := d.accept(t, order(bankA, "k1"))
	t.Run("SmallStepBackIsLevelled", func(t *testing.T) {
		d.clock.add(-1500 * time.Millisecond)
		d.do(t, func(tx *Tx) error { return tx.Attempt(id, "x") })
		events, err := d.Events(t.Context(), id)
		if err != nil || len(events) != 2 || !events[1].At.Equal(events[0].At) {
			t.Errorf("events are %v, %v", events, err)
		}
	})
	t.Run("LargeStepBackRefused", func(t *testing.T) {
		d.clock.add(-time.Second)
		err := d.Write(t.Context(), "daemon", func(tx *Tx) error { return tx.Attempt(id, "x") })
		if !errors.Is(err, ErrClock) || errors.Is(err, ErrBroken) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("CaughtUpGoesOn", func(t *testing.T) {
		d.clock.add(time.Hour)
		d.do(t, func(tx *Tx) error { return tx.Attempt(id, "x") })
	})
	d.proven(t)
}

// broken asserts that the book is broken for good and what was committed
// before is whole.
func (d *desk) broken(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrBroken) {
		t.Errorf("the write gives %v", err)
	}
	called := false
	err = d.Write(t.Context(), "daemon", func(*Tx) error { called = true; return nil })
	if !errors.Is(err, ErrBroken) || called {
		t.Errorf("a later write gives %v, called %v", err, called)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d.proven(t)
	d.reopen(t)
	d.do(t, func(tx *Tx) error { return tx.Note("note.again", "", 0, nil) })
	d.proven(t)
}

func (d *desk) reopen(t *testing.T) {
	t.Helper()
	b, err := Open(context.WithoutCancel(t.Context()), d.path, d.options())
	if err != nil {
		t.Fatal(err)
	}
	d.Book = b
}

func TestBroken(t *testing.T) {
	t.Run("FullDisk", func(t *testing.T) {
		d := newDesk(t)
		d.do(t, func(tx *Tx) error { return tx.c.Script("PRAGMA max_page_count = 60") })
		var err error
		n := 0
		for ; err == nil && n < 10000; n++ {
			err = d.Write(t.Context(), "daemon", func(tx *Tx) error {
				_, err := tx.Accept(order(bankA, fmt.Sprint(n)))
				return err
			})
		}
		if found, e := d.Find(t.Context(), Filter{}); len(found) != n-1 || e != nil {
			t.Errorf("%d exchanges of %d acknowledged, %v", len(found), n-1, e)
		}
		d.broken(t, err)
	})
	t.Run("PanicInWrite", func(t *testing.T) {
		d := newDesk(t)
		d.broken(t, d.Write(t.Context(), "daemon", func(tx *Tx) error {
			if _, err := tx.Accept(order(bankA, "k1")); err != nil {
				return err
			}
			panic("no such thing")
		}))
	})
	t.Run("WriteEndsItsGoroutine", func(t *testing.T) {
		d := newDesk(t)
		d.broken(t, d.Write(t.Context(), "daemon", func(tx *Tx) error {
			if _, err := tx.Accept(order(bankA, "k1")); err != nil {
				return err
			}
			runtime.Goexit()
			return nil
		}))
	})
	t.Run("TransactionEndedUnderneath", func(t *testing.T) {
		d := newDesk(t)
		d.broken(t, d.Write(t.Context(), "daemon", func(tx *Tx) error {
			if _, err := tx.Accept(order(bankA, "k1")); err != nil {
				return err
			}
			return tx.c.Script("ROLLBACK")
		}))
	})
	t.Run("AllOfTheBatchHear", func(t *testing.T) {
		d := newDesk(t)
		hold, held := make(chan struct{}), make(chan struct{})
		var all sync.WaitGroup
		errs := make([]error, 9)
		all.Go(func() {
			errs[8] = d.Write(t.Context(), "daemon", func(*Tx) error {
				close(held)
				<-hold
				panic("now")
			})
		})
		<-held
		for i := range 8 {
			all.Go(func() {
				errs[i] = d.Write(t.Context(), "daemon", func(tx *Tx) error { return tx.Note("note.x", "", 0, nil) })
			})
		}
		close(hold)
		all.Wait()
		for i, err := range errs {
			if !errors.Is(err, ErrBroken) {
				t.Errorf("caller %d hears %v", i, err)
			}
		}
	})
}

func count(t testing.TB, d *desk, query string, args ...any) (n int64) {
	t.Helper()
	if err := d.DB().QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
