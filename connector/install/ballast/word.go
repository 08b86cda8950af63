package ballast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"bankconnector/connector/journal"
)

// full is the body of the event.
type full struct {
	Reason string `json:"reason"`
}

// LastWord gives the ballast of a folder up and writes into the journal that the disk is full.
// The next start takes the ballast again, and does not begin while it cannot.
func LastWord(ctx context.Context, dir, path string, o journal.Options, log *slog.Logger) error {
	reason := "the disk of " + dir + " is full: nothing more was recorded, nothing more is sent or taken until there is room"
	log.ErrorContext(ctx, "disk full", slog.String("err", reason))
	if err := give(dir); err != nil {
		return err
	}
	b, err := journal.Open(ctx, path, o)
	if err != nil {
		return fmt.Errorf("write the last word: %w", err)
	}
	err = b.Write(ctx, "bankconnector", func(tx *journal.Tx) error { return tx.Note("alarm.disk", "", 0, full{reason}) })
	return errors.Join(err, b.Close())
}
