package main

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"bankconnector/connector/daemon"
	"bankconnector/connector/install"
)

// shifted is a clock that a test moves.
type shifted struct{ by atomic.Int64 }

func (s *shifted) now() time.Time { return time.Now().Add(time.Duration(s.by.Load())) }

// TestDaemonVisitsByItsTimetable moves the clock over the banks' slots and wants the
// documents to go out and be answered without anybody asking.
func TestDaemonVisitsByItsTimetable(t *testing.T) {
	clock := &shifted{}
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	serveAt(t, dir, 2, clock.now)
	done(t, "sample", "-c", config, "--documents", "3", "--seed", "6")
	plan, err := install.Read(config)
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	halt := make(chan struct{})
	in, err := install.Open(t.Context(), plan, install.Options{Now: clock.now, Log: log, Halt: halt})
	must(t, err)
	ctx, stop := stoppable(t)
	ended := make(chan error, 1)
	go func() { ended <- daemon.New(in, daemon.Options{Now: clock.now, Log: log}).Run(ctx, t.Context(), nil) }()
	b := book(t, dir)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(query(t, b, `SELECT internal_key, state, reason FROM exchanges`), query(t, b, `SELECT * FROM visits`))
		}
	})
	waitFor(t, func() bool {
		if len(query(t, b, `SELECT id FROM exchanges WHERE answered_at IS NOT NULL`)) == 6 {
			return true
		}
		// The next slot comes when the last one was dealt with.
		if len(query(t, b, `SELECT id FROM visits WHERE ended_at IS NULL`)) == 0 {
			clock.by.Add(int64(5 * time.Second))
		}
		return false
	})
	stop()
	must(t, <-ended)
	must(t, in.Close())
	slots := query(t, b, `SELECT bank, slot, count(*) FROM visits GROUP BY bank, slot HAVING count(*) > 1`)
	if len(slots) != 0 {
		t.Errorf("slots that were run twice: %v", slots)
	}
	if skipped := query(t, b, `SELECT slot FROM visits WHERE outcome = 'skipped'`); len(skipped) != 0 {
		t.Errorf("slots that were skipped for nothing: %v", skipped)
	}
}

// TestDaemonTellsSystemd runs the program with a notify socket: ready, reloading on
// SIGHUP with the old configuration kept when the new one is bad, stopping on SIGTERM.
func TestDaemonTellsSystemd(t *testing.T) {
	_, config := stage(t, 1)
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	must(t, err)
	defer conn.Close()
	must(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	next := func(want string) {
		t.Helper()
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			must(t, err)
			text := string(buf[:n])
			if strings.HasPrefix(text, want) {
				return
			}
			if !strings.HasPrefix(text, "WATCHDOG=1") {
				t.Fatalf("systemd hears %q, want %q", text, want)
			}
		}
	}
	c := program(t, "run", "-c", config)
	c.Env = append(c.Env, "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=2000000")
	var errs strings.Builder
	c.Stderr = &errs
	must(t, c.Start())
	next("READY=1")
	next("WATCHDOG=1")

	good, err := os.ReadFile(config)
	must(t, err)
	must(t, os.WriteFile(config, append(good, "nonsense: 1\n"...), 0o640))
	must(t, c.Process.Signal(syscall.SIGHUP))
	next("RELOADING=1")
	next("READY=1")
	must(t, os.WriteFile(config, good, 0o640))
	must(t, c.Process.Signal(syscall.SIGHUP))
	next("RELOADING=1")
	next("READY=1")
	must(t, c.Process.Signal(syscall.SIGTERM))
	next("STOPPING=1")
	must(t, c.Wait())
	if !strings.Contains(errs.String(), "nonsense") || !strings.Contains(errs.String(), "old configuration stays") {
		t.Errorf("the log does not say why the reload was refused:\n%s", errs.String())
	}
}

// TestVisitLongerThanItsPeriod: a bank that says nothing keeps its visit waiting over the next
// slot. That one is skipped, in the journal and once, and no second visit begins beside the first.
func TestVisitLongerThanItsPeriod(t *testing.T) {
	clock := &shifted{}
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	serveAt(t, dir, 1, clock.now, "mute")
	edit(t, filepath.Join(dir, "banks.d", onlyBank(t, dir)+".yaml"), "sftp:\n", "sftp:\n  timeout: 10m\n")
	plan, err := install.Read(config)
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	in, err := install.Open(t.Context(), plan, install.Options{Now: clock.now, Log: log})
	must(t, err)
	ctx, stop := stoppable(t)
	work, end := stoppable(t)
	ended := make(chan error, 1)
	go func() { ended <- daemon.New(in, daemon.Options{Now: clock.now, Log: log}).Run(ctx, work, nil) }()
	b := book(t, dir)
	step := func(until string, n int) {
		t.Helper()
		waitFor(t, func() bool {
			if len(query(t, b, until)) == n {
				return true
			}
			clock.by.Add(int64(5 * time.Second))
			return false
		})
	}
	step(`SELECT id FROM visits`, 1)
	step(`SELECT id FROM visits WHERE outcome = 'skipped' AND ended_at IS NOT NULL AND error <> ''`, 2)
	if open := query(t, b, `SELECT id FROM visits WHERE ended_at IS NULL`); len(open) != 1 {
		t.Errorf("%d visits are under way, want the first alone", len(open))
	}
	stop()
	end()
	must(t, <-ended)
	if twice := query(t, b, `SELECT slot FROM visits GROUP BY slot HAVING count(*) > 1`); len(twice) > 0 {
		t.Errorf("slots %v stand there twice", twice)
	}
	must(t, in.Close())
}
