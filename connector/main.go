// Command bankconnector exchanges electronic documents between the bailiff service and
// the banks: orders and queries go out, receipts, reports and answers come back, and a
// local journal can prove every step.
//
// This package holds the commands. What they do stands in the rooms below; how an
// installation is put together stands in install.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	_ "time/tzdata" // a machine without a zone database must not move a deadline

	"bankconnector/connector/drain"
	"bankconnector/connector/entry"
)

func main() { os.Exit(process()) }

// process is the whole program as a process of its own: what a test does not do to itself.
func process() int {
	if err := entry.Clean(os.Environ(), os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "bankconnector: %v\n", err)
		return exitFailed
	}
	entry.BoundMemory()
	if err := entry.KeepMemory(); err != nil {
		fmt.Fprintf(os.Stderr, "bankconnector: keys could end in a core dump: %v\n", err)
	}
	entry.OutlastReaders()
	out, errs := entry.NewOutput(os.Stdout), entry.NewOutput(os.Stderr)
	code := Main(os.Args[1:], os.Stdin, out, errs)
	if err := out.Err(); err != nil && code == exitDone {
		fmt.Fprintf(errs, "bankconnector: what was printed is not whole: %v\n", err)
		return exitFailed
	}
	return code
}

// Main runs one command line and returns its exit code: the whole program but for the
// process, so that tests run it as it is.
func Main(args []string, in io.Reader, out, errs io.Writer) int {
	ctx, stop := signals()
	defer stop()
	a := &app{in: in, out: out, errs: errs, now: time.Now}
	log := drain.New(errs, a.logTo) // nobody who works may wait for who reads it
	defer log.Close()
	a.log = log
	root := a.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(log)
	return a.exit(root.ExecuteContext(ctx))
}

// signals returns a context that ends with the first SIGINT or SIGTERM. The second one
// ends the process at once, by the signal's own default.
func signals() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
