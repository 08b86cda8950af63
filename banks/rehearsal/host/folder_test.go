package host

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

func TestFiles(t *testing.T) {
	r := start(t, Habits{})
	c := r.client()

	t.Run("exclusive create refuses a second time", func(t *testing.T) {
		r.mustPut(c, "/to-bank/a.part", "one")
		wantCode(t, put(t, c, "/to-bank/a.part", "two"), 4)
		if got := r.disk("to-bank/a.part"); got != "one" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("read back what was written", func(t *testing.T) {
		big := strings.Repeat("0123456789", 20_000)
		r.mustPut(c, "/to-bank/big.part", big)
		f, err := c.Open("/to-bank/big.part")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		got, err := io.ReadAll(f)
		if err != nil || string(got) != big {
			t.Errorf("read %d octets, %v", len(got), err)
		}
	})
	t.Run("fsync is offered and answered", func(t *testing.T) {
		if v, ok := c.HasExtension("fsync@openssh.com"); !ok || v != "1" {
			t.Fatal("fsync@openssh.com is not announced")
		}
		f, err := c.Create("/to-bank/synced.part")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("fsync of a closed handle is an error", func(t *testing.T) {
		f, err := c.Create("/to-bank/closed.part")
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		if err := f.Sync(); err == nil {
			t.Error("synced a closed file")
		}
	})
	t.Run("plain rename never replaces", func(t *testing.T) {
		r.mustPut(c, "/to-bank/b", "b")
		r.mustPut(c, "/to-bank/c", "c")
		wantCode(t, c.Rename("/to-bank/b", "/to-bank/c"), 4)
		if r.disk("to-bank/b") != "b" || r.disk("to-bank/c") != "c" {
			t.Error("a file was lost")
		}
		if err := c.Rename("/to-bank/b", "/to-bank/d"); err != nil {
			t.Fatal(err)
		}
		if r.disk("to-bank/b") != "absent" || r.disk("to-bank/d") != "b" {
			t.Error("not renamed")
		}
	})
	t.Run("posix rename replaces", func(t *testing.T) {
		r.mustPut(c, "/to-bank/e", "e")
		if err := c.PosixRename("/to-bank/e", "/to-bank/d"); err != nil {
			t.Fatal(err)
		}
		if r.disk("to-bank/d") != "e" {
			t.Error("not replaced")
		}
	})
	t.Run("rename of nothing", func(t *testing.T) {
		wantCode(t, c.Rename("/to-bank/no", "/to-bank/yes"), 2)
		wantCode(t, c.PosixRename("/to-bank/no", "/to-bank/yes"), 2)
	})
	t.Run("stat, lstat, absent", func(t *testing.T) {
		for _, stat := range []func(string) (os.FileInfo, error){c.Stat, c.Lstat} {
			info, err := stat("/to-bank/d")
			if err != nil || info.Size() != 1 || !info.Mode().IsRegular() {
				t.Errorf("got %v, %v", info, err)
			}
			_, err = stat("/to-bank/no")
			wantCode(t, err, 2)
		}
	})
	t.Run("remove leaves folders alone, rmdir files", func(t *testing.T) {
		if err := c.Mkdir("/from-bank/.claimed"); err != nil {
			t.Fatal(err)
		}
		if err := c.RemoveDirectory("/to-bank/d"); err == nil {
			t.Error("rmdir removed a file")
		}
		if err := c.RemoveDirectory("/from-bank/.claimed"); err != nil {
			t.Error(err)
		}
		if err := c.Remove("/to-bank/d"); err != nil {
			t.Error(err)
		}
	})
	t.Run("truncate, mode and times", func(t *testing.T) {
		at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		if err := errors.Join(c.Truncate("/to-bank/c", 0), c.Chmod("/to-bank/c", 0o600), c.Chtimes("/to-bank/c", at, at)); err != nil {
			t.Fatal(err)
		}
		info, err := c.Stat("/to-bank/c")
		if err != nil || info.Size() != 0 || info.Mode().Perm() != 0o600 || !info.ModTime().Equal(at) {
			t.Errorf("got %v, %v", info, err)
		}
	})
	t.Run("long listings come page by page", func(t *testing.T) {
		for i := range 250 {
			r.writeDisk(filepath.Join("from-bank", "rep_"+strings.Repeat("x", i%50+1)+string(rune('a'+i/50))+".zip"), "")
		}
		list, err := c.ReadDir("/from-bank")
		if err != nil || len(list) != 250 {
			t.Errorf("listed %d, %v", len(list), err)
		}
	})
}

func TestConfinement(t *testing.T) {
	r := start(t, Habits{})
	c := r.client()
	outside := filepath.Join(r.dir, "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o640); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(r.dir, "root")
	if err := errors.Join(os.Symlink(outside, filepath.Join(root, "to-bank", "link")), os.Symlink(r.dir, filepath.Join(root, "to-bank", "up"))); err != nil {
		t.Fatal(err)
	}
	r.writeDisk("from-bank/rep_1.zip", "reply")
	r.writeDisk("to-bank/own", "own")
	open := func(name string) error {
		f, err := c.Open(name)
		if err == nil {
			_ = f.Close()
		}
		return err
	}
	stat := func(name string) error { _, err := c.Stat(name); return err }
	list := func(name string) error { _, err := c.ReadDir(name); return err }
	tests := map[string]error{
		"read above the home":            open("/../secret"),
		"read above the home, relative":  open("../../secret"),
		"read an absolute path":          open(outside),
		"read through a link":            open("/to-bank/link"),
		"read through a linked folder":   open("/to-bank/up/secret"),
		"stat through a link":            stat("/to-bank/link"),
		"list through a link":            list("/to-bank/up"),
		"write above the home":           put(t, c, "/../written", "x"),
		"write through a linked folder":  put(t, c, "/to-bank/up/written", "x"),
		"write into the home":            put(t, c, "/written", "x"),
		"write into from-bank":           put(t, c, "/from-bank/rep_2.zip", "x"),
		"rename out of the home":         c.Rename("/to-bank/own", "/../own"),
		"rename into a linked folder":    c.Rename("/to-bank/own", "/to-bank/up/own"),
		"posix rename out of the home":   c.PosixRename("/to-bank/own", "/to-bank/up/own"),
		"rename from folder to folder":   c.Rename("/to-bank/own", "/from-bank/own"),
		"rename a folder":                c.Rename("/to-bank", "/other"),
		"remove a folder":                c.RemoveDirectory("/from-bank"),
		"make a folder in the home":      c.Mkdir("/new"),
		"link":                           c.Symlink("/to-bank/own", "/to-bank/link2"),
		"hard link":                      c.Link("/to-bank/own", "/to-bank/link2"),
		"truncate a file of the bank":    c.Truncate("/from-bank/rep_1.zip", 0),
		"read a folder as a file":        open("/to-bank"),
		"create with a NUL in the name":  put(t, c, "/to-bank/a\x00b", "x"),
		"list what is not there":         list("/other"),
		"readlink":                       func() error { _, err := c.ReadLink("/to-bank/link"); return err }(),
		"truncate through a link":        c.Truncate("/to-bank/link", 0),
		"change the mode through a link": c.Chmod("/to-bank/link", 0o777),
	}
	for name, err := range tests {
		t.Run(name+" refused", func(t *testing.T) {
			if err == nil {
				t.Error("no error")
			}
		})
	}
	if data, _ := os.ReadFile(outside); string(data) != "secret" {
		t.Errorf("the file outside now holds %q", data)
	}
	if r.disk("to-bank/own") != "own" || r.disk("from-bank/rep_1.zip") != "reply" {
		t.Error("a file was changed")
	}
}

func TestWatcher(t *testing.T) {
	r := start(t, Habits{})
	c := r.client()
	r.writeDisk("from-bank/rep_1.zip", "reply")
	r.mustPut(c, "/to-bank/.x.part", "x")
	_ = put(t, c, "/to-bank/.x.part", "x")
	if err := errors.Join(
		c.PosixRename("/to-bank/.x.part", "/to-bank/piev_1.zip"),
		c.Rename("/to-bank/piev_1.zip", "/to-bank/piev_2.zip"),
		c.Mkdir("/from-bank/.claimed"),
		c.Rename("/from-bank/rep_1.zip", "/from-bank/.claimed/1"),
		c.Remove("/from-bank/.claimed/1"),
	); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"opened to-bank/.x.part", "whole to-bank/.x.part", "opened to-bank/.x.part", "unmade to-bank/.x.part",
		"moved to-bank/piev_1.zip", "moved to-bank/piev_2.zip", "taken from-bank/rep_1.zip", "taken from-bank/.claimed/1",
	}
	if d := cmp.Diff(want, r.diary.all()); d != "" {
		t.Error(d)
	}
}

func TestWatcherTornUpload(t *testing.T) {
	r := start(t, Habits{})
	conn, err := ssh.Dial("tcp", r.Addr(), r.config())
	if err != nil {
		t.Fatal(err)
	}
	c, err := sftp.NewClient(conn)
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.Create("/to-bank/piev_1.zip")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	_ = c.Close()
	_ = r.Close()
	if d := cmp.Diff([]string{"opened to-bank/piev_1.zip", "torn to-bank/piev_1.zip"}, r.diary.all()); d != "" {
		t.Error(d)
	}
}
