package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"bankconnector/connector/flow/fate"
	"bankconnector/connector/journal"
	"bankconnector/internal/durable"
)

// ballastSize is room on the disk of the state folder that nobody uses, in octets. A full
// disk stops the journal, and then nothing can be written about why; the ballast is given
// up for that last word.
const ballastSize = 4 << 20

func ballastPath(p *Plan) string { return filepath.Join(p.Config.StateDir, "ballast") }

// takeBallast reserves the room. A disk that does not have it is full: work that could not
// be recorded to its end is not begun.
func (in *Installation) takeBallast() error {
	err := durable.Reserve(ballastPath(in.Plan), ballastSize)
	if err == nil {
		return nil
	}
	return &fate.Failure{
		Op: "reserve disk space", Kind: fate.Broken,
		Err: fmt.Errorf("the disk of %s must have %d MiB left for the journal's last word: make room there: %w", in.Config.StateDir, ballastSize>>20, err),
	}
}

// full is the body of the event.
type full struct {
	Reason string `json:"reason"`
}

// lastWord gives the ballast up and writes into the journal that the disk is full. The next
// start takes the ballast again, and does not begin while it cannot.
func (in *Installation) lastWord(ctx context.Context) error {
	reason := "the disk of " + in.Config.StateDir + " is full: nothing more was recorded, nothing more is sent or taken until there is room"
	in.opts.Log.ErrorContext(ctx, "disk full", slog.String("err", reason))
	if err := os.Remove(ballastPath(in.Plan)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("give up the ballast: %w", err)
	}
	b, err := journal.Open(ctx, in.JournalPath(), journal.Options{Now: in.opts.Now, Instance: instance()})
	if err != nil {
		return fmt.Errorf("write the last word: %w", err)
	}
	err = b.Write(ctx, "bankconnector", func(tx *journal.Tx) error { return tx.Note("alarm.disk", "", 0, full{reason}) })
	return errors.Join(err, b.Close())
}
