package sqlite

import (
	"context"
	"errors"
	"fmt"
)

// Readers are raw read-only connections to one file, each with its prepared statements:
// what the program itself asks, over and over, beside its writer. Safe for concurrent
// callers.
type Readers struct {
	path  string
	fresh bool       // each question gets a connection of its own
	free  chan *Conn // nil: not yet opened
	over  chan struct{}
}

// ErrReadersClosed reports a question after Close.
var ErrReadersClosed = errors.New("the file is closed for reading")

// NewReaders opens at most n connections, each when it is first needed, as the file is at
// that moment, live or a copy. What is a copy now may be the live file at the next
// question (a daemon killed while it made the journal is started again): then each
// question gets a connection of its own.
func NewReaders(path string, n int) *Readers {
	r := &Readers{path: path, fresh: alone(path), free: make(chan *Conn, n), over: make(chan struct{})}
	for range n {
		r.free <- nil
	}
	return r
}

// Do lends a connection to fn.
func (r *Readers) Do(ctx context.Context, fn func(*Conn) error) (err error) {
	var c *Conn
	select {
	case c = <-r.free:
	case <-r.over:
		return ErrReadersClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() {
		if c != nil && (r.fresh || Fatal(err)) {
			err = errors.Join(err, c.Close())
			c = nil
		}
		r.free <- c
	}()
	if err := ctx.Err(); err != nil {
		return err
	}
	if c == nil {
		if c, err = Read(r.path); err != nil {
			return fmt.Errorf("open for reading: %w", err)
		}
	}
	return fn(c)
}

// Close waits for the questions under way and closes the connections. Whoever asks later is
// told so, and does not wait for ever.
func (r *Readers) Close() error {
	close(r.over)
	var errs []error
	for range cap(r.free) {
		errs = append(errs, (<-r.free).Close())
	}
	return errors.Join(errs...)
}
