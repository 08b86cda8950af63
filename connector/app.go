package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bankconnector/banks"
	"bankconnector/connector/approval"
	"bankconnector/connector/drain"
	"bankconnector/connector/entry"
	"bankconnector/connector/evidence"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/install"
	"bankconnector/connector/journal"
	"bankconnector/connector/screen"
	"bankconnector/connector/spool"
	"bankconnector/connector/story"
)

// Exit codes, after sysexits.h; they are part of the contract with scripts.
const (
	exitDone        = 0
	exitFailed      = 1
	exitPartly      = 2  // some banks or documents failed
	exitUsage       = 64 // wrong command line
	exitData        = 65 // bad input data; of signature verify: not valid
	exitInput       = 66 // an input file is not there
	exitUnreachable = 69 // bank unreachable
	exitInstance    = 73 // another instance runs
	exitRetry       = 75 // journal or disk: try again
	exitPermission  = 77
	exitConfig      = 78 // bad configuration
)

// app is one run of the program: its streams, its clock and the flags of every command.
type app struct {
	in        io.Reader
	out, errs io.Writer
	log       io.Writer // what goes to errs without waiting for it
	now       func() time.Time
	zone      *time.Location // in which times are shown, once a configuration was read

	config string
	months string // archives that event_all reads
	lang   string
	json   bool
	level  string
}

// coded is an error that knows its exit code.
type coded struct {
	code int
	err  error
}

func (c *coded) Error() string { return c.err.Error() }
func (c *coded) Unwrap() error { return c.err }

// withCode gives an error an exit code; nil stays nil.
func withCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &coded{code, err}
}

// unread gives the exit code of an input file that could not be read or is not what it should be.
func unread(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return withCode(exitInput, err)
	case errors.Is(err, fs.ErrPermission):
		return withCode(exitPermission, err)
	}
	return withCode(exitData, err)
}

// usage is a mistake on the command line.
func usage(format string, args ...any) error {
	return withCode(exitUsage, fmt.Errorf(format, args...))
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "bankconnector",
		Short:         "Exchange of documents between the bailiff service and the banks",
		Long:          a.say(longEN, longRU),
		SilenceErrors: true, SilenceUsage: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%w", err) })
	flags := root.PersistentFlags()
	flags.StringVar(&a.lang, "lang", screen.Language(os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG")), "language of texts: ru or en")
	flags.BoolVar(&a.json, "json", false, "print JSON (English, stable)")
	flags.StringVar(&a.level, "log", "warn", "log level: debug, info, warn, error")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if a.lang != "ru" && a.lang != "en" {
			return usage("--lang %q: write ru or en", a.lang)
		}
		return nil
	}
	root.AddCommand(
		a.runCommand(), a.exchangeCommand(), a.demoCommand(), a.rehearseCommand(), a.sampleCommand(),
		a.configCommand(), a.bankCommand(), a.submitCommand(), a.documentsCommand(), a.documentCommand(),
		a.journalCommand(), a.signatureCommand(), a.keysCommand(), a.versionCommand(),
	)
	for _, c := range root.Commands() {
		strict(c)
	}
	return root
}

// strict makes a group of commands refuse a word that is none of them.
func strict(c *cobra.Command) {
	if c.HasSubCommands() && c.RunE == nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("%q is no command of %q; see %s --help", args[0], c.Name(), c.CommandPath())
			}
			return c.Help()
		}
	}
	check := c.Args
	if check == nil {
		check = cobra.ArbitraryArgs
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usage("%w; see %s --help", err, c.CommandPath())
		}
		return nil
	}
	for _, sub := range c.Commands() {
		strict(sub)
	}
}

const (
	longEN = "bankconnector carries the bailiffs' orders and queries to the banks over SFTP,\ntakes and verifies what comes back, and records every step in a journal."
	longRU = "bankconnector доставляет постановления и запросы приставов в банки по SFTP,\nзабирает и проверяет ответы и записывает каждый шаг в журнал."
)

// configFlag adds -c to a command that works on an installation.
func (a *app) configFlag(c *cobra.Command) *cobra.Command {
	c.Flags().StringVarP(&a.config, "config", "c", "/etc/bankconnector/config.yaml", "configuration file")
	return c
}

// say picks the text for the person at the terminal.
func (a *app) say(en, ru string) string {
	if a.lang == "ru" {
		return ru
	}
	return en
}

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// report prints one value as a line of JSON; an empty list is [], never null.
func (a *app) report(v any) error {
	if list := reflect.ValueOf(v); list.Kind() == reflect.Slice && list.IsNil() {
		v = []any{}
	}
	if err := json.NewEncoder(a.out).Encode(v); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// bars shows visits to a person, and nothing with --json.
func (a *app) bars(list []*banks.Bank) *screen.Bars {
	if a.json {
		return screen.NewBars(io.Discard, false, list, a.say)
	}
	return screen.NewBars(a.out, screen.Is(a.out), list, a.say)
}

// logger is the log on stderr, which nobody waits for.
func (a *app) logger() *slog.Logger           { return a.logTo(a.log) }
func (a *app) logTo(w io.Writer) *slog.Logger { return drain.Logger(w, a.level, screen.Is(a.errs)) }

// exit prints an error and returns the code of the process.
func (a *app) exit(err error) int {
	if err == nil {
		return exitDone
	}
	var problems banks.Problems
	if a.json && errors.As(err, &problems) {
		_ = a.report(map[string]any{"problems": problems}) // the exit code tells the rest
	}
	if r := new(approval.Refusal); errors.As(err, &r) {
		err = withCode(exitConfig, errors.New(a.say(r.EN, r.RU)))
	}
	fmt.Fprintf(a.log, "bankconnector: %v\n", err)
	return codeOf(err)
}

// codeOf finds the exit code of an error by what it is, not by where it arose.
func codeOf(err error) int {
	var (
		c        *coded
		problems banks.Problems
		failure  *fate.Failure
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &c):
		return c.code
	case errors.As(err, &problems):
		return exitConfig
	case errors.Is(err, story.ErrNoDocument):
		return exitData
	case errors.Is(err, spool.ErrLocked):
		return exitInstance
	case errors.Is(err, journal.ErrBroken):
		return exitRetry
	case errors.Is(err, fs.ErrPermission), errors.Is(err, entry.ErrRoot):
		return exitPermission
	case errors.Is(err, install.ErrNoJournal), errors.Is(err, evidence.ErrWitness):
		return exitConfig
	case errors.As(err, &failure) && failure.Kind == fate.Broken:
		return exitRetry
	case errors.As(err, &failure):
		return exitUnreachable
	case strings.HasPrefix(err.Error(), "unknown command"): // cobra's own, with no type
		return exitUsage
	default:
		return exitFailed
	}
}
