package main

import (
	"errors"
	"io/fs"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"bankconnector/connector/install"
	"bankconnector/connector/keys"
	"bankconnector/crypto/pki"
)

// keysOptions are the flags of keys new.
type keysOptions struct {
	algorithm, name, organization, innle, ogrn string
	days                                       int
	out                                        string
}

func (a *app) keysCommand() *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: a.say("SSH and signing keys", "Ключи SSH и подписи")}
	var o keysOptions
	fresh := &cobra.Command{
		Use: "new ssh|signing", Short: a.say("Make a key pair; an existing file is never replaced", "Создать пару ключей; существующий файл не заменяется"),
		Args: cobra.ExactArgs(1), ValidArgs: []string{"ssh", "signing"},
		RunE: func(_ *cobra.Command, args []string) error { return a.keysNew(args[0], o) },
	}
	flags := fresh.Flags()
	flags.StringVar(&o.out, "out", "", "file of the private key (required); beside it .pub or .pem")
	flags.StringVar(&o.algorithm, "algorithm", string(pki.GOST256), "of a signing key: gost256, gost512, rsa, ecdsa-p256, ecdsa-p384")
	flags.StringVar(&o.name, "name", "bankconnector", "common name, or the comment of an SSH key")
	flags.StringVar(&o.organization, "organization", "", "organisation in the certificate")
	flags.StringVar(&o.innle, "inn", "", "ИНН of the legal entity (1.2.643.100.4)")
	flags.StringVar(&o.ogrn, "ogrn", "", "ОГРН (1.2.643.100.1)")
	flags.IntVar(&o.days, "days", 365, "validity of the self-signed certificate")
	list := a.configFlag(&cobra.Command{
		Use: "list", Short: a.say("Every certificate of the installation and its end", "Все сертификаты установки и их сроки"), Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.keysList() },
	})
	c.AddCommand(fresh, list)
	return c
}

func (a *app) keysNew(kind string, o keysOptions) error {
	if o.out == "" {
		return usage("keys new needs --out FILE")
	}
	switch kind {
	case "ssh":
		return a.announce(keys.NewSSH(o.out, o.name))
	case "signing":
		s := pki.Subject{CommonName: o.name, Organization: o.organization, INNLE: o.innle, OGRN: o.ogrn}
		return a.announce(keys.NewSigning(o.out, pki.Algorithm(o.algorithm), s, keys.Validity{From: a.now(), Until: a.now().AddDate(0, 0, o.days)}))
	default:
		return usage("keys new %q: write ssh or signing", kind)
	}
}

func (a *app) announce(m keys.Pair, err error) error {
	if errors.Is(err, keys.ErrExists) || errors.Is(err, fs.ErrInvalid) {
		return withCode(exitData, err)
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.report(m)
	}
	a.printf("%s\n%s\n%s\n", m.Private, m.Public, m.Fingerprint)
	return nil
}

func (a *app) keysList() error {
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	list, err := plan.Keys()
	if err != nil {
		return withCode(exitConfig, err)
	}
	if a.json {
		return a.report(list)
	}
	t := a.table()
	t.AppendHeader(table.Row{a.say("Bank", "Банк"), a.say("What", "Что"), a.say("Subject", "Владелец"), a.say("Until", "До"), a.say("Days left", "Осталось дней")})
	for _, k := range list {
		t.AppendRow(table.Row{k.Bank, k.What, k.Subject, k.NotAfter.Local().Format(time.DateOnly), int(k.NotAfter.Sub(a.now()).Hours() / 24)})
	}
	t.Render()
	return nil
}
