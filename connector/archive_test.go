package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bankconnector/connector/evidence"
	"bankconnector/connector/journal"
)

// runAt is run with a clock that is so far ahead.
func runAt(t *testing.T, ahead time.Duration, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &o, errs: &e, now: func() time.Time { return time.Now().Add(ahead) }}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(&o)
	root.SetErr(&e)
	code = a.exit(root.ExecuteContext(context.WithoutCancel(t.Context())))
	return code, o.String(), e.String()
}

const season = 40 * 24 * time.Hour

// archived is a finished demo whose months have all moved to archives.
func archived(t *testing.T, args ...string) (dir, config string) {
	t.Helper()
	dir = t.TempDir()
	done(t, append([]string{"demo", "--dir", dir, "--banks", "2", "--documents", "3", "--json"}, args...)...)
	config = filepath.Join(dir, "config.yaml")
	return dir, config
}

// TestArchive: what the commands tell before and after is the same, and every check goes on.
func TestArchive(t *testing.T) {
	dir, config := archived(t)
	questions := [][]string{
		{"documents", "show", "1"},
		{"documents", "list"},
		{"journal", "query", "SELECT * FROM event_all WHERE seq <= 100 ORDER BY seq"},
		{"journal", "export", "exchanges"},
		{"journal", "export", "SELECT count(*) FROM event_all WHERE kind = 'exchange.delivered'"},
	}
	ask := func() (out []string) {
		for _, q := range questions {
			out = append(out, done(t, append(q, "-c", config)...))
		}
		return out
	}
	before := ask()
	if code, out, errs := run(t, "journal", "archive", "-c", config, "--before", "2026-01"); code != exitDone || !strings.Contains(out, "nothing is old enough") {
		t.Fatalf("a month that was not asked for: exit %d: %s%s", code, out, errs)
	}
	code, out, errs := runAt(t, season, "journal", "archive", "-c", config, "--reason", "year's end")
	files, err := filepath.Glob(filepath.Join(dir, "state", "archive", "journal-????-??.db"))
	if err != nil || code != exitDone || len(files) == 0 || !strings.Contains(out, filepath.Base(files[0])) {
		t.Fatalf("exit %d: %s%s: %v", code, out, errs, files)
	}
	if rows := query(t, book(t, dir), `SELECT count(*) FROM event`); len(files) == 1 && rows[0] != "1" {
		t.Errorf("%s events are left in the journal", rows[0])
	}
	for i, now := range ask() {
		if now != before[i] {
			t.Errorf("%v says\n%s\nand said\n%s", questions[i], now, before[i])
		}
	}
	var f evidence.Findings
	must(t, json.Unmarshal([]byte(done(t, "journal", "verify", "-c", config, "--json")), &f))
	if !f.OK || f.Archives != len(files) || f.Events != f.Last || f.Witnessed != f.Last || f.Signatures == 0 || f.Digests == 0 || f.Numbers == 0 {
		t.Errorf("verdict is %+v", f)
	}
	zip := filepath.Join(t.TempDir(), "e.zip")
	done(t, "journal", "evidence", "1", "-c", config, "--out", zip)
	if text, err := newCourt(t, zip).script(); err != nil || !strings.HasSuffix(text, "ALL CHECKED\n") {
		t.Errorf("evidence from an archive: %v\n%s", err, text)
	}
	day := query(t, book(t, dir), `SELECT date(min(delivered_at), '+3 hours') FROM exchanges`)[0]
	if out := done(t, "journal", "register", "-c", config, "--day", day, "--out", t.TempDir()); strings.Count(out, ".csv  3") != 2 {
		t.Errorf("registers of %s: %s", day, out)
	}
	copies := filepath.Join(t.TempDir(), "copies")
	drilled(t, 0, "-c", config, copies)
	must(t, os.RemoveAll(filepath.Join(copies, "archive")))
	if code, out, _ := run(t, "journal", "backup", "-c", config, "--drill", copies); code != exitData || !strings.Contains(out, "is missing in") {
		t.Errorf("a copy without its archives: exit %d: %s", code, out)
	}
	drilled(t, 0, "-c", config, copies)
	must(t, os.Rename(files[0], files[0]+".away"))
	if code, out, _ := run(t, "journal", "verify", "-c", config); code != exitData || !strings.Contains(out, filepath.Base(files[0])) {
		t.Errorf("an archive is away: exit %d: %s", code, out)
	}
	if code, _, errs := run(t, "documents", "show", "1", "-c", config); code == exitDone || !strings.Contains(errs, filepath.Base(files[0])) {
		t.Errorf("the document's archive is away: exit %d: %s", code, errs)
	}
	if code, _, errs := run(t, "journal", "query", "exchanges", "-c", config); code != exitDone || !strings.Contains(errs, filepath.Base(files[0])) {
		t.Errorf("a query without the archive: exit %d: %s", code, errs)
	}
}

// TestArchiveIsReadByPlainTools with the words of the documentation.
func TestArchiveIsReadByPlainTools(t *testing.T) {
	dir, config := archived(t)
	code, _, errs := runAt(t, season, "journal", "archive", "-c", config)
	if code != exitDone {
		t.Fatal(errs)
	}
	a := newAuditor(t, dir)
	files, err := filepath.Glob(filepath.Join(dir, "state", "archive", "*.db"))
	must(t, err)
	must(t, os.Chown(filepath.Dir(files[0]), -1, int(a.id.Gid)))
	must(t, os.Chown(files[0], -1, int(a.id.Gid)))
	page, err := os.ReadFile("../docs/audit.ru.md")
	must(t, err)
	_, words, _ := strings.Cut(string(page), "```sql\n")
	words, _, _ = strings.Cut(words, "```")
	words = strings.Replace(words, "state/archive/journal-2026-11.db", files[0], 1)
	attach, question, _ := strings.Cut(words, "\n")
	if out, err := a.ask(words); err != nil || len(files) == 1 && out != "1" {
		t.Errorf("%s: %s, %v", question, out, err)
	}
	for _, forbidden := range []string{`DELETE FROM a.event`, `UPDATE a.event SET actor = 'x'`, `INSERT INTO a.event SELECT * FROM a.event`} {
		if out, err := a.ask(attach + forbidden); err == nil {
			t.Errorf("the auditor may %s: %s", forbidden, out)
		}
	}
}

// TestRetire: what the rule gives up is removed and told, and nothing without a rule.
func TestRetire(t *testing.T) {
	dir, config := archived(t)
	if code, _, errs := run(t, "journal", "retire", "-c", config); code != exitConfig || !strings.Contains(errs, "archives_years") {
		t.Errorf("without a rule: exit %d: %s", code, errs)
	}
	if code, _, errs := run(t, "journal", "retire", "-c", config, "--before", "2099-01"); code != exitUsage {
		t.Errorf("without a reason: exit %d: %s", code, errs)
	}
	if code, _, errs := runAt(t, season, "journal", "archive", "-c", config); code != exitDone {
		t.Fatal(errs)
	}
	text, err := os.ReadFile(config)
	must(t, err)
	must(t, os.WriteFile(config, append(text, "\nretention: {archives_years: 1}\n"...), 0o640))
	if code, out, errs := runAt(t, 300*24*time.Hour, "journal", "retire", "-c", config); code != exitDone || !strings.Contains(out, "nothing") {
		t.Errorf("before its time: exit %d: %s%s", code, out, errs)
	}
	code, out, errs := runAt(t, 2*365*24*time.Hour, "journal", "retire", "-c", config)
	if code != exitDone {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	// What signatures were held against is said in the first month and by no later start: it is spared.
	if !strings.Contains(out, "nothing") {
		t.Errorf("what signatures rest on is removed: %s", out)
	}
	b, err := journal.Open(t.Context(), filepath.Join(dir, "state", "journal.db"), journal.Options{Now: func() time.Time { return time.Now().Add(2 * season) }, Instance: "test"})
	must(t, err)
	must(t, b.Write(t.Context(), "test", func(tx *journal.Tx) error {
		return tx.Note("config.trust", "", 0, evidence.Relied{All: true})
	}))
	must(t, b.Close())
	for range 2 {
		if code, _, errs := runAt(t, 2*365*24*time.Hour, "journal", "archive", "-c", config); code != exitDone {
			t.Fatal(errs)
		}
	}
	code, out, errs = runAt(t, 3*365*24*time.Hour, "journal", "retire", "-c", config)
	files, err := filepath.Glob(filepath.Join(dir, "state", "archive", "state-*.db"))
	if err != nil || code != exitDone || len(files) != 1 || !strings.Contains(out, "journal-") {
		t.Fatalf("exit %d: %s%s: %v", code, out, errs, files)
	}
	if out := done(t, "journal", "verify", "-c", config, "--lang", "ru"); !strings.Contains(out, "удалено по сроку хранения: journal-") || !strings.Contains(out, "retention.archives_years: 1") {
		t.Errorf("the verdict says nothing of it:\n%s", out)
	}
	if out := done(t, "documents", "show", "1", "-c", config); !strings.Contains(out, "rule of retention") {
		t.Errorf("documents show says nothing of it:\n%s", out)
	}
	if code, _, errs := run(t, "journal", "evidence", "1", "-c", config, "--out", filepath.Join(t.TempDir(), "e.zip")); code == exitDone || !strings.Contains(errs, "retention") {
		t.Errorf("evidence of what was removed: exit %d: %s", code, errs)
	}
	drilled(t, 0, "-c", config, filepath.Join(t.TempDir(), "copies"))
}
