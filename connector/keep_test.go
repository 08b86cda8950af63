package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bankconnector/connector/backup"
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
	if !r.OK || r.Digests == 0 || r.Signatures == 0 || r.Witnessed != r.Events || r.Behind < behind || behind == 0 && r.Behind != 0 {
		t.Errorf("drill: %+v", r)
	}
}

// TestRestore walks the way of a restore: backup, loss, the daemon refuses, a person adopts,
// the verdict names it and is sound for who knows of it.
func TestRestore(t *testing.T) {
	dir, config, _ := restored(t)
	if code, _, errs := run(t, "exchange", "-c", config); code != exitConfig || !strings.Contains(errs, "missing") {
		t.Errorf("the daemon starts on an old copy: exit %d: %s", code, errs)
	}
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
