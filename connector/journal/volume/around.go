package volume

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/standing"
)

// Around lists the numbers of all events that tell of an exchange: its own, those of our
// receipts for what came back, and those of the files that came. The error is ErrRetired when
// some of them were removed.
func (s *Shelf) Around(ctx context.Context, t *standing.Tables, exchange int64) (seqs []int64, err error) {
	own, err := s.About(ctx, exchange)
	if err != nil || len(own) == 0 || own[0].Kind != "exchange.opened" {
		return nil, errors.Join(err, fmt.Errorf("events of exchange %d: %w", exchange, ErrRetired))
	}
	receipts, files, err := t.Belonging(ctx, exchange)
	if err != nil {
		return nil, err
	}
	all := [][]record.Event{own}
	for _, r := range receipts {
		events, err := s.About(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, events)
	}
	for _, f := range files {
		events, err := s.Find(ctx, Within{First: own[0].Seq, Last: f.LastEvent}, `kind LIKE 'incoming.%'
			AND seq BETWEEN ? AND ? AND json_extract(body, '$.id') = ?`, own[0].Seq, f.LastEvent, f.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, events)
	}
	for _, e := range slices.Concat(all...) {
		seqs = append(seqs, e.Seq)
	}
	slices.Sort(seqs)
	return slices.Compact(seqs), nil
}
