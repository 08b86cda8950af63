package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"bankconnector/banks"
	"bankconnector/connector/install"
	"bankconnector/connector/spool"
	"bankconnector/crypto/cms"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// sampleOptions are the flags of sample.
type sampleOptions struct {
	documents int
	seed      int64
	official  string
}

func (a *app) sampleCommand() *cobra.Command {
	var o sampleOptions
	c := &cobra.Command{
		Use: "sample", Short: a.say("Put sample documents for each bank into the office inbox", "Положить образцы документов для каждого банка во входную папку"), Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.sample(c.Context(), o) },
	}
	c.Flags().IntVar(&o.documents, "documents", 20, "how many for each bank")
	c.Flags().Int64Var(&o.seed, "seed", 0, "draws the documents and their keys; 0: a new one each time")
	c.Flags().StringVar(&o.official, "official", "", "PATH of a bailiff's key: the orders get signed originals by PATH.key and PATH.pem\n(keys/official beside the configuration, where there is one)")
	return a.configFlag(c)
}

func (a *app) sample(ctx context.Context, o sampleOptions) error {
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	if o.seed == 0 {
		o.seed = a.now().UnixNano()
	}
	office, err := spool.OpenOffice(plan.Config.OfficeDir, int64(plan.Config.Office.FileSize))
	if err != nil {
		return err
	}
	official, err := openOfficial(plan, o.official)
	if err != nil {
		return err
	}
	keys, err := a.putSamples(ctx, office, plan.Registry.All(), o, official)
	if err != nil {
		return err
	}
	if a.json {
		return a.report(map[string]any{"banks": len(plan.Registry.All()), "documents": len(keys), "seed": o.seed})
	}
	a.printf(a.say("%d documents for %d banks in %s (seed %d)\n", "документов %d для банков %d в %s (seed %d)\n"), len(keys), len(plan.Registry.All()), plan.Config.OfficeDir, o.seed)
	return nil
}

// openOfficial opens the bailiff's key that signs the originals of samples, or nil.
func openOfficial(plan *install.Plan, path string) (*cms.Signer, error) {
	asked := path != ""
	if !asked {
		path = filepath.Join(filepath.Dir(plan.Path), "keys", "official")
	}
	if _, err := os.Stat(path + ".key"); errors.Is(err, fs.ErrNotExist) && !asked {
		return nil, nil
	}
	return openSigner(path)
}

// putSamples leaves o.documents samples for each bank and returns the addressee of each
// key.
func (a *app) putSamples(ctx context.Context, office *spool.Office, list []*banks.Bank, o sampleOptions, official *cms.Signer) (map[string]string, error) {
	keys := make(map[string]string)
	sampler := formats.NewSampler(o.seed, a.now())
	for _, b := range list {
		bank := formats.SampleBank{BIC: string(b.BIC), Name: b.Name, INN: b.INN, KPP: b.KPP, OGRN: b.OGRN}
		for _, s := range sampler.Next(bank, o.documents) {
			name, data, err := a.officeFile(ctx, s, official)
			if err == nil {
				err = office.Submit(string(b.BIC), name, data)
			}
			if err != nil {
				return nil, fmt.Errorf("sample for bank %s: %w", b.BIC, err)
			}
			keys[s.Document.Key()] = string(b.BIC)
		}
	}
	return keys, nil
}

// officeFile is a sample as the bailiffs' system would leave it: a query as XML, an order
// as a ZIP with its signed original.
func (a *app) officeFile(ctx context.Context, s formats.Sample, official *cms.Signer) (string, []byte, error) {
	stem := s.Document.Kind().Prefix() + "_" + s.Document.Key()
	if official == nil || s.Original == nil {
		return stem + ".xml", s.XML, nil
	}
	sig, err := official.Sign(ctx, s.Original, a.now())
	if err != nil {
		return "", nil, err
	}
	data, err := envelope.Seal([]envelope.Entry{
		{Name: "restrictn_" + s.Document.Key() + ".xml", Data: s.XML},
		{Name: stem + ".xml", Data: s.Original},
		{Name: stem + ".xml.sig", Data: sig},
	})
	return stem + ".zip", data, err
}
