package story

import (
	"context"
	"time"

	"bankconnector/connector/journal"
)

// Since is when a document entered its state, as far as the row tells.
func Since(x journal.Exchange) *time.Time {
	for _, at := range []*time.Time{x.ClosedAt, x.AnsweredAt, x.ConfirmedAt, x.DeliveredAt, x.SendingAt, x.SealedAt, x.AcceptedAt} {
		if at != nil {
			return at
		}
	}
	return nil
}

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
