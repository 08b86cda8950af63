package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"bankconnector/connector/install"
)

// keepCommands keep the journal from being lost, and go on when it was.
func (a *app) keepCommands() []*cobra.Command {
	var drill, anyway bool
	var reason string
	saved := &cobra.Command{
		Use: "backup FOLDER", Args: cobra.ExactArgs(1),
		Short: a.say("Copy the journal and its documents beside the daemon, and prove the copy", "Скопировать журнал и его документы рядом с работающей программой и проверить копию"),
		RunE:  func(c *cobra.Command, args []string) error { return a.journalBackup(c.Context(), args[0], drill) },
	}
	saved.Flags().BoolVar(&drill, "drill", false, a.say("copy nothing; prove the newest copy in FOLDER, as a restore would need it", "ничего не копировать; проверить новейшую копию в FOLDER, как при восстановлении"))
	adopt := &cobra.Command{
		Use: "adopt --reason TEXT", Args: cobra.NoArgs,
		Short: a.say("Go on with a journal restored from a copy: what may have been sent since becomes Suspect", "Продолжить журнал, восстановленный из копии: то, что могло быть отправлено после неё, становится Suspect"),
		RunE:  func(c *cobra.Command, _ []string) error { return a.journalAdopt(c.Context(), reason, anyway) },
	}
	adopt.Flags().StringVar(&reason, "reason", "", a.say("why; it stands in the journal for ever (required)", "почему; остаётся в журнале навсегда (обязательно)"))
	adopt.Flags().BoolVar(&anyway, "anyway", false, a.say("also when no checkpoint knows more than the journal, because the checkpoints were restored as well", "и тогда, когда контрольные точки не знают больше журнала, потому что восстановлены вместе с ним"))
	checkpoint := &cobra.Command{
		Use: "checkpoint", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return a.journalCheckpoint(c.Context()) },
		Short: a.say("Write a checkpoint of the journal now and print it", "Записать контрольную точку журнала сейчас и напечатать её"),
	}
	return []*cobra.Command{a.configFlag(saved), a.configFlag(adopt), a.configFlag(checkpoint)}
}

func (a *app) journalBackup(ctx context.Context, folder string, drill bool) error {
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	r, err := plan.BackUp(ctx, folder, a.now(), drill)
	if err != nil {
		return err
	}
	if a.json {
		err = a.report(r)
	} else {
		a.printf("%s", r.Text(a.lang))
		a.printf(a.say("events written since this copy: %d\n", "событий после этой копии: %d\n"), r.Behind)
	}
	if err == nil && !r.OK {
		err = withCode(exitData, errors.New(a.say("the copy is NOT sound", "копия НЕ цела")))
	}
	return err
}

func (a *app) journalAdopt(ctx context.Context, reason string, anyway bool) error {
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	e, err := plan.AdoptJournal(ctx, a.now, reason, anyway)
	if err != nil {
		return err
	}
	if a.json {
		return a.report(e)
	}
	a.printf(a.say("adopted as event %d. Documents in state Suspect wait for a decision: documents list --state Suspect.\nPut this hash into the record of the restore, auditors give it by --adopted: %s\n",
		"принято событием %d. Документы в состоянии Suspect ждут решения: documents list --state Suspect.\nВнесите этот хэш в акт о восстановлении, аудиторы указывают его в --adopted: %s\n"), e.Seq, e.Hash)
	return nil
}

func (a *app) journalCheckpoint(ctx context.Context) error {
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	text, err := plan.WriteCheckpoint(ctx)
	if err != nil {
		return err
	}
	a.printf("%s", text)
	return nil
}
