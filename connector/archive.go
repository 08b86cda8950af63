package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"bankconnector/connector/install"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/volume"
)

// archiveCommands keep the journal from growing without end.
func (a *app) archiveCommands() []*cobra.Command {
	var before, reason string
	flags := func(c *cobra.Command, month string) *cobra.Command {
		c.Args = cobra.NoArgs
		c.Flags().StringVar(&before, "before", "", month)
		c.Flags().StringVar(&reason, "reason", "", a.say("why; it stands in the journal for ever", "почему; остаётся в журнале навсегда"))
		return a.configFlag(c)
	}
	archive := flags(&cobra.Command{
		Use: "archive", Short: a.say("Move the events of closed months from the journal to files of their own, while no daemon runs", "Перенести события закрытых месяцев из журнала в отдельные файлы, пока программа не работает"),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.age(c.Context(), install.Hand.Archive, before, reason)
		},
	}, a.say("first month that stays, as 2026-01; the current month by default", "первый месяц, который остаётся, например 2026-01; по умолчанию текущий"))
	retire := flags(&cobra.Command{
		Use: "retire", Short: a.say("Remove archives that are older than the rule of retention, while no daemon runs", "Удалить архивы старше срока хранения, пока программа не работает"),
		RunE: func(c *cobra.Command, _ []string) error {
			if before != "" && reason == "" {
				return usage("--before needs --reason: who removes archives without the rule says why")
			}
			return a.age(c.Context(), install.Hand.Retire, before, reason)
		},
	}, a.say("first month that is kept, as 2026-01, instead of the rule retention.archives_years", "первый месяц, который остаётся, например 2026-01, вместо правила retention.archives_years"))
	return []*cobra.Command{archive, retire}
}

// age does work on the archives and prints which.
func (a *app) age(ctx context.Context, work func(install.Hand, context.Context, string, string) ([]record.Archived, error), before, reason string) error {
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	hand, err := plan.Hand(a.now)
	if err != nil {
		return err
	}
	list, err := work(hand, ctx, before, reason)
	if a.json {
		err = errors.Join(a.report(list), err)
	} else {
		for _, m := range list {
			a.printf(a.say("%s: events %d to %d, SHA-256 %s\n", "%s: события с %d по %d, SHA-256 %s\n"), m.File, m.First, m.Last, m.SHA256)
		}
	}
	var held *volume.UnfinishedError
	switch {
	case errors.Is(err, install.ErrNoRule):
		return withCode(exitConfig, err)
	case errors.As(err, &held):
		return withCode(exitPartly, err)
	case err == nil && len(list) == 0 && !a.json:
		a.printf("%s\n", a.say("nothing is old enough", "ничего настолько старого нет"))
	}
	return err
}
