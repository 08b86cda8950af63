package turns

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run starts a worker and returns how to end it.
func run(t *testing.T, w *Worker, pass func(context.Context, []Task) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { w.Run(ctx, pass) })
	return func() { cancel(); wait.Wait() }
}

func each(ctx context.Context, tasks []Task) error {
	for _, t := range tasks {
		if err := t(ctx); err != nil {
			return err
		}
	}
	return nil
}

func TestIdle(t *testing.T) {
	t.Run("at once without work", func(t *testing.T) {
		q := NewQueue(1)
		q.Worker()
		if err := q.Idle(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("not while a pass waits to run", func(t *testing.T) {
		q := NewQueue(1)
		q.Worker().Wake()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := q.Idle(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("not before delayed tasks are done", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			q := NewQueue(1)
			w := q.Worker()
			defer run(t, w, each)()
			began := time.Now()
			var done []time.Duration
			note := func(ctx context.Context) error { done = append(done, time.Since(began)); return ctx.Err() }
			w.Later(3*time.Second, note)
			w.Later(0, note)
			w.Later(time.Second, func(context.Context) error { w.Later(5*time.Second, note); return nil })
			if err := q.Idle(t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(done) != 3 || done[0] != 0 || done[1] != 3*time.Second || done[2] != 6*time.Second {
				t.Errorf("tasks done at %v", done)
			}
		})
	})
}

func TestWake(t *testing.T) {
	t.Run("during a pass means another one", func(t *testing.T) {
		q := NewQueue(1)
		w := q.Worker()
		passes := 0
		w.Wake()
		stop := run(t, w, func(context.Context, []Task) error {
			if passes++; passes == 1 {
				w.Wake()
			}
			return nil
		})
		if err := q.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop()
		if passes != 2 {
			t.Errorf("%d passes, want 2", passes)
		}
	})
	t.Run("many before a pass mean one", func(t *testing.T) {
		q := NewQueue(1)
		w := q.Worker()
		for range 100 {
			w.Wake()
		}
		var passes atomic.Int32
		stop := run(t, w, func(context.Context, []Task) error { passes.Add(1); return nil })
		if err := q.Idle(t.Context()); err != nil {
			t.Fatal(err)
		}
		stop()
		if passes.Load() != 1 {
			t.Errorf("%d passes, want 1", passes.Load())
		}
	})
}

func TestPlaces(t *testing.T) {
	q := NewQueue(2)
	var now, most atomic.Int32
	for range 20 {
		w := q.Worker()
		w.Wake()
		defer run(t, w, func(context.Context, []Task) error {
			n := now.Add(1)
			for {
				old := most.Load()
				if n <= old || most.CompareAndSwap(old, n) {
					break
				}
			}
			now.Add(-1)
			return nil
		})()
	}
	if err := q.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if most.Load() > 2 {
		t.Errorf("%d worked at once, want at most 2", most.Load())
	}
}

func TestFailure(t *testing.T) {
	q := NewQueue(1)
	w, broken := q.Worker(), errors.New("disk full")
	w.Later(0, func(context.Context) error { return broken })
	w.Later(time.Hour, func(context.Context) error { return nil })
	stop := run(t, w, each)
	if err := q.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(w.Err(), broken) {
		t.Errorf("got %v", w.Err())
	}
	w.Wake()
	if err := q.Idle(t.Context()); err != nil {
		t.Errorf("a broken worker keeps the queue busy: %v", err)
	}
	stop()
	w.Stop()
}

func TestStop(t *testing.T) {
	q := NewQueue(1)
	w := q.Worker()
	w.Later(time.Hour, func(context.Context) error { return nil })
	w.Wake()
	w.Stop()
	if err := q.Idle(t.Context()); err != nil {
		t.Errorf("a stopped worker keeps the queue busy: %v", err)
	}
}
