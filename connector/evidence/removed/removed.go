// Package removed tells documents that the rule of retention removed from those that are
// missing. It opens spool and the journal's words.
package removed

import (
	"errors"
	"io/fs"

	"bankconnector/connector/journal/volume"
	"bankconnector/connector/spool"
)

// List is what lay in the segments that the journal says are removed, once Of is known.
type List struct{ Of *spool.Removed }

// Told is the store's error about a document, or volume.ErrDiscarded when it was removed.
func (l *List) Told(digest string, err error) error {
	if l.Of == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	lost, unread := l.Of.Has(digest)
	switch {
	case unread != nil:
		return unread
	case lost:
		return volume.ErrDiscarded
	}
	return err
}

// Close ends the use of the list.
func (l *List) Close() {
	if l.Of != nil {
		_ = l.Of.Close() // only read
	}
}
