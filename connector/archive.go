package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"bankconnector/connector/install"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/volume"
	"bankconnector/connector/story"
)

// archiveCommands keep the journal from growing without end.
func (a *app) archiveCommands() []*cobra.Command {
	var before, reason string
	flags := func(c *cobra.Command, month string, work handwork) *cobra.Command {
		c.Args = cobra.NoArgs
		c.RunE = func(c *cobra.Command, _ []string) error { return a.age(c.Context(), work, before, reason) }
		c.Flags().StringVar(&before, "before", "", month)
		c.Flags().StringVar(&reason, "reason", "", a.say("why; it stands in the journal for ever", "почему; остаётся в журнале навсегда"))
		return a.configFlag(c)
	}
	archive := flags(&cobra.Command{
		Use: "archive", Short: a.say("Move the events of closed months from the journal to files of their own, while no daemon runs", "Перенести события закрытых месяцев из журнала в отдельные файлы, пока программа не работает"),
	}, a.say("first month that stays, as 2026-01; the current month by default", "первый месяц, который остаётся, например 2026-01; по умолчанию текущий"), install.Hand.Archive)
	retire := flags(&cobra.Command{
		Use: "retire", Short: a.say("Remove archives that are older than the rule of retention, while no daemon runs", "Удалить архивы старше срока хранения, пока программа не работает"),
	}, a.say("first month that is kept, as 2026-01, instead of the rule retention.archives_years", "первый месяц, который остаётся, например 2026-01, вместо правила retention.archives_years"), install.Hand.Retire)
	return []*cobra.Command{archive, retire}
}

// handwork is what a person does with the archives: before a month, for a reason.
type handwork func(h install.Hand, ctx context.Context, before, reason string) ([]record.Archived, error)

// age does work on the archives and prints which.
func (a *app) age(ctx context.Context, work handwork, before, reason string) error {
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	var list []record.Archived
	hand, err := plan.Hand(a.now)
	if err == nil {
		list, err = work(hand, ctx, before, reason)
	}
	if a.json {
		err = errors.Join(a.report(list), err)
	} else if err == nil || len(list) > 0 {
		a.printf("%s", story.Moved(list, a.lang))
	}
	switch held := (*volume.UnfinishedError)(nil); {
	case errors.Is(err, install.ErrNoReason):
		return usage("--before needs --reason: %w", err)
	case errors.Is(err, install.ErrNoRule):
		return withCode(exitConfig, err)
	case errors.As(err, &held):
		return withCode(exitPartly, err)
	}
	return err
}
