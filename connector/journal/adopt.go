package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/standing"
)

// adoptionSkip is more than any stream counts between two copies of a journal.
const adoptionSkip = 1_000_000

// Adopt records that a person goes on with a journal restored from a copy, though what was
// written after the copy is lost. Kept is the newest event that a point known from outside
// confirms; lost are the newest points, number and hash, that the journal does not pass
// through. Streams leave out the numbers that the lost
// part may have used. Every document that was not yet delivered becomes Suspect, because it
// may have been sent since: nothing goes twice without a person's decision.
func (t *Tx) Adopt(reason string, kept int64, lost map[int64]string) error {
	if strings.TrimSpace(reason) == "" {
		return errors.New("adopt journal: a reason is required")
	}
	const unsent = ` FROM exchange WHERE +state IN ('Accepted', 'Held', 'Sealed', 'Sending', 'Ambiguous')`
	row, err := t.one(`SELECT count(*)` + unsent)
	if err != nil {
		return err
	}
	a := record.Adoption{Reason: reason, Kept: kept, Lost: lost, Skip: adoptionSkip, Suspects: row.Num(0)}
	if err := t.append("book.adopted", "", 0, a); err != nil {
		return err
	}
	for id := int64(0); ; {
		row, err := t.one(`SELECT id, state`+unsent+` AND id > ? ORDER BY id LIMIT 1`, id)
		if err != nil || row == nil {
			return err
		}
		id = row.Num(0)
		err = t.Advance(id, State(row.Str(1)), Suspect, Change{Reason: "journal restored from a copy; it may have been sent after that: ask the bank"})
		if err != nil {
			return fmt.Errorf("adopt journal: %w", err)
		}
	}
}

// Adoptions lists the events book.adopted, oldest first.
func (b *Book) Adoptions(ctx context.Context) (out []Event, err error) { return b.acts(ctx, `'adopt'`) }

// Approvals lists what persons have said about changes of the configuration, the oldest first.
func (b *Book) Approvals(ctx context.Context) ([]Event, error) {
	return b.acts(ctx, `'approve', 'approve.proposed'`)
}

// acts reads the events of acts, wherever they lie.
func (b *Book) acts(ctx context.Context, names string) (out []Event, err error) {
	seqs, err := standing.Rows(ctx, b.readers, func(f sqlite.Fields) (int64, error) { return f.Num(0), nil }, `SELECT seq FROM act WHERE act IN (`+names+`) ORDER BY seq`)
	for _, seq := range seqs {
		if err != nil {
			break
		}
		var events []Event
		events, err = b.shelf.Between(ctx, seq, seq)
		out = append(out, events...)
	}
	return out, err
}
