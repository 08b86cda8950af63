package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"bankconnector/connector/install"
	"bankconnector/connector/journal"
	"bankconnector/connector/screen"
	"bankconnector/connector/story"
)

// view opens the journal of an installation beside the daemon that writes it.
func (a *app) view(ctx context.Context) (*journal.Book, error) {
	plan, err := install.Read(a.config)
	if err != nil {
		return nil, err
	}
	book, err := journal.View(ctx, plan.JournalPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, withCode(exitData, errors.New(a.say("there is no journal yet: start bankconnector exchange or run first", "журнала ещё нет: сначала запустите bankconnector exchange или run")))
	}
	return book, err
}

func (a *app) documentsCommand() *cobra.Command {
	c := &cobra.Command{Use: "documents", Short: a.say("What became of the documents", "Что стало с документами")}
	var f story.Choice
	list := &cobra.Command{
		Use: "list", Short: a.say("List documents and their states", "Список документов и их состояний"), Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.documentsList(c.Context(), f) },
	}
	list.Flags().StringVar(&f.Bank, "bank", "", "BIC")
	list.Flags().StringVar(&f.Key, "key", "", "internal key of the document")
	list.Flags().StringSliceVar(&f.States, "state", nil, "states, such as Suspect or Held")
	list.Flags().BoolVar(&f.Open, "open", false, "only documents that wait for something")
	list.Flags().StringVar(&f.Since, "since", "", "accepted on this day or later (2026-11-22)")
	list.Flags().StringVar(&f.Until, "until", "", "accepted before this day")
	list.Flags().IntVar(&f.Limit, "limit", 1000, "at most so many; 0 for all")
	show := &cobra.Command{
		Use: "show ID|KEY", Short: a.say("The life of one document, in words", "Жизнь одного документа словами"), Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.documentsShow(c.Context(), args[0]) },
	}
	c.AddCommand(append(a.actCommands(), a.configFlag(list), a.configFlag(show))...)
	return c
}

func (a *app) documentsList(ctx context.Context, f story.Choice) error {
	filter, err := f.Filter()
	if err != nil {
		return usage("%w", err)
	}
	book, err := a.view(ctx)
	if err != nil {
		return err
	}
	defer book.Close()
	list, err := book.Find(ctx, filter)
	if err != nil {
		return err
	}
	a.warnOfStrays()
	if a.json {
		return a.report(list)
	}
	t := a.table()
	t.AppendHeader(table.Row{
		"ID", a.say("Bank", "Банк"), a.say("Kind", "Вид"), a.say("Key", "Ключ"), a.say("Number", "Номер"),
		a.say("State", "Состояние"), a.say("Since", "С"), a.say("Due", "Срок"), a.say("Reason", "Причина"),
	})
	for _, x := range list {
		t.AppendRow(table.Row{x.ID, x.Bank, strings.TrimPrefix(x.Kind+" "+x.Code, " "), x.InternalKey, x.DocNum, x.State, when(story.Since(x)), when(x.DueAt), x.Reason})
	}
	t.Render()
	return nil
}

// warnOfStrays says on stderr, beside a list of what is there, that documents lie where nobody takes them. Who may not
// look into the office's folder, as an auditor, is not told.
func (a *app) warnOfStrays() {
	plan, err := install.Read(a.config)
	if err != nil {
		return
	}
	strays, err := plan.Strays()
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		fmt.Fprintln(a.errs, err)
	}
	for _, s := range strays {
		fmt.Fprintf(a.errs, a.say("warning: %d files lie in in/%s of the office's folder, which is no bank of the configuration: nobody takes them\n",
			"предупреждение: файлов %d в in/%s папки АИС, а такого банка в конфигурации нет: их никто не забирает\n"), s.Files, s.Folder)
	}
}

func when(at *time.Time) string { return screen.When(at) }

// table prints to the output, framed on a terminal, plain otherwise.
func (a *app) table() table.Writer { return screen.Table(a.out) }

// find reads a document by its id in the journal or by its internal key.
func find(ctx context.Context, book *journal.Book, ref string) (journal.Exchange, error) {
	x, err := book.ByKey(ctx, "office", ref)
	if !errors.Is(err, journal.ErrNotFound) {
		return x, err
	}
	id, bad := strconv.ParseInt(ref, 10, 64)
	if bad != nil {
		return x, withCode(exitData, fmt.Errorf("no document with the key %q", ref))
	}
	x, err = book.Exchange(ctx, id)
	if errors.Is(err, journal.ErrNotFound) {
		err = withCode(exitData, fmt.Errorf("no document with the key or id %q", ref))
	}
	return x, err
}

func (a *app) documentsShow(ctx context.Context, ref string) error {
	book, err := a.view(ctx)
	if err != nil {
		return err
	}
	defer book.Close()
	x, err := find(ctx, book, ref)
	if err != nil {
		return err
	}
	events, err := book.Events(ctx, x.ID)
	if err != nil {
		return err
	}
	if a.json {
		return a.report(struct {
			journal.Exchange
			Events []journal.Event `json:"events"`
		}{x, events})
	}
	a.printf(a.say("%s %s %s for bank %s: %s\n", "%s %s %s в банк %s: %s\n"), story.Word(x.Kind, a.lang), x.Code, x.InternalKey, x.Bank, story.Word(string(x.State), a.lang))
	if x.Reason != "" {
		a.printf("  %s\n", story.Word(x.Reason, a.lang))
	}
	if x.DueAt != nil {
		a.printf(a.say("  due %s (%s)\n", "  срок %s (%s)\n"), when(x.DueAt), story.Word(x.Rule, a.lang))
	}
	a.printf("\n")
	if len(events) == 0 || events[0].Kind != "exchange.opened" {
		a.printf("%s\n", a.say("earlier events were in an archive that was removed by the rule of retention (journal query archives)", "прежние события были в архиве, удалённом по сроку хранения (journal query archives)"))
	}
	for _, e := range events {
		a.printf("%s  %-14s %s\n", when(&e.At), e.Actor, story.Tell(e, a.lang))
	}
	return nil
}
