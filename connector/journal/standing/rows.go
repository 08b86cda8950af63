package standing

import (
	"context"
	"database/sql/driver"
	"fmt"

	"bankconnector/connector/journal/sqlite"
)

// Rows reads a whole result, each row by from; a row is valid inside from only.
func Rows[T any](ctx context.Context, r *sqlite.Readers, from func(sqlite.Fields) (T, error), query string, args ...any) (out []T, err error) {
	values := make([]driver.Value, len(args))
	for i, a := range args {
		values[i] = a
		if n, ok := a.(int); ok {
			values[i] = int64(n)
		}
	}
	err = r.Do(ctx, func(c *sqlite.Conn) error {
		return c.Each(query, func(f sqlite.Fields) error {
			row, err := from(f)
			if out = append(out, row); len(out)%1024 == 0 && err == nil {
				err = ctx.Err()
			}
			return err
		}, values...)
	})
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return out, nil
}
