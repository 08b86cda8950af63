package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bankconnector/connector/journal/group"
	"bankconnector/connector/journal/sqlite"
)

// backStep is how far the clock may go back without stopping the book.
const backStep = 2 * time.Second

type job struct {
	actor string
	fn    func(*Tx) error
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
	if b.queue == nil {
		return errReadOnly
	}
	err, had := b.queue.Do(ctx, job{actor: actor, fn: fn})
	switch {
	case had:
		return err
	case errors.Is(err, group.ErrClosed):
		return errClosed
	case err != nil:
		return fmt.Errorf("write journal: %w", err)
	}
	if err := b.brokenErr(); err != nil {
		return err
	}
	return fmt.Errorf("%w: the writer has ended", ErrBroken)
}

func (b *Book) brokenErr() error {
	if e := b.broken.Load(); e != nil {
		return *e
	}
	return nil
}

// commit writes a batch of jobs and sets what each caller hears. One transaction takes
// them all, unless a job has to be taken back: that ends it, and the next one goes on.
func (b *Book) commit(batch []job, results []error) {
	for done := 0; done < len(batch); {
		err := b.brokenErr()
		n := 0
		if err == nil {
			if n, err = b.transact(batch[done:], results[done:]); err != nil {
				err = fmt.Errorf("%w: %w", ErrBroken, err)
				b.broken.Store(&err)
			}
		}
		if err != nil {
			for i := range batch[done:] {
				results[done+i] = err
			}
			return
		}
		done += n
	}
}

// transact runs jobs in one transaction and tells how many it took. Its error means that
// the book is broken: the outcome of the commit, or the state of the engine, is not
// known. A crash before COMMIT returns leaves none of them or all of them.
func (b *Book) transact(batch []job, results []error) (n int, err error) {
	done, start := false, b.end
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a write: %v", p)
		} else if !done && err == nil {
			err = fmt.Errorf("%w: a write ended its goroutine", ErrBroken)
			gone := err // nobody is left to return it to
			b.broken.Store(&gone)
		}
		b.page.Clear()
		if err != nil {
			b.end = start
			err = errors.Join(err, b.w.Rollback())
		}
	}()
	if err := b.w.Put("BEGIN IMMEDIATE"); err != nil {
		return 0, fmt.Errorf("begin: %w", err)
	}
	for whole := true; n < len(batch) && whole; n++ {
		if results[n], whole, err = b.step(batch[n]); err != nil {
			return n, err
		}
	}
	if b.end != start {
		if err := b.w.Began(); err != nil { // else each statement would be a commit of its own
			return n, err
		}
		if err := b.page.Flush(b.w); err != nil {
			return n, err
		}
		if err := b.mark(); err != nil {
			return n, fmt.Errorf("mark head: %w", err)
		}
	}
	if err := b.w.Put("COMMIT"); err != nil {
		return n, fmt.Errorf("commit: %w", err)
	}
	stands := b.end
	b.stands.Store(&stands)
	b.touched.Publish()
	done = true
	if b.end != start {
		select {
		case b.grown <- struct{}{}:
		default: // the listener has not come for the last token yet
		}
	}
	return n, nil
}

// step runs one closure: result is the caller's, broken ends the book. A closure that
// fails after it has written something is taken back: the transaction begins anew, with
// what the others before it have said; whole is false then.
func (b *Book) step(j job) (result error, whole bool, broken error) {
	start, mark := b.end, b.page.Len()
	t, err := b.newTx(j.actor)
	if err == nil {
		err = j.fn(t)
		t.over = true
		if t.err != nil {
			err = t.err
		}
	}
	if err == nil {
		return nil, true, nil
	}
	if sqlite.Fatal(err) || t != nil && sqlite.Fatal(t.err) {
		return nil, false, err
	}
	b.end = start
	if b.page.Len() == mark {
		return err, true, nil
	}
	if e := b.w.Put("ROLLBACK"); e != nil {
		return nil, false, fmt.Errorf("roll back after %w: %w", err, e)
	}
	if e := b.w.Put("BEGIN IMMEDIATE"); e != nil {
		return nil, false, fmt.Errorf("begin after %w: %w", err, e)
	}
	if e := b.page.Undo(b.w, mark); e != nil {
		return nil, false, fmt.Errorf("begin after %w: %w", err, e)
	}
	return err, false, nil
}

// newTx fixes the time of all events of one closure. A small step back of the
// clock is levelled, a large one is an error: time in evidence must not lie.
func (b *Book) newTx(actor string) (*Tx, error) {
	at := b.now().UTC().Truncate(time.Millisecond)
	if at.Before(b.end.at) {
		if b.end.at.Sub(at) > backStep {
			return nil, fmt.Errorf("%w: it says %s, the last event was at %s: set the clock", ErrClock, sqlite.Stamp(at), sqlite.Stamp(b.end.at))
		}
		at = b.end.at
	}
	return &Tx{b: b, c: b.w, at: at, actor: actor}, nil
}

func (b *Book) mark() error {
	return b.w.Put(`INSERT INTO head (one, seq, hash, at) VALUES (1, ?1, ?2, ?3)
		ON CONFLICT (one) DO UPDATE SET seq = ?1, hash = ?2, at = ?3`, b.end.seq, b.end.hash, sqlite.Stamp(b.end.at))
}
