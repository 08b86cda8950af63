package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"bankconnector/connector/evidence"
	"bankconnector/connector/install"
	"bankconnector/connector/story"
)

func (a *app) evidenceCommand() *cobra.Command {
	var out string
	var asice bool
	c := &cobra.Command{
		Use: "evidence ID|KEY", Args: cobra.ExactArgs(1),
		Short: a.say("One archive that proves one document to a stranger", "Архив, который доказывает один документ постороннему"),
		RunE:  func(c *cobra.Command, args []string) error { return a.evidence(c.Context(), args[0], out, asice) },
	}
	c.Flags().StringVar(&out, "out", "", "file to write; evidence_ID.zip or evidence_ID.asice by default")
	c.Flags().BoolVar(&asice, "asice", false, "an ASiC-E container, signed with the service's signing key, instead of a plain ZIP")
	return a.configFlag(c)
}

// openCase opens what evidence is taken from; close its Book.
func (a *app) openCase(ctx context.Context) (*install.Plan, evidence.Case, error) {
	plan, err := install.Read(a.config)
	if err != nil {
		return nil, evidence.Case{}, err
	}
	c, err := plan.Case(ctx)
	return plan, c, err
}

func (a *app) evidence(ctx context.Context, ref, out string, asice bool) error {
	plan, c, err := a.openCase(ctx)
	if err != nil {
		return err
	}
	defer c.Book.Close()
	x, err := story.Find(ctx, c.Book, ref)
	if err != nil {
		return err
	}
	suffix := ".zip"
	if asice {
		suffix = ".asice"
		own, err := plan.Sign(ctx, a.now())
		if err != nil {
			return err
		}
		defer own.Close()
		c.Sign = func(content []byte) ([]byte, error) { return own.Sign(ctx, content, a.now()) }
	}
	if out == "" {
		out = fmt.Sprintf("evidence_%d%s", x.ID, suffix)
	}
	if err := c.PackFile(ctx, x.ID, out); err != nil {
		return err
	}
	if a.json {
		return a.report(map[string]any{"file": out, "exchange": x.ID})
	}
	a.printf(a.say("%s: unpack it and run sh check.sh, or read README.en.txt\n", "%s: распакуйте и запустите sh check.sh, или прочтите README.ru.txt\n"), out)
	return nil
}
