package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bankconnector/banks/rehearsal"
	"bankconnector/connector/journal"
	"bankconnector/connector/practice"
	"bankconnector/internal/testkit"
)

func sortStrings(list []string) { slices.Sort(list) }

// TestExchangeOverOpenSSH has the same exchange over the real sshd and sftp-server: the
// rehearsal bank's back office works on the folders that OpenSSH serves.
func TestExchangeOverOpenSSH(t *testing.T) {
	for _, external := range []bool{false, true} {
		t.Run(fmt.Sprintf("sftp-server=%v", external), func(t *testing.T) {
			dir := t.TempDir()
			config := filepath.Join(dir, "config.yaml")
			must(t, serve(t, dir, 1).Close()) // makes folders, keys and configuration
			bic := onlyBank(t, dir)
			root := filepath.Join(dir, "banks", bic, "root")
			sshd := testkit.StartSSHD(t, testkit.SSHDOptions{
				External: external,
				Root:     &testkit.Root{Dir: root, ToBank: filepath.Join(root, "to-bank"), FromBank: filepath.Join(root, "from-bank")},
			})
			pointAt(t, filepath.Join(dir, "banks.d", bic+".yaml"), sshd)
			done(t, "sample", "-c", config, "--documents", "16", "--seed", "3")
			for range 8 {
				done(t, "exchange", "-c", config)
				backOffice(t, dir)
			}
			done(t, "exchange", "-c", config, "--until", "answered", "--timeout", "10s")
			lines, err := rehearsal.ReadLedger(filepath.Join(dir, "banks", bic, "received.jsonl"))
			must(t, err)
			if answered := query(t, book(t, dir), `SELECT id FROM exchanges WHERE answered_at IS NOT NULL`); len(answered) != 16 || len(lines) != 16 {
				t.Errorf("%d answered, %d arrived, want 16", len(answered), len(lines))
			}
			done(t, "bank", "check", bic, "-c", config)
		})
	}
}

// backOffice lets the bank work through its folders once, without a server of its own.
func backOffice(t *testing.T, dir string) {
	t.Helper()
	p := &practice.Stage{Dir: dir, Now: time.Now, Quirks: []rehearsal.Quirk{"down"}}
	must(t, p.Setup(1))
	r, err := p.Open(t.Context(), rehearsal.Config{Seed: 1, FinalReports: true})
	must(t, err)
	must(t, r.Idle(t.Context()))
	must(t, r.Close())
}

func onlyBank(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "banks.d", "*.yaml"))
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("%d banks, want 1", len(files))
	}
	return strings.TrimSuffix(filepath.Base(files[0]), ".yaml")
}

// pointAt rewrites a bank's profile for another server.
func pointAt(t *testing.T, path string, s *testkit.SSHD) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	var out []string
	for _, line := range strings.Split(string(data), "\n") {
		key, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch key {
		case "host":
			line = "  host: " + s.Host
		case "port":
			line = fmt.Sprintf("  port: %d\n  to_bank: %s\n  from_bank: %s", s.Port, s.Root.ToBank, s.Root.FromBank)
		case "user":
			line = "  user: " + s.User
		case "key_file":
			line = "  key_file: " + s.Key.File
		case "- key":
			line = "    - key: " + s.HostKeys[0].Line
		}
		out = append(out, line)
	}
	must(t, os.WriteFile(path, []byte(strings.Join(out, "\n")), 0o640))
}

// TestOneBankOfThreeIsDown: its trouble is its own.
func TestOneBankOfThreeIsDown(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	serve(t, dir, 3)
	files, err := filepath.Glob(filepath.Join(dir, "banks.d", "*.yaml"))
	must(t, err)
	data, err := os.ReadFile(files[1])
	must(t, err)
	dead := strings.TrimSuffix(filepath.Base(files[1]), ".yaml")
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "port:") {
			lines[i] = "  port: 1"
		}
	}
	must(t, os.WriteFile(files[1], []byte(strings.Join(lines, "\n")), 0o640))
	done(t, "sample", "-c", config, "--documents", "4", "--seed", "9")
	code, _, errs := run(t, "exchange", "-c", config, "--until", "answered", "--timeout", "15s")
	if code != exitPartly || !strings.Contains(errs, "1 of 3") {
		t.Errorf("exit %d, want %d\n%s", code, exitPartly, errs)
	}
	b := book(t, dir)
	for _, row := range query(t, b, `SELECT bank, sum(answered_at IS NOT NULL) FROM exchanges GROUP BY bank`) {
		want := "4"
		if strings.HasPrefix(row, dead) {
			want = "0"
		}
		if !strings.HasSuffix(row, "|"+want) {
			t.Errorf("%s answered, want %s", row, want)
		}
	}
	if failed := query(t, b, `SELECT error FROM visits WHERE outcome = 'failed' AND bank = ?`, dead); len(failed) == 0 || !strings.Contains(failed[0], "refused") {
		t.Errorf("visits to the dead bank: %v, want failed ones that say why", failed)
	}
}

// TestEveryQuirkEndsWell: banks that differ from the usual server still get every
// document once.
func TestEveryQuirkEndsWell(t *testing.T) {
	for _, q := range []rehearsal.Quirk{
		"slow", "no-posix-rename", "no-rename", "no-fsync", "no-list-home", "readonly-from-bank", "crash-rename", "drop-before-rename", "late-receipts", "duplicate-replies", "half-file",
	} {
		t.Run(string(q), func(t *testing.T) {
			t.Parallel()
			dir, config := stage(t, 1, q)
			done(t, "sample", "-c", config, "--documents", "8", "--seed", "4")
			code, out, errs := run(t, "exchange", "-c", config, "--until", "answered", "--timeout", "60s")
			if open := query(t, book(t, dir), `SELECT internal_key, state, reason FROM exchanges WHERE answered_at IS NULL`); len(open) != 0 {
				t.Errorf("exit %d, not answered: %v\n%s%s", code, open, out, errs)
			}
			if left := query(t, book(t, dir), `SELECT internal_key, state FROM receipts WHERE state <> 'Closed'`); code != exitDone || len(left) != 0 {
				t.Errorf("exit %d, receipts that did not go out: %v\n%s%s", code, left, out, errs)
			}
			lines, err := rehearsal.ReadLedger(filepath.Join(dir, "banks", onlyBank(t, dir), "received.jsonl"))
			must(t, err)
			for _, l := range lines {
				if l.Duplicate || l.Verdict != "accepted" {
					t.Errorf("the bank got %+v", l)
				}
			}
			if len(lines) != 8 {
				t.Errorf("%d arrived, want 8", len(lines))
			}
		})
	}
}

// TestHeldReplyShows: a reply that waits for a fresh list of revoked certificates is counted and named in bank list, and
// in the auditor's view.
func TestHeldReplyShows(t *testing.T) {
	dir, config := stage(t, 1)
	done(t, "exchange", "-c", config)
	now := time.Now()
	b, err := journal.Open(t.Context(), filepath.Join(dir, "state", "journal.db"), journal.Options{Now: time.Now, Instance: "test"})
	must(t, err)
	var bank string
	must(t, b.DB().QueryRowContext(t.Context(), `SELECT bank FROM visits`).Scan(&bank))
	must(t, b.Write(t.Context(), "test", func(tx *journal.Tx) error {
		id, _, err := tx.Receive(journal.Incoming{Bank: bank, Name: "rep_1.zip", SHA256: strings.Repeat("ab", 32), Size: 9, ReceivedAt: now})
		if err != nil {
			return err
		}
		return tx.Hold(id, journal.Settlement{Verdict: "unchecked", Code: "crl-stale", Reason: "the list is out of date"})
	}))
	must(t, b.Close())
	for _, lang := range []string{"ru", "en"} {
		if out := done(t, "bank", "list", "-c", config, "--lang", lang); !strings.Contains(out, "rep_1.zip") || !strings.Contains(out, "the list is out of date") {
			t.Errorf("%s: %s", lang, out)
		}
	}
	if out := done(t, "bank", "list", "-c", config, "--json"); !strings.Contains(out, `"code":"crl-stale"`) {
		t.Errorf("%s", out)
	}
	rows := query(t, book(t, dir), `SELECT name, verdict, code, outcome FROM incoming WHERE verdict = 'unchecked'`)
	if len(rows) != 1 || rows[0] != "rep_1.zip|unchecked|crl-stale|" {
		t.Errorf("view: %q", rows)
	}
	if out := done(t, "journal", "verify", "-c", config, "--quick"); out == "" {
		t.Error("nothing said")
	}
}
