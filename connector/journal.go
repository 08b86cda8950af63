package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"bankconnector/connector/install"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
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
	var path, store string
	verify := a.configFlag(&cobra.Command{
		Use: "verify", Short: a.say("Prove the chain of events, the tables and the stored documents, offline", "Доказать цепочку событий, таблицы и хранимые документы, без сети"), Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.journalVerify(c.Context(), path, store) },
	})
	verify.Flags().StringVar(&path, "file", "", "journal file, instead of the one of the configuration")
	verify.Flags().StringVar(&store, "store", "", "folder of the stored documents; with --file none are checked without it")
	c.AddCommand(query, verify)
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

// printRows prints a result as a table, or a JSON object for each row.
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
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, v := range values {
			if b, ok := v.([]byte); ok {
				values[i] = string(b)
			}
		}
		if !a.json {
			t.AppendRow(blank(values))
			continue
		}
		object := make(map[string]any, len(columns))
		for i, name := range columns {
			object[name] = values[i]
		}
		if err := a.report(object); err != nil {
			return err
		}
	}
	if !a.json {
		t.Render()
	}
	return rows.Err()
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

func (a *app) journalVerify(ctx context.Context, path, store string) error {
	if path == "" {
		plan, err := install.Read(a.config)
		if err != nil {
			return err
		}
		path, store = plan.JournalPath(), plan.StorePath()
	}
	var o journal.VerifyOptions
	if store != "" {
		s, err := spool.OpenStore(store)
		if err != nil {
			return err
		}
		o.Store = func(digest string) error { return s.Check(ctx, digest) }
	}
	r, err := journal.Verify(ctx, path, o)
	if err != nil {
		return err
	}
	if a.json {
		if err := a.report(r); err != nil {
			return err
		}
	} else {
		a.printVerified(path, r)
	}
	if !r.OK {
		return withCode(exitData, errors.New(a.say("the journal is NOT sound", "журнал НЕ цел")))
	}
	return nil
}

func (a *app) printVerified(path string, r journal.VerifyReport) {
	if r.OK {
		a.printf(a.say("%s is sound: %d events, head %s\n", "%s цел: событий %d, последний хэш %s\n"), path, r.Events, r.Head)
		return
	}
	a.printf(a.say("%s is NOT sound; first bad event %d\n", "%s НЕ цел; первое плохое событие %d\n"), path, r.FirstBad)
	for _, p := range r.Problems {
		a.printf("  %s\n", p)
	}
}
