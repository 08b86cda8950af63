package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"bankconnector/connector/entry"
	"bankconnector/connector/evidence"
	"bankconnector/connector/install"
)

func (a *app) verifyCommand() *cobra.Command {
	var o install.Given
	c := &cobra.Command{
		Use: "verify", Args: cobra.NoArgs,
		Short: a.say("Prove the chain of events, the checkpoints, the tables, the stored documents and their signatures, offline", "Доказать цепочку событий, контрольные точки, таблицы, хранимые документы и подписи, без сети"),
		RunE:  func(c *cobra.Command, _ []string) error { return a.journalVerify(c.Context(), o) },
	}
	c.Flags().StringVar(&o.File, "file", "", "journal file, instead of the one of the configuration, which is not read then")
	c.Flags().StringVar(&o.Archives, "archives", "", "folder of the journal's archives; without it the folder archive beside the journal")
	c.Flags().StringVar(&o.Store, "store", "", "folder of the stored documents; without it documents and signatures are not checked")
	c.Flags().StringSliceVar(&o.Checkpoints, "checkpoints", nil, "file of signed checkpoints, best one kept elsewhere (may be repeated)")
	c.Flags().StringSliceVar(&o.Keys, "checkpoint-key", nil, "public key of the checkpoints, checkpoint.pub (may be repeated)")
	c.Flags().StringSliceVar(&o.Signers, "signer", nil, "certificates of those who sign (may be repeated)")
	c.Flags().StringVar(&o.Stamps, "timestamps", "", "folder of checkpoints with time stamps, timestamps of the state folder")
	c.Flags().StringSliceVar(&o.Authorities, "authority", nil, "certificates of the authority that made them (may be repeated)")
	c.Flags().StringSliceVar(&o.Adopted, "adopted", nil, "hash of an adoption after a restore that you know of, as journal adopt printed it (may be repeated)")
	c.Flags().BoolVar(&o.Quick, "quick", false, "only the chain and the checkpoints: not the tables, the numbers, the stored documents or their signatures")
	return a.configFlag(c)
}

func (a *app) journalVerify(ctx context.Context, o install.Given) error {
	entry.Frugal()
	q, err := o.Begin(a.config)
	if err != nil {
		return err
	}
	if err := o.Add(&q); errors.Is(err, install.ErrNoKey) {
		return usage("--checkpoints needs --checkpoint-key: nothing in the file is worth anything without it")
	} else if errors.Is(err, install.ErrNoAuthority) {
		return usage("--timestamps needs --authority: a time stamp is worth as much as who made it")
	} else if err != nil {
		return unread(err)
	}
	f, err := evidence.Verify(ctx, q)
	if err != nil {
		return err
	}
	if a.json {
		if err := a.report(f); err != nil {
			return err
		}
	} else {
		a.printf("%s", f.Text(a.lang))
	}
	if !f.OK {
		return withCode(exitData, errors.New(a.say("the journal is NOT sound", "журнал НЕ цел")))
	}
	return nil
}
