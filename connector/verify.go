package main

import (
	"context"
	"errors"
	"os"

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
	file, store                string
	checkpoints, keys, signers []string
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
	return a.configFlag(c)
}

// inquiry gathers what the journal is held against.
func (o verifyOptions) inquiry(config string) (q evidence.Inquiry, err error) {
	if o.file == "" {
		plan, err := install.Read(config)
		if err != nil {
			return q, err
		}
		o.file, o.store = plan.JournalPath(), plan.StorePath()
		if q.Certificates, err = plan.Certificates(); err != nil {
			return q, err
		}
		if _, err := os.Stat(plan.CheckpointPublicPath()); err == nil { // a journal of before there were any has none
			o.keys, o.checkpoints = append(o.keys, plan.CheckpointPublicPath()), append(o.checkpoints, plan.CheckpointPaths()...)
		}
	}
	if len(o.checkpoints) > 0 && len(o.keys) == 0 {
		return q, usage("--checkpoints needs --checkpoint-key: nothing in the file is worth anything without it")
	}
	q.Path, q.Checkpoints = o.file, o.checkpoints
	if o.store != "" {
		if q.Store, err = spool.OpenStore(o.store); err != nil {
			return q, err
		}
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
		a.printVerified(q.Path, f)
	}
	if !f.OK {
		return withCode(exitData, errors.New(a.say("the journal is NOT sound", "журнал НЕ цел")))
	}
	return nil
}

func (a *app) printVerified(path string, f evidence.Findings) {
	if f.OK {
		a.printf(a.say("%s is sound: %d events, head %s\n", "%s цел: событий %d, последний хэш %s\n"), path, f.Events, f.Head)
	} else {
		a.printf(a.say("%s is NOT sound; first bad event %d\n", "%s НЕ цел; первое плохое событие %d\n"), path, f.FirstBad)
	}
	a.printf(a.say(verifiedEN, verifiedRU), f.Checkpoints, f.Witnessed, f.Rows, f.Digests, f.Signatures, f.Numbers)
	for _, print := range f.Unvouched {
		a.printf(a.say("  certificate named by the journal alone, not given: %s\n", "  сертификат известен только из журнала, отдельно не дан: %s\n"), print)
	}
	for _, p := range f.Problems {
		a.printf("  %s\n", p)
	}
}

const (
	verifiedEN = "checkpoints %d, the newest at event %d; rows rebuilt %d; stored files %d; signatures %d; numbers of envelopes %d\n"
	verifiedRU = "контрольных точек %d, последняя на событии %d; строк восстановлено %d; хранимых файлов %d; подписей %d; номеров конвертов %d\n"
)
