package main

import (
	"context"

	"github.com/spf13/cobra"

	"bankconnector/connector/install"
	"bankconnector/connector/practice"
	"bankconnector/connector/spool"
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
	official, err := practice.OpenOfficial(plan, o.official)
	if err != nil {
		return err
	}
	keys, err := practice.Samples{Documents: o.documents, Seed: o.seed, Official: official, Now: a.now}.Put(ctx, office, plan.Registry.All())
	if err != nil {
		return err
	}
	if a.json {
		return a.report(map[string]any{"banks": len(plan.Registry.All()), "documents": len(keys), "seed": o.seed})
	}
	a.printf(a.say("%d documents for %d banks in %s (seed %d)\n", "документов %d для банков %d в %s (seed %d)\n"), len(keys), len(plan.Registry.All()), plan.Config.OfficeDir, o.seed)
	return nil
}
