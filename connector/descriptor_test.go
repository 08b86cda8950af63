package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"bankconnector/banks/rehearsal"
)

// checkOnce wants every document of the office answered, and to have arrived once, by the bank's own ledger.
func checkOnce(t *testing.T, dir string, want int) {
	t.Helper()
	b := book(t, dir)
	arrived := 0
	for _, bic := range query(t, b, `SELECT DISTINCT bank FROM exchanges`) {
		lines, err := rehearsal.ReadLedger(filepath.Join(dir, "banks", bic, "received.jsonl"))
		must(t, err)
		arrived += len(lines)
		for _, l := range lines {
			if l.Duplicate {
				t.Errorf("bank %s got %s twice", bic, l.InternalKey)
			}
		}
	}
	answered := query(t, b, `SELECT count(*) FROM exchanges WHERE answered_at IS NOT NULL`)[0]
	if answered != strconv.Itoa(want) || arrived != want {
		t.Errorf("%s documents are answered and %d arrived, want %d", answered, arrived, want)
	}
}

// TestFewDescriptors runs the program with ever more descriptors, from too few to begin with to
// enough: it fails, or does a part, or all, and whatever it could not do is done by a later run.
func TestFewDescriptors(t *testing.T) {
	dir, config := stage(t, 2)
	done(t, "sample", "-c", config, "--documents", "3", "--seed", "3")
	short, whole := 0, 0
	for n := 10; n <= 100; n += 3 {
		c := exec.CommandContext(t.Context(), "sh", "-c", `ulimit -n "$0" && exec "$@"`, strconv.Itoa(n), os.Args[0], "exchange", "-c", config, "--timeout", "20s")
		c.Env = append(os.Environ(), asProgram+"=1")
		out, err := c.CombinedOutput()
		code := c.ProcessState.ExitCode()
		var ended *exec.ExitError
		if err != nil && !errors.As(err, &ended) {
			t.Fatal(err)
		}
		if text := string(out); code < 0 || strings.Contains(text, "panic") || strings.Contains(text, "fatal error") {
			t.Fatalf("with %d descriptors: exit %d\n%s", n, code, text)
		}
		switch {
		case code == exitDone:
			whole++
		case strings.Contains(string(out), syscall.EMFILE.Error()), strings.Contains(string(out), "unable to open database file"):
			short++
		}
	}
	if short < 5 || whole < 5 {
		t.Errorf("%d runs had too few descriptors and %d had enough, want some of each", short, whole)
	}
	done(t, "exchange", "-c", config, "--until", "answered", "--timeout", "1m")
	checkOnce(t, dir, 6)
	done(t, "journal", "verify", "-c", config)
}

// TestDaemonWithoutDescriptors takes the descriptors away from a daemon that runs. It tells
// systemd nothing any more, so that the watchdog ends it, or ends by itself; nothing is lost.
func TestDaemonWithoutDescriptors(t *testing.T) {
	dir, config := stage(t, 1)
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	must(t, err)
	defer conn.Close()
	hears := func(within time.Duration) string {
		t.Helper()
		must(t, conn.SetReadDeadline(time.Now().Add(within)))
		buf := make([]byte, 4096)
		n, err := conn.Read(buf)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	c := program(t, "run", "-c", config)
	c.Env = append(c.Env, "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=1000000")
	log := logged(t, c)
	must(t, c.Start())
	for !strings.HasPrefix(hears(time.Minute), "WATCHDOG=1") {
	}
	used, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(c.Process.Pid), "fd"))
	must(t, err)
	limit := func(n uint64) (old unix.Rlimit) {
		t.Helper()
		must(t, unix.Prlimit(c.Process.Pid, unix.RLIMIT_NOFILE, nil, &old))
		must(t, unix.Prlimit(c.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: old.Max}, nil))
		return old
	}
	before := limit(uint64(len(used)) / 2) // those that are open stay open; there will be no more
	done(t, "sample", "-c", config, "--documents", "2", "--seed", "3")
	// What was under way may still be heard; then there must be silence for three times as long as the watchdog waits.
	for begun := time.Now(); hears(3*time.Second) != ""; {
		if time.Since(begun) > time.Minute {
			t.Fatalf("the watchdog is still fed:\n%s", log())
		}
	}
	if c.Process.Signal(syscall.Signal(0)) == nil {
		_ = unix.Prlimit(c.Process.Pid, unix.RLIMIT_NOFILE, &before, nil) // it may just have ended
	}
	_ = c.Process.Signal(syscall.SIGTERM)
	if err := c.Wait(); err != nil && c.ProcessState.ExitCode() != exitRetry {
		t.Errorf("%v, want it to end well or with %d:\n%s", err, exitRetry, log())
	}
	if !strings.Contains(log(), syscall.EMFILE.Error()) {
		t.Errorf("the log does not tell what was missing:\n%s", log())
	}
	done(t, "exchange", "-c", config, "--until", "answered", "--timeout", "1m")
	checkOnce(t, dir, 2)
	done(t, "journal", "verify", "-c", config)
}
