package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

func (a *app) journalCommand() *cobra.Command {
	c := &cobra.Command{Use: "journal", Short: a.say("Query and prove the journal", "Спросить журнал и доказать его целость")}
	query := a.configFlag(&cobra.Command{
		Use: "query VIEW|SQL", Short: a.say("Print a view (exchanges, incoming, overdue, visits, bank_daily, operator_acts, keys_expiring) or a SELECT", "Напечатать представление (exchanges, incoming, overdue, visits, bank_daily, operator_acts, keys_expiring) или SELECT"),
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.journalQuery(c.Context(), strings.Join(args, " "))
		},
	})
	c.AddCommand(query, a.verifyCommand(), a.evidenceCommand())
	return c
}

func (a *app) journalQuery(ctx context.Context, text string) error {
	book, err := a.view(ctx)
	if err != nil {
		return err
	}
	defer book.Close()
	if !strings.ContainsAny(text, " \n\t") {
		text = `SELECT * FROM "` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	rows, err := book.DB().QueryContext(ctx, text) // the pool is read-only: SQLite refuses anything that writes
	if err != nil {
		return withCode(exitData, fmt.Errorf("query journal: %w", err))
	}
	defer rows.Close()
	if err := a.printRows(rows); err != nil {
		return withCode(exitData, fmt.Errorf("query journal: %w", err))
	}
	return nil
}

// printRows prints a result as a table, or as a JSON array with a line for each row,
// written as the rows come.
func (a *app) printRows(rows *sql.Rows) error {
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	t := a.table()
	head := make(table.Row, len(columns))
	for i, name := range columns {
		head[i] = name
	}
	t.AppendHeader(head)
	separator := "["
	for rows.Next() {
		values, err := scan(rows, len(columns))
		if err != nil {
			return err
		}
		if !a.json {
			t.AppendRow(blank(values))
			continue
		}
		object := make(map[string]any, len(columns))
		for i, name := range columns {
			object[name] = values[i]
		}
		a.printf("%s", separator)
		separator = ","
		if err := a.report(object); err != nil {
			return err
		}
	}
	switch {
	case !a.json:
		t.Render()
	case separator == "[":
		a.printf("[]\n")
	default:
		a.printf("]\n")
	}
	return rows.Err()
}

// scan reads one row of any columns.
func scan(rows *sql.Rows, columns int) ([]any, error) {
	values, into := make([]any, columns), make([]any, columns)
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	for i, v := range values {
		if b, ok := v.([]byte); ok {
			values[i] = string(b)
		}
	}
	return values, nil
}

// blank shows NULL as nothing.
func blank(values []any) table.Row {
	row := make(table.Row, len(values))
	for i, v := range values {
		if row[i] = v; v == nil {
			row[i] = ""
		}
	}
	return row
}
