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
	"os"
	"strings"
)

// Ask reads the rows of a view, or of a SELECT, one at a time: first the names of the
// columns, then each row's values (nil, int64, float64 or string), valid until it returns.
func Ask(ctx context.Context, db *sql.DB, query string, head func([]string) error, row func([]any) error) error {
	return ask(ctx, db, selected(query), head, row)
}

// selected is the SELECT for a view that is only named.
func selected(query string) string {
	query = strings.TrimRight(query, "; \t\r\n")
	if !strings.ContainsAny(query, " \n\t") {
		query = `SELECT * FROM "` + strings.ReplaceAll(query, `"`, `""`) + `"`
	}
	return query
}

func ask(ctx context.Context, db *sql.DB, query string, head func([]string) error, row func([]any) error) error {
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

// Formats are the names that Export knows.
const Formats = "csv, json, xlsx, parquet"

// Export writes the rows of a view, or of a SELECT, as "csv" (RFC 4180, NULL is empty),
// "json" (an array with a line for each row), "xlsx" (Excel; a sheet for each 1,048,575
// rows) or "parquet" (columns are integers or numbers where every value is one, else text).
//
// What came from outside never becomes a formula of a spreadsheet: in xlsx text cells are
// text, and in csv a text that a spreadsheet would take for a formula has an apostrophe
// before it.
func Export(ctx context.Context, db *sql.DB, query, format string, w io.Writer) error {
	query = selected(query)
	switch format {
	case "csv":
		return exportCSV(ctx, db, query, w)
	case "json":
		return exportJSON(ctx, db, query, w)
	case "xlsx":
		return exportXLSX(ctx, db, query, w)
	case "parquet":
		return exportParquet(ctx, db, query, w)
	default:
		return fmt.Errorf("format %q is not known: %s", format, Formats)
	}
}

// ExportFile is Export to a new file.
func ExportFile(ctx context.Context, db *sql.DB, query, format, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	// A crash here leaves half a file; it is no evidence, and the next export makes it anew.
	if err := errors.Join(Export(ctx, db, query, format, f), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// plain keeps a spreadsheet from taking a text for a formula.
func plain(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

func exportCSV(ctx context.Context, db *sql.DB, query string, w io.Writer) error {
	table := csv.NewWriter(w)
	err := ask(ctx, db, query, table.Write, func(values []any) error {
		texts := make([]string, len(values))
		for i, v := range values {
			switch v := v.(type) {
			case nil:
			case string:
				texts[i] = plain(v)
			default:
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
	err := ask(ctx, db, query, func(head []string) error {
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
