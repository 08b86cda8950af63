package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"bankconnector/connector/install"
	"bankconnector/crypto/pki"
	"bankconnector/internal/durable"
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
		return a.announce(newSSHKey(o.out, o.name))
	case "signing":
		s := pki.Subject{CommonName: o.name, Organization: o.organization, INNLE: o.innle, OGRN: o.ogrn}
		return a.announce(newSigningKey(o.out, pki.Algorithm(o.algorithm), s, validity{a.now(), a.now().AddDate(0, 0, o.days)}))
	default:
		return usage("keys new %q: write ssh or signing", kind)
	}
}

// made is a key pair that was written.
type made struct {
	Private     string `json:"private"`
	Public      string `json:"public"`
	Fingerprint string `json:"fingerprint"`
}

func (a *app) announce(m made, err error) error {
	if err != nil {
		return err
	}
	if a.json {
		return a.report(m)
	}
	a.printf("%s\n%s\n%s\n", m.Private, m.Public, m.Fingerprint)
	return nil
}

// newSSHKey makes an Ed25519 key: OpenSSH PEM in path, the public line in path.pub.
func newSSHKey(path, comment string) (made, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return made{}, fmt.Errorf("make SSH key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return made{}, fmt.Errorf("make SSH key: %w", err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		return made{}, fmt.Errorf("make SSH key: %w", err)
	}
	text := fmt.Sprintf("%s %s\n", trimmed(ssh.MarshalAuthorizedKey(line)), comment)
	m := made{Private: path, Public: path + ".pub", Fingerprint: ssh.FingerprintSHA256(line)}
	return m, writePair(m, pem.EncodeToMemory(block), []byte(text))
}

func trimmed(line []byte) []byte {
	for len(line) > 0 && line[len(line)-1] == '\n' {
		line = line[:len(line)-1]
	}
	return line
}

// validity is the time in which a certificate holds.
type validity struct{ from, until time.Time }

// newSigningKey makes a signing key and a certificate of its own signature: for stands
// and rehearsals. Qualified signatures need a certificate of an accredited authority
// (63-ФЗ); for one, make a request.
func newSigningKey(path string, algorithm pki.Algorithm, subject pki.Subject, v validity) (made, error) {
	key, err := pki.GenerateKey(algorithm, rand.Reader)
	if err != nil {
		return made{}, fmt.Errorf("make signing key: %w", err)
	}
	t := pki.Template{Subject: subject, NotBefore: v.from.Add(-time.Hour), NotAfter: v.until}
	cert, err := pki.IssueCertificate(t, key.Public(), nil, key, rand.Reader)
	if err != nil {
		return made{}, fmt.Errorf("make certificate: %w", err)
	}
	text, err := pki.MarshalPrivateKey(key)
	if err != nil {
		return made{}, fmt.Errorf("make signing key: %w", err)
	}
	public := path[:len(path)-len(filepath.Ext(path))] + ".pem"
	if public == path {
		return made{}, usage("--out %q: the private key cannot end in .pem, where its certificate goes", path)
	}
	m := made{Private: path, Public: public, Fingerprint: cert.Fingerprint()}
	return m, writePair(m, text, pki.MarshalCertificate(cert))
}

// writePair writes the public part first: a private key without it is what a crash must
// not leave in use.
func writePair(m made, private, public []byte) error {
	if _, err := os.Lstat(m.Private); err == nil {
		return withCode(exitData, fmt.Errorf("%s is there already; keys are never replaced", m.Private))
	}
	if err := durable.MkdirAll(filepath.Dir(m.Private), 0o700); err != nil {
		return err
	}
	return errors.Join(durable.Create(m.Public, public, 0o644), durable.Create(m.Private, private, 0o600))
}

func (a *app) keysList() error {
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	keys, err := plan.Keys()
	if err != nil {
		return withCode(exitConfig, err)
	}
	if a.json {
		return a.report(keys)
	}
	t := a.table()
	t.AppendHeader(table.Row{a.say("Bank", "Банк"), a.say("What", "Что"), a.say("Subject", "Владелец"), a.say("Until", "До"), a.say("Days left", "Осталось дней")})
	for _, k := range keys {
		t.AppendRow(table.Row{k.Bank, k.What, k.Subject, k.NotAfter.Local().Format(time.DateOnly), int(k.NotAfter.Sub(a.now()).Hours() / 24)})
	}
	t.Render()
	return nil
}
