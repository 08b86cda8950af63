package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// auditor is an account that may only read: a member of the journal's group and nobody
// else. Only root can become one, so the test wants root, as CI and Debian's package
// builds are.
type auditor struct {
	t    *testing.T
	path string
	id   *syscall.Credential
}

func newAuditor(t *testing.T, dir string) auditor {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("reading as another user needs root; run: sudo make test")
	}
	if _, err := exec.LookPath("sqlite3"); err != nil {
		t.Fatal("sqlite3 is missing; run: apt-get install -y sqlite3")
	}
	nobody, err := user.Lookup("nobody")
	must(t, err)
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	must(t, err)
	const group = 64999 // no account of the machine is in it
	// The group may search the way to the journal and read its three files, nothing else.
	for at := filepath.Join(dir, "state"); len(at) > len(os.TempDir()); at = filepath.Dir(at) {
		must(t, os.Chown(at, -1, group))
		must(t, os.Chmod(at, 0o750))
	}
	for _, name := range []string{"journal.db", "journal.db-wal", "journal.db-shm"} {
		if err := os.Chown(filepath.Join(dir, "state", name), -1, group); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return auditor{t, filepath.Join(dir, "state", "journal.db"), &syscall.Credential{Uid: uint32(uid), Gid: group}}
}

// ask runs the sqlite3 tool as the auditor.
func (a auditor) ask(query string) (string, error) {
	c := exec.CommandContext(a.t.Context(), "sqlite3", "-readonly", "-cmd", ".timeout 5000", a.path, query)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: a.id}
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// TestAuditorReadsTheLiveJournal asks what auditors ask while the daemon runs and writes.
func TestAuditorReadsTheLiveJournal(t *testing.T) {
	dir, config := stage(t, 2)
	done(t, "sample", "-c", config, "--documents", "4", "--seed", "8")
	daemon := program(t, "run", "-c", config)
	must(t, daemon.Start())
	ended := make(chan error, 1)
	go func() { ended <- daemon.Wait() }()
	defer func() {
		must(t, daemon.Process.Signal(os.Interrupt))
		must(t, <-ended)
	}()
	waitFor(t, func() bool { // the daemon itself takes the documents in, at once
		_, err := os.Stat(filepath.Join(dir, "state", "journal.db"))
		if err != nil {
			return false
		}
		return len(query(t, book(t, dir), `SELECT id FROM exchanges`)) == 8
	})
	a := newAuditor(t, dir)
	bank := onlyFirstBank(t, dir)
	day := time.Now().UTC().Format(time.DateOnly)
	for _, tt := range []struct{ question, query, want string }{
		{"what was taken for bank X on day D", `SELECT count(*) FROM exchanges WHERE bank = '` + bank + `' AND accepted_at LIKE '` + day + `%'`, "4"},
		{"what is overdue", `SELECT count(*) FROM overdue`, "0"},
		{"who signed the reply to order N", `SELECT count(*) FROM exchanges x LEFT JOIN incoming i ON i.exchange_id = x.id AND i.kind IN ('report', 'answer') WHERE x.id = 1`, "1"},
	} {
		if out, err := a.ask(tt.query); err != nil || out != tt.want {
			t.Errorf("%s: %s, %v, want %s", tt.question, out, err, tt.want)
		}
	}
	for _, forbidden := range []string{
		`DELETE FROM event`, `UPDATE exchange SET state = 'Closed'`, `CREATE TABLE mine (a)`, `PRAGMA wal_checkpoint(TRUNCATE)`,
	} {
		if out, err := a.ask(forbidden); err == nil && !strings.HasPrefix(out, "1|") { // a checkpoint answers "busy"
			t.Errorf("the auditor may %s: %s", forbidden, out)
		}
	}
	if out, err := a.ask(`SELECT count(*) FROM event`); err != nil || out == "0" {
		t.Errorf("after that the journal answers %s, %v", out, err)
	}
}

// TestAuditorSeesWhoSigned asks the same of a finished exchange, whose answers are known.
func TestAuditorSeesWhoSigned(t *testing.T) {
	dir := t.TempDir()
	done(t, "demo", "--dir", dir, "--banks", "2", "--documents", "3", "--json")
	a := newAuditor(t, dir)
	bank := onlyFirstBank(t, dir)
	day := time.Now().UTC().Format(time.DateOnly)
	sent, err := a.ask(`SELECT count(*) FROM exchanges WHERE bank = '` + bank + `' AND delivered_at LIKE '` + day + `%'`)
	if err != nil || sent != "3" {
		t.Errorf("sent to bank %s on %s: %s, %v, want 3", bank, day, sent, err)
	}
	signer, err := a.ask(`SELECT i.signer FROM exchanges x JOIN incoming i ON i.exchange_id = x.id AND i.kind IN ('report', 'answer') WHERE x.bank = '` + bank + `' ORDER BY x.id LIMIT 1`)
	if err != nil || !strings.Contains(signer, "Учебный банк 1") {
		t.Errorf("who signed the reply: %s, %v", signer, err)
	}
}

func onlyFirstBank(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "banks.d", "*.yaml"))
	must(t, err)
	return strings.TrimSuffix(filepath.Base(files[0]), ".yaml")
}

// TestQueryCannotWrite: what a person types is read by a connection that may do nothing
// but read, also where SQL could switch a setting off or open another file.
func TestQueryCannotWrite(t *testing.T) {
	dir := t.TempDir()
	done(t, "demo", "--dir", dir, "--banks", "1", "--documents", "1", "--json")
	config, path := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "state", "journal.db")
	other := filepath.Join(dir, "other.db")
	for _, text := range []string{
		"PRAGMA query_only=0; ATTACH '" + path + "' AS w; UPDATE w.exchange SET state='Accepted'; SELECT 2",
		"ATTACH '" + other + "' AS x",
		"VACUUM INTO '" + other + "'",
		"DELETE FROM visit",
		"INSERT INTO event DEFAULT VALUES",
		"DROP TRIGGER event_no_update",
		"PRAGMA journal_mode=DELETE",
		"SELECT load_extension('x')",
	} {
		if code, out, _ := run(t, "journal", "query", text, "-c", config); code != exitData {
			t.Errorf("%s: exit %d\n%s", text, code, out)
		}
	}
	if _, err := os.Stat(other); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a query made a file: %v", err)
	}
	done(t, "journal", "verify", "-c", config)
	done(t, "journal", "query", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 3) SELECT i, (SELECT count(*) FROM exchanges) FROM n", "-c", config)
}

// TestReadingMakesNothing: a command that only reads leaves a new installation new.
func TestReadingMakesNothing(t *testing.T) {
	dir, config := stage(t, 1)
	for _, args := range [][]string{{"journal", "verify"}, {"journal", "query", "exchanges"}, {"documents", "list"}, {"bank", "list"}, {"config", "check"}} {
		run(t, append(args, "-c", config)...)
		if _, err := os.Stat(filepath.Join(dir, "state")); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%v made the state folder: %v", args, err)
		}
	}
	done(t, "exchange", "-c", config)
}
