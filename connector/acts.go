package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"bankconnector/connector/flow/act"
	"bankconnector/connector/install"
	"bankconnector/connector/story"
)

// actCommands are what a person may decide about one document.
func (a *app) actCommands() []*cobra.Command {
	var list []*cobra.Command
	for _, i := range act.Acts() {
		list = append(list, a.actCommand(i.Name, a.say(i.Short.EN, i.Short.RU), a.say(i.Long.EN, i.Long.RU)))
	}
	return list
}

func (a *app) actCommand(name, short, long string) *cobra.Command {
	r := act.Request{Act: name}
	c := &cobra.Command{
		Use: name + " ID|KEY --reason TEXT", Short: short, Long: long, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.act(c.Context(), args[0], r) },
	}
	c.Flags().StringVar(&r.Reason, "reason", "", a.say("why; it stands in the journal for ever (required)", "почему; остаётся в журнале навсегда (обязательно)"))
	if name != act.Reject {
		c.Flags().BoolVar(&r.Confirm, "confirm", false, a.say("you confirm what only the bank can know; see above", "вы подтверждаете то, что может знать только банк; см. выше"))
	}
	if name == act.Resolve {
		c.Flags().StringVar(&r.As, "as", act.AsLook, "look, delivered, closed, rejected")
	}
	return a.configFlag(c)
}

// act finds the document and does the act, beside a daemon or without one.
func (a *app) act(ctx context.Context, ref string, r act.Request) error {
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	book, err := a.view(ctx)
	if err != nil {
		return err
	}
	x, err := story.Find(ctx, book, ref)
	if err == nil {
		err = act.Unmistakable(ctx, book, x, ref)
	}
	if err = errors.Join(err, book.Close()); err != nil {
		return a.unrefused(err)
	}
	r.Exchange = x.ID
	out, err := install.Act(ctx, plan, install.Options{Now: a.now, Log: a.logger()}, r)
	if err != nil {
		return a.unrefused(err)
	}
	if a.json {
		return a.report(out)
	}
	switch {
	case out.Waits:
		a.printf(a.say("%s %s: recorded; another person must do the same before it happens\n", "%s %s: записано; то же должен сделать другой человек, тогда действие состоится\n"), r.Act, out.Key)
	case !out.Changed:
		a.printf(a.say("%s %s: done before, nothing was changed; it is %s\n", "%s %s: уже сделано, ничего не изменено; состояние %s\n"), r.Act, out.Key, out.To)
	default:
		a.printf(a.say("%s %s: %s -> %s\n", "%s %s: %s -> %s\n"), r.Act, out.Key, out.From, out.To)
	}
	return nil
}

// unrefused gives a refusal its language and its exit code.
func (a *app) unrefused(err error) error {
	if r := new(act.Refusal); errors.As(err, &r) {
		return withCode(exitData, errors.New(a.say(r.EN, r.RU)))
	}
	return err
}
