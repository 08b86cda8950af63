package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"bankconnector/connector/install"
	"bankconnector/connector/keys"
	"bankconnector/connector/signature"
	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
	"bankconnector/internal/durable"
)

// signatureOptions are the flags of signature sign and verify.
type signatureOptions struct {
	file, signature, out string
	key, certificate     string
	password             string
	daemon               bool // sign as the daemon does
	at, bank             string
	count                int
	trust                signature.Trust
}

func (a *app) signatureCommand() *cobra.Command {
	c := &cobra.Command{Use: "signature", Short: a.say("Make, verify and explain detached signatures", "Создать, проверить и объяснить откреплённую подпись")}
	var o signatureOptions
	sign := &cobra.Command{
		Use: "sign", Short: a.say("Sign a file (CAdES-BES, detached)", "Подписать файл (CAdES-BES, откреплённая)"), Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.daemon = c.Flags().Changed("config")
			return a.signatureSign(c.Context(), o)
		},
	}
	sign.Flags().StringVar(&o.file, "file", "", "file to sign")
	sign.Flags().StringVar(&o.key, "key", "", "private key (PKCS#8)")
	sign.Flags().StringVar(&o.password, "password-file", "", "file of the key's password")
	sign.Flags().StringVar(&o.certificate, "cert", "", "its certificate")
	sign.Flags().StringVar(&o.out, "out", "", "signature to write; FILE.sig by default; an existing file is not replaced")
	verify := &cobra.Command{
		Use: "verify", Short: a.say("Verify a signature; exit 0 only for a valid one, 65 for any other, 66 when a file is missing", "Проверить подпись; код 0 только для верной, 65 для любой другой, 66 если файла нет"), Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.signatureVerify(o) },
	}
	flags := verify.Flags()
	flags.StringVar(&o.file, "file", "", "signed file")
	flags.StringVar(&o.signature, "signature", "", "signature (.sig, .p7s); FILE.sig by default")
	flags.StringSliceVar(&o.trust.Signers, "signer", nil, "certificate that may have signed (may be repeated)")
	flags.StringVar(&o.at, "at", "", "moment to judge by, RFC 3339; now by default")
	flags.StringVar(&o.bank, "bank", "", "judge as this bank's profile does (needs -c)")
	flags.IntVar(&o.count, "signatures", 1, "how many signers the message must have")
	o.trust.Flags(flags.StringSliceVar, flags.BoolVar)
	inspect := &cobra.Command{
		Use: "inspect FILE", Short: a.say("Explain what a signature says, without trusting it", "Объяснить, что говорит подпись, не доверяя ей"), Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.signatureInspect(args[0]) },
	}
	c.AddCommand(a.configFlag(sign), a.configFlag(verify), inspect)
	return c
}

func (a *app) signatureSign(ctx context.Context, o signatureOptions) error {
	if o.file == "" || (o.key == "") != (o.certificate == "") || o.key == "" && !o.daemon {
		return usage("signature sign needs --file, and --key with --cert, or -c to sign as the daemon does: key file, token or program")
	}
	content, err := os.ReadFile(o.file)
	if err != nil {
		return unread(err)
	}
	signer, done, err := a.signer(ctx, o)
	if err != nil {
		return err
	}
	defer done()
	sig, err := signer.Sign(ctx, content, a.now())
	if err != nil {
		return err
	}
	if o.out == "" {
		o.out = o.file + ".sig"
	}
	if err := durable.Create(o.out, sig, 0o644); errors.Is(err, fs.ErrExist) {
		return withCode(exitData, fmt.Errorf(a.say("%s is there already and is not replaced: remove it, or name another file with --out", "%s уже есть и не заменяется: удалите его или укажите другой файл в --out"), o.out))
	} else if err != nil {
		return fmt.Errorf("write signature: %w", err)
	}
	if a.json {
		return a.report(map[string]any{"signature": o.out, "signer": signer.Certificate().Subject().Text, "bytes": len(sig)})
	}
	a.printf("%s\n", o.out)
	return nil
}

// signer opens a key of the command line, or what the configuration signs with.
func (a *app) signer(ctx context.Context, o signatureOptions) (s *cms.Signer, done func(), err error) {
	if o.key == "" {
		plan, err := install.Read(a.config)
		if err != nil {
			return nil, nil, err
		}
		own, err := plan.Sign(ctx, a.now())
		if err != nil {
			return nil, nil, withCode(exitConfig, err)
		}
		return own.Signer, func() { _ = own.Close() }, nil
	}
	key, err := keys.File{Path: o.key, Password: o.password}.Read()
	if err != nil {
		return nil, nil, unread(err)
	}
	certs, err := signature.Certificates([]string{o.certificate})
	if err != nil {
		return nil, nil, unread(err)
	}
	s, err = cms.NewSigner(certs[0], key, rand.Reader)
	return s, func() {}, err
}

func (a *app) signatureVerify(o signatureOptions) error {
	if o.file == "" {
		return usage("signature verify needs --file")
	}
	if o.signature == "" {
		o.signature = o.file + ".sig"
	}
	policy, err := a.policy(o)
	var weak *pki.Refusal
	if errors.As(err, &weak) { // a certificate that nobody may sign with is a verdict, not a mistake of the caller's
		return a.verdict(cms.Verdict{Status: cms.Invalid, Code: weak.Code, Detail: weak.Detail})
	}
	if err != nil {
		return err
	}
	at := a.now()
	if o.at != "" {
		if at, err = time.Parse(time.RFC3339, o.at); err != nil {
			return usage("--at %q: write RFC 3339, such as 2026-11-22T12:00:00Z", o.at)
		}
	}
	content, err := os.ReadFile(o.file)
	if err != nil {
		return unread(err)
	}
	sig, err := os.ReadFile(o.signature)
	if err != nil {
		return unread(err)
	}
	return a.verdict(policy.Verify(content, sig, at))
}

// verdict prints a verdict; the error carries the exit code of a refusal.
func (a *app) verdict(v cms.Verdict) error {
	if err := a.printVerdict(v); err != nil {
		return err
	}
	if !v.Valid() {
		return withCode(exitData, errors.New(a.say("the signature is not accepted: ", "подпись не принята: ")+v.Code))
	}
	return nil
}

// policy is what the command line, or a bank's profile, trusts.
func (a *app) policy(o signatureOptions) (*cms.Policy, error) {
	p := &cms.Policy{}
	if o.bank != "" {
		plan, err := install.Read(a.config)
		if err != nil {
			return nil, err
		}
		list, err := plan.Select([]string{o.bank})
		if err != nil {
			return nil, usage("%w", err)
		}
		if p, err = plan.Policy(list[0]); err != nil {
			return nil, err
		}
	}
	if len(o.trust.Signers) == 0 && o.bank == "" {
		return nil, usage("signature verify needs --signer CERT or --bank BIC: a signature is only as good as the certificate it is held against")
	}
	if o.bank == "" || o.count != 1 {
		p.Signatures = o.count
	}
	return p, unread(o.trust.Apply(p, a.now))
}

func (a *app) printVerdict(v cms.Verdict) error {
	out := signature.Tell(v, a.lang)
	if a.json {
		return a.report(out)
	}
	a.printf("%s %s\n%s\n", out.Status, out.Code, out.Text)
	if out.Signer != "" {
		a.printf(a.say("signer: %s\nSHA-256 of the certificate: %s\n", "подписал: %s\nSHA-256 сертификата: %s\n"), out.Signer, out.Fingerprint)
	}
	return nil
}

func (a *app) signatureInspect(path string) error {
	sig, err := os.ReadFile(path)
	if err != nil {
		return unread(err)
	}
	info, err := cms.Inspect(sig)
	if err != nil {
		return withCode(exitData, err)
	}
	if a.json {
		return a.report(info)
	}
	a.printf("%s\n", info.Text(a.lang))
	return nil
}
