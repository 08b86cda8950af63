package journal

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"bankconnector/connector/journal/sqlite"
)

// maxBatch bounds one commit, so that the first caller in it is not kept
// waiting without end. The batch is whatever waits; there is no timer.
const maxBatch = 1024

// backStep is how far the clock may go back without stopping the book.
const backStep = 2 * time.Second

type job struct {
	actor string
	fn    func(*Tx) error
	done  chan error
}

// Write runs fn in the next commit and returns when that commit is on the
// disk. If fn returns an error, what it appended is taken back and the error
// is returned; others in the same commit are not touched. actor is who acts:
// "daemon", or the operator's name. fn must not call Write, keep the Tx, or
// wait for anything slow: everybody waits with it.
//
// A context that ends before fn was taken up returns its error and nothing
// happened; after that Write waits for the outcome, which is never unknown.
func (b *Book) Write(ctx context.Context, actor string, fn func(*Tx) error) error {
	if actor == "" {
		return errors.New("write journal: no actor")
	}
	j := &job{actor: actor, fn: fn, done: make(chan error, 1)}
	select {
	case <-b.closing:
		return errClosed
	default:
	}
	select {
	case b.queue <- j:
	case <-ctx.Done():
		return fmt.Errorf("write journal: %w", ctx.Err())
	case <-b.closing:
		return errClosed
	case <-b.finished:
		return b.brokenBy()
	}
	select {
	case err := <-j.done:
		return err
	case <-b.finished:
	}
	select {
	case err := <-j.done:
		return err
	default:
		return b.brokenBy()
	}
}

func (b *Book) brokenBy() error {
	if e := b.broken.Load(); e != nil {
		return *e
	}
	return fmt.Errorf("%w: the writer has ended", ErrBroken)
}

func (b *Book) run() {
	defer close(b.finished)
	for {
		select {
		case j := <-b.queue:
			b.commit(b.gather(j))
		case <-b.closing:
			return
		}
	}
}

// gather takes whoever waits. The callers of the last commit have just been
// woken; yielding once lets those who have more to say say it now.
func (b *Book) gather(first *job) []*job {
	batch := []*job{first}
	runtime.Gosched()
	for len(batch) < maxBatch {
		select {
		case j := <-b.queue:
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

func (b *Book) commit(batch []*job) {
	results := make([]error, len(batch))
	err := b.brokenErr()
	if err == nil {
		if err = b.transact(batch, results); err != nil {
			err = fmt.Errorf("%w: %w", ErrBroken, err)
			b.broken.Store(&err)
		}
	}
	for i, j := range batch {
		if err != nil {
			j.done <- err
		} else {
			j.done <- results[i]
		}
	}
}

func (b *Book) brokenErr() error {
	if e := b.broken.Load(); e != nil {
		return *e
	}
	return nil
}

// transact runs the batch in one transaction. Its error means that the book
// is broken: the outcome of the commit, or the state of the engine, is not
// known. A crash before COMMIT returns leaves none of the batch or all of it.
func (b *Book) transact(batch []*job, results []error) (err error) {
	done := false
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a write: %v", p)
		} else if !done && err == nil {
			err = fmt.Errorf("%w: a write ended its goroutine", ErrBroken)
			gone := err // nobody is left to return it to
			b.broken.Store(&gone)
		}
		if err != nil {
			err = errors.Join(err, b.w.Rollback())
		}
	}()
	if _, err := b.w.Exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	start := b.head
	for i, j := range batch {
		if results[i], err = b.step(j); err != nil {
			return err
		}
	}
	if b.head != start {
		if err := b.mark(); err != nil {
			return fmt.Errorf("mark head: %w", err)
		}
	}
	if _, err := b.w.Exec("COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	done = true
	return nil
}

// step runs one closure in its savepoint: result is the caller's, broken ends
// the book.
func (b *Book) step(j *job) (result, broken error) {
	start := b.head
	if _, err := b.w.Exec("SAVEPOINT step"); err != nil {
		return nil, fmt.Errorf("savepoint: %w", err)
	}
	t, err := b.newTx(j.actor)
	if err == nil {
		err = j.fn(t)
		t.over = true
		if t.err != nil {
			err = t.err
		}
	}
	if err != nil {
		if sqlite.Fatal(err) || t != nil && sqlite.Fatal(t.err) {
			return nil, err
		}
		b.head = start
		if _, e := b.w.Exec("ROLLBACK TO step"); e != nil {
			return nil, fmt.Errorf("roll back after %w: %w", err, e)
		}
	}
	if _, e := b.w.Exec("RELEASE step"); e != nil {
		return nil, fmt.Errorf("release: %w", e)
	}
	return err, nil
}

// newTx fixes the time of all events of one closure. A small step back of the
// clock is levelled, a large one is an error: time in evidence must not lie.
func (b *Book) newTx(actor string) (*Tx, error) {
	at := b.now().UTC().Truncate(time.Millisecond)
	if at.Before(b.head.at) {
		if b.head.at.Sub(at) > backStep {
			return nil, fmt.Errorf("%w: it says %s, the last event was at %s: set the clock", ErrClock, sqlite.Stamp(at), sqlite.Stamp(b.head.at))
		}
		at = b.head.at
	}
	return &Tx{b: b, c: b.w, at: at, actor: actor}, nil
}

func (b *Book) mark() error {
	_, err := b.w.Exec(`INSERT INTO head (one, seq, hash, at) VALUES (1, ?1, ?2, ?3)
		ON CONFLICT (one) DO UPDATE SET seq = ?1, hash = ?2, at = ?3`, b.head.seq, b.head.hash, sqlite.Stamp(b.head.at))
	return err
}
