package group

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
)

func TestEveryCallHearsItsOwnResult(t *testing.T) {
	const callers, each = 64, 200
	served := 0 // the worker's alone
	q := New(func(works []int, results []error) {
		for i, w := range works {
			served++
			if w%3 == 0 {
				results[i] = fmt.Errorf("%d", w)
			}
		}
	})
	var all sync.WaitGroup
	for c := range callers {
		all.Go(func() {
			for n := range each {
				w := c*each + n
				err, had := q.Do(t.Context(), w)
				if !had || (err != nil) != (w%3 == 0) || err != nil && err.Error() != fmt.Sprint(w) {
					t.Errorf("call %d hears %v, %v", w, err, had)
				}
			}
		})
	}
	all.Wait()
	q.Close()
	if served != callers*each {
		t.Errorf("%d calls served, want %d", served, callers*each)
	}
}

// stuck is a queue whose worker stands in a call until it is let go.
func stuck(t *testing.T) (q *Queue[string], batches func() [][]string, letGo func()) {
	t.Helper()
	hold, held := make(chan struct{}), make(chan struct{})
	var seen [][]string
	q = New(func(works []string, _ []error) {
		seen = append(seen, append([]string(nil), works...))
		if works[0] == "first" {
			close(held)
			<-hold
		}
	})
	go q.Do(t.Context(), "first") //nolint:errcheck // it only stands in the way
	<-held
	return q, func() [][]string { q.Close(); return seen }, func() { close(hold) }
}

// lined waits until so many calls stand in line.
func (q *Queue[T]) lined(n int) {
	for sum := 0; sum < n; runtime.Gosched() {
		sum = 0
		q.mu.Lock()
		for _, b := range q.line {
			sum += len(b.calls)
		}
		q.mu.Unlock()
	}
}

func TestWhatWaitsIsOneBatch(t *testing.T) {
	q, batches, letGo := stuck(t)
	var all sync.WaitGroup
	const n = Limit + 10
	for range n {
		all.Go(func() {
			if err, had := q.Do(t.Context(), "next"); err != nil || !had {
				t.Errorf("got %v, %v", err, had)
			}
		})
	}
	q.lined(n)
	letGo()
	all.Wait()
	got := batches()
	if len(got) != 3 || len(got[1]) != Limit || len(got[2]) != 10 {
		t.Errorf("%d batches; want the first call, %d that waited, 10 beyond the limit", len(got), Limit)
	}
}

func TestGivenUpBeforeItsTurnDoesNotHappen(t *testing.T) {
	q, batches, letGo := stuck(t)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if err, had := q.Do(ctx, "never"); !errors.Is(err, context.Canceled) || had {
			t.Errorf("got %v, %v", err, had)
		}
	})
	q.lined(1)
	cancel()
	all.Wait()
	letGo()
	for _, b := range batches() {
		for _, w := range b {
			if w == "never" {
				t.Error("a call that was given up was made")
			}
		}
	}
}

func TestUnderWayIsWaitedFor(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	q := New(func([]int, []error) { cancel() })
	if err, had := q.Do(ctx, 1); err != nil || !had {
		t.Errorf("got %v, %v: the outcome of a call under way must be told", err, had)
	}
	q.Close()
}

func TestClosed(t *testing.T) {
	q, batches, letGo := stuck(t)
	var all sync.WaitGroup
	all.Go(func() {
		if err, had := q.Do(t.Context(), "late"); had && !errors.Is(err, ErrClosed) {
			t.Errorf("one that waited hears %v, %v", err, had)
		}
	})
	q.lined(1)
	all.Go(q.Close)
	for open := true; open; runtime.Gosched() {
		q.mu.Lock()
		open = !q.closed
		q.mu.Unlock()
	}
	letGo()
	all.Wait()
	if err, had := q.Do(t.Context(), "too late"); !errors.Is(err, ErrClosed) || had {
		t.Errorf("after the end: %v, %v", err, had)
	}
	if got := batches(); len(got) != 1 {
		t.Errorf("%d batches after the close", len(got)-1)
	}
}

func TestWorkerGone(t *testing.T) {
	q := New(func([]int, []error) { runtime.Goexit() })
	for range 2 {
		if err, had := q.Do(t.Context(), 1); err != nil || had {
			t.Errorf("got %v, %v: nobody knows what became of the call", err, had)
		}
	}
	q.Close()
}
