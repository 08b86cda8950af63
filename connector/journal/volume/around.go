package volume

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
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

// Before puts the events of one kind that tell of an exchange and lie in archives before those
// that a commit sees in the journal. What is being moved stands in both places, and once in
// the answer.
func (s *Shelf) Before(c *sqlite.Conn, exchange int64, kind string, list []record.Event) ([]record.Event, error) {
	row, err := c.One(`SELECT accepted_at FROM exchange WHERE id = ?`, exchange)
	if err != nil || row == nil {
		return list, err
	}
	volumes, err := Within{From: row.Str(0)}.volumes(c)
	if err != nil || len(volumes) == 0 {
		return list, err
	}
	for _, v := range volumes {
		err := s.in(v, func(c *sqlite.Conn) error {
			return c.Each(`SELECT `+record.Columns+` FROM event WHERE exchange = +? AND exchange <> 0 AND kind = ? ORDER BY seq`, func(f sqlite.Fields) error {
				e, err := record.Read(f)
				list = append(list, e)
				return err
			}, exchange, kind)
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(list, func(a, b record.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return slices.CompactFunc(list, func(a, b record.Event) bool { return a.Seq == b.Seq }), nil
}
