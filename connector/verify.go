package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"bankconnector/connector/evidence"
	"bankconnector/connector/evidence/note"
	"bankconnector/connector/install"
	"bankconnector/connector/spool"
	"bankconnector/crypto/pki"
)

// verifyOptions are the flags of journal verify. With file nothing of a configuration is
// read: all that is known comes by flag.
type verifyOptions struct {
	file, store                         string
	checkpoints, keys, signers, adopted []string
	quick                               bool
}

func (a *app) verifyCommand() *cobra.Command {
	var o verifyOptions
	c := &cobra.Command{
		Use: "verify", Args: cobra.NoArgs,
		Short: a.say("Prove the chain of events, the checkpoints, the tables, the stored documents and their signatures, offline", "Доказать цепочку событий, контрольные точки, таблицы, хранимые документы и подписи, без сети"),
		RunE:  func(c *cobra.Command, _ []string) error { return a.journalVerify(c.Context(), o) },
	}
	c.Flags().StringVar(&o.file, "file", "", "journal file, instead of the one of the configuration, which is not read then")
	c.Flags().StringVar(&o.store, "store", "", "folder of the stored documents; without it documents and signatures are not checked")
	c.Flags().StringSliceVar(&o.checkpoints, "checkpoints", nil, "file of signed checkpoints, best one kept elsewhere (may be repeated)")
	c.Flags().StringSliceVar(&o.keys, "checkpoint-key", nil, "public key of the checkpoints, checkpoint.pub (may be repeated)")
	c.Flags().StringSliceVar(&o.signers, "signer", nil, "certificates of those who sign (may be repeated)")
	c.Flags().StringSliceVar(&o.adopted, "adopted", nil, "hash of an adoption after a restore that you know of, as journal adopt printed it (may be repeated)")
	c.Flags().BoolVar(&o.quick, "quick", false, "only the chain and the checkpoints: not the tables, the numbers, the stored documents or their signatures")
	return a.configFlag(c)
}

// inquiry gathers what the journal is held against.
func (o verifyOptions) inquiry(config string) (q evidence.Inquiry, err error) {
	if o.file == "" {
		plan, err := install.Read(config)
		if err != nil {
			return q, err
		}
		if q, err = plan.Inquiry(); err != nil {
			return q, err
		}
	} else {
		q.Path = o.file
	}
	if len(o.checkpoints) > 0 && len(o.keys)+len(q.Keys) == 0 {
		return q, usage("--checkpoints needs --checkpoint-key: nothing in the file is worth anything without it")
	}
	q.Checkpoints = append(q.Checkpoints, o.checkpoints...)
	q.Quick, q.Adopted = o.quick, o.adopted
	if o.store != "" {
		q.Store = spool.ReadStore(o.store)
	}
	err = eachFile(o.keys, func(_ string, data []byte) error {
		key, err := note.ReadPublic(data)
		q.Keys = append(q.Keys, key)
		return err
	})
	return q, errors.Join(err, eachFile(o.signers, func(_ string, data []byte) error {
		list, err := pki.ReadCertificates(data)
		q.Certificates = append(q.Certificates, list...)
		return err
	}))
}

func (a *app) journalVerify(ctx context.Context, o verifyOptions) error {
	q, err := o.inquiry(a.config)
	if err != nil {
		return err
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
