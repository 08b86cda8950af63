package main

import (
	"context"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	listing "bankconnector/connector/evidence/table"
)

func (a *app) journalCommand() *cobra.Command {
	c := &cobra.Command{Use: "journal", Short: a.say("Query and prove the journal", "Спросить журнал и доказать его целость")}
	query := a.configFlag(&cobra.Command{
		Use: "query VIEW|SQL", Short: a.say("Print a view (exchanges, incoming, overdue, visits, bank_daily, operator_acts, keys_expiring, journal_help) or a SELECT", "Напечатать представление (exchanges, incoming, overdue, visits, bank_daily, operator_acts, keys_expiring, journal_help) или SELECT"),
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.journalQuery(c.Context(), strings.Join(args, " "))
		},
	})
	c.AddCommand(append(append(a.registerCommands(), a.keepCommands()...), query, a.verifyCommand(), a.evidenceCommand())...)
	return c
}

func (a *app) journalQuery(ctx context.Context, text string) error {
	book, err := a.view(ctx)
	if err != nil {
		return err
	}
	defer book.Close()
	if a.json {
		return withCode(exitData, listing.Export(ctx, book.DB(), text, "json", a.out))
	}
	t := a.table()
	err = listing.Ask(ctx, book.DB(), text, func(names []string) error {
		head := make(table.Row, len(names))
		for i, name := range names {
			head[i] = name
		}
		t.AppendHeader(head)
		return nil
	}, func(values []any) error {
		t.AppendRow(blank(values))
		return nil
	})
	if err == nil {
		t.Render()
	}
	return withCode(exitData, err)
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
