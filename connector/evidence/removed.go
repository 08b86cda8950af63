package evidence

import (
	"errors"
	"io/fs"

	"bankconnector/connector/journal/volume"
	"bankconnector/connector/spool"
)

// removed tells documents that the rule of retention removed from those that are missing: of is
// what lay in the segments that the journal says are removed.
type removed struct{ of *spool.Removed }

// told is the store's error about a document, or volume.ErrDiscarded when it was removed.
func (r *removed) told(digest string, err error) error {
	if r.of == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	lost, unread := r.of.Has(digest)
	switch {
	case unread != nil:
		return unread
	case lost:
		return volume.ErrDiscarded
	}
	return err
}

func (r *removed) close() {
	if r.of != nil {
		_ = r.of.Close() // only read
	}
}
