// Package naming is the question whether a server keeps names as they are: asked once, by the first
// file that is made there, as early as the file can be seen and as late as it must be.
//
// It knows no server and calls no other room; only mailbox opens it.
package naming

import (
	"errors"
	"sync"
)

// Look looks for a file in its folder: seen says that it is there under the name that it was given.
// The error is what the server made of the name, or why that was not to be found out.
type Look func() (seen bool, err error)

var errUnanswered = errors.New("it was not found out whether the server keeps names as they are")

// Question is the question of one session; its zero value was not asked yet.
type Question struct {
	first, last sync.Once
	early       chan bool // whether the first file was seen while it was written
	changed     error
}

// Ask lets the first file be looked for beside the caller, who has just made it: nobody waits for it
// at the end, then. beside runs it; a file that is not seen, and a fault of the program, count for nothing.
func (q *Question) Ask(beside func(func()), look Look) {
	q.first.Do(func() {
		q.early = make(chan bool, 1)
		beside(func() {
			seen := false
			defer func() { _ = recover(); q.early <- seen }() // the fault comes again when it is asked at the end
			seen, _ = look()
		})
	})
}

// Answer waits for the answer; those beside the first do as well. A file that was not seen while it
// was written is looked for again, now that it is whole; what is not seen then either was taken, or is hidden.
// Ask was called before, by each caller.
func (q *Question) Answer(look Look) error {
	q.last.Do(func() {
		q.changed = errUnanswered // a fault of the program is no answer
		if seen := <-q.early; seen {
			q.changed = nil
			return
		}
		_, q.changed = look()
	})
	return q.changed
}
