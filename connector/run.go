package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"bankconnector/connector/daemon"
	"bankconnector/connector/entry"
	"bankconnector/connector/install"
)

func (a *app) runCommand() *cobra.Command {
	return a.configFlag(&cobra.Command{
		Use: "run", Short: a.say("The daemon: visit the banks by their timetables", "Демон: посещать банки по расписанию"), Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.run(c.Context()) },
	})
}

// run is the daemon. The first SIGTERM ends ctx: what is under way has the grace time.
func (a *app) run(ctx context.Context) error {
	plan, err := install.Read(a.config)
	if err != nil {
		return err
	}
	work, stop := entry.Grace(ctx)
	defer stop()
	log := a.logger()
	in, err := install.Open(work, plan, install.Options{Now: a.now, Log: log, Halt: ctx.Done()})
	if err != nil {
		return err
	}
	hup := make(chan os.Signal, 1) // one waits: a thousand signals in a row are one reload
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	err = daemon.New(in, daemon.Options{Now: a.now, Log: log}).Run(ctx, work, hup)
	return errors.Join(err, in.Close())
}
