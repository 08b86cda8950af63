package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bankconnector/connector/evidence"
	"bankconnector/connector/install"
)

// away copies what an auditor is given to a folder that cannot be written.
func away(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	must(t, os.CopyFS(filepath.Join(to, "store"), os.DirFS(filepath.Join(dir, "state", "store"))))
	for _, name := range []string{"journal.db", "checkpoints", "checkpoint.pub"} {
		data, err := os.ReadFile(filepath.Join(dir, "state", name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(to, name), data, 0o440))
	}
	must(t, os.Chmod(to, 0o550))
	return to
}

func verdict(t *testing.T, args ...string) (evidence.Findings, int) {
	t.Helper()
	code, out, errs := run(t, append([]string{"journal", "verify", "--json"}, args...)...)
	var f evidence.Findings
	if err := json.Unmarshal([]byte(out), &f); err != nil {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	return f, code
}

// TestVerifyOnACopy proves a copy on a machine without configuration: every key by flag.
func TestVerifyOnACopy(t *testing.T) {
	dir := t.TempDir()
	done(t, "demo", "--dir", dir, "--banks", "2", "--documents", "3", "--json")
	here, code := verdict(t, "-c", filepath.Join(dir, "config.yaml"))
	if code != exitDone || !here.OK || here.Witnessed != here.Events || here.Checkpoints == 0 || len(here.Unvouched) > 0 || here.Signatures < 24 || here.Numbers < 12 {
		t.Errorf("at home: exit %d, %+v", code, here)
	}
	to := away(t, dir)
	args := []string{
		"--file", filepath.Join(to, "journal.db"), "--store", filepath.Join(to, "store"),
		"--checkpoints", filepath.Join(to, "checkpoints"), "--checkpoint-key", filepath.Join(to, "checkpoint.pub"),
	}
	there, code := verdict(t, args...)
	if code != exitDone || there.Signatures != here.Signatures || there.Digests != here.Digests || len(there.Unvouched) != 3 {
		t.Errorf("away, certificates of the journal alone: exit %d, %+v", code, there)
	}
	given := slices.Clone(args)
	certificates, err := filepath.Glob(filepath.Join(dir, "banks", "*", "signing.pem"))
	must(t, err)
	for _, path := range append(certificates, filepath.Join(dir, "keys", "signing.pem")) {
		given = append(given, "--signer", path)
	}
	if f, code := verdict(t, given...); code != exitDone || len(f.Unvouched) != 0 {
		t.Errorf("away, certificates given: exit %d, %+v", code, f)
	}
	if out := done(t, append([]string{"journal", "verify", "--lang", "ru"}, given...)...); !strings.Contains(out, "цел: событий") || !strings.Contains(out, "контрольных точек") {
		t.Errorf("in Russian: %s", out)
	}
	t.Run("KeyOfAnother", func(t *testing.T) {
		done(t, "demo", "--dir", filepath.Join(dir, "other"), "--banks", "1", "--documents", "1", "--json")
		f, code := verdict(t, append(slices.Clone(args[:6]), "--checkpoint-key", filepath.Join(dir, "other", "state", "checkpoint.pub"))...)
		if code != exitData || f.OK || f.Checkpoints != 0 || f.Unsigned == 0 {
			t.Errorf("exit %d, %+v", code, f)
		}
	})
	t.Run("CheckpointsWithoutKey", func(t *testing.T) {
		if code, _, errs := run(t, append([]string{"journal", "verify"}, args[:6]...)...); code != exitUsage {
			t.Errorf("exit %d: %s", code, errs)
		}
	})
	t.Run("EndCutOff", func(t *testing.T) { startsNot(t, dir) })
}

// startsNot cuts the end of the journal off, tables and all, and starts the program.
func startsNot(t *testing.T, dir string) {
	t.Helper()
	c := &crime{t: t, dir: dir}
	c.load()
	s := &scene{path: filepath.Join(dir, "state", "journal.db")}
	c.rewrite(s, c.events[:len(c.events)-5])
	must(t, os.Chmod(s.path, 0o640))
	f, code := verdict(t, "-c", filepath.Join(dir, "config.yaml"))
	if code != exitData || f.FirstBad != int64(len(c.events)-4) {
		t.Errorf("exit %d, %+v", code, f)
	}
	code, _, errs := run(t, "exchange", "-c", filepath.Join(dir, "config.yaml"))
	if code != exitConfig || !strings.Contains(errs, "is missing: the end was cut off") || !strings.Contains(errs, "nothing is sent") {
		t.Errorf("exit %d: %s", code, errs)
	}
	plan, err := install.Read(filepath.Join(dir, "config.yaml"))
	must(t, err)
	must(t, os.Rename(plan.CheckpointPaths()[0], plan.CheckpointPaths()[0]+".aside"))
	if code, _, errs := run(t, "exchange", "-c", filepath.Join(dir, "config.yaml")); code == exitConfig {
		t.Errorf("a person let it go on, exit %d: %s", code, errs)
	}
}
