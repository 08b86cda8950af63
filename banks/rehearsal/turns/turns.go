// Package turns lets many workers take turns at few places. A worker with nothing to
// do costs nothing: it is woken by a call or by a timer, never by looking. The queue
// knows when all of them rest. It calls no other room.
package turns

import (
	"context"
	"sync"
	"time"
)

// Task is something a worker does in one of its passes.
type Task func(ctx context.Context) error

// Queue bounds how many workers work at once and counts those that have work.
type Queue struct {
	slots chan struct{}

	mu   sync.Mutex
	busy int
	idle chan struct{} // closed while busy is 0
}

// NewQueue makes a queue with that many places.
func NewQueue(places int) *Queue {
	q := &Queue{slots: make(chan struct{}, places), idle: make(chan struct{})}
	close(q.idle)
	return q
}

// Idle waits until no worker has anything to do, now or later.
func (q *Queue) Idle(ctx context.Context) error {
	q.mu.Lock()
	idle := q.idle
	q.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *Queue) count(d int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy == 0 {
		q.idle = make(chan struct{})
	}
	if q.busy += d; q.busy == 0 {
		close(q.idle)
	}
}

// Worker does its passes one after the other. Its methods may be called from any
// goroutine.
type Worker struct {
	queue  *Queue
	signal chan struct{}

	mu      sync.Mutex
	woken   bool
	working bool
	counted bool // in the queue
	ready   []Task
	timers  map[*time.Timer]bool
	stopped bool
	err     error
}

// Worker adds a worker to the queue; it does nothing before Run.
func (q *Queue) Worker() *Worker {
	return &Worker{queue: q, signal: make(chan struct{}, 1), timers: map[*time.Timer]bool{}}
}

// Wake asks for a pass.
func (w *Worker) Wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.woken = true
	w.ring()
}

// Later hands a task to a pass not before d has gone by.
func (w *Worker) Later(d time.Duration, t Task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d <= 0 {
		w.ready = append(w.ready, t)
		w.ring()
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.timers[timer] {
			delete(w.timers, timer)
			w.ready = append(w.ready, t)
			w.ring()
		}
	})
	w.timers[timer] = true
	w.settle()
}

// Run does a pass whenever there is a reason for one, until ctx ends or a pass fails;
// after a failure the worker stands still and Err tells why.
func (w *Worker) Run(ctx context.Context, pass func(ctx context.Context, tasks []Task) error) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.signal:
		}
		select {
		case <-ctx.Done():
			return
		case w.queue.slots <- struct{}{}:
		}
		err := pass(ctx, w.begin())
		<-w.queue.slots
		if ctx.Err() != nil {
			return
		}
		if w.end(err); err != nil {
			return
		}
	}
}

// Stop drops what is still to be done.
func (w *Worker) Stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for t := range w.timers {
		t.Stop()
	}
	clear(w.timers)
	w.stopped = true
	w.settle()
}

// Err returns why the worker stands still, nil if it does not.
func (w *Worker) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

func (w *Worker) begin() []Task {
	w.mu.Lock()
	defer w.mu.Unlock()
	tasks := w.ready
	w.ready, w.woken, w.working = nil, false, true
	return tasks
}

func (w *Worker) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.working, w.err = false, err
	w.settle()
}

// ring starts a pass. The caller holds mu.
func (w *Worker) ring() {
	w.settle()
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

// settle counts the worker in or out. The caller holds mu.
func (w *Worker) settle() {
	wanted := w.woken || w.working || len(w.ready) > 0 || len(w.timers) > 0
	busy := wanted && !w.stopped && w.err == nil
	switch {
	case busy && !w.counted:
		w.queue.count(1)
	case !busy && w.counted:
		w.queue.count(-1)
	}
	w.counted = busy
}
