package main

import (
	"context"

	"github.com/spf13/cobra"

	"bankconnector/banks"
	"bankconnector/connector/approval"
	"bankconnector/connector/flow/act"
	"bankconnector/connector/install"
)

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: a.say("Check the configuration", "Проверить конфигурацию")}
	check := a.configFlag(&cobra.Command{
		Use: "check", Short: a.say("Find every fault of config.yaml and the bank files", "Найти все ошибки config.yaml и файлов банков"), Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.configCheck(c.Context()) },
	})
	schema := &cobra.Command{
		Use: "schema [bank|config]", Short: a.say("Print the JSON Schema for an editor", "Напечатать JSON Schema для редактора"),
		Args: cobra.MaximumNArgs(1), ValidArgs: []string{"bank", "config"},
		RunE: func(_ *cobra.Command, args []string) error { return a.configSchema(args) },
	}
	var reason string
	approve := a.configFlag(&cobra.Command{
		Use: "approve --reason TEXT", Short: a.say("Let a configuration pass that turns a bank, or takes one with open documents away", "Одобрить конфигурацию, которая меняет ключ или адресата банка или убирает банк с документами"), Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.configApprove(c.Context(), reason) },
	})
	approve.Flags().StringVar(&reason, "reason", "", a.say("why; it stands in the journal for ever (required)", "почему; остаётся в журнале навсегда (обязательно)"))
	c.AddCommand(check, schema, approve)
	return c
}

// configApprove records a person's approval; the next reload or start heeds it.
func (a *app) configApprove(ctx context.Context, reason string) error {
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	out, err := install.Act(ctx, plan, install.Options{Now: a.now, Log: a.logger()}, act.Request{Act: approval.Act, Reason: reason})
	if err != nil {
		return a.unrefused(err)
	}
	if a.json {
		return a.report(out)
	}
	for _, t := range approval.Told(out) {
		a.printf("%s\n", a.say(t.EN, t.RU))
	}
	return nil
}

func (a *app) configCheck(ctx context.Context) error {
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	keys, err := plan.Keys()
	if err != nil {
		return withCode(exitConfig, err)
	}
	warnings, err := plan.Rehearse(ctx, a.now())
	if err != nil {
		return withCode(exitConfig, err)
	}
	count := map[banks.State]int{}
	for _, b := range plan.Registry.All() {
		count[b.State]++
	}
	if a.json {
		return a.report(map[string]any{"file": plan.Path, "banks": count, "keys": len(keys), "problems": []string{}, "warnings": warnings})
	}
	a.printf(a.say("%s is sound: %d active, %d testing, %d suspended banks, %d certificates\n",
		"%s в порядке: банков действующих %d, на испытании %d, приостановленных %d, сертификатов %d\n"),
		plan.Path, count[banks.StateActive], count[banks.StateTesting], count[banks.StateSuspended], len(keys))
	for _, w := range warnings {
		a.printf("%s %s %s\n", a.say("warning:", "предупреждение:"), w.Bank, w.Text)
	}
	return nil
}

// configSchema prints the schema of a bank file, or of config.yaml.
func (a *app) configSchema(args []string) error {
	schema := banks.Schema
	switch {
	case len(args) == 1 && args[0] == "config":
		schema = install.Schema
	case len(args) == 1 && args[0] != "bank":
		return usage("schema %q: write bank or config", args[0])
	}
	text, err := schema()
	if err != nil {
		return err
	}
	a.printf("%s", text)
	return nil
}
