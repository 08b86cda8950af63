package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/mattn/go-sqlite3"
	"golang.org/x/sys/unix"
)

func steps(texts ...string) fstest.MapFS {
	out := fstest.MapFS{}
	for i, text := range texts {
		out["migrations/000"+string(rune('1'+i))+".sql"] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// book makes a file with the application id and opens it.
func book(t *testing.T) (*Conn, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a?b#c%20 d.db") // a path is no part of the address
	if err := Prepare(path); err != nil {
		t.Fatal(err)
	}
	if err := Publish(path); err != nil {
		t.Fatal(err)
	}
	c, err := Write(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := c.Script("PRAGMA application_id=1112228657"); err != nil {
		t.Fatal(err)
	}
	return c, path
}

func TestAssert(t *testing.T) {
	t.Run("HoldsAsOpened", func(t *testing.T) {
		c, path := book(t)
		if err := c.Assert(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	})
	for name, pragma := range map[string]string{
		"SynchronousNormalRefused":     "synchronous=NORMAL",
		"SynchronousOffRefused":        "synchronous=OFF",
		"DeleteModeRefused":            "journal_mode=DELETE",
		"ForeignKeysOffRefused":        "foreign_keys=OFF",
		"TriggersNotRecursiveRefused":  "recursive_triggers=OFF",
		"ExclusiveRefused":             "locking_mode=EXCLUSIVE",
		"NoBusyTimeoutRefused":         "busy_timeout=0",
		"TrustedSchemaRefused":         "trusted_schema=ON",
		"CellCheckOffRefused":          "cell_size_check=OFF",
		"MemoryMapRefused":             "mmap_size=1048576",
		"QueryOnlyRefused":             "query_only=ON",
		"ChecksIgnoredRefused":         "ignore_check_constraints=ON",
		"WritableSchemaRefused":        "writable_schema=ON",
		"OtherApplicationRefused":      "application_id=7",
		"NoApplicationWhateverRefused": "application_id=0",
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := book(t)
			if err := c.Script("PRAGMA " + pragma); err != nil {
				t.Fatal(err)
			}
			err := c.Assert()
			if err == nil {
				t.Fatal("a difference was not noticed")
			}
			if key, _, _ := strings.Cut(pragma, "="); !strings.Contains(err.Error(), key) {
				t.Errorf("the error does not name the setting: %v", err)
			}
		})
	}
}

// TestDriverDefaultIsNotEnough shows what Assert is for.
func TestDriverDefaultIsNotEnough(t *testing.T) {
	_, path := book(t)
	c, err := dial(address(path, "mode=rw&_journal_mode=WAL"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, err := c.Number("PRAGMA synchronous"); n != 1 || err != nil {
		t.Errorf("the driver now opens with synchronous=%d (%v): see whether settings can go", n, err)
	}
	if err := c.Assert(); err == nil {
		t.Error("the driver's defaults pass")
	}
}

func TestMigrate(t *testing.T) {
	one, two := "CREATE TABLE a (x INTEGER) STRICT;", "ALTER TABLE a ADD COLUMN y TEXT;"
	t.Run("StepByStep", func(t *testing.T) {
		c, _ := book(t)
		for n, files := range []fstest.MapFS{steps(one), steps(one, two)} {
			if from, to, err := Migrate(c, files); from != int64(n) || to != int64(n+1) || err != nil {
				t.Fatalf("from %d to %d: %v", from, to, err)
			}
		}
		if _, err := c.Exec("INSERT INTO a (x, y) VALUES (?, ?)", int64(1), "b"); err != nil {
			t.Error(err)
		}
	})
	t.Run("NewerRefused", func(t *testing.T) {
		c, _ := book(t)
		if _, _, err := Migrate(c, steps(one, two)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Migrate(c, steps(one)); err == nil || !strings.Contains(err.Error(), "newer program") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("FailedStepLeavesNothing", func(t *testing.T) {
		c, _ := book(t)
		if _, _, err := Migrate(c, steps(one, "CREATE TABLE b (x INTEGER); CREATE TABLE a (x INTEGER);")); err == nil {
			t.Fatal("a failing step passed")
		}
		if err := c.Rollback(); err != nil {
			t.Fatal(err)
		}
		if from, _, err := Migrate(c, steps(one)); from != 1 || err != nil {
			t.Errorf("version after the failure is %d, %v", from, err)
		}
		if n, err := c.Number("SELECT count(*) FROM sqlite_schema WHERE name = 'b'"); n != 0 || err != nil {
			t.Errorf("half of the step is there: %d, %v", n, err)
		}
	})
}

func TestDifferences(t *testing.T) {
	known := steps("CREATE TABLE a (x INTEGER) STRICT; CREATE INDEX i ON a (x); CREATE VIEW v AS SELECT x FROM a;")
	for name, c := range map[string]struct{ change, want string }{
		"None":         {"", ""},
		"ExtraTable":   {"CREATE TABLE b (x INTEGER)", "extra table b"},
		"MissingIndex": {"DROP INDEX i", "missing index i"},
		"AlteredView":  {"DROP VIEW v; CREATE VIEW v AS SELECT 1 AS x", "altered view v"},
		"ExtraTrigger": {"CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END", "extra trigger t"},
		"Analyzed":     {"INSERT INTO a VALUES (1); ANALYZE", ""},
		"Column":       {"ALTER TABLE a ADD COLUMN y TEXT", "altered table a"},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := book(t)
			if _, _, err := Migrate(b, known); err != nil {
				t.Fatal(err)
			}
			if err := b.Script(c.change); err != nil {
				t.Fatal(err)
			}
			got, err := Differences(b, func(version int64) (map[string]string, error) { return Known(known, version) })
			if err != nil || strings.Join(got, ", ") != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestFatal(t *testing.T) {
	c, path := book(t)
	if err := c.Script("CREATE TABLE a (x INTEGER PRIMARY KEY) STRICT; INSERT INTO a VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]string{
		"Constraint": "INSERT INTO a VALUES (1)", "Text": "INSERT INTO a VALUES ('x')", "Nonsense": "INSERT INTO nothing VALUES (1)",
	} {
		if _, err := c.Exec(q); err == nil || Fatal(err) {
			t.Errorf("%s: %v is fatal", name, err)
		}
	}
	if err := c.Script("PRAGMA max_page_count=2"); err != nil {
		t.Fatal(err)
	}
	if err := c.Script("CREATE TABLE b (x); CREATE TABLE c (x); CREATE TABLE d (x)"); err == nil || !Fatal(err) {
		t.Errorf("a full disk is not fatal: %v", err)
	}
	ro, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	if _, err := ro.Exec("INSERT INTO a VALUES (2)"); err == nil || !Fatal(err) {
		t.Errorf("a reader wrote: %v", err)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good.db", 0o640)
	link := filepath.Join(dir, "link.db")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	twice := file("twice.db", 0o640)
	if err := os.Link(twice, filepath.Join(dir, "other.db")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, want string }{
		"GroupReadsAccepted":  {good, ""},
		"OwnerOnlyAccepted":   {file("own.db", 0o600), ""},
		"OthersReadRefused":   {file("world.db", 0o644), "chmod 0640"},
		"GroupWritesRefused":  {file("group.db", 0o660), "chmod 0640"},
		"SymbolicLinkRefused": {link, "not a regular file"},
		"HardLinkRefused":     {twice, "hard links"},
		"FolderRefused":       {dir, "not a regular file"},
		"MissingRefused":      {filepath.Join(dir, "none.db"), "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Check(c.path)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestRemote(t *testing.T) {
	for kind, want := range map[int64]bool{
		unix.NFS_SUPER_MAGIC: true, unix.CIFS_SUPER_MAGIC: true, unix.SMB2_SUPER_MAGIC: true, unix.FUSE_SUPER_MAGIC: true,
		unix.CEPH_SUPER_MAGIC: true, unix.V9FS_MAGIC: true, unix.EXT4_SUPER_MAGIC: false, unix.XFS_SUPER_MAGIC: false,
		unix.BTRFS_SUPER_MAGIC: false, unix.TMPFS_MAGIC: false, unix.OVERLAYFS_SUPER_MAGIC: false,
		-0xacb2be: true, // CIFS where the kernel's field is 32 bits and signed
	} {
		if remote(kind) != want {
			t.Errorf("file system 0x%x: remote is %v", kind, !want)
		}
	}
}

func TestPrepareClearsWhatACrashLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	for _, tail := range []string{"", "-wal", "-shm"} {
		if err := os.WriteFile(NewName(path)+tail, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Prepare(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(NewName(path))
	if err != nil || info.Size() != 0 || info.Mode().Perm() != 0o640 {
		t.Errorf("new file: %v, %v", info, err)
	}
	if err := Publish(path); err != nil {
		t.Fatal(err)
	}
	if err := Prepare(path); err == nil {
		t.Error("an existing journal was not noticed")
	}
	if err := os.WriteFile(NewName(path), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Publish(path); err == nil {
		t.Error("an existing journal was replaced")
	}
}

// A disk that fails while the log is written back must not publish a file without what the log held.
func TestPublishRefusesAFileThatIsNotWrittenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := Prepare(path); err != nil {
		t.Fatal(err)
	}
	c, err := Write(NewName(path))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Script("CREATE TABLE a (x INTEGER) STRICT"); err != nil {
		t.Fatal(err)
	}
	if err := Publish(path); err == nil {
		t.Fatal("published, and the table stands in the log alone")
	}
	if err := c.WriteBack(); err != nil {
		t.Fatal(err)
	}
	if err := Publish(path); err != nil {
		t.Fatal(err)
	}
}

func TestFull(t *testing.T) {
	for name, v := range map[string]struct {
		err  error
		want bool
	}{
		"NoRoom":        {fmt.Errorf("commit: %w", sqlite3.Error{Code: sqlite3.ErrFull}), true},
		"QuotaReached":  {sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: sqlite3.ErrIoErrWrite, SystemErrno: unix.EDQUOT}, true},
		"DiskFailed":    {sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: sqlite3.ErrIoErrWrite, SystemErrno: unix.EIO}, false},
		"FlushNoRoom":   {sqlite3.Error{Code: sqlite3.ErrIoErr, ExtendedCode: sqlite3.ErrIoErrFsync, SystemErrno: unix.ENOSPC}, false},
		"SomethingElse": {errors.New("no such order"), false},
		"Nothing":       {nil, false},
	} {
		if got := Full(v.err); got != v.want {
			t.Errorf("%s: %v, want %v", name, got, v.want)
		}
	}
}

// After a failure of the disk the log stays as it is; after anything else it is written back.
func TestLeaveWritesNothingBackAfterTheDiskFailed(t *testing.T) {
	for name, v := range map[string]struct {
		cause error
		back  bool
	}{
		"Nothing":       {nil, true},
		"AWrongCaller":  {errors.New("no such order"), true},
		"TheDiskFailed": {fmt.Errorf("commit: %w", sqlite3.Error{Code: sqlite3.ErrIoErr}), false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.db")
			if err := errors.Join(Prepare(path), Publish(path)); err != nil {
				t.Fatal(err)
			}
			c, err := Write(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Script("CREATE TABLE a (x INTEGER) STRICT"); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Leave(v.cause); err != nil {
				t.Fatal(err)
			}
			after, err := os.ReadFile(path)
			if err != nil || bytes.Equal(before, after) == v.back {
				t.Errorf("the file changed: %v, want %v; %v", !bytes.Equal(before, after), v.back, err)
			}
		})
	}
}

func TestReadCopy(t *testing.T) {
	c, path := book(t)
	if err := c.Script("CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1); PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO a VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	bring := func(dir string, tails ...string) string {
		for _, tail := range tails {
			data, err := os.ReadFile(path + tail)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "copy.db"+tail), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return filepath.Join(dir, "copy.db")
	}
	for name, v := range map[string]struct {
		tails []string
		want  int64
	}{
		"FileAlone":      {[]string{""}, 1},
		"WithLog":        {[]string{"", "-wal"}, 2},
		"WithEverything": {[]string{"", "-wal", "-shm"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r, err := Read(bring(dir, v.tails...))
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if n, err := r.Number("SELECT count(*) FROM a"); n != v.want || err != nil {
				t.Errorf("%d rows, %v", n, err)
			}
			if names, err := os.ReadDir(dir); len(v.tails) == 1 && (len(names) != 1 || err != nil) {
				t.Errorf("reading left %v beside the copy, %v", names, err)
			}
		})
	}
}

// TestClosedReadersSaySo: a question after the end is an error, not a wait for ever.
func TestClosedReadersSaySo(t *testing.T) {
	r := NewReaders(filepath.Join(t.TempDir(), "none.db"), 2)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	err := r.Do(t.Context(), func(*Conn) error { return nil })
	if !errors.Is(err, ErrReadersClosed) {
		t.Errorf("got %v, want ErrReadersClosed", err)
	}
}
