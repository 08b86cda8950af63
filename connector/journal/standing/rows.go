package standing

import (
	"context"
	"database/sql"
	"fmt"

	"bankconnector/connector/journal/sqlite"
)

// Rows reads a whole result, each row by from.
func Rows[T any](ctx context.Context, db *sql.DB, from func(sqlite.Fields) (T, error), query string, args ...any) (out []T, err error) {
	r, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	defer r.Close()
	columns, err := r.Columns()
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	f, into := make(sqlite.Fields, len(columns)), make([]any, len(columns))
	for i := range f {
		into[i] = &f[i]
	}
	for r.Next() {
		if err := r.Scan(into...); err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
		row, err := from(f)
		if err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
		out = append(out, row)
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return out, nil
}
