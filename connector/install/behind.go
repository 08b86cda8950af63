package install

import (
	"context"
	"fmt"
	"log/slog"

	"bankconnector/connector/evidence/adopt"
	"bankconnector/connector/journal"
)

// receiveOnly goes on with a journal that a checkpoint contradicts, an old copy or a clone:
// the banks are visited and what they left is taken, for it would be late otherwise, and
// nothing is sent or taken in, for it may have been sent by the part that is lost. No
// checkpoint is written over the newer ones. It ends when a person adopts the journal.
func (in *Installation) receiveOnly(ctx context.Context, cause error) error {
	in.behind = fmt.Errorf("RECEIVE ONLY, nothing is sent: %w", cause)
	in.opts.Log.ErrorContext(ctx, "receive only: no document is sent until a person adopts the journal", slog.Any("err", cause))
	return in.Book.Write(ctx, "bankconnector", func(tx *journal.Tx) error {
		return tx.Note("alarm.journal.behind", "", 0, struct {
			Reason string `json:"reason"`
		}{in.behind.Error()})
	})
}

// Behind says why this installation only receives, nil when it does all its work.
func (in *Installation) Behind() error { return in.behind }

// Behind holds a journal against the checkpoints of this installation, as the daemon does at
// its start: adopt.ErrContradicted when it may only receive.
func (p *Plan) Behind(ctx context.Context, book *journal.Book) error {
	return adopt.Behind(ctx, book, p.CheckpointPaths())
}
