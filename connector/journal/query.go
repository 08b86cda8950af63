package journal

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/standing"
)

// first reads one row; none gives ErrNotFound.
func first[T any](ctx context.Context, b *Book, from func(sqlite.Fields) (T, error), query string, args ...any) (T, error) {
	all, err := standing.Rows(ctx, b.readers, from, query, args...)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("read journal: %w", ErrNotFound)
	}
	return append(all, *new(T))[0], err
}

// Exchange reads one exchange, or [ErrNotFound].
func (b *Book) Exchange(ctx context.Context, id int64) (Exchange, error) {
	return first(ctx, b, standing.ReadExchange, `SELECT `+standing.ExchangeColumns+` FROM exchange WHERE id = ?`, id)
}

// ByKey reads the exchange that has a key now, in class "office" or
// "receipt"; if all of them are Refused or Cancelled, the newest.
//
// Which it is decides Go: a statement with ORDER BY is prepared anew each time
// its arguments change, which costs ten times the reading.
func (b *Book) ByKey(ctx context.Context, kindClass, internalKey string) (Exchange, error) {
	all, err := standing.Rows(ctx, b.readers, standing.ReadExchange,
		`SELECT `+standing.ExchangeColumns+` FROM exchange WHERE class = +? AND internal_key = +?`, kindClass, internalKey)
	if err != nil {
		return Exchange{}, err
	}
	if len(all) == 0 {
		return Exchange{}, fmt.Errorf("read journal: %w", ErrNotFound)
	}
	return slices.MaxFunc(all, func(x, y Exchange) int {
		return cmp.Or(cmp.Compare(holds(x), holds(y)), cmp.Compare(x.ID, y.ID))
	}), nil
}

// holds is 1 for an exchange that has its key now, which one at most does.
func holds(x Exchange) int {
	if x.State == Refused || x.State == Cancelled {
		return 0
	}
	return 1
}

// Find reads exchanges in the order of their ids.
func (b *Book) Find(ctx context.Context, f Filter) ([]Exchange, error) {
	return standing.Find(ctx, b.readers, f)
}

// Sources lists the files of a document, in the order they were accepted.
func (b *Book) Sources(ctx context.Context, id int64) ([]Source, error) {
	all, err := b.SourcesOf(ctx, []int64{id})
	return all[id], err
}

// SourcesOf is Sources for many documents at once.
func (b *Book) SourcesOf(ctx context.Context, ids []int64) (map[int64][]Source, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	type row struct {
		exchange, place int64
		source          Source
	}
	read := func(f sqlite.Fields) (row, error) {
		return row{f.Num(0), f.Num(1), Source{Name: f.Str(2), SHA256: f.Str(3)}}, nil
	}
	all, err := standing.Rows(ctx, b.readers, read, `SELECT exchange, place, name, sha256 FROM source WHERE exchange IN (SELECT value FROM json_each(?))`, string(list))
	slices.SortFunc(all, func(x, y row) int { return cmp.Compare(x.place, y.place) })
	out := make(map[int64][]Source, len(ids))
	for _, r := range all {
		out[r.exchange] = append(out[r.exchange], r.source)
	}
	return out, err
}

// Incoming reads one incoming file, or [ErrNotFound].
func (b *Book) Incoming(ctx context.Context, id int64) (Incoming, error) {
	return first(ctx, b, standing.ReadIncoming, `SELECT `+standing.IncomingColumns+` FROM arrival WHERE id = ?`, id)
}

// IncomingOpen lists the files of a bank with something left to do: received
// but not settled, matched but not handed over, settled but not cleaned.
// Incomplete ones are not listed: their file is fetched again.
func (b *Book) IncomingOpen(ctx context.Context, bank string) ([]Incoming, error) {
	return standing.Rows(ctx, b.readers, standing.ReadIncoming, `SELECT `+standing.IncomingColumns+` FROM arrival WHERE bank = +?
		AND `+standing.IncomingLeft+` ORDER BY id`, bank)
}

// IncomingHeld lists the files of a bank that wait for something to be settled: see
// [Tx.Hold].
func (b *Book) IncomingHeld(ctx context.Context, bank string) ([]Incoming, error) {
	return standing.Rows(ctx, b.readers, standing.ReadIncoming, `SELECT `+standing.IncomingColumns+` FROM arrival WHERE bank = +?
		AND outcome = '' AND verdict <> '' ORDER BY id`, bank)
}

// IncomingBy reads the matched file of a bank that has an external key, of
// one of the kinds if any are named; the first if there are several.
func (b *Book) IncomingBy(ctx context.Context, bank, externalKey string, kinds ...string) (Incoming, error) {
	if len(kinds) == 0 {
		kinds = []string{"report", "answer", "receipt"}
	}
	args := append([]any{bank, externalKey}, standing.Texts(kinds)...)
	return first(ctx, b, standing.ReadIncoming, `SELECT `+standing.IncomingColumns+` FROM arrival WHERE bank = +? AND external_key = +?
		AND `+standing.In("kind", len(kinds))+` AND outcome = 'matched' AND external_key <> '' ORDER BY id LIMIT 1`, args...)
}

// ReceiptFor reads our newest receipt for an incoming file, or [ErrNotFound].
func (b *Book) ReceiptFor(ctx context.Context, incomingID int64) (Exchange, error) {
	return first(ctx, b, standing.ReadExchange, `SELECT `+standing.ExchangeColumns+` FROM exchange
		WHERE incoming = +? AND incoming <> 0 AND class = 'receipt' ORDER BY id DESC LIMIT 1`, incomingID)
}

// LastSlot is the latest slot of a bank in the run ledger.
func (b *Book) LastSlot(ctx context.Context, bank string) (name string, at time.Time, ok bool, err error) {
	all, err := standing.Rows(ctx, b.readers, func(f sqlite.Fields) (sqlite.Fields, error) { return append(sqlite.Fields(nil), f...), nil },
		`SELECT slot, at FROM slot WHERE bank = +? ORDER BY at DESC, slot DESC LIMIT 1`, bank)
	if err != nil || len(all) == 0 {
		return "", time.Time{}, false, err
	}
	at, err = sqlite.Time(all[0].Str(1))
	return all[0].Str(0), at, err == nil, err
}

// OpenDocuments counts orders and queries of the banks (none named = all)
// that are not Answered, Closed, Refused, Rejected or Cancelled.
func (b *Book) OpenDocuments(ctx context.Context, banks []string) (int, error) {
	query := `SELECT count(*) FROM exchange WHERE open = 1`
	if len(banks) > 0 {
		query += " AND " + standing.In("bank", len(banks))
	}
	n, err := first(ctx, b, func(f sqlite.Fields) (int64, error) { return f.Num(0), nil }, query, standing.Texts(banks)...)
	return int(n), err
}

// Unfinished tells whether [Book.IncomingOpen] lists files of a bank, or a visit has documents to bring on.
func (b *Book) Unfinished(ctx context.Context, bank string) (bool, error) {
	return standing.Unfinished(ctx, b.readers, bank)
}

// Touched grows with each commit of this process about the bank, visits and slots apart: till then, what was read after it holds.
func (b *Book) Touched(bank string) int64 { return b.touched.Last(bank) }

// Overdue lists the open documents whose deadline is after since and not after now, the oldest first, by their ids: they may be many.
func (b *Book) Overdue(ctx context.Context, since, now time.Time) ([]int64, error) {
	return standing.Rows(ctx, b.readers, func(f sqlite.Fields) (int64, error) { return f.Num(0), nil }, `SELECT id FROM exchange
		WHERE open = 1 AND warn_at IS NOT NULL AND warn_at <= +?2 AND due_at <= +?2 AND due_at > +?1 ORDER BY due_at, id`, sqlite.Stamp(since), sqlite.Stamp(now))
}

// Events lists all that the book says about an exchange, in order.
func (b *Book) Events(ctx context.Context, exchange int64) ([]Event, error) {
	return standing.Rows(ctx, b.readers, record.Read, `SELECT `+record.Columns+` FROM event WHERE exchange = +? AND exchange <> 0 ORDER BY seq`, exchange)
}
