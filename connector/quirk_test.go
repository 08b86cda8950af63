package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bankconnector/banks/rehearsal"
)

// TestBanksWithQuirks: the main job against one bank of each kind that is not as usual, by
// the real program over real SFTP. What must be answered is, what must not be believed is
// set aside and alarmed, and the bank's own ledger holds each document once.
func TestBanksWithQuirks(t *testing.T) {
	for _, tt := range []struct {
		quirk rehearsal.Quirk
		state string // of the documents afterwards
		also  string // a question whose answer must not be empty
	}{
		{"drop-box", "Answered", ``},
		{"clobber", "Answered", ``},
		{"skips-number", "Answered", `SELECT 1 FROM gaps WHERE first = 2 AND last = 2 AND told_at IS NULL`},
		{"wrong-signer", "Delivered", `SELECT 1 FROM incoming WHERE outcome IN ('quarantined', 'misdirected')`},
		{"foreign-reply", "Confirmed", `SELECT 1 FROM incoming WHERE outcome = 'misdirected'`},
	} {
		t.Run(string(tt.quirk), func(t *testing.T) {
			t.Parallel()
			dir, config := stage(t, 2, tt.quirk) // a stranger is the other bank
			done(t, "sample", "-c", config, "--documents", "2", "--seed", "4")
			b := func(text string) []string { return query(t, book(t, dir), text) }
			waitFor(t, func() bool {
				run(t, "exchange", "-c", config)
				for _, row := range b(`SELECT state || coalesce(answered_at, '') FROM exchanges WHERE state <> 'Held'`) {
					answered := strings.HasPrefix(row, "Answered") || strings.HasPrefix(row, "Closed")
					if tt.state == "Answered" && !answered || tt.state != "Answered" && row != tt.state {
						return false
					}
				}
				return tt.also == "" || len(b(tt.also)) > 0
			})
			if tt.state != "Answered" && len(b(`SELECT seq FROM event WHERE kind LIKE 'alarm.%'`)) == 0 {
				t.Error("replies that cannot be believed raised no alarm")
			}
			wrong := b(`SELECT internal_key FROM exchanges WHERE answered_at IS NOT NULL`)
			if tt.state != "Answered" && len(wrong) > 0 {
				t.Errorf("believed the replies to %v", wrong)
			}
			seen := map[string]bool{}
			for _, bic := range b(`SELECT DISTINCT bank FROM exchanges`) {
				list, err := rehearsal.ReadLedger(filepath.Join(dir, "banks", bic, "received.jsonl"))
				must(t, err)
				for _, a := range list {
					if a.Duplicate || seen[a.InternalKey] {
						t.Errorf("bank %s got %s twice", bic, a.InternalKey)
					}
					seen[a.InternalKey] = true
				}
			}
			done(t, "journal", "verify", "-c", config)
		})
	}
	t.Run("mute", func(t *testing.T) {
		t.Parallel()
		dir, config := stage(t, 1, "mute")
		edit(t, filepath.Join(dir, "banks.d", onlyBank(t, dir)+".yaml"), "sftp:\n", "sftp:\n  timeout: 1s\n")
		done(t, "sample", "-c", config, "--documents", "1", "--seed", "4")
		if code, _, errs := run(t, "exchange", "-c", config); code == exitDone {
			t.Errorf("a bank that says nothing was visited well: %s", errs)
		}
		rows := query(t, book(t, dir), `SELECT outcome, error <> '' FROM visits`)
		if len(rows) != 1 || rows[0] != "failed|1" {
			t.Errorf("the journal tells of the visit %v", rows)
		}
		if rows := query(t, book(t, dir), `SELECT state FROM exchanges`); len(rows) != 1 || rows[0] != "Accepted" {
			t.Errorf("the document is %v", rows)
		}
	})
}

// edit changes a file of the configuration.
func edit(t *testing.T, path, old, text string) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s has no %q", path, old)
	}
	must(t, os.WriteFile(path, []byte(strings.Replace(string(data), old, text, 1)), 0o640))
}
