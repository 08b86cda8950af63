// Package table writes what a view or a SELECT of the journal gives as files that other
// tools read, a row at a time, so that memory does not grow with the journal.
//
// It only reads. It calls no other room.
package table

import (
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Ask reads the rows of a view, or of a SELECT, one at a time: first the names of the
// columns, then each row's values (nil, int64, float64 or string), valid until it returns.
func Ask(ctx context.Context, db *sql.DB, query string, head func([]string) error, row func([]any) error) error {
	if !strings.ContainsAny(query, " \n\t") {
		query = `SELECT * FROM "` + strings.ReplaceAll(query, `"`, `""`) + `"`
	}
	rows, err := db.QueryContext(ctx, query) // the pool is read-only: SQLite refuses anything that writes
	if err != nil {
		return fmt.Errorf("query journal: %w", err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err == nil {
		err = head(names)
	}
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for err == nil && rows.Next() {
		if err = rows.Scan(into...); err != nil {
			break
		}
		for i, v := range values {
			if b, ok := v.([]byte); ok {
				values[i] = string(b)
			}
		}
		err = row(values)
	}
	if err := errors.Join(err, rows.Err()); err != nil {
		return fmt.Errorf("query journal: %w", err)
	}
	return nil
}

// Export writes the rows of a view, or of a SELECT, as "csv" (RFC 4180, NULL is empty) or
// "json" (an array with a line for each row).
func Export(ctx context.Context, db *sql.DB, query, format string, w io.Writer) error {
	switch format {
	case "csv":
		return exportCSV(ctx, db, query, w)
	case "json":
		return exportJSON(ctx, db, query, w)
	default:
		return fmt.Errorf("format %q is not known: csv or json", format)
	}
}

func exportCSV(ctx context.Context, db *sql.DB, query string, w io.Writer) error {
	table := csv.NewWriter(w)
	err := Ask(ctx, db, query, table.Write, func(values []any) error {
		texts := make([]string, len(values))
		for i, v := range values {
			if v != nil {
				texts[i] = fmt.Sprint(v)
			}
		}
		return table.Write(texts)
	})
	table.Flush()
	return errors.Join(err, table.Error())
}

func exportJSON(ctx context.Context, db *sql.DB, query string, w io.Writer) error {
	lines := json.NewEncoder(w)
	var names []string
	separator := "["
	err := Ask(ctx, db, query, func(head []string) error {
		names = head
		return nil
	}, func(values []any) error {
		object := make(map[string]any, len(values))
		for i, v := range values {
			object[names[i]] = v
		}
		if _, err := io.WriteString(w, separator); err != nil {
			return err
		}
		separator = ","
		return lines.Encode(object)
	})
	if err != nil {
		return err
	}
	if separator == "[" {
		separator = "[]"
	} else {
		separator = "]"
	}
	_, err = io.WriteString(w, separator+"\n")
	return err
}
