// Package group is the queue before the journal's one writer: callers hand in calls and
// wait, and whatever waits when the writer is free is its next batch. There is no timer.
//
// It does not know what a call does, nor what a commit is. It opens no room.
package group

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// Limit bounds one batch, so that the first caller in it is not kept waiting without end.
const Limit = 1024

// ErrClosed means that the queue takes nothing more.
var ErrClosed = errors.New("the queue is closed")

// call is one caller's place in a batch.
type call[T any] struct {
	work T
	fate atomic.Int32 // waiting, then taken or given up, never both
	err  error        // valid once the batch is done
}

const (
	waiting = iota
	taken
	givenUp
)

// batch is a company of callers that hear together.
type batch[T any] struct {
	calls []*call[T]
	done  chan struct{} // closed when every err is set
}

// Queue gathers calls. Its methods are safe for concurrent callers.
type Queue[T any] struct {
	do   func(works []T, results []error)
	wake chan struct{} // one token: somebody waits, or the end has come

	mu     sync.Mutex
	line   []*batch[T] // only the last one may have room
	closed bool

	gone chan struct{} // closed when the worker has ended
}

// New starts the one worker, which gives every batch to do; do sets a result for each
// call. A worker whose do never returns (it ended the goroutine) leaves Gone closed.
func New[T any](do func(works []T, results []error)) *Queue[T] {
	q := &Queue[T]{do: do, wake: make(chan struct{}, 1), gone: make(chan struct{})}
	go q.run()
	return q
}

// Do hands a call in and returns its result. taken tells whether the worker had it: a
// context that ends before that takes it back, and nothing of it happened. False with no
// error means that the worker is gone, and nobody knows what became of the call.
func (q *Queue[T]) Do(ctx context.Context, work T) (result error, had bool) {
	c := &call[T]{work: work}
	b, err := q.join(c)
	if err != nil {
		return err, false
	}
	select {
	case <-b.done:
		return c.err, true
	case <-q.gone:
	case <-ctx.Done():
		if c.fate.CompareAndSwap(waiting, givenUp) {
			return ctx.Err(), false
		}
		select { // it is under way: its outcome is waited for, never guessed
		case <-b.done:
			return c.err, true
		case <-q.gone:
		}
	}
	select {
	case <-b.done: // the last thing that the worker did
		return c.err, true
	default:
		return nil, false
	}
}

// join puts a call into the last batch that has room.
func (q *Queue[T]) join(c *call[T]) (*batch[T], error) {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(q.line); n == 0 || len(q.line[n-1].calls) >= Limit {
		q.line = append(q.line, &batch[T]{done: make(chan struct{})})
	}
	b := q.line[len(q.line)-1]
	b.calls = append(b.calls, c)
	q.mu.Unlock()
	q.nudge()
	return b, nil
}

func (q *Queue[T]) nudge() {
	select {
	case q.wake <- struct{}{}:
	default: // it has been woken already
	}
}

// Close refuses further calls, waits until the batch under way has heard, and lets those
// that still wait hear ErrClosed.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.nudge()
	<-q.gone
}

func (q *Queue[T]) run() {
	defer close(q.gone)
	for range q.wake {
		for b := q.next(); b != nil; b = q.next() {
			q.serve(b)
		}
		if q.ended() {
			return
		}
	}
}

// next takes the first batch of the line. The callers of the last one have just been
// woken; those who have more to say say it now, as long as yielding brings more of them.
func (q *Queue[T]) next() *batch[T] {
	for had, yields := 0, 0; yields < 4; yields++ {
		runtime.Gosched()
		n := q.waiting()
		if n == had || n == Limit {
			break
		}
		had = n
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.line) == 0 || q.closed {
		return nil
	}
	b := q.line[0]
	q.line = q.line[1:]
	return b
}

// waiting is the size of the next batch.
func (q *Queue[T]) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.line) == 0 {
		return 0
	}
	return len(q.line[0].calls)
}

func (q *Queue[T]) serve(b *batch[T]) {
	works := make([]T, 0, len(b.calls))
	calls := b.calls[:0]
	for _, c := range b.calls {
		if c.fate.CompareAndSwap(waiting, taken) {
			calls, works = append(calls, c), append(works, c.work)
		}
	}
	results := make([]error, len(works))
	if len(works) > 0 {
		q.do(works, results)
	}
	for i, c := range calls {
		c.err = results[i]
	}
	close(b.done)
}

// ended answers those who came too late.
func (q *Queue[T]) ended() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		return false
	}
	for _, b := range q.line {
		for _, c := range b.calls {
			if c.fate.CompareAndSwap(waiting, taken) {
				c.err = ErrClosed
			}
		}
		close(b.done)
	}
	q.line = nil
	return true
}
