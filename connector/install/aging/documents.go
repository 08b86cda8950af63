package aging

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"bankconnector/connector/evidence"
	"bankconnector/connector/journal"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/spool"
)

const (
	// grace is how long a segment is condemned before it goes. What is stored meanwhile does not rely on it, and whoever
	// stored something just before has told the journal by then: a visit lasts an hour at most.
	grace = 24 * time.Hour
	// few is the share of a segment's documents, one in so many, that may still be needed when it goes: they are stored
	// once more.
	few = 10
)

// documents is the time until which documents must have been needed last, as of now; false
// when all are kept.
func (r Retention) documents(now time.Time) (time.Time, bool) {
	return now.UTC().AddDate(-r.DocumentsYears, 0, 0), r.DocumentsYears > 0
}

// Finish removes the segments of the store that the journal says are removed and that a crash
// has left. It comes before anybody stores anything: what relied on one would go with it.
func Finish(ctx context.Context, book *journal.Book, store *spool.Store) error {
	list, err := book.Discarded(ctx)
	if err != nil {
		return err
	}
	for _, d := range list {
		if err := store.Drop(ctx, d.Segment, d.SHA256); err != nil && !errors.Is(err, spool.ErrOtherSegment) {
			return err
		}
	}
	return nil
}

// discard removes the segments whose documents nobody has needed for longer than the rule
// says. First what is still needed is stored once more, then the journal says that the segment
// goes, then it goes: a crash between any two leaves documents twice, or a segment that Finish
// removes.
func (r Retention) discard(ctx context.Context, in Rooms, now time.Time, log *slog.Logger) error {
	before, due := r.documents(now)
	if !due {
		return nil
	}
	old, err := in.Store.Old(before)
	if err != nil {
		return err
	}
	for _, name := range old {
		since, err := in.Store.Condemn(name, now)
		if err != nil {
			return err
		}
		if now.Sub(since) < grace {
			continue
		}
		digests, err := in.Store.Digests(name)
		if err != nil {
			return err
		}
		keep, err := r.keep(ctx, in.Book, digests, before)
		if err != nil {
			return err
		}
		if len(keep)*few > len(digests) {
			log.InfoContext(ctx, "segment stays in the store", slog.String("segment", name), slog.Int("needed", len(keep)), slog.Int("documents", len(digests)))
			if err := in.Store.Reprieve(name); err != nil { // asked again in a day
				return err
			}
			continue
		}
		if err := r.drop(ctx, in, name, record.Discarded{Documents: int64(len(digests)), Before: before.Format(time.RFC3339)}, keep); err != nil {
			return err
		}
		log.WarnContext(ctx, "documents removed by the rule of retention", slog.String("segment", name), slog.Int("documents", len(digests)-len(keep)), slog.Int("kept", len(keep)))
	}
	return nil
}

func (r Retention) drop(ctx context.Context, in Rooms, name string, d record.Discarded, keep []string) error {
	if err := in.Store.Carry(ctx, keep); err != nil {
		return err
	}
	s, err := in.Store.Describe(ctx, name)
	if err != nil {
		return err
	}
	d.Segment, d.SHA256, d.Size, d.Index, d.Carried = s.Name, s.SHA256, s.Size, s.Index, int64(len(keep))
	d.Reason = fmt.Sprintf("retention.documents_years: %d", r.DocumentsYears)
	if err := in.Book.Write(ctx, actor, func(t *journal.Tx) error { return t.Discard(d) }); err != nil {
		return err
	}
	return in.Store.Drop(ctx, name, d.SHA256)
}

// keep finds which documents of a segment are needed: by a document or a file of a bank, or
// because signatures that are kept were held against them.
func (r Retention) keep(ctx context.Context, book *journal.Book, digests []string, before time.Time) ([]string, error) {
	out, err := book.Needed(ctx, digests, before)
	if err != nil {
		return nil, err
	}
	rest := make(map[string]bool, len(digests))
	for _, d := range digests {
		rest[d] = true
	}
	for _, d := range out {
		delete(rest, d)
	}
	always := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	err = book.Before(ctx, evidence.ReliedKind, always, func(e journal.Event) (bool, error) {
		var named evidence.Relied
		if err := json.Unmarshal(e.Body, &named); err != nil {
			return false, fmt.Errorf("event %d: %w", e.Seq, err)
		}
		for _, m := range named.Trust {
			for _, d := range m.SHA256 {
				if rest[d] {
					delete(rest, d)
					out = append(out, d)
				}
			}
		}
		return !named.All || e.At.After(before), nil // what was in force then is named by now
	})
	return out, err
}
