package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
)

// signatureOptions are the flags of signature sign and verify.
type signatureOptions struct {
	file, signature, out string
	key, certificate     string
	signers              []string
	at                   string
	bank                 string
	ber                  bool
}

func (a *app) signatureCommand() *cobra.Command {
	c := &cobra.Command{Use: "signature", Short: a.say("Make, verify and explain detached signatures", "Создать, проверить и объяснить откреплённую подпись")}
	var o signatureOptions
	sign := &cobra.Command{
		Use: "sign", Short: a.say("Sign a file (CAdES-BES, detached)", "Подписать файл (CAdES-BES, откреплённая)"), Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.signatureSign(c.Context(), o) },
	}
	sign.Flags().StringVar(&o.file, "file", "", "file to sign")
	sign.Flags().StringVar(&o.key, "key", "", "private key (PKCS#8)")
	sign.Flags().StringVar(&o.certificate, "cert", "", "its certificate")
	sign.Flags().StringVar(&o.out, "out", "", "signature to write; FILE.sig by default")
	verify := &cobra.Command{
		Use: "verify", Short: a.say("Verify a signature; exit 0 only for a valid one, 65 otherwise", "Проверить подпись; код 0 только для верной, иначе 65"), Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.signatureVerify(o) },
	}
	flags := verify.Flags()
	flags.StringVar(&o.file, "file", "", "signed file")
	flags.StringVar(&o.signature, "signature", "", "signature (.sig, .p7s); FILE.sig by default")
	flags.StringSliceVar(&o.signers, "signer", nil, "certificate that may have signed (may be repeated)")
	flags.StringVar(&o.at, "at", "", "moment to judge by, RFC 3339; now by default")
	flags.StringVar(&o.bank, "bank", "", "take the signers of this bank's profile (needs -c)")
	flags.BoolVar(&o.ber, "ber", true, "accept BER with indefinite lengths, as Java providers write it")
	inspect := &cobra.Command{
		Use: "inspect FILE", Short: a.say("Explain what a signature says, without trusting it", "Объяснить, что говорит подпись, не доверяя ей"), Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.signatureInspect(args[0]) },
	}
	c.AddCommand(sign, a.configFlag(verify), inspect)
	return c
}

func (a *app) signatureSign(ctx context.Context, o signatureOptions) error {
	if o.file == "" || o.key == "" || o.certificate == "" {
		return usage("signature sign needs --file, --key and --cert")
	}
	content, err := os.ReadFile(o.file)
	if err != nil {
		return withCode(exitData, err)
	}
	key, err := pki.ReadKeyFile(o.key)
	if err != nil {
		return err
	}
	certs, err := certificates([]string{o.certificate})
	if err != nil {
		return err
	}
	signer, err := cms.NewSigner(certs[0], key, rand.Reader)
	if err != nil {
		return err
	}
	sig, err := signer.Sign(ctx, content, a.now())
	if err != nil {
		return err
	}
	if o.out == "" {
		o.out = o.file + ".sig"
	}
	if err := os.WriteFile(o.out, sig, 0o644); err != nil { //nolint:gosec // a signature is public
		return fmt.Errorf("write signature: %w", err)
	}
	if a.json {
		return a.report(map[string]any{"signature": o.out, "signer": certs[0].Subject().Text, "bytes": len(sig)})
	}
	a.printf("%s\n", o.out)
	return nil
}

// certificates reads every certificate of the files.
func certificates(paths []string) ([]*pki.Certificate, error) {
	var all []*pki.Certificate
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, withCode(exitData, err)
		}
		list, err := pki.ReadCertificates(data)
		if err != nil || len(list) == 0 {
			return nil, withCode(exitData, fmt.Errorf("read certificate %s: %w", path, err))
		}
		all = append(all, list...)
	}
	return all, nil
}

// verified is the JSON of signature verify.
type verified struct {
	Status      string     `json:"status"`
	Code        string     `json:"code,omitempty"`
	Detail      string     `json:"detail,omitempty"`
	Signer      string     `json:"signer,omitempty"`
	Fingerprint string     `json:"fingerprint,omitempty"`
	SigningTime *time.Time `json:"signing_time,omitempty"`
	Text        string     `json:"text"`
}

func (a *app) signatureVerify(o signatureOptions) error {
	if o.file == "" {
		return usage("signature verify needs --file")
	}
	if o.signature == "" {
		o.signature = o.file + ".sig"
	}
	policy, err := a.policy(o)
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
		return withCode(exitData, err)
	}
	sig, err := os.ReadFile(o.signature)
	if err != nil {
		return withCode(exitData, err)
	}
	v := policy.Verify(content, sig, at)
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
	p := &cms.Policy{BER: o.ber}
	if o.bank != "" {
		b, err := a.one(o.bank)
		if err != nil {
			return nil, err
		}
		for _, s := range b.Signers {
			o.signers = append(o.signers, s.CertificateFile)
		}
	}
	if len(o.signers) == 0 {
		return nil, usage("signature verify needs --signer CERT or --bank BIC: a signature is only as good as the certificate it is held against")
	}
	certs, err := certificates(o.signers)
	if err != nil {
		return nil, err
	}
	for _, c := range certs {
		p.Signers = append(p.Signers, cms.Pin{Certificate: c})
	}
	return p, nil
}

func (a *app) printVerdict(v cms.Verdict) error {
	out := verified{Status: string(v.Status), Code: v.Code, Detail: v.Detail, Text: v.Text(a.lang)}
	if v.Signer != nil {
		out.Signer, out.Fingerprint = v.Signer.Subject().Text, v.Signer.Fingerprint()
	}
	if !v.SigningTime.IsZero() {
		out.SigningTime = &v.SigningTime
	}
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
		return withCode(exitData, err)
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
