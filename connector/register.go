package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"bankconnector/connector/evidence/ledger"
	"bankconnector/connector/evidence/table"
	"bankconnector/connector/install"
)

func (a *app) registerCommands() []*cobra.Command {
	var day, bank, dir, format string
	register := &cobra.Command{
		Use: "register --day D", Args: cobra.NoArgs, Short: a.say("Signed registers of what was sent on a day, a file for each bank", "Подписанные реестры отправленного за день, файл на банк"),
		RunE: func(c *cobra.Command, _ []string) error { return a.register(c.Context(), day, bank, dir) },
	}
	register.Flags().StringVar(&dir, "out", ".", "folder for the registers")
	var reason string
	var dry bool
	reconcile := &cobra.Command{
		Use: "reconcile FILE --bank BIC", Args: cobra.ExactArgs(1), Short: a.say("Compare a bank's own register (CSV or JSON lines) with the journal", "Сверить реестр банка (CSV или JSON) с журналом"),
		Long: a.say("Every difference is named. With --reason each also becomes an act in your name: the document becomes Suspect, if\nanything is left to decide about it. The same difference is recorded once.",
			"Каждое расхождение названо. С --reason каждое становится действием от вашего имени: документ переходит в Suspect,\nесли о нём ещё можно что-то решить. Одно и то же расхождение записывается один раз."),
		RunE: func(c *cobra.Command, args []string) error {
			if dry {
				reason = ""
			}
			return a.reconcile(c.Context(), args[0], bank, day, reason)
		},
	}
	reconcile.Flags().StringVar(&reason, "reason", "", a.say("record the differences, with this reason; without it nothing is written", "записать расхождения, с этой причиной; без неё ничего не записывается"))
	reconcile.Flags().BoolVar(&dry, "dry-run", false, a.say("write nothing, whatever else is given", "ничего не записывать, что бы ещё ни было указано"))
	for _, c := range []*cobra.Command{register, reconcile} {
		c.Flags().StringVar(&day, "day", "", "day of the installation's time zone, as 2026-11-22")
		c.Flags().StringVar(&bank, "bank", "", "BIC")
	}
	var file string
	export := &cobra.Command{
		Use: "export VIEW|SQL", Args: cobra.ExactArgs(1), Short: a.say("Write a view or the rows of a SELECT as "+table.Formats, "Выгрузить представление или SELECT: "+table.Formats),
		RunE: func(c *cobra.Command, args []string) error {
			return a.reports(c.Context(), func(db *sql.DB) error {
				if file != "" {
					return table.ExportFile(c.Context(), db, args[0], format, file)
				}
				return table.Export(c.Context(), db, args[0], format, a.out)
			})
		},
	}
	export.Flags().StringVar(&format, "format", "csv", table.Formats)
	export.Flags().StringVar(&file, "out", "", a.say("new file to write; the output by default", "новый файл; по умолчанию вывод"))
	return []*cobra.Command{a.configFlag(register), a.configFlag(reconcile), a.monthsFlag(export)}
}

func (a *app) register(ctx context.Context, day, bank, dir string) error {
	plan, c, err := a.openCase(ctx)
	if err != nil {
		return err
	}
	defer c.Book.Close()
	of, err := plan.Day(day)
	if err != nil {
		return usage("--day: %w", err)
	}
	list, err := ledger.Registers(ctx, c.Book, of, bank)
	if err != nil {
		return err
	}
	files, err := plan.WriteRegisters(ctx, list, dir, a.now())
	for i, path := range files {
		a.printf("%s  %d\n", path, len(list[i].Lines))
	}
	return err
}

func (a *app) reconcile(ctx context.Context, path, bank, day, reason string) error {
	plan, c, err := a.openCase(ctx)
	if err != nil {
		return err
	}
	list, err := plan.Reconcile(ctx, c.Book, bank, day, path)
	if err := errors.Join(withCode(exitData, err), c.Book.Close()); err != nil {
		return err
	}
	for _, d := range list {
		if err := a.report(d); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	if reason == "" {
		return withCode(exitData, errors.New(a.say("the registers differ; nothing was written: with --reason these documents become Suspect",
			"реестры расходятся; ничего не записано: с --reason документы перейдут в Suspect")))
	}
	changed, err := plan.Dispute(ctx, install.Options{Now: a.now, Log: a.logger()}, bank, reason, list)
	if err != nil {
		return err
	}
	return withCode(exitData, fmt.Errorf(a.say("the registers differ; recorded: %d, the others stood in the journal before",
		"реестры расходятся; записано: %d, остальные уже были в журнале"), changed))
}
