package standing

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/state"
)

// ErrNotFound means that there is no such row.
var ErrNotFound = errors.New("not in the journal")

// Tables answers what the tables of current state say now. Its methods are safe for
// concurrent callers.
type Tables struct{ readers *sqlite.Readers }

// NewTables reads by connections that somebody else opened and closes.
func NewTables(r *sqlite.Readers) Tables { return Tables{r} }

// LastOf is a stream's row; one that has none begins where an adoption, the row without a
// bank and a stream, says that it may. Both in one question cost six times as much.
const LastOf = `SELECT seq, sha256 FROM stream WHERE bank = ? AND stream = ?`

// first reads one row; none gives ErrNotFound.
func first[T any](ctx context.Context, t *Tables, from func(sqlite.Fields) (T, error), query string, args ...any) (T, error) {
	all, err := Rows(ctx, t.readers, from, query, args...)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("read journal: %w", ErrNotFound)
	}
	return append(all, *new(T))[0], err
}

// Exchange reads one exchange, or [ErrNotFound].
func (t *Tables) Exchange(ctx context.Context, id int64) (Exchange, error) {
	return first(ctx, t, ReadExchange, `SELECT `+ExchangeColumns+` FROM exchange WHERE id = ?`, id)
}

// ByKey reads the exchange that has a key now, in class "office" or
// "receipt"; if all of them are Refused or Cancelled, the newest.
//
// Which it is decides Go: a statement with ORDER BY is prepared anew each time
// its arguments change, which costs ten times the reading.
func (t *Tables) ByKey(ctx context.Context, kindClass, internalKey string) (Exchange, error) {
	all, err := Rows(ctx, t.readers, ReadExchange,
		`SELECT `+ExchangeColumns+` FROM exchange WHERE class = +? AND internal_key = +?`, kindClass, internalKey)
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
	if x.State == state.Refused || x.State == state.Cancelled {
		return 0
	}
	return 1
}

// Find reads exchanges in the order of their ids.
func (t *Tables) Find(ctx context.Context, f Filter) ([]Exchange, error) {
	return Find(ctx, t.readers, f)
}

// Sources lists the files of a document, in the order they were accepted.
func (t *Tables) Sources(ctx context.Context, id int64) ([]Source, error) {
	all, err := t.SourcesOf(ctx, []int64{id})
	return all[id], err
}

// SourcesOf is Sources for many documents at once.
func (t *Tables) SourcesOf(ctx context.Context, ids []int64) (map[int64][]Source, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	type row struct {
		exchange, place int64
		source          Source
	}
	all, err := Rows(ctx, t.readers, func(f sqlite.Fields) (row, error) {
		return row{f.Num(0), f.Num(1), Source{Name: f.Str(2), SHA256: f.Str(3)}}, nil
	}, `SELECT exchange, place, name, sha256 FROM source WHERE exchange IN (SELECT value FROM json_each(?))`, string(list))
	slices.SortFunc(all, func(x, y row) int { return cmp.Compare(x.place, y.place) })
	out := make(map[int64][]Source, len(ids))
	for _, r := range all {
		out[r.exchange] = append(out[r.exchange], r.source)
	}
	return out, err
}

// Incoming reads one incoming file, or [ErrNotFound].
func (t *Tables) Incoming(ctx context.Context, id int64) (Incoming, error) {
	return first(ctx, t, ReadIncoming, `SELECT `+IncomingColumns+` FROM arrival WHERE id = ?`, id)
}

// IncomingOpen lists the files of a bank with something left to do: received
// but not settled, matched but not handed over, settled but not cleaned.
// Incomplete ones are not listed: their file is fetched again.
func (t *Tables) IncomingOpen(ctx context.Context, bank string) ([]Incoming, error) {
	return Rows(ctx, t.readers, ReadIncoming, `SELECT `+IncomingColumns+` FROM arrival WHERE bank = +?
		AND `+IncomingLeft+` ORDER BY id`, bank)
}

// IncomingHeld lists the files of a bank that wait for something to be settled: see
// Hold of a commit.
func (t *Tables) IncomingHeld(ctx context.Context, bank string) ([]Incoming, error) {
	return Rows(ctx, t.readers, ReadIncoming, `SELECT `+IncomingColumns+` FROM arrival WHERE bank = +?
		AND outcome = '' AND verdict <> '' ORDER BY id`, bank)
}

// IncomingBy reads the matched file of a bank that has an external key, of
// one of the kinds if any are named; the first if there are several.
func (t *Tables) IncomingBy(ctx context.Context, bank, externalKey string, kinds ...string) (Incoming, error) {
	if len(kinds) == 0 {
		kinds = []string{"report", "answer", "receipt"}
	}
	args := append([]any{bank, externalKey}, Texts(kinds)...)
	return first(ctx, t, ReadIncoming, `SELECT `+IncomingColumns+` FROM arrival WHERE bank = +? AND external_key = +?
		AND `+In("kind", len(kinds))+` AND outcome = 'matched' AND external_key <> '' ORDER BY id LIMIT 1`, args...)
}

// ReceiptFor reads our newest receipt for an incoming file, or [ErrNotFound].
func (t *Tables) ReceiptFor(ctx context.Context, incomingID int64) (Exchange, error) {
	return first(ctx, t, ReadExchange, `SELECT `+ExchangeColumns+` FROM exchange
		WHERE incoming = +? AND incoming <> 0 AND class = 'receipt' ORDER BY id DESC LIMIT 1`, incomingID)
}

// LastSlot is the latest slot of a bank in the run ledger.
func (t *Tables) LastSlot(ctx context.Context, bank string) (name string, at time.Time, ok bool, err error) {
	all, err := Rows(ctx, t.readers, func(f sqlite.Fields) (sqlite.Fields, error) { return append(sqlite.Fields(nil), f...), nil },
		`SELECT slot, at FROM slot WHERE bank = +? ORDER BY at DESC, slot DESC LIMIT 1`, bank)
	if err != nil || len(all) == 0 {
		return "", time.Time{}, false, err
	}
	at, err = sqlite.Time(all[0].Str(1))
	return all[0].Str(0), at, err == nil, err
}

// OpenDocuments counts orders and queries of the banks (none named = all)
// that are not Answered, Closed, Refused, Rejected or Cancelled.
func (t *Tables) OpenDocuments(ctx context.Context, banks []string) (int, error) {
	query := `SELECT count(*) FROM exchange WHERE open = 1`
	if len(banks) > 0 {
		query += " AND " + In("bank", len(banks))
	}
	n, err := first(ctx, t, func(f sqlite.Fields) (int64, error) { return f.Num(0), nil }, query, Texts(banks)...)
	return int(n), err
}

// Unfinished tells whether IncomingOpen lists files of a bank, or a visit has documents to bring on.
func (t *Tables) Unfinished(ctx context.Context, bank string) (bool, error) {
	return Unfinished(ctx, t.readers, bank)
}

// Overdue lists the open documents whose deadline is after since and not after
// now, by their ids, the oldest deadline first: there may be a million of them.
func (t *Tables) Overdue(ctx context.Context, since, now time.Time) ([]int64, error) {
	return Rows(ctx, t.readers, func(f sqlite.Fields) (int64, error) { return f.Num(0), nil }, `SELECT id FROM exchange
		WHERE open = 1 AND warn_at IS NOT NULL AND warn_at <= +?2 AND due_at <= +?2 AND due_at > +?1 ORDER BY due_at, id`,
		sqlite.Stamp(since), sqlite.Stamp(now))
}

// IncomingClaimed lists the files of a bank that were taken under one name of
// ours, oldest first: a file that was cut short is read under it several times.
func (t *Tables) IncomingClaimed(ctx context.Context, bank, claimed string) ([]Incoming, error) {
	return Rows(ctx, t.readers, ReadIncoming, `SELECT `+IncomingColumns+` FROM arrival WHERE bank = +? AND claimed = +? AND claimed <> '' ORDER BY id`,
		bank, claimed)
}

// Last is what Last of a commit is, read outside a commit: a caller that seals checks
// it again by the numbers it writes.
func (t *Tables) Last(ctx context.Context, bank, stream string) (seq int64, previous string, err error) {
	for _, key := range [][2]string{{bank, stream}, {}} {
		last, err := first(ctx, t, func(f sqlite.Fields) (Source, error) {
			seq = f.Num(0)
			return Source{SHA256: f.Str(1)}, nil
		}, LastOf, key[0], key[1])
		if !errors.Is(err, ErrNotFound) {
			return seq, last.SHA256, err
		}
	}
	return 0, "", nil
}
