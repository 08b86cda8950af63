// Package outlet takes checkpoints out of the machine's reach: to a file on another file
// system, to the system's log. An outlet that hangs, as a dead network file system does,
// holds up nobody: its caller hears in time that the checkpoint has not left.
//
// It does not decide when a checkpoint is due and knows no journal. It may call note.
package outlet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"bankconnector/connector/evidence/note"
)

// patience is how long an outlet may take for one checkpoint.
const patience = 5 * time.Second

// Outlet is one way out. Its methods are called by one goroutine.
type Outlet struct {
	Name string // for people: a path or an address

	send func(context.Context, note.Signed) error
	stop func() error
	busy atomic.Bool // a send that was given up is still under way
}

// Send hands a checkpoint out and returns when it has left, or has not in time.
func (o *Outlet) Send(ctx context.Context, n note.Signed) error {
	return o.within(func() error { return o.send(ctx, n) })
}

// Close ends the outlet; a hung one is left to itself.
func (o *Outlet) Close() error { return o.within(o.stop) }

// within is bounded by patience alone: who ends while a checkpoint is on its way still
// wants the last one to leave.
func (o *Outlet) within(work func() error) error {
	if !o.busy.CompareAndSwap(false, true) {
		return fmt.Errorf("%s: still hangs", o.Name)
	}
	done := make(chan error, 1)
	go func() {
		err := work()
		o.busy.Store(false)
		done <- err
	}()
	enough := time.NewTimer(patience)
	defer enough.Stop()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%s: %w", o.Name, err)
		}
		return nil
	case <-enough.C:
		return fmt.Errorf("%s: no answer within %s", o.Name, patience)
	}
}

// File is a file of checkpoints, which grows at its end and nowhere else. fits is asked of
// the newest checkpoint in it whenever it is opened: a file that knows another journal takes
// nothing more.
func File(path string, fits func(note.Checkpoint) error) *Outlet {
	var f *note.File
	stop := func() error {
		if f == nil {
			return nil
		}
		old := f
		f = nil
		return old.Close()
	}
	return &Outlet{Name: path, stop: stop, send: func(_ context.Context, n note.Signed) error {
		if f == nil {
			known, ok, err := note.Last(path)
			if err == nil && ok {
				err = fits(known.Checkpoint)
			}
			if err == nil && ok && known.Seq >= n.Seq {
				return nil // it has left before
			}
			if err == nil {
				f, err = note.Open(path)
			}
			if err != nil {
				return err
			}
		}
		if err := f.Add(n.Raw); err != nil {
			return errors.Join(err, stop()) // perhaps another file stands there when it comes back
		}
		return nil
	}}
}

// Newest is the newest checkpoint of a file outside; ok is false when there is none, or
// when the file cannot be read now.
func Newest(path string) (known note.Signed, ok bool, err error) {
	o := &Outlet{Name: path}
	var last note.Signed
	found := false
	err = o.within(func() (err error) {
		last, found, err = note.Last(path)
		return err
	})
	if err != nil || !found {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return known, false, err
	}
	return last, true, nil
}
