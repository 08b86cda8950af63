package standing

import (
	"context"
	"strconv"
	"strings"
	"time"

	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/state"
)

// Filter chooses exchanges; empty fields choose all. Since and Until bound
// the time of acceptance, Until excluded. Limit 0 is no limit.
type Filter struct {
	Bank         string
	Kinds        []string
	States       []state.State
	Key          string // internal key
	Since, Until time.Time
	DueBy        time.Time // the deadline has passed then
	AfterID      int64
	Limit        int
}

// Find reads exchanges in the order of their ids.
func Find(ctx context.Context, r *sqlite.Readers, f Filter) ([]Exchange, error) {
	if len(f.States) == 0 {
		f.States = state.All() // so that the index on (state, bank, id) always serves
	}
	where := []string{In("state", len(f.States)), "id > +?"}
	args := append(Texts(f.States), f.AfterID)
	add := func(cond string, v ...any) {
		where, args = append(where, cond), append(args, v...)
	}
	if f.Bank != "" {
		add("bank = +?", f.Bank)
	}
	if len(f.Kinds) > 0 {
		add(In("kind", len(f.Kinds)), Texts(f.Kinds)...)
	}
	if f.Key != "" {
		add("class IN ('office', 'receipt') AND internal_key = +?", f.Key)
	}
	if !f.Since.IsZero() {
		add("accepted_at >= +?", sqlite.Stamp(f.Since))
	}
	if !f.Until.IsZero() {
		add("accepted_at < +?", sqlite.Stamp(f.Until))
	}
	if !f.DueBy.IsZero() {
		add("due_at <= +?", sqlite.Stamp(f.DueBy))
	}
	query := `SELECT ` + ExchangeColumns + ` FROM exchange WHERE ` + strings.Join(where, " AND ") + ` ORDER BY id`
	if f.Limit > 0 {
		// As a number, for a limit that is bound has the statement prepared anew for each value. There are few of them.
		query += ` LIMIT ` + strconv.Itoa(f.Limit)
	}
	return Rows(ctx, r, ReadExchange, query, args...)
}

// In is the condition that a column has one of n values.
//
// It writes +? for ?, as do the other conditions here that a plan may leave for later than
// its index: SQLite looks at the value of a bare one when it plans, and therefore plans the
// statement anew each time that it is bound, which costs more than most answers.
func In(column string, n int) string {
	return column + " IN (+?" + strings.Repeat(", +?", n-1) + ")"
}

// Texts makes arguments of a list.
func Texts[T ~string](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// Unfinished tells whether a bank has documents that a visit would bring on, or incoming
// files with something left to do.
func Unfinished(ctx context.Context, r *sqlite.Readers, bank string) (bool, error) {
	is, err := Rows(ctx, r, func(f sqlite.Fields) (bool, error) { return f.Num(0) != 0, nil },
		`SELECT EXISTS (SELECT 1 FROM exchange WHERE state IN ('Accepted', 'Held', 'Sealed', 'Sending', 'Ambiguous') AND bank = ?)
			OR EXISTS (SELECT 1 FROM arrival WHERE bank = ? AND `+IncomingLeft+`)`, bank, bank)
	return len(is) > 0 && is[0], err
}
