package story

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"bankconnector/connector/journal"
)

// Held is a reply whose signer cannot be checked now.
type Held struct {
	File   string    `json:"file"`
	Since  time.Time `json:"since"`
	Code   string    `json:"code"`
	Reason string    `json:"reason"`
}

// HeldAt lists the replies of a bank that wait for that.
func HeldAt(ctx context.Context, book *journal.Book, bank string) (list []Held, err error) {
	files, err := book.IncomingHeld(ctx, bank)
	for _, f := range files {
		list = append(list, Held{f.Name, f.ReceivedAt, f.Code, f.Reason})
	}
	return list, err
}

// ErrNoDocument reports a key or an id that no document has.
var ErrNoDocument = errors.New("no document")

// Find reads a document by its id in the journal or by its internal key.
func Find(ctx context.Context, book *journal.Book, ref string) (journal.Exchange, error) {
	x, err := book.ByKey(ctx, "office", ref)
	if !errors.Is(err, journal.ErrNotFound) {
		return x, err
	}
	id, bad := strconv.ParseInt(ref, 10, 64)
	if bad != nil {
		return x, fmt.Errorf("%w with the key %q", ErrNoDocument, ref)
	}
	x, err = book.Exchange(ctx, id)
	if errors.Is(err, journal.ErrNotFound) {
		err = fmt.Errorf("%w with the key or id %q", ErrNoDocument, ref)
	}
	return x, err
}
