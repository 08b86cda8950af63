// Package fate says what becomes of a failure: which ones wait for the next visit, which
// set one document aside, which stop a bank, and which end the process.
//
// It acts on nothing itself. It may call journal, whose errors it tells apart, and banks
// for a bank's name.
package fate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"bankconnector/banks"
	"bankconnector/connector/journal"
)

// Kind says what becomes of a failure.
type Kind string

// The fates of a failure.
const (
	Transient Kind = "transient" // the next visit tries again
	Refused   Kind = "refused"   // this document is set aside, the others go on
	Ambiguous Kind = "ambiguous" // the outcome is unknown; resolve finds out
	Operator  Kind = "operator"  // the bank stands still until a person acts
	Broken    Kind = "broken"    // journal or disk: the process must end
	Gone      Kind = "gone"      // the file is not there any more
	Exists    Kind = "exists"    // the name is taken
	Changed   Kind = "changed"   // the file is not of the size that was told
)

// Failure is an error with a fate.
type Failure struct {
	Op       string // what was tried, lower case
	Bank     banks.ID
	Document string // internal or external key, or a file's name; may be empty
	Kind     Kind
	Err      error
}

// Error tells operation, document and cause.
func (f *Failure) Error() string {
	if f.Document == "" {
		return fmt.Sprintf("%s: %v", f.Op, f.Err)
	}
	return fmt.Sprintf("%s %s: %v", f.Op, f.Document, f.Err)
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Of is the fate of an error; what is no Failure is unknown.
func Of(err error) Kind {
	var f *Failure
	if errors.As(err, &f) {
		return f.Kind
	}
	return Ambiguous
}

// IsGone tells whether a file was not there.
func IsGone(err error) bool { return err != nil && Of(err) == Gone }

// IsChanged tells whether a file was of another size than was told.
func IsChanged(err error) bool { return err != nil && Of(err) == Changed }

// Disk gives a failure of our own disk or journal its fate: the process must end, unless
// it was only told to stop. No error stays none.
func Disk(bank banks.ID, op string, err error) error {
	if err == nil {
		return nil
	}
	kind := Broken
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		kind = Transient
	}
	return &Failure{Op: op, Bank: bank, Kind: kind, Err: err}
}

// actor is who the journal says did what the program does by itself.
const actor = "bankconnector"

// ErrTaken reports that a slot of the run ledger was run already.
var ErrTaken = errors.New("this slot was run already")

// Write runs one journal change for a bank. A state that has moved on is a failure of
// the document; anything else means that the book cannot be trusted with what comes
// next.
func Write(ctx context.Context, book *journal.Book, bank banks.ID, op string, fn func(*journal.Tx) error) error {
	err := book.Write(ctx, actor, fn)
	kind := Broken
	switch {
	case err == nil:
		return nil
	case errors.Is(err, journal.ErrStale), errors.Is(err, journal.ErrDuplicate), errors.Is(err, journal.ErrConflict), errors.Is(err, ErrTaken):
		kind = Refused
	case ctx.Err() != nil, errors.Is(err, journal.ErrClock):
		kind = Transient
	}
	return &Failure{Op: op, Bank: bank, Kind: kind, Err: err}
}

// Each does the work for every item as the sequence gives it, at most limit at a time, which is
// asked before each one, and begins no further one once halt is closed or a failure ended the whole. The next
// item is asked for while others are at work, unless the limit is one at the beginning. Failures of single documents
// are returned apart: the others went on. An error of the sequence ends the whole.
func Each[T any](ctx context.Context, limit func() int, halt <-chan struct{}, items iter.Seq2[T, error], work func(context.Context, T) error) (faults []error, err error) {
	group, within := errgroup.WithContext(ctx)
	var mu sync.Mutex
	one := func(item T) error {
		err := guarded(func() error { return work(within, item) })
		if err == nil || !single(err) {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		faults = append(faults, err)
		return nil
	}
	places, alone := door{freed: make(chan struct{}, 1)}, limit() <= 1
	// Whatever happens to the sequence, nobody who is at work outlives this call.
	broken := guarded(func() error {
		for item, err := range items {
			if err != nil || within.Err() != nil || Closed(halt) {
				return err
			}
			if alone { // nothing goes side by side, nor is the next one made meanwhile
				if err := one(item); err != nil {
					return err
				}
				continue
			}
			places.enter(limit)
			group.Go(func() error {
				defer places.leave()
				return one(item)
			})
		}
		return nil
	})
	err = group.Wait()
	return faults, Gravest(err, broken)
}

// AtMost is a limit that stays the same.
func AtMost(n int) func() int { return func() int { return n } }

// door lets as many in as there are places at that moment. One goroutine enters.
type door struct {
	within atomic.Int64
	freed  chan struct{} // one token: look again
}

func (d *door) enter(limit func() int) {
	for d.within.Load() >= int64(max(1, limit())) {
		<-d.freed
	}
	d.within.Add(1)
}

func (d *door) leave() {
	d.within.Add(-1)
	select {
	case d.freed <- struct{}{}:
	default: // told already
	}
}

func guarded(do func() error) (err error) {
	defer Recover("work", &err)
	return do()
}

// All is a list as a sequence that does not fail.
func All[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range list {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// Closed tells whether a signal was given; a nil one never is.
func Closed(signal <-chan struct{}) bool {
	select {
	case <-signal:
		return true
	default:
		return false
	}
}

// single tells whether a failure concerns one document only.
func single(err error) bool {
	kind := Of(err)
	return kind == Refused || kind == Gone || kind == Exists || kind == Changed
}

// Gravest picks the error that stands for many: broken before operator before the rest.
func Gravest(err error, faults ...error) error {
	for _, f := range faults {
		if rank(f) > rank(err) {
			err = f
		}
	}
	return err
}

func rank(err error) int {
	switch {
	case err == nil:
		return 0
	case Of(err) == Broken:
		return 3
	case Of(err) == Operator:
		return 2
	default:
		return 1
	}
}
