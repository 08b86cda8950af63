package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"bankconnector/banks"
	"bankconnector/banks/mailbox"
	"bankconnector/connector/flow/act"
	"bankconnector/connector/install"
	"bankconnector/connector/journal"
	"bankconnector/connector/story"
)

func (a *app) bankCommand() *cobra.Command {
	c := &cobra.Command{Use: "bank", Short: a.say("The banks: who they are, and whether the road is open", "Банки: кто они и открыта ли дорога")}
	list := &cobra.Command{
		Use: "list", Short: a.say("List the banks of the configuration", "Список банков конфигурации"), Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.bankList(c.Context()) },
	}
	show := &cobra.Command{
		Use: "show BIC", Short: a.say("Show one bank's profile", "Показать профиль банка"), Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.bankShow(args[0]) },
	}
	check := &cobra.Command{
		Use: "check BIC", Short: a.say("Walk the road to a bank step by step and say what is wrong", "Пройти дорогу к банку по шагам и сказать, что не так"),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.bankCheck(c.Context(), args[0]) },
	}
	r := act.Request{Act: act.Folders}
	accept := &cobra.Command{
		Use: "accept BIC --to-bank PATH --from-bank PATH --reason TEXT", Args: cobra.ExactArgs(1),
		Short: a.say("Accept that a bank's folders lie elsewhere now", "Принять новое место папок банка"),
		RunE:  func(c *cobra.Command, args []string) error { r.Bank = args[0]; return a.bankAccept(c.Context(), r) },
	}
	accept.Flags().StringVar(&r.ToBank, "to-bank", "", a.say("where to_bank really lies, as the alarm says", "где на самом деле лежит to_bank, как сказано в тревоге"))
	accept.Flags().StringVar(&r.FromBank, "from-bank", "", a.say("where from_bank really lies", "где на самом деле лежит from_bank"))
	accept.Flags().StringVar(&r.Reason, "reason", "", a.say("why; it stands in the journal for ever (required)", "почему; остаётся в журнале навсегда (обязательно)"))
	for _, sub := range []*cobra.Command{list, show, check, accept} {
		c.AddCommand(a.configFlag(sub))
	}
	return c
}

// bankLine is one bank of bank list.
type bankLine struct {
	BIC   string       `json:"bic"`
	Name  string       `json:"name"`
	State string       `json:"state"`
	Host  string       `json:"host"`
	Next  string       `json:"next_visit,omitempty"`
	Open  int          `json:"open"` // documents that wait for something; -1: there is no journal yet
	Held  []story.Held `json:"held,omitempty"`
	Only  string       `json:"receive_only,omitempty"` // why nothing is sent, to any bank
}

func (a *app) bankList(ctx context.Context) error {
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	a.zone = plan.Calendar.Zone()
	book, err := journal.View(ctx, plan.JournalPath())
	if err == nil {
		defer book.Close()
	}
	var lines []bankLine
	only := ""
	if book != nil {
		if behind := plan.Behind(ctx, book); behind != nil {
			only = behind.Error()
		}
	}
	for _, b := range plan.Registry.All() {
		l := bankLine{BIC: string(b.BIC), Name: b.Name, State: string(b.State), Host: fmt.Sprintf("%s:%d", b.SFTP.Host, b.SFTP.Port), Open: -1, Only: only}
		if next, ok := plan.Timetable(b.BIC).Next(a.now()); ok && b.State != banks.StateSuspended {
			l.Next = next.At.In(a.zone).Format("2006-01-02 15:04")
		}
		if book != nil {
			if l.Open, err = book.OpenDocuments(ctx, []string{l.BIC}); err != nil {
				return err
			}
			if l.Held, err = story.HeldAt(ctx, book, l.BIC); err != nil {
				return err
			}
		}
		lines = append(lines, l)
	}
	a.warnOfStrays()
	if a.json {
		return a.report(lines)
	}
	t := a.table()
	t.AppendHeader(table.Row{
		"BIC", a.say("Name", "Название"), a.say("State", "Состояние"), a.say("Server", "Сервер"),
		a.clock("Next visit", "Следующий визит"), a.say("Open documents", "Открыто документов"), a.say("Held replies", "Задержано ответов"),
	})
	for _, l := range lines {
		open := ""
		if l.Open >= 0 {
			open = fmt.Sprint(l.Open)
		}
		t.AppendRow(table.Row{l.BIC, l.Name, l.State, l.Host, l.Next, open, len(l.Held)})
	}
	t.Render()
	if only != "" {
		a.printf(a.say("RECEIVE ONLY, nothing is sent to any bank until the journal is adopted: %s\n", "ТОЛЬКО ПРИЁМ, ни в один банк ничего не отправляется, пока журнал не принят: %s\n"), only)
	}
	for _, l := range lines {
		for _, h := range l.Held {
			a.printf(a.say("%s: reply %s waits since %s: %s\n", "%s: ответ %s ждёт с %s: %s\n"), l.BIC, h.File, a.when(&h.Since), story.Reason(h.Reason, a.lang))
		}
	}
	return nil
}

// bankAccept records the decision, beside a daemon or without one; the next visit goes by it.
func (a *app) bankAccept(ctx context.Context, r act.Request) error {
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	out, err := install.Act(ctx, plan, install.Options{Now: a.now, Log: a.logger()}, r)
	if err != nil {
		return a.unrefused(err)
	}
	if a.json {
		return a.report(out)
	}
	a.tellf("%s: the folders are accepted; the next visit goes there\n", "%s: папки приняты; следующее посещение пойдёт туда\n", r.Bank)
	return nil
}

// one reads the configuration and finds a bank in it.
func (a *app) one(bic string) (*banks.Bank, error) {
	plan, err := install.Read(a.config)
	if err != nil {
		return nil, err
	}
	list, err := plan.Select([]string{bic})
	if err != nil {
		return nil, usage("%w", err)
	}
	return list[0], nil
}

func (a *app) bankShow(bic string) error {
	b, err := a.one(bic)
	if err != nil {
		return err
	}
	if a.json {
		return a.report(b)
	}
	text, err := yaml.Marshal(b)
	if err != nil {
		return fmt.Errorf("print profile: %w", err)
	}
	a.printf("# %s\n%s", b.File, text)
	return nil
}

func (a *app) bankCheck(ctx context.Context, bic string) error {
	b, err := a.one(bic)
	if err != nil {
		return err
	}
	if danger := b.Delivery.Danger(); danger != "" {
		fmt.Fprintln(a.log, a.say("warning: ", "предупреждение: ")+danger)
	}
	steps := mailbox.Check(ctx, &mailbox.Dialer{Now: a.now}, b)
	if a.json {
		if err := a.report(steps); err != nil {
			return err
		}
	}
	for _, s := range steps {
		if !a.json {
			a.printStep(s)
		}
		if !s.OK {
			err = withCode(exitUnreachable, errors.New(a.say("the road to the bank is not open: ", "дорога к банку закрыта: ")+s.Name))
		}
	}
	return err
}

func (a *app) printStep(s mailbox.Step) {
	mark := a.say("ok  ", "да  ")
	if !s.OK {
		mark = a.say("FAIL", "НЕТ ")
	}
	a.printf("%s %-12s %s\n", mark, s.Name, s.Actual)
	if s.OK {
		return
	}
	a.printf(a.say("     expected: %s\n     do: %s\n", "     ожидалось: %s\n     сделайте: %s\n"), s.Expected, a.say(s.Fix.EN, s.Fix.RU))
}
