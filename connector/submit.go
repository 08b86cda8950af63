package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"bankconnector/banks"
	"bankconnector/connector/flow/reading"
	"bankconnector/connector/install"
	"bankconnector/connector/spool"
	"bankconnector/formats"
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

// submitted is what became of one file of submit, document check and the like.
type submitted struct {
	File   string         `json:"file"`
	Bank   string         `json:"bank,omitempty"`
	Kind   string         `json:"kind,omitempty"`
	Key    string         `json:"key,omitempty"`
	OK     bool           `json:"ok"`
	Error  string         `json:"error,omitempty"`
	Faults formats.Faults `json:"faults,omitempty"`
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
	office, err := spool.OpenOffice(plan.Config.OfficeDir, int64(plan.Config.Office.FileSize))
	if err != nil {
		return err
	}
	var list []submitted
	for _, path := range paths {
		list = append(list, a.submitOne(plan, office, path, bic))
	}
	return a.submittedReport(list)
}

func (a *app) submitOne(plan *install.Plan, office *spool.Office, path, bic string) submitted {
	s := submitted{File: path, Bank: bic}
	data, err := spool.ReadFile(path, spool.Largest)
	if err != nil {
		s.Error = err.Error()
		return s
	}
	doc, faults, err := reading.Examine(path, data, reading.Rules(nil, a.now()))
	if doc != nil {
		s.Kind, s.Key = string(doc.Kind()), doc.Key()
	}
	if err == nil && len(faults) == 0 && s.Bank == "" {
		s.Bank, err = addressee(plan.Registry, doc)
	}
	if b, ok := plan.Registry.Bank(banks.ID(s.Bank)); ok && err == nil && len(faults) == 0 {
		_, faults, err = reading.Examine(path, data, reading.Rules(b, a.now()))
	}
	if s.Faults = faults; len(faults) > 0 || err != nil {
		if err != nil {
			s.Error = err.Error()
		}
		return s
	}
	err = office.Submit(s.Bank, filepath.Base(path), data)
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("a file with this name already waits for bank %s", s.Bank)
	}
	if s.OK = err == nil; err != nil {
		s.Error = err.Error()
	}
	return s
}

// addressee finds the one bank whose accounts an order names.
func addressee(r *banks.Registry, doc formats.Document) (string, error) {
	order, ok := doc.(*formats.Order)
	if !ok || len(order.Banks()) == 0 {
		return "", errors.New("the document names no bank: say --bank BIC")
	}
	found := ""
	for _, b := range r.All() {
		for _, code := range b.Codes() {
			for _, named := range order.Banks() {
				if code != named || found == string(b.BIC) {
					continue
				}
				if found != "" {
					return "", fmt.Errorf("the document names accounts in banks %s and %s", found, b.BIC)
				}
				found = string(b.BIC)
			}
		}
	}
	if found == "" {
		return "", fmt.Errorf("the document names bank %v, which is not in the configuration", order.Banks())
	}
	return found, nil
}

// submittedReport prints what became of the files; all bad is 65, some bad is 2.
func (a *app) submittedReport(list []submitted) error {
	bad := 0
	for _, s := range list {
		if !s.OK {
			bad++
		}
		if a.json {
			continue
		}
		a.printSubmitted(s)
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

func (a *app) printSubmitted(s submitted) {
	if s.OK {
		a.printf("%s: %s %s %s\n", s.File, s.Kind, s.Key, s.Bank)
		return
	}
	a.printf(a.say("%s: NOT sound\n", "%s: ОШИБКИ\n"), s.File)
	if s.Error != "" {
		a.printf("  %s\n", s.Error)
	}
	for _, f := range s.Faults {
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
	rules := reading.Rules(nil, a.now())
	if bic != "" {
		b, err := a.one(bic)
		if err != nil {
			return err
		}
		rules = reading.Rules(b, a.now())
	}
	var list []submitted
	for _, path := range paths {
		s := submitted{File: path, Bank: bic}
		data, err := spool.ReadFile(path, spool.Largest)
		if err == nil {
			var doc formats.Document
			doc, s.Faults, err = reading.Examine(path, data, rules)
			if doc != nil {
				s.Kind, s.Key = string(doc.Kind()), doc.Key()
			}
		}
		if err != nil {
			s.Error = err.Error()
		}
		s.OK = err == nil && len(s.Faults) == 0
		list = append(list, s)
	}
	return a.submittedReport(list)
}
