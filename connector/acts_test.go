package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// suspended is a bank that is not visited, so that its documents wait for a person.
func suspended(t *testing.T) (dir, config, key string) {
	t.Helper()
	dir, config = stage(t, 1)
	done(t, "sample", "-c", config, "--documents", "1", "--seed", "3")
	files, err := filepath.Glob(filepath.Join(dir, "banks.d", "*.yaml"))
	must(t, err)
	data, err := os.ReadFile(files[0])
	must(t, err)
	must(t, os.WriteFile(files[0], []byte(strings.Replace(string(data), "state: active", "state: suspended", 1)), 0o640))
	done(t, "exchange", "-c", config)
	return dir, config, query(t, book(t, dir), `SELECT internal_key FROM exchanges WHERE state = 'Accepted'`)[0]
}

// TestActsOfAPerson: what a person decides is done with or without a daemon, once, with who
// and why in the journal, and refused with words where the rules forbid it.
func TestActsOfAPerson(t *testing.T) {
	for _, tt := range []struct {
		name   string
		daemon bool
	}{{"Alone", false}, {"BesideTheDaemon", true}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, config, key := suspended(t)
			if tt.daemon {
				c := program(t, "run", "-c", config)
				must(t, c.Start())
				defer func() {
					must(t, c.Process.Signal(syscall.SIGTERM))
					must(t, c.Wait())
				}()
				waitFor(t, func() bool {
					_, err := os.Stat(filepath.Join(dir, "state", "control.sock"))
					return err == nil
				})
			}
			if code, _, errs := run(t, "documents", "cancel", key, "-c", config); code != exitData || !strings.Contains(errs, "--reason") {
				t.Errorf("without a reason: exit %d, %s", code, errs)
			}
			if code, _, errs := run(t, "documents", "resend", key, "-c", config, "--reason", "x", "--lang", "ru"); code != exitData || !strings.Contains(errs, "невозможно") {
				t.Errorf("resend of what was never sent: exit %d, %s", code, errs)
			}
			if code, _, _ := run(t, "documents", "cancel", "no-such-key", "-c", config, "--reason", "x"); code != exitData {
				t.Errorf("an unknown key: exit %d, want %d", code, exitData)
			}
			for range 2 {
				done(t, "documents", "cancel", key, "-c", config, "--reason", "withdrawn by telephone")
			}
			acts := query(t, book(t, dir), `SELECT a.act || ': ' || a.reason || ', ' || x.state FROM operator_acts a JOIN exchanges x ON x.id = a.exchange WHERE a.actor <> ''`)
			if len(acts) != 1 || acts[0] != "cancel: withdrawn by telephone, Cancelled" {
				t.Errorf("the journal tells %v", acts)
			}
			if out := done(t, "documents", "show", key, "-c", config); !strings.Contains(out, "withdrawn by telephone") {
				t.Errorf("the story does not tell why:\n%s", out)
			}
			done(t, "journal", "verify", "-c", config)
		})
	}
}

// TestActNeedsTwoPersons: the configuration asks for two, and one alone does not get it.
func TestActNeedsTwoPersons(t *testing.T) {
	dir, config, key := suspended(t)
	data, err := os.ReadFile(config)
	must(t, err)
	must(t, os.WriteFile(config, append(data, "approvals:\n  cancel: 2\n"...), 0o640))
	done(t, "documents", "cancel", key, "-c", config, "--reason", "withdrawn")
	if code, _, errs := run(t, "documents", "cancel", key, "-c", config, "--reason", "withdrawn"); code != exitData || !strings.Contains(errs, "another person") {
		t.Errorf("the same person again: exit %d, %s", code, errs)
	}
	if rows := query(t, book(t, dir), `SELECT state FROM exchanges`); rows[0] != "Accepted" {
		t.Errorf("it is %v after one person", rows)
	}
}
