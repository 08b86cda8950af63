package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"bankconnector/banks/mailbox/vault"
	"bankconnector/connector/backup"
	"bankconnector/connector/install"
)

// keepCommands keep the journal from being lost, and go on when it was.
func (a *app) keepCommands() []*cobra.Command {
	var anyway bool
	var reason string
	var to backup.Copies
	saved := &cobra.Command{
		Use: "backup [FOLDER]", Args: cobra.MaximumNArgs(1),
		Short: a.say("Copy the journal and its documents beside the daemon, and prove the copy", "Скопировать журнал и его документы рядом с работающей программой и проверить копию"),
		RunE:  func(c *cobra.Command, args []string) error { return a.journalBackup(c.Context(), to, args) },
	}
	saved.Flags().BoolVar(&to.Drill, "drill", false, a.say("copy nothing; prove the newest copy, as a restore would need it; one on a server is fetched", "ничего не копировать; проверить новейшую копию, как при восстановлении; с сервера она скачивается"))
	saved.Flags().StringVar(&to.URL, "sftp", "", a.say("sftp://USER@HOST:PORT/FOLDER of the service's own server, instead of backup of the configuration", "sftp://USER@HOST:PORT/FOLDER на сервере службы, вместо backup из конфигурации"))
	saved.Flags().StringVar(&to.Key, "key", "", a.say("private SSH key for --sftp", "закрытый ключ SSH для --sftp"))
	saved.Flags().StringArrayVar(&to.HostKeys, "host-key", nil, a.say("pinned host key of --sftp, or its SHA256:… (may be repeated)", "закреплённый ключ узла для --sftp или его SHA256:… (можно повторять)"))
	saved.Flags().StringVar(&to.Into, "into", "", a.say("with --drill: folder that the copy is fetched to, and stays in for a restore", "с --drill: папка, куда копия скачивается и где остаётся для восстановления"))
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

func (a *app) journalBackup(ctx context.Context, to backup.Copies, args []string) error {
	if to.Dir = strings.Join(args, ""); to.Dir != "" && to.URL != "" || to.Into != "" && (!to.Drill || to.Dir != "") {
		return usage("FOLDER or --sftp; --into goes with --drill of a copy on a server")
	}
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	r, err := plan.BackUp(ctx, to, a.now())
	switch {
	case errors.Is(err, backup.ErrNoPlace):
		return withCode(exitUsage, err)
	case errors.Is(err, vault.ErrAway):
		return withCode(exitUnreachable, err)
	}
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
