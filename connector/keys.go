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
	"bankconnector/formats/check"
)

// keysOptions are the flags of keys new, request and import.
type keysOptions struct {
	algorithm, out string
	subject        pki.Subject
	days           int
	file           keys.File
	next           bool // the key of signing.next
}

func (a *app) keysCommand() *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: a.say("SSH and signing keys", "Ключи SSH и подписи")}
	var o keysOptions
	fresh := &cobra.Command{
		Use: "new ssh|signing", Short: a.say("Make a key pair; an existing file is never replaced", "Создать пару ключей; существующий файл не заменяется"),
		Args: cobra.ExactArgs(1), ValidArgs: []string{"ssh", "signing"},
		RunE: func(_ *cobra.Command, args []string) error { return a.keysNew(args[0], o) },
	}
	request := &cobra.Command{
		Use: "request", Short: a.say("Ask an authority for a certificate (PKCS#10)", "Запрос сертификата в УЦ (PKCS#10)"), Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withKey(c, o, func(k keys.Key) (keys.Pair, error) { return keys.Request(k, o.subject, o.out) })
		},
	}
	imported := &cobra.Command{
		Use: "import CERTIFICATE", Short: a.say("Put an issued certificate beside its key", "Поместить выпущенный сертификат рядом с ключом"), Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withKey(c, o, func(k keys.Key) (keys.Pair, error) { return keys.Import(args[0], k, o.out, a.now()) })
		},
	}
	for _, s := range []*cobra.Command{fresh, request} {
		s.Flags().StringVar(&o.subject.CommonName, "name", "bankconnector", "common name, or the comment of an SSH key")
		s.Flags().StringVar(&o.subject.Organization, "organization", "", "organisation in the certificate")
		s.Flags().StringVar(&o.subject.INNLE, "inn", "", "ИНН of the legal entity (1.2.643.100.4)")
		s.Flags().StringVar(&o.subject.OGRN, "ogrn", "", "ОГРН (1.2.643.100.1)")
	}
	for _, s := range []*cobra.Command{request, imported} {
		s.Flags().StringVar(&o.file.Path, "key", "", "file of the private key; without it -c says where the key is: a file, a token")
		s.Flags().StringVar(&o.file.Password, "password-file", "", "file of the key's password")
		s.Flags().StringVar(&o.out, "out", "", "file to write; beside the key by default, with -c where the configuration has the certificate")
		s.Flags().BoolVar(&o.next, "next", false, "with -c: the key of signing.next")
		a.configFlag(s)
	}
	fresh.Flags().StringVar(&o.out, "out", "", "file of the private key (required); beside it .pub or .pem")
	fresh.Flags().StringVar(&o.algorithm, "algorithm", string(pki.GOST256), "of a signing key: gost256, gost512, rsa, ecdsa-p256, ecdsa-p384")
	fresh.Flags().IntVar(&o.days, "days", 365, "validity of the self-signed certificate")
	c.AddCommand(fresh, request, imported, a.configFlag(&cobra.Command{
		Use: "list", Short: a.say("Every certificate of the installation and its end", "Все сертификаты установки и их сроки"), Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.keysList() },
	}))
	return c
}

func (a *app) keysNew(kind string, o keysOptions) error {
	switch {
	case o.out == "":
		return usage("keys new needs --out FILE")
	case kind == "ssh" && (o.algorithm != string(pki.GOST256) || o.subject.Organization+o.subject.INNLE+o.subject.OGRN != ""):
		return usage("keys new ssh makes an Ed25519 key and takes --out and --name, nothing of a certificate")
	case o.subject.INNLE != "" && check.INN(o.subject.INNLE) != check.Why{}, o.subject.OGRN != "" && check.OGRN(o.subject.OGRN) != check.Why{}:
		return usage("--inn %q, --ogrn %q: a check digit is wrong, or the number is none", o.subject.INNLE, o.subject.OGRN)
	case o.days < 1 || o.days > 15*366:
		return usage("--days %d: a certificate holds 1 day to 15 years", o.days)
	case kind == "ssh":
		return a.announce(keys.NewSSH(o.out, o.subject.CommonName))
	case kind == "signing":
		return a.announce(keys.NewSigning(o.out, pki.Algorithm(o.algorithm), o.subject, keys.Validity{From: a.now(), Until: a.now().AddDate(0, 0, o.days)}))
	default:
		return usage("keys new %q: write ssh or signing", kind)
	}
}

// withKey does something with the key of the command line, or with the one that the configuration signs with.
func (a *app) withKey(c *cobra.Command, o keysOptions, do func(keys.Key) (keys.Pair, error)) error {
	configured := c.Flags().Changed("config")
	if configured == (o.file.Path != "") || o.next && !configured {
		return usage("keys %s needs --key FILE, or -c for the key that signing names (with --next signing.next)", c.Name())
	}
	if !configured {
		key, err := o.file.Open()
		if err != nil {
			return a.announce(keys.Pair{}, err)
		}
		return a.announce(do(key))
	}
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	h, err := plan.Config.Signing.Hold(c.Context(), o.next)
	if err != nil {
		return withCode(exitConfig, err)
	}
	defer func() { _ = h.Close() }()
	return a.announce(do(keys.Key{Public: h.Public, Sign: h.Sign, Name: h.Name, Certificate: h.Certificate}))
}

func (a *app) announce(m keys.Pair, err error) error {
	switch {
	case errors.Is(err, keys.ErrWrong):
		return usage("%w", err)
	case errors.Is(err, fs.ErrNotExist):
		return unread(err)
	case errors.Is(err, keys.ErrExists) || errors.Is(err, fs.ErrInvalid):
		return withCode(exitData, err)
	case err != nil:
		return err
	case a.json:
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
	a.zone = plan.Calendar.Zone()
	list, err := plan.Keys()
	if err != nil {
		return withCode(exitConfig, err)
	}
	if a.json {
		return a.report(list)
	}
	t := a.table()
	t.AppendHeader(table.Row{a.say("Bank", "Банк"), a.say("What", "Что"), a.say("Subject", "Владелец"), a.clock("Until", "До"), a.say("Days left", "Осталось дней")})
	for _, k := range list {
		t.AppendRow(table.Row{k.Bank, k.What, k.Subject, k.NotAfter.In(a.zone).Format(time.DateOnly), int(k.NotAfter.Sub(a.now()).Hours() / 24)})
	}
	t.Render()
	return nil
}
