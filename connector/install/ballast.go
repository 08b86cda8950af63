package install

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"bankconnector/connector/install/ballast"
	"bankconnector/connector/journal"
)

// full is the body of the event.
type full struct {
	Reason string `json:"reason"`
}

// lastWord gives the ballast up and writes into the journal that the disk is full. The next
// start takes the ballast again, and does not begin while it cannot.
func (in *Installation) lastWord(ctx context.Context) error {
	reason := "the disk of " + in.Config.StateDir + " is full: nothing more was recorded, nothing more is sent or taken until there is room"
	in.opts.Log.ErrorContext(ctx, "disk full", slog.String("err", reason))
	if err := ballast.Give(in.Config.StateDir); err != nil {
		return err
	}
	b, err := journal.Open(ctx, in.JournalPath(), journal.Options{Now: in.opts.Now, Instance: instance()})
	if err != nil {
		return fmt.Errorf("write the last word: %w", err)
	}
	err = b.Write(ctx, "bankconnector", func(tx *journal.Tx) error { return tx.Note("alarm.disk", "", 0, full{reason}) })
	return errors.Join(err, b.Close())
}
