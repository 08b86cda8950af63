package main

import (
	"crypto/ed25519"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"bankconnector/banks"
	"bankconnector/connector/approval"
	"bankconnector/connector/flow/act"
	"bankconnector/connector/install"
	"bankconnector/connector/journal"
)

// otherKey pins another host key in a bank's file.
func otherKey(t *testing.T, path string) {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	must(t, err)
	key, err := ssh.NewPublicKey(public)
	must(t, err)
	data, err := os.ReadFile(path)
	must(t, err)
	changed := regexp.MustCompile(`ssh-ed25519 [A-Za-z0-9+/=]+|SHA256:[A-Za-z0-9+/]+`).ReplaceAllString(string(data), ssh.FingerprintSHA256(key))
	if changed == string(data) {
		t.Fatalf("no host key in %s", path)
	}
	must(t, os.WriteFile(path, []byte(changed), 0o640))
}

// turns are the changes of a configuration that persons must approve: each edits the only
// bank's file.
var turns = []struct {
	name string
	edit func(t *testing.T, path string)
	says string
}{
	{"HostKey", otherKey, "was: codes"},
	{"Folder", func(t *testing.T, path string) {
		t.Helper()
		edit(t, path, "sftp:\n", "sftp:\n  to_bank: /elsewhere\n")
	}, "folders /elsewhere"},
	{"Gone", func(t *testing.T, path string) { t.Helper(); must(t, os.Remove(path)) }, "is gone and has open documents"},
}

// open is an installation of two banks, each with a document that waits; path is the file of the first.
func open(t *testing.T) (dir, config, path string) {
	t.Helper()
	dir, config = stage(t, 2, "late-receipts")
	done(t, "sample", "-c", config, "--documents", "1", "--seed", "3")
	done(t, "exchange", "-c", config)
	if n := query(t, book(t, dir), `SELECT count(*) FROM exchanges WHERE open = 1`); n[0] != "2" {
		t.Fatalf("%v documents are open, want 2", n)
	}
	files, err := filepath.Glob(filepath.Join(dir, "banks.d", "*.yaml"))
	must(t, err)
	return dir, config, files[0]
}

// TestStartNeedsApproval: a configuration that turns a bank, or drops one with open documents,
// does not start; with a person's approval it does, and the approval counts for that change.
func TestStartNeedsApproval(t *testing.T) {
	for _, tt := range turns {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, config, path := open(t)
			good, err := os.ReadFile(path)
			must(t, err)
			if code, _, errs := run(t, "config", "approve", "-c", config, "--reason", "x"); code != exitData || !strings.Contains(errs, "nothing to approve") {
				t.Errorf("approved nothing: exit %d, %s", code, errs)
			}
			tt.edit(t, path)
			before := query(t, book(t, dir), `SELECT count(*) FROM visits`)[0]
			code, _, errs := run(t, "exchange", "-c", config, "--lang", "en")
			if code != exitConfig || !strings.Contains(errs, tt.says) || !strings.Contains(errs, "config approve") {
				t.Fatalf("exit %d, want %d: %s", code, exitConfig, errs)
			}
			if code, _, errs := run(t, "exchange", "-c", config, "--lang", "ru"); code != exitConfig || !strings.Contains(errs, "не одобрено") {
				t.Errorf("exit %d, want %d: %s", code, exitConfig, errs)
			}
			if after := query(t, book(t, dir), `SELECT count(*) FROM visits`)[0]; after != before {
				t.Errorf("%s visits, %s before", after, before)
			}
			if n := query(t, book(t, dir), `SELECT count(*) FROM event WHERE kind = 'alarm.config'`)[0]; n != "2" {
				t.Errorf("%s alarms, want 2", n)
			}
			if code, _, errs := run(t, "config", "approve", "-c", config); code != exitData || !strings.Contains(errs, "--reason") {
				t.Errorf("without a reason: exit %d, %s", code, errs)
			}
			for range 2 {
				if out := done(t, "config", "approve", "-c", config, "--reason", "letter 17 of the bank"); !strings.Contains(out, tt.says) {
					t.Errorf("it does not show what was approved: %s", out)
				}
			}
			if code, _, errs := run(t, "exchange", "-c", config); code == exitConfig {
				t.Errorf("approved, and still: %s", errs)
			}
			acts := query(t, book(t, dir), `SELECT act || ': ' || reason FROM operator_acts`)
			if len(acts) != 1 || acts[0] != "approve: letter 17 of the bank" {
				t.Errorf("the journal tells %v", acts)
			}
			must(t, os.WriteFile(path, good, 0o640)) // and back again is a change as well, but for a bank that was gone
			if code, _, errs := run(t, "exchange", "-c", config); (code == exitConfig) != (tt.name != "Gone") {
				t.Errorf("turned back: exit %d %s", code, errs)
			}
			done(t, "journal", "verify", "-c", config)
		})
	}
}

// TestApprovalOfTwo: where two are asked, one alone does not get it, nor does what he approved
// hold for another change.
func TestApprovalOfTwo(t *testing.T) {
	dir, config, path := open(t)
	data, err := os.ReadFile(config)
	must(t, err)
	must(t, os.WriteFile(config, append(data, "approvals:\n  config: 2\n"...), 0o640))
	otherKey(t, path)
	done(t, "config", "approve", "-c", config, "--reason", "letter 17")
	if code, _, errs := run(t, "config", "approve", "-c", config, "--reason", "letter 17"); code != exitData || !strings.Contains(errs, "another person") {
		t.Errorf("the same person again: exit %d, %s", code, errs)
	}
	if code, _, _ := run(t, "exchange", "-c", config); code != exitConfig {
		t.Errorf("with one approval of two: exit %d, want %d", code, exitConfig)
	}
	plan, err := install.Read(config)
	must(t, err)
	b, err := journal.Open(t.Context(), filepath.Join(dir, "state", "journal.db"), journal.Options{Now: time.Now, Instance: "test"})
	must(t, err)
	gate := &approval.Gate{Book: b, Needed: 2}
	approve := func(r *banks.Registry, actor string) act.Outcome {
		t.Helper()
		out, err := gate.Approve(t.Context(), r, actor, "seen")
		must(t, err)
		return out
	}
	refused := func(r *banks.Registry) bool {
		t.Helper()
		err := gate.Check(t.Context(), r)
		if no := new(approval.Refusal); err != nil && !errors.As(err, &no) {
			t.Fatal(err)
		}
		return err != nil
	}
	otherKey(t, path) // another one than was proposed
	third, err := install.Read(config)
	must(t, err)
	if out := approve(third.Registry, "anna"); !out.Waits || !refused(third.Registry) {
		t.Errorf("the first word on another change: %+v, want it to wait", out)
	}
	if out := approve(plan.Registry, "anna"); out.Waits || refused(plan.Registry) {
		t.Errorf("the second word: %+v, want it approved", out)
	}
	if !refused(third.Registry) {
		t.Error("the approval of one key let another one pass")
	}
	must(t, b.Close())
}

// TestReloadNeedsApproval: the daemon keeps the old configuration and says why in both
// languages; approved through its socket, the next hangup puts the new one in force.
func TestReloadNeedsApproval(t *testing.T) {
	dir, config, path := open(t)
	c := program(t, "run", "-c", config, "--log", "info")
	errs := logged(t, c)
	must(t, c.Start())
	defer stopProgram(t, c)
	waitFor(t, func() bool { return answers(dir) })
	loads := func() string {
		return query(t, book(t, dir), `SELECT count(*) FROM event WHERE kind = 'config.loaded'`)[0]
	}
	before := loads()
	otherKey(t, path)
	must(t, c.Process.Signal(syscall.SIGHUP))
	waitFor(t, func() bool { return strings.Contains(errs(), "old configuration stays") })
	if text := errs(); !strings.Contains(text, "config approve") || !strings.Contains(text, "не вступит в силу") || loads() != before {
		t.Errorf("%s configurations in force, %s before; the log says\n%s", loads(), before, text)
	}
	done(t, "config", "approve", "-c", config, "--reason", "letter 17 of the bank")
	must(t, c.Process.Signal(syscall.SIGHUP))
	waitFor(t, func() bool { return loads() != before })
	if acts := query(t, book(t, dir), `SELECT act FROM operator_acts WHERE actor <> ''`); len(acts) != 1 {
		t.Errorf("the journal tells %v", acts)
	}
}

// answers tells whether a daemon listens on the control socket.
func answers(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "state", "control.sock"))
	return err == nil
}

// logged lets what a process writes to stderr be read while it runs.
func logged(t *testing.T, c *exec.Cmd) (text func() string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(path)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	c.Stderr = f
	return func() string {
		data, err := os.ReadFile(path)
		must(t, err)
		return string(data)
	}
}

func stopProgram(t *testing.T, c *exec.Cmd) {
	t.Helper()
	must(t, c.Process.Signal(syscall.SIGTERM))
	must(t, c.Wait())
}
