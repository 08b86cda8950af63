package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"bankconnector/banks"
	"bankconnector/connector/desk"
	"bankconnector/connector/install"
	"bankconnector/connector/spool"
)

func (a *app) submitCommand() *cobra.Command {
	var bic string
	c := &cobra.Command{
		Use: "submit FILE...", Short: a.say("Put documents into the office inbox, checked", "Положить документы во входную папку, с проверкой"),
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.submit(args, bic) },
	}
	c.Flags().StringVar(&bic, "bank", "", "BIC of the addressee; may be left out where the document names one bank's account")
	return a.configFlag(c)
}

func (a *app) submit(paths []string, bic string) error {
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	if bic != "" {
		if _, err := plan.Select([]string{bic}); err != nil {
			return usage("%w", err)
		}
	}
	if err := plan.MayWrite(); err != nil {
		return err
	}
	office, err := spool.OpenOffice(plan.Config.OfficeDir, int64(plan.Config.Office.FileSize))
	if err != nil {
		return err
	}
	d := desk.Desk{Registry: plan.Registry, Office: office, Now: a.now}
	var list []desk.Handed
	for _, path := range paths {
		list = append(list, d.Submit(path, bic))
	}
	return a.handedReport(list)
}

// handedReport prints what became of the files; all bad is 65, some bad is 2.
func (a *app) handedReport(list []desk.Handed) error {
	bad := 0
	for _, h := range list {
		if !h.OK {
			bad++
		}
		if a.json {
			continue
		}
		a.printHanded(h)
	}
	if a.json {
		if err := a.report(list); err != nil {
			return err
		}
	}
	switch {
	case bad == 0:
		return nil
	case bad < len(list):
		return withCode(exitPartly, fmt.Errorf("%d of %d files are not sound", bad, len(list)))
	default:
		return withCode(exitData, fmt.Errorf("%d of %d files are not sound", bad, len(list)))
	}
}

func (a *app) printHanded(h desk.Handed) {
	if h.OK {
		a.printf("%s: %s %s %s\n", h.File, h.Kind, h.Key, h.Bank)
		return
	}
	a.printf(a.say("%s: NOT sound\n", "%s: ОШИБКИ\n"), h.File)
	if h.Error != "" {
		a.printf("  %s\n", h.Error)
	}
	for _, f := range h.Faults {
		a.printf("  %s:%d: %d %s\n", f.Path, f.Line, f.Code, a.say(f.EN, f.RU))
	}
}

func (a *app) documentCommand() *cobra.Command {
	c := &cobra.Command{Use: "document", Short: a.say("Check a document file", "Проверить файл документа")}
	var bic string
	check := &cobra.Command{
		Use: "check FILE...", Short: a.say("Find every fault of a document, offline", "Найти все ошибки документа, без сети"), Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.documentCheck(args, bic) },
	}
	check.Flags().StringVar(&bic, "bank", "", "BIC of the addressee: its codes and namespace are checked too (needs -c)")
	c.AddCommand(a.configFlag(check))
	return c
}

func (a *app) documentCheck(paths []string, bic string) error {
	var bank *banks.Bank // nil: the rules of every bank
	if bic != "" {
		var err error
		if bank, err = a.one(bic); err != nil {
			return err
		}
	}
	var list []desk.Handed
	for _, path := range paths {
		list = append(list, desk.Check(path, bank, a.now()))
	}
	return a.handedReport(list)
}
