package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
	a.zone = plan.Calendar.Zone()
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
	book, err := a.view(ctx)
	if err != nil {
		return err
	}
	defer book.Close()
	filter, err := f.Filter(a.zone)
	if err != nil {
		return usage("%w", err)
	}
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
		a.say("State", "Состояние"), a.clock("Since", "С"), a.clock("Due", "Срок"), a.say("Reason", "Причина"),
	})
	for _, x := range list {
		t.AppendRow(table.Row{x.ID, x.Bank, strings.TrimSpace(story.Word(x.Kind, a.lang) + " " + x.Code), x.InternalKey, x.DocNum, x.State, a.when(story.Since(x)), a.when(x.DueAt), story.Reason(x.Reason, a.lang)})
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

// when shows a time in the installation's zone, which clock names in the heading of a table.
func (a *app) when(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.In(a.zone).Format("2006-01-02 15:04:05")
}

func (a *app) clock(en, ru string) string { return fmt.Sprintf("%s (%s)", a.say(en, ru), a.zone) }

// table prints to the output, framed on a terminal, plain otherwise.
func (a *app) table() table.Writer { return screen.Table(a.out) }

func (a *app) documentsShow(ctx context.Context, ref string) error {
	book, err := a.view(ctx)
	if err != nil {
		return err
	}
	defer book.Close()
	x, err := story.Find(ctx, book, ref)
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
	what := strings.Fields(story.Word(x.Kind, a.lang) + " " + x.Code + " " + x.InternalKey) // of one that could not be read nothing is known
	a.printf(a.say("%s for bank %s: %s\n", "%s в банк %s: %s\n"), strings.Join(what, " "), x.Bank, story.Word(string(x.State), a.lang))
	if x.Reason != "" {
		a.printf("  %s\n", story.Reason(x.Reason, a.lang))
	}
	if x.DueAt != nil {
		a.printf(a.say("  due %s (%s)\n", "  срок %s (%s)\n"), a.when(x.DueAt), story.Reason(x.Rule, a.lang))
	}
	a.printf("\n%s\n", a.clock("time", "время"))
	if len(events) == 0 || events[0].Kind != "exchange.opened" {
		a.printf("%s\n", a.say("earlier events were in an archive that was removed by the rule of retention (journal query archives)", "прежние события были в архиве, удалённом по сроку хранения (journal query archives)"))
	}
	for _, e := range events {
		a.printf("%s  %-14s %s\n", a.when(&e.At), e.Actor, story.Tell(e, a.lang))
	}
	return nil
}
