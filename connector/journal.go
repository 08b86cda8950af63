package main

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	listing "bankconnector/connector/evidence/table"
	"bankconnector/connector/journal/volume"
	"bankconnector/connector/screen"
)

func (a *app) journalCommand() *cobra.Command {
	c := &cobra.Command{Use: "journal", Short: a.say("Query and prove the journal", "Спросить журнал и доказать его целость")}
	query := a.monthsFlag(&cobra.Command{
		Use: "query VIEW|SQL", Short: a.say("Print a view (exchanges, incoming, overdue, visits, bank_daily, operator_acts, keys_expiring, archives, event_all, journal_help) or a SELECT", "Напечатать представление (exchanges, incoming, overdue, visits, bank_daily, operator_acts, keys_expiring, archives, event_all, journal_help) или SELECT"),
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.reports(c.Context(), func(db *sql.DB) error {
				return a.journalQuery(c.Context(), db, strings.Join(args, " "))
			})
		},
	})
	c.AddCommand(slices.Concat(a.registerCommands(), a.keepCommands(), a.archiveCommands(), []*cobra.Command{query, a.verifyCommand(), a.evidenceCommand()})...)
	return c
}

func (a *app) monthsFlag(c *cobra.Command) *cobra.Command {
	c.Flags().StringVar(&a.months, "months", "", a.say("archives that event_all reads, as 2026-01 or 2026-01:2026-06; the newest ten by default", "архивы, которые читает event_all: 2026-01 или 2026-01:2026-06; по умолчанию десять новейших"))
	return a.configFlag(c)
}

// reports opens the journal with its archives for what a person asks, and says which archives
// event_all does not hold.
func (a *app) reports(ctx context.Context, ask func(*sql.DB) error) error {
	book, err := a.view(ctx)
	if err != nil {
		return err
	}
	defer book.Close()
	from, to := volume.Months(a.months)
	db, left, err := book.Reports(ctx, from, to)
	if err != nil {
		return err
	}
	defer db.Close()
	if len(left) > 0 {
		fmt.Fprintf(a.errs, a.say("not in event_all: %s (see --months)\n", "не входят в event_all: %s (см. --months)\n"), strings.Join(left, ", "))
	}
	return withCode(exitData, ask(db))
}

func (a *app) journalQuery(ctx context.Context, db *sql.DB, text string) error {
	if a.json {
		return listing.Export(ctx, db, text, "json", a.out)
	}
	t := a.table()
	err := listing.Ask(ctx, db, text, func(names []string) error {
		head := make(table.Row, len(names))
		for i, name := range names {
			head[i] = name
		}
		t.AppendHeader(head)
		return nil
	}, func(values []any) error {
		t.AppendRow(screen.Row(values))
		return nil
	})
	if err == nil {
		t.Render()
	}
	return err
}
