// Package entry keeps what a process is given from changing what it does: variables of its environment, a reader of its
// output who has gone, and those who would look into its memory.
//
// It knows nothing of commands and opens no other room; only main opens it.
package entry

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"slices"
	"strings"
	"syscall"
)

// unwanted are patterns of variables that change what the program or its libraries do without anybody having configured
// it: the loader and the C library take in other code or look elsewhere, the Go runtime behaves as an older one or writes
// memory out, TLS tells its keys, HTTP goes another way, days begin at another hour.
//
// Others stay: a token's library has variables of its own, and GOMEMLIMIT and GOMAXPROCS only say how much it may take.
var unwanted = []string{
	"LD_*", "GLIBC_TUNABLES", "MALLOC_TRACE", "GCONV_PATH", "GETCONF_DIR", "LOCPATH", "NLSPATH", "NIS_PATH",
	"HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "RESOLV_*",
	"GODEBUG", "GOTRACEBACK", "SSLKEYLOGFILE",
	"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
	"TZ", "TZDIR", "ZONEINFO", "SQLITE_TMPDIR", "SQLITE_FORCE_PROXY_LOCKING",
}

// Sift parts an environment into what is kept and the names of what is not.
func Sift(environ []string) (kept, dropped []string) {
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		if slices.ContainsFunc(unwanted, func(p string) bool { ok, err := path.Match(p, strings.ToUpper(name)); return ok && err == nil }) {
			dropped = append(dropped, name)
			continue
		}
		kept = append(kept, v)
	}
	return kept, dropped
}

// Clean begins the program anew, in this very process, without the unwanted variables of its environment, and tells
// their names on errs. The loader and the runtime have read theirs by now, so taking them away would be too late. It
// returns when there is nothing to take away, or with an error: then the program must not go on.
func Clean(environ []string, errs io.Writer) error {
	kept, dropped := Sift(environ)
	if len(dropped) == 0 {
		return nil
	}
	slices.Sort(dropped)
	_, _ = fmt.Fprintf(errs, "bankconnector: not taken from the environment: %s\n", strings.Join(dropped, ", "))
	self, err := os.Executable()
	if err == nil {
		err = syscall.Exec(self, os.Args, kept) //nolint:gosec // this very program, with this very command line
	}
	return fmt.Errorf("begin anew without %s: %w", strings.Join(dropped, ", "), err)
}

// KeepMemory keeps keys and PINs in this process: no core file is written of it, or of what it starts, and nobody but
// root may look into its memory (prctl(2), PR_SET_DUMPABLE). The unit says the same by LimitCORE; this holds for commands
// at a terminal as well.
func KeepMemory() error {
	limit := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0); errno != 0 {
		return errors.Join(limit, fmt.Errorf("prctl: %w", errno))
	}
	return limit
}

// OutlastReaders lets a write into a pipe that nobody reads any more fail instead of ending the process by SIGPIPE in
// the middle of its work. What it starts has the signal's default, which ignoring it would have taken from them.
func OutlastReaders() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
