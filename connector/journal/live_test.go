package journal

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// auditor is somebody who is in the journal's group and nothing else.
type auditor struct {
	path  string
	group uint32
}

// nobody has no rights of his own on any system; his group becomes the
// auditors' group here.
const nobody = 65534

// newAuditor opens the way to the file for the group alone. Run by root, the
// auditor is another user. Run by anybody else, he is the same user after the
// owner's right to write was taken away, which for SQLite is the same: what is
// open for writing stays so, and what is opened later cannot be.
func newAuditor(t *testing.T, dir, path string) auditor {
	t.Helper()
	if os.Geteuid() == 0 {
		for p := dir; p != os.TempDir() && p != "/"; p = filepath.Dir(p) {
			if err := os.Chmod(p, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(dir, -1, nobody); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	return auditor{path: path, group: nobody}
}

// ask runs one statement in the sqlite3 of the system.
func (a auditor) ask(ctx context.Context, query string) (string, error) {
	cmd := exec.CommandContext(ctx, "sqlite3", a.path, query)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: a.group}}
	}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// lock takes the owner's right to write away where the auditor is the owner.
func (a auditor) lock(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	for _, tail := range []string{"", "-wal", "-shm"} {
		if err := os.Chmod(a.path+tail, 0o440); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Dir(a.path)
	if err := os.Chmod(dir, 0o550); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Chmod(dir, 0o750); err != nil {
			t.Error(err)
		}
	})
}

func TestAuditorReadsLive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	d := &desk{clock: newClock(), path: filepath.Join(dir, "journal.db")}
	a := newAuditor(t, dir, d.path)
	b, err := Create(t.Context(), d.path, d.options())
	if err != nil {
		t.Fatal(err)
	}
	d.Book = b
	d.accept(t, order(bankA, "first"))
	for _, tail := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(d.path + tail)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o640 {
			t.Errorf("%s has mode %04o", info.Name(), info.Mode().Perm())
		}
		if st, ok := info.Sys().(*syscall.Stat_t); os.Geteuid() == 0 && (!ok || st.Gid != nobody) {
			t.Errorf("%s is not in the auditors' group", info.Name())
		}
	}
	a.lock(t)
	a.whileWriting(t, d)
	a.cannotWrite(t, d)
	d.proven(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("AtRest", func(t *testing.T) {
		if got, err := a.ask(t.Context(), `SELECT count(*) FROM exchanges`); err != nil || got != "401" {
			t.Errorf("%s, %v", got, err)
		}
	})
	if os.Geteuid() != 0 {
		return
	}
	t.Run("OthersAreLockedOut", func(t *testing.T) {
		stranger := auditor{path: d.path, group: nobody - 1}
		if got, err := stranger.ask(t.Context(), `SELECT count(*) FROM exchanges`); err == nil {
			t.Errorf("somebody outside the group reads %s", got)
		}
	})
}

// whileWriting asks again and again while 400 orders come in: every answer is
// a whole state, and never goes back.
func (a auditor) whileWriting(t *testing.T, d *desk) {
	t.Helper()
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for n := range 100 {
				err := d.Write(t.Context(), "daemon", func(tx *Tx) error {
					_, err := tx.Accept(order(bankA, fmt.Sprintf("%d-%d", w, n)))
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	last := 0
	for i := 0; i < 20 || last < 401; i++ {
		got, err := a.ask(t.Context(), `SELECT (SELECT count(*) FROM exchanges) || ' ' || (SELECT count(*) FROM event WHERE kind = 'exchange.opened')`)
		if err != nil {
			t.Fatalf("sqlite3 (apt install sqlite3) as an auditor: %v: %s", err, got)
		}
		documents, events, _ := strings.Cut(got, " ")
		n, err := strconv.Atoi(documents)
		if err != nil || documents != events || n < last {
			t.Fatalf("the auditor sees %q after %d", got, last)
		}
		last = n
	}
	all.Wait()
}

func (a auditor) cannotWrite(t *testing.T, d *desk) {
	t.Helper()
	for _, query := range []string{
		`DELETE FROM exchange`, `INSERT INTO bank VALUES ('1', '2', '3')`, `DROP TRIGGER event_update`, `PRAGMA user_version = 7`,
		`PRAGMA journal_mode = DELETE; CREATE TABLE x (y)`,
	} {
		if got, err := a.ask(t.Context(), query); err == nil {
			t.Errorf("an auditor could do %s: %s", query, got)
		}
	}
	if got, err := a.ask(t.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`); err == nil && !strings.HasPrefix(got, "1|") {
		t.Errorf("an auditor wrote the log back: %s", got)
	}
	d.do(t, func(tx *Tx) error { return tx.Note("note.after", "", 0, nil) })
}

// TestAuditorReadsAfterKill: nobody wrote the log back, and the daemon has not
// started again.
func TestAuditorReadsAfterKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	d := &desk{clock: newClock(), path: filepath.Join(dir, "journal.db")}
	a := newAuditor(t, dir, d.path)
	b, err := Create(t.Context(), d.path, d.options())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	cmd, lines := start(t, d, nil)
	n := 0
	for ; lines.Scan(); n++ {
		if n == 30 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the writer ended by itself")
	}
	a.lock(t)
	ask := func(when string) {
		t.Helper()
		got, err := a.ask(t.Context(), `SELECT count(*) FROM exchanges`)
		if seen, e := strconv.Atoi(got); err != nil || e != nil || seen < n {
			t.Errorf("%s the auditor sees %s of %d acknowledged, %v", when, got, n, err)
		}
	}
	ask("after the kill")
	if os.Geteuid() != 0 {
		return // the shared memory cannot be spoilt without the right that was taken away
	}
	// A power cut leaves any old thing in the shared memory file.
	if err := os.WriteFile(d.path+"-shm", []byte(strings.Repeat("power", 6553)), 0o600); err != nil {
		t.Fatal(err)
	}
	ask("after a power cut")
}

func TestJournalTakesTheFoldersGroup(t *testing.T) {
	dir, group := t.TempDir(), os.Getegid()
	if os.Geteuid() == 0 {
		group = nobody
		if err := os.Chown(dir, -1, group); err != nil {
			t.Fatal(err)
		}
	}
	d := &desk{clock: newClock(), path: filepath.Join(dir, "journal.db")}
	b, err := Create(t.Context(), d.path, d.options())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, tail := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(d.path + tail)
		if err != nil {
			t.Fatal(err)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Gid) != group {
			t.Errorf("%s is not in the folder's group", info.Name())
		}
	}
}
