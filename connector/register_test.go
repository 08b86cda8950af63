package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bankconnector/connector/evidence/ledger"
)

// TestRegisters holds the registers of a demo against what the banks' own ledgers say
// that they received.
func TestRegisters(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	done(t, "demo", "--dir", dir, "--banks", "3", "--documents", "6", "--json")
	zone, err := time.LoadLocation("Europe/Moscow")
	must(t, err)
	b := book(t, dir)
	first, err := time.Parse(time.RFC3339, query(t, b, `SELECT min(delivered_at) FROM exchanges`)[0])
	must(t, err)
	day, out := first.In(zone).Format(time.DateOnly), t.TempDir()
	done(t, "journal", "register", "-c", config, "--day", day, "--out", out)
	files, err := filepath.Glob(filepath.Join(out, "register_*.csv"))
	must(t, err)
	if len(files) != 3 {
		t.Fatalf("registers are %v", files)
	}
	for _, path := range files {
		bank := strings.Split(filepath.Base(path), "_")[1]
		done(t, "signature", "verify", "--file", path, "--signature", path+".sig", "--signer", filepath.Join(dir, "keys", "signing.pem"))
		book := filepath.Join(dir, "banks", bank, "received.jsonl")
		for _, theirs := range []string{book, path} { // their ledger, and our own register come back
			done(t, "journal", "reconcile", theirs, "-c", config, "--bank", bank)
			done(t, "journal", "reconcile", theirs, "-c", config, "--bank", bank, "--day", day)
		}
		reconcileSpoilt(t, config, bank, book)
	}
	if code, _, _ := run(t, "journal", "reconcile", files[0], "-c", config, "--bank", "044525999"); code != exitData {
		t.Errorf("a bank that is not ours: exit %d", code)
	}
	if code, _, _ := run(t, "journal", "register", "-c", config, "--day", "22.11.2026"); code != exitUsage {
		t.Errorf("a day that is none: exit %d", code)
	}
}

// reconcileSpoilt takes, adds, changes and repeats a line of a bank's ledger; each is
// found, and nothing else.
func reconcileSpoilt(t *testing.T, config, bank, book string) {
	t.Helper()
	data, err := os.ReadFile(book)
	must(t, err)
	lines := bytes.SplitAfter(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
	lines[len(lines)-1] = append(lines[len(lines)-1], '\n')
	var second struct {
		Key    string `json:"internal_key"`
		SHA256 string `json:"sha256"`
	}
	must(t, json.Unmarshal(lines[1], &second))
	join := func(list ...[]byte) []byte { return bytes.Join(list, nil) }
	other := strings.Repeat("ab", 32)
	for name, c := range map[string]struct {
		data      []byte
		kind, key string
	}{
		"Removed":  {join(append([][]byte{lines[0]}, lines[2:]...)...), "missing", second.Key},
		"Added":    {append(bytes.Clone(data), `{"internal_key":"999","sha256":"`+other+`"}`+"\n"...), "unknown", "999"},
		"Changed":  {bytes.Replace(data, []byte(second.SHA256), []byte(other), 1), "changed", second.Key},
		"Repeated": {join(data, lines[1]), "twice", second.Key},
	} {
		path := filepath.Join(t.TempDir(), "theirs")
		must(t, os.WriteFile(path, c.data, 0o600))
		code, out, errs := run(t, "journal", "reconcile", path, "-c", config, "--bank", bank)
		var d ledger.Difference
		if err := json.Unmarshal([]byte(out), &d); err != nil || code != exitData || d.Kind != c.kind || d.Key != c.key {
			t.Errorf("bank %s, %s: exit %d, %s%s", bank, name, code, out, errs)
		}
	}
}

// TestDifferencesBecomeSuspect: a removed, an added and a changed line of a bank's ledger
// are recorded as acts of the person, once, with a daemon and without; looking alone writes
// nothing.
func TestDifferencesBecomeSuspect(t *testing.T) {
	for name, daemon := range map[string]bool{"Alone": false, "BesideTheDaemon": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, config := stage(t, 1)
			done(t, "sample", "-c", config, "--documents", "4", "--seed", "3")
			done(t, "exchange", "-c", config)
			bank := onlyFirstBank(t, dir)
			b := book(t, dir)
			sent := query(t, b, `SELECT internal_key, file_sha256 FROM exchanges WHERE state IN ('Delivered', 'Confirmed') ORDER BY id`)
			if len(sent) < 2 {
				t.Fatalf("sent is %v", sent)
			}
			gone, _, _ := strings.Cut(sent[0], "|")
			other, digest, _ := strings.Cut(sent[1], "|")
			var data []byte
			waitFor(t, func() bool { // a visit does not wait for the bank to take what it left
				var err error
				data, err = os.ReadFile(filepath.Join(dir, "banks", bank, "received.jsonl"))
				return err == nil && !slices.ContainsFunc(sent, func(row string) bool {
					key, _, _ := strings.Cut(row, "|")
					return !bytes.Contains(data, []byte(`"`+key+`"`))
				})
			})
			var theirs bytes.Buffer
			for line := range strings.Lines(string(data)) {
				if !strings.Contains(line, `"`+gone+`"`) {
					theirs.WriteString(strings.Replace(line, digest, strings.Repeat("ab", 32), 1))
				}
			}
			theirs.WriteString(`{"internal_key":"999","sha256":"` + digest + `"}` + "\n")
			path := filepath.Join(t.TempDir(), "theirs.jsonl")
			must(t, os.WriteFile(path, theirs.Bytes(), 0o600))
			if daemon {
				must(t, os.WriteFile(filepath.Join(dir, "banks.d", bank+".yaml"), suspend(t, filepath.Join(dir, "banks.d", bank+".yaml")), 0o600))
				c := program(t, "run", "-c", config)
				must(t, c.Start())
				defer func() {
					must(t, c.Process.Signal(os.Interrupt))
					must(t, c.Wait())
				}()
				waitFor(t, func() bool { _, err := os.Stat(filepath.Join(dir, "state", "control.sock")); return err == nil })
			}
			acts := func() int { return len(query(t, b, `SELECT seq FROM operator_acts WHERE act = 'dispute'`)) }
			reconcile := func(more ...string) {
				t.Helper()
				args := append([]string{"journal", "reconcile", path, "-c", config, "--bank", bank}, more...)
				if code, out, errs := run(t, args...); code != exitData || strings.Count(out, `"kind"`) != 3 {
					t.Errorf("%v: exit %d\n%s%s", args, code, out, errs)
				}
			}
			reconcile()
			reconcile("--reason", "сверка за ноябрь", "--dry-run")
			if n := acts(); n != 0 {
				t.Errorf("looking alone made %d acts", n)
			}
			for range 2 {
				reconcile("--reason", "сверка за ноябрь")
				if n := acts(); n != 3 {
					t.Errorf("%d acts, want 3", n)
				}
			}
			if got := query(t, b, `SELECT internal_key FROM exchanges WHERE state = 'Suspect' ORDER BY id`); len(got) != 2 || got[0] != gone || got[1] != other {
				t.Errorf("suspect are %v, want %s and %s", got, gone, other)
			}
			if who := query(t, b, `SELECT DISTINCT actor, reason FROM operator_acts WHERE act = 'dispute'`); len(who) != 1 || !strings.HasSuffix(who[0], "|сверка за ноябрь") || strings.HasPrefix(who[0], "bankconnector") {
				t.Errorf("who did it: %v", who)
			}
			done(t, "journal", "verify", "-c", config)
		})
	}
}

// suspend is a profile whose bank is not visited.
func suspend(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return bytes.Replace(data, []byte("state: active"), []byte("state: suspended"), 1)
}

// TestExport writes views as other tools read them.
func TestExport(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "config.yaml")
	done(t, "demo", "--dir", dir, "--banks", "1", "--documents", "3", "--json")
	table := done(t, "journal", "export", "exchanges", "-c", config)
	if lines := strings.Split(strings.TrimSpace(table), "\n"); len(lines) != 4 || !strings.HasPrefix(lines[0], "id,bank,kind,") {
		t.Errorf("csv is %s", table)
	}
	var list []map[string]any
	must(t, json.Unmarshal([]byte(done(t, "journal", "export", "SELECT id, closed_at FROM exchanges ORDER BY id", "--format", "json", "-c", config)), &list))
	if len(list) != 3 || list[0]["id"] != 1.0 {
		t.Errorf("json is %v", list)
	}
	for format, magic := range map[string]string{"xlsx": "PK\x03\x04", "parquet": "PAR1", "csv": "id,", "json": "[{"} {
		path := filepath.Join(t.TempDir(), "exchanges."+format)
		done(t, "journal", "export", "exchanges", "--format", format, "--out", path, "-c", config)
		if data, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(data, []byte(magic)) {
			t.Errorf("%s begins with %q, %v", format, data[:min(len(data), 8)], err)
		}
	}
	if out := done(t, "journal", "export", "SELECT 1 AS a WHERE 0", "--format", "json", "-c", config); out != "[]\n" {
		t.Errorf("no rows are %q", out)
	}
	for _, bad := range [][]string{{"nowhere"}, {"DELETE FROM event"}, {"exchanges", "--format", "pdf"}} {
		if code, _, errs := run(t, append([]string{"journal", "export", "-c", config}, bad...)...); code != exitData {
			t.Errorf("%v: exit %d, %s", bad, code, errs)
		}
	}
}

// eventKind is the name of a kind of event that a room gives by itself.
var eventKind = regexp.MustCompile(`^(alarm|note|config)\.[a-z]+(\.[a-z]+)*$`)

// TestHelpNamesEveryView holds journal_help to the schema and to the source: every view, every
// column that it explains and every kind of event that a room writes, is there.
func TestHelpNamesEveryView(t *testing.T) {
	dir := t.TempDir()
	done(t, "demo", "--dir", dir, "--banks", "1", "--documents", "1", "--json")
	b := book(t, dir)
	for _, name := range query(t, b, `SELECT name FROM sqlite_schema WHERE type = 'view' AND name NOT IN (SELECT name FROM journal_help WHERE column_name = '')`) {
		t.Errorf("journal_help says nothing of %s", name)
	}
	for _, wrong := range query(t, b, `SELECT h.name || '.' || h.column_name FROM journal_help h WHERE h.column_name <> ''
		AND h.column_name NOT IN (SELECT name FROM pragma_table_info(h.name))`) {
		t.Errorf("journal_help explains %s, which is not there", wrong)
	}
	explained, kinds := query(t, b, `SELECT name FROM journal_help WHERE column_name = ''`), map[string]bool{}
	sources(t, ".", func(f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && eventKind.MatchString(text) && text != "config.yaml" {
					kinds[text] = true
				}
			}
			return true
		})
	})
	for kind := range kinds {
		if !slices.Contains(explained, kind) {
			t.Errorf("journal_help says nothing of the event %s", kind)
		}
	}
	if len(kinds) < 20 {
		t.Errorf("only %d kinds of events were found in the source", len(kinds))
	}
}
