package main

import (
	"runtime"

	"github.com/spf13/cobra"

	"bankconnector/connector/entry"
)

// version is set at release by the linker: -ldflags "-X main.version=1.2.3".
var version = "devel"

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: a.say("Print version and build", "Напечатать версию и сборку"), Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.printVersion() },
	}
}

func (a *app) printVersion() error {
	if a.json {
		return a.report(map[string]string{"version": version, "revision": entry.Revision(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH})
	}
	a.printf("bankconnector %s %s %s %s/%s\n", version, entry.Revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
