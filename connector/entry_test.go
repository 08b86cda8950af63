package main

import (
	"bytes"
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
)

// TestEnvironmentThatWouldChangeUs gives the program variables that the loader, the runtime and libraries obey. It must
// begin without them, in the same process, tell their names and never what they hold, and work as if they were not there.
func TestEnvironmentThatWouldChangeUs(t *testing.T) {
	hostile := []string{
		"GODEBUG=x509sha1=1,inittrace=0", "GOTRACEBACK=crash", "SSLKEYLOGFILE=/tmp/told-nobody", "LD_PRELOAD=/no/such/told-nobody.so",
		"LD_LIBRARY_PATH=/told-nobody", "https_proxy=http://told-nobody:1", "HTTP_PROXY=http://told-nobody:1", "TZ=Pacific/Kiritimati",
	}
	t.Run("Removed", func(t *testing.T) {
		c := program(t)
		c.Env = append(append(c.Env, hostile...), asProgram+"=environment", "SOFTHSM2_CONF=/kept")
		var errs strings.Builder
		c.Stderr = &errs
		out, err := c.Output()
		must(t, err)
		for _, v := range hostile {
			name, value, _ := strings.Cut(v, "=")
			if strings.Contains(string(out), name+"=") {
				t.Errorf("%s is still there", name)
			}
			if !strings.Contains(errs.String(), name) {
				t.Errorf("nobody is told of %s: %s", name, errs.String())
			}
			if strings.Contains(ours(errs.String()), value) {
				t.Errorf("the log tells what %s held", name)
			}
		}
		if !strings.Contains(string(out), "<nil>") || !strings.Contains(string(out), "SOFTHSM2_CONF=/kept") {
			t.Errorf("what a token's library may need must stay: %s", out)
		}
	})
	t.Run("WorksAsBefore", func(t *testing.T) {
		dir := t.TempDir()
		done(t, "demo", "--dir", dir, "--banks", "1", "--documents", "2", "--json")
		c := program(t, "documents", "list", "-c", filepath.Join(dir, "config.yaml"))
		want, err := c.Output()
		must(t, err)
		c = program(t, "documents", "list", "-c", filepath.Join(dir, "config.yaml"))
		c.Env = append(c.Env, hostile...)
		got, err := c.Output()
		must(t, err)
		if len(want) == 0 || !bytes.Equal(got, want) { // it shows times of the machine's zone
			t.Errorf("with another environment it prints\n%s\nwithout it\n%s", got, want)
		}
	})
}

// ours are the lines of the program itself: the loader complains of LD_PRELOAD before anybody can keep it from that.
func ours(text string) (out string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "bankconnector: ") {
			out += line
		}
	}
	return out
}

// TestOutputsThatNobodyReads runs an exchange whose outputs are closed, are pipes without a reader, or lie on a full
// disk. The exchange is done whole each time; only the last one failed to tell.
func TestOutputsThatNobodyReads(t *testing.T) {
	exchange := []string{"exchange", "--until", "answered", "--log", "debug", "--timeout", "2m"}
	tests := map[string]struct {
		set  func(t *testing.T, c *exec.Cmd)
		want int
	}{
		"Closed": {func(_ *testing.T, c *exec.Cmd) {
			c.Args = append([]string{"sh", "-c", `exec "$0" "$@" <&- >&- 2>&-`, c.Path}, c.Args[1:]...)
			c.Path = "/bin/sh"
		}, exitDone},
		"BrokenPipes": {func(t *testing.T, c *exec.Cmd) {
			c.Stdout, c.Stderr = deserted(t), deserted(t)
		}, exitDone},
		"FullDisk": {func(t *testing.T, c *exec.Cmd) {
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			must(t, err)
			t.Cleanup(func() { _ = full.Close() })
			c.Stdout, c.Stderr = full, full
		}, exitFailed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir, config := stage(t, 2)
			done(t, "sample", "-c", config, "--documents", "5", "--seed", "3")
			c := program(t, append(exchange, "-c", config)...)
			tt.set(t, c)
			if code := exitOf(t, c.Run()); code != tt.want {
				t.Errorf("exit %d, want %d", code, tt.want)
			}
			if n := query(t, book(t, dir), `SELECT count(*) FROM exchanges WHERE answered_at IS NOT NULL`); n[0] != "10" {
				t.Errorf("%s documents were answered, want 10", n[0])
			}
			done(t, "journal", "verify", "-c", config)
		})
	}
}

// deserted is a pipe whose reader is gone.
func deserted(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	must(t, r.Close())
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// exitOf is the exit code of a process that ran; one that a signal ended has none.
func exitOf(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode()
	}
	t.Fatalf("it did not end by itself: %v", err)
	return 0
}

// TestAMillionHangups sends the daemon SIGHUP after SIGHUP. It loads its configuration at most once a second of that
// time, keeps telling systemd that it lives, hears the last signal all the same, and ends when it is told.
func TestAMillionHangups(t *testing.T) {
	dir, config := stage(t, 1)
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	must(t, err)
	defer conn.Close()
	must(t, conn.SetReadDeadline(time.Now().Add(2*time.Minute)))
	heard := make(chan string, 1<<16)
	go func() {
		defer close(heard)
		for buf := make([]byte, 4096); ; {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			heard <- string(buf[:n])
		}
	}()
	next := func(want string) (before []string) {
		t.Helper()
		for text := range heard {
			if strings.HasPrefix(text, want) {
				return before
			}
			before = append(before, text)
		}
		t.Fatalf("systemd never hears %q after %q", want, before)
		return nil
	}
	c := program(t, "run", "-c", config)
	c.Env = append(c.Env, "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=2000000")
	must(t, c.Start())
	next("READY=1")
	began := time.Now()
	for range 1_000_000 {
		must(t, c.Process.Signal(syscall.SIGHUP))
	}
	good, err := os.ReadFile(config)
	must(t, err)
	must(t, os.WriteFile(config, append(good, "# changed\n"...), 0o640))
	must(t, c.Process.Signal(syscall.SIGHUP)) // after the change: this one must not be lost among the others
	b := book(t, dir)
	waitFor(t, func() bool {
		return query(t, b, `SELECT count(DISTINCT json_extract(body, '$.sha256')) FROM event WHERE kind = 'config.loaded'`)[0] == "2"
	})
	told := next("WATCHDOG=1")
	took := time.Since(began)
	must(t, c.Process.Signal(syscall.SIGTERM))
	told = append(told, next("STOPPING=1")...)
	must(t, c.Wait())
	reloads := 0
	for _, text := range told {
		if strings.HasPrefix(text, "RELOADING=1") {
			reloads++
		}
	}
	if most := int(took/time.Second) + 2; reloads < 1 || reloads > most {
		t.Errorf("%d reloads in %v, want 1 to %d", reloads, took, most)
	}
	loaded := query(t, b, `SELECT count(*) FROM event WHERE kind = 'config.loaded'`)[0]
	if want := strconv.Itoa(reloads + 1); loaded != want { // the first is the start's
		t.Errorf("%s loads in the journal, want %s", loaded, want)
	}
}
