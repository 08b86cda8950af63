package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"bankconnector/connector/journal/volume"
)

// The test binary starts itself again as a writer that can be killed, or given
// a disk that fails. These variables tell it so.
const (
	childPath  = "JOURNAL_TEST_PATH"
	childRound = "JOURNAL_TEST_ROUND"
	childLimit = "JOURNAL_TEST_LIMIT" // "yes" = no file may grow past 400 KiB

	childArchive = "JOURNAL_TEST_ARCHIVE" // "yes" = it archives what is closed and ends
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" && os.Getenv(childArchive) != "" {
		os.Exit(archivist(path))
	} else if path != "" {
		os.Exit(child(path, os.Getenv(childRound), os.Getenv(childLimit) != ""))
	}
	goleak.VerifyTestMain(m)
}

// child writes orders from eight callers and prints the key of each one after
// Write has returned, until it is killed or the journal breaks.
func child(path, round string, limited bool) int {
	if limited {
		signal.Ignore(syscall.SIGXFSZ)
		limit := unix.Rlimit{Cur: 400 << 10, Max: 400 << 10}
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	ctx := context.Background()
	b, err := Open(ctx, path, Options{Now: time.Now, Instance: "child"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	say := func(format string, args ...any) {
		if _, err := fmt.Fprintf(os.Stdout, format, args...); err != nil {
			os.Exit(4) // nobody listens any more
		}
	}
	var all sync.WaitGroup
	for caller := range 8 {
		all.Go(func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("%s-%d-%d", round, caller, n)
				err := b.Write(ctx, "daemon", func(tx *Tx) error {
					id, err := tx.Accept(order(bankA, key))
					if err != nil {
						return err
					}
					return tx.Attempt(id, "for a second event")
				})
				if err != nil {
					again := b.Write(ctx, "daemon", func(tx *Tx) error { return tx.Note("note.after", "", 0, nil) })
					say("broken %v %v\n", errors.Is(err, ErrBroken), errors.Is(again, ErrBroken))
					return
				}
				say("%s\n", key)
			}
		})
	}
	all.Wait()
	return 3
}

// archivist archives every closed month.
func archivist(path string) int {
	ctx := context.Background()
	b, err := Open(ctx, path, Options{Now: time.Now, Instance: "child"})
	for err == nil {
		_, err = b.Archive(ctx, "daemon", "by rule", time.Now())
	}
	if !errors.Is(err, volume.ErrNothing) || b.Close() != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// start runs the child, under the tool if one is given.
func start(t *testing.T, d *desk, env []string, tool ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	args := append(tool, os.Args[0])
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), append(env, childPath+"="+d.path)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s (apt install strace): %v", args[0], err)
	}
	return cmd, bufio.NewScanner(out)
}

// wholeAfter asserts that every acknowledged key is in the journal, and that
// what is there is proven.
func (d *desk) wholeAfter(t *testing.T, acknowledged []string) {
	t.Helper()
	d.reopen(t)
	for _, key := range acknowledged {
		x, err := d.ByKey(t.Context(), "office", key)
		if err != nil || x.Attempts != 1 {
			t.Fatalf("order %s was acknowledged and is lost, or half there: %+v, %v", key, x, err)
		}
	}
	d.proven(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestKilled kills the writer at eight moments; what Write returned for is
// there, and the next start goes on.
func TestKilled(t *testing.T) {
	d := newDesk(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d.clock.at = time.Now().Add(time.Hour) // the child has the real clock; ours must not be before it
	var acknowledged []string
	for round := range 8 {
		cmd, lines := start(t, d, []string{childRound + "=" + fmt.Sprint(round)})
		for n := 0; lines.Scan(); n++ {
			if strings.HasPrefix(lines.Text(), "broken") {
				t.Errorf("round %d: %s", round, lines.Text())
			}
			acknowledged = append(acknowledged, lines.Text())
			if n == 10+37*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Errorf("round %d: the writer ended by itself", round)
		}
		if len(acknowledged) < 10 {
			t.Fatalf("round %d: the writer did not come to write", round)
		}
		d.wholeAfter(t, acknowledged)
	}
}

// TestDiskFails: the file may not grow, or every sync fails from the 30th on.
func TestDiskFails(t *testing.T) {
	for name, c := range map[string]struct {
		env  []string
		tool []string
	}{
		"NoSpaceBreaks": {[]string{childLimit + "=yes"}, nil},
		"FailedSyncBreaks": {nil, []string{
			"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO:when=30+",
		}},
		"FailedWriteBreaks": {nil, []string{
			"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", "inject=pwrite64:error=ENOSPC:when=300+",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			d.clock.at = time.Now().Add(time.Hour)
			cmd, lines := start(t, d, c.env, c.tool...)
			var acknowledged []string
			broken := 0
			for lines.Scan() {
				switch text := lines.Text(); {
				case text == "broken true true":
					broken++
				case strings.HasPrefix(text, "broken"):
					t.Errorf("a caller does not hear that the journal is broken, or can go on: %s", text)
				default:
					acknowledged = append(acknowledged, text)
				}
			}
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 3 {
				t.Errorf("writer ended with %v", err)
			}
			if broken != 8 || len(acknowledged) == 0 {
				t.Errorf("%d of 8 callers heard of it after %d acknowledged writes", broken, len(acknowledged))
			}
			d.wholeAfter(t, acknowledged)
		})
	}
}
