package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bankconnector/connector/backup"
	"bankconnector/connector/journal"
)

// restored is a demo whose journal was backed up, went on, and was put back from the copy.
func restored(t *testing.T) (dir, config, copies string) {
	t.Helper()
	dir, copies = t.TempDir(), filepath.Join(t.TempDir(), "copies")
	done(t, "demo", "--dir", dir, "--banks", "2", "--documents", "3", "--json")
	config = filepath.Join(dir, "config.yaml")
	drilled(t, 0, "-c", config, copies)
	done(t, "sample", "-c", config, "--documents", "2")
	if code, _, errs := run(t, "exchange", "-c", config, "--json"); code == exitDone { // no bank serves any more
		t.Fatalf("exchange without banks: %s", errs)
	}
	drilled(t, 1, "-c", config, "--drill", copies)
	list, err := filepath.Glob(filepath.Join(copies, "journal-*.db"))
	must(t, err)
	data, err := os.ReadFile(list[0])
	must(t, err)
	path := filepath.Join(dir, "state", "journal.db")
	for _, tail := range []string{"-wal", "-shm"} {
		_ = os.Remove(path + tail)
	}
	must(t, os.WriteFile(path, data, 0o640))
	return dir, config, copies
}

// drilled runs journal backup and expects a sound copy, at least so many events behind.
func drilled(t *testing.T, behind int64, args ...string) {
	t.Helper()
	code, out, errs := run(t, append([]string{"journal", "backup", "--json"}, args...)...)
	var r backup.Result
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitDone {
		t.Fatalf("exit %d, %v: %s%s", code, err, out, errs)
	}
	if !r.OK || r.Digests == 0 || r.Signatures == 0 || r.Witnessed != r.Last || r.Behind < behind || behind == 0 && r.Behind != 0 {
		t.Errorf("drill: %+v", r)
	}
}

// TestRestore walks the way of a restore: backup, loss, the daemon refuses, a person adopts,
// the verdict names it and is sound for who knows of it.
func TestRestore(t *testing.T) {
	dir, config, _ := restored(t)
	t.Run("OnlyReceives", func(t *testing.T) {
		done(t, "sample", "-c", config, "--documents", "1", "--seed", "77")
		if code, _, errs := run(t, "exchange", "-c", config); code != exitConfig || !strings.Contains(errs, "missing") || !strings.Contains(errs, "RECEIVE ONLY") {
			t.Errorf("an old copy works as if nothing were lost: exit %d: %s", code, errs)
		}
		b := book(t, dir)
		if rows := query(t, b, `SELECT sent FROM visits ORDER BY id DESC LIMIT 1`); len(rows) != 1 || rows[0] != "0" {
			t.Errorf("the visit sent %v", rows)
		}
		if rows := query(t, b, `SELECT seq FROM event WHERE kind = 'alarm.journal.behind'`); len(rows) != 1 {
			t.Errorf("%d events tell of it, want 1", len(rows))
		}
		if out := done(t, "bank", "list", "-c", config); !strings.Contains(out, "RECEIVE ONLY") {
			t.Errorf("bank list does not tell of it:\n%s", out)
		}
		socket := filepath.Join(t.TempDir(), "notify")
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
		must(t, err)
		defer conn.Close()
		must(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		c := program(t, "run", "-c", config)
		c.Env = append(c.Env, "NOTIFY_SOCKET="+socket)
		must(t, c.Start())
		hears := func(want string) (text string) {
			t.Helper()
			for buf := make([]byte, 4096); !strings.HasPrefix(text, want); {
				n, err := conn.Read(buf)
				must(t, err)
				text = string(buf[:n])
			}
			return text
		}
		hears("STATUS=RECEIVE ONLY")
		must(t, c.Process.Signal(syscall.SIGHUP))
		hears("RELOADING=1")
		if text := hears("READY=1"); !strings.Contains(text, "STATUS=RECEIVE ONLY") {
			t.Errorf("after a reload systemd shows %q", text)
		}
		must(t, c.Process.Signal(syscall.SIGTERM))
		must(t, c.Wait())
		key := query(t, b, `SELECT internal_key FROM exchanges LIMIT 1`)[0]
		if code, _, errs := run(t, "documents", "cancel", key, "-c", config, "--reason", "x"); code != exitData || !strings.Contains(errs, "adopt") {
			t.Errorf("an act on it: exit %d, %s", code, errs)
		}
	})
	if code, _, _ := run(t, "journal", "checkpoint", "-c", config); code == exitDone {
		t.Error("a checkpoint was written over a newer one")
	}
	if code, _, _ := run(t, "journal", "adopt", "-c", config); code == exitDone {
		t.Error("adopted without a reason")
	}
	var e struct{ Seq, Hash any }
	out := done(t, "journal", "adopt", "-c", config, "--reason", "диск вышел из строя", "--json")
	must(t, json.Unmarshal([]byte(out), &e))
	hash, _ := e.Hash.(string)
	if code, _, _ := run(t, "journal", "adopt", "-c", config, "--reason", "again"); code == exitDone {
		t.Error("adopted twice")
	}
	t.Run("VerdictNamesIt", func(t *testing.T) {
		f, code := verdict(t, "-c", config)
		if code != exitData || f.OK || len(f.Adoptions) != 1 || !strings.Contains(f.Adoptions[0], "диск") {
			t.Errorf("who does not know of it: exit %d, %+v", code, f)
		}
		if f, code := verdict(t, "-c", config, "--adopted", hash); code != exitDone || !f.OK || f.Witnessed != f.Events {
			t.Errorf("who knows of it: exit %d, %+v", code, f)
		}
	})
	t.Run("DaemonGoesOn", func(t *testing.T) {
		done(t, "sample", "-c", config, "--documents", "1")
		if code, _, errs := run(t, "exchange", "-c", config); code == exitConfig {
			t.Errorf("it does not start: %s", errs)
		}
		if f, _ := verdict(t, "-c", config, "--adopted", hash); !f.OK {
			t.Errorf("after it went on: %+v", f)
		}
	})
	t.Run("CheckpointNow", func(t *testing.T) {
		if out := done(t, "journal", "checkpoint", "-c", config); !strings.HasPrefix(out, "bankconnector/journal/v1/") {
			t.Errorf("printed %q", out)
		}
	})
	t.Run("ATailCutAfterwardsIsFound", func(t *testing.T) {
		must(t, os.Truncate(filepath.Join(dir, "state", "checkpoints"), 0))
		if f, _ := verdict(t, "-c", config, "--adopted", hash); f.OK {
			t.Error("an adoption that no checkpoint confirms is sound")
		}
	})
}

// TestJournalOfAnotherInstallation: a journal that was written elsewhere does not pass through
// the checkpoints of this one, so nothing is sent on its word.
func TestJournalOfAnotherInstallation(t *testing.T) {
	dirs := [2]string{t.TempDir(), t.TempDir()}
	for i, dir := range dirs {
		done(t, "demo", "--dir", dir, "--banks", "1", "--documents", "2", "--seed", fmt.Sprint(i+1), "--json")
	}
	for _, end := range []string{"", "-wal", "-shm"} {
		must(t, os.Rename(filepath.Join(dirs[1], "state", "journal.db"+end), filepath.Join(dirs[0], "state", "journal.db"+end)))
	}
	code, _, errs := run(t, "exchange", "-c", filepath.Join(dirs[0], "config.yaml"))
	if code != exitConfig || !strings.Contains(errs, "RECEIVE ONLY") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestCloneThatSharesACheckpointFile: a copy of the whole installation, started elsewhere, finds
// in the shared file that another one went on; it only receives, and leaves the first alone. A
// clone that shares nothing is not found out by this.
func TestCloneThatSharesACheckpointFile(t *testing.T) {
	dir, config := stage(t, 1)
	data, err := os.ReadFile(config)
	must(t, err)
	own := string(data) + "checkpoint:\n  file: " + filepath.Join(t.TempDir(), "checkpoints") + "\n"
	must(t, os.WriteFile(config, []byte(own), 0o640))
	done(t, "sample", "-c", config, "--documents", "1", "--seed", "3")
	done(t, "exchange", "-c", config, "--until", "answered")
	must(t, exec.CommandContext(t.Context(), "cp", "-a", filepath.Join(dir, "state"), filepath.Join(dir, "clone")).Run())
	twin := filepath.Join(dir, "clone.yaml")
	text := strings.NewReplacer("state_dir: state", "state_dir: clone", "office_dir: office", "office_dir: clone-office").Replace(own)
	must(t, os.WriteFile(twin, []byte(text), 0o640))

	done(t, "sample", "-c", config, "--documents", "1", "--seed", "4")
	done(t, "exchange", "-c", config, "--until", "answered") // the first goes on
	done(t, "sample", "-c", twin, "--documents", "1", "--seed", "5")
	if code, _, errs := run(t, "exchange", "-c", twin); code != exitConfig || !strings.Contains(errs, "RECEIVE ONLY") {
		t.Errorf("the clone works: exit %d, %s", code, errs)
	}
	b, err := journal.View(t.Context(), filepath.Join(dir, "clone", "journal.db"))
	must(t, err)
	t.Cleanup(func() { _ = b.Close() })
	if rows := query(t, b, `SELECT sent FROM visits ORDER BY id DESC LIMIT 1`); rows[0] != "0" {
		t.Errorf("the clone sent %v", rows)
	}
	done(t, "sample", "-c", config, "--documents", "1", "--seed", "6")
	done(t, "exchange", "-c", config, "--until", "answered")
	done(t, "journal", "verify", "-c", config)
}
