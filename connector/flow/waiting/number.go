package waiting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/journal"
)

// patience is how long a bank's number may be missing: files of one visit come in any order,
// and one that was half written is read again for an hour.
const patience = time.Hour

// gaps raises the alarm, once, for every bank's number that did not come: the bank sent
// something that we do not have. A number that comes after all takes itself out of the gap.
func (w *Watch) gaps(ctx context.Context) error {
	list, err := w.Book.Gaps(ctx, w.Now().Add(-patience))
	if err != nil {
		return &fate.Failure{Op: "find gaps", Kind: fate.Broken, Err: err}
	}
	for _, g := range list {
		reason := fmt.Sprintf("%s of bank %s's stream %s did not come, and later ones did, since %s: ask the bank for them",
			g, g.Bank, g.Stream, g.Since.UTC().Format(time.RFC3339))
		err := fate.Write(ctx, w.Book, banks.ID(g.Bank), "alarm", func(tx *journal.Tx) error {
			if err := tx.Missed(g); err != nil {
				return err
			}
			return tx.Note("alarm.gap", g.Bank, 0, Alarm{Reason: reason})
		})
		if errors.Is(err, journal.ErrStale) {
			continue // a late number was faster: what is left is looked at next time
		}
		if err != nil {
			return err
		}
		w.Log.ErrorContext(ctx, "a bank's numbers have a gap", slog.String("bank", g.Bank), slog.String("reason", reason))
	}
	return nil
}

// Number holds the number that a bank gave a file, settled in this transaction, against its
// neighbours: a number that stood on other content before, and an envelope that names another
// one before it than came, are alarmed at once. The file counts all the same: its signature
// holds, and a bank that counts badly is for people to talk to.
func Number(tx *journal.Tx, in journal.Incoming, s journal.Settlement) error {
	wrong, err := tx.Contradiction(in, s)
	if err != nil || wrong == "" {
		return err
	}
	return tx.Note("alarm.number", in.Bank, s.ExchangeID, Alarm{Reason: "stream " + s.Stream + ": " + wrong, Name: in.Name})
}
