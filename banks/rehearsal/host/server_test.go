package host

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pkg/sftp"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// key makes the same key for the same letter.
func key(t *testing.T, letter byte) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{letter}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// diary records what a Watcher is told.
type diary struct {
	mu   sync.Mutex
	list []string
}

func (d *diary) add(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, s)
}

func (d *diary) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.list)
}

func (d *diary) Opened(name string) { d.add("opened " + name) }
func (d *diary) Closed(name string, end Ending) {
	d.add([]string{"whole ", "torn ", "unmade "}[end] + name)
}
func (d *diary) Moved(name string) { d.add("moved " + name) }
func (d *diary) Taken(name string) { d.add("taken " + name) }

// rig is a running server and how to reach it.
type rig struct {
	*Server
	dir   string
	diary *diary
	t     *testing.T
}

func start(t *testing.T, h Habits) *rig {
	t.Helper()
	return startIn(t, t.TempDir(), h)
}

func options(t *testing.T, dir string, h Habits, d *diary) Options {
	t.Helper()
	return Options{
		Name: "044525225", Dir: dir, HostKey: key(t, 'h'), Authorized: []ssh.PublicKey{key(t, 'c').PublicKey()},
		User: "fssp", Listen: "127.0.0.1", Habits: h, Watch: d, Log: slog.New(slog.DiscardHandler),
	}
}

func startIn(t *testing.T, dir string, h Habits) *rig {
	t.Helper()
	d := &diary{}
	s, err := Open(t.Context(), options(t, dir, h, d))
	if err != nil {
		t.Fatal(err)
	}
	s.Serve()
	t.Cleanup(func() { s.Close() })
	return &rig{Server: s, dir: dir, diary: d, t: t}
}

func (r *rig) config(auth ...ssh.AuthMethod) *ssh.ClientConfig {
	if len(auth) == 0 {
		auth = []ssh.AuthMethod{ssh.PublicKeys(key(r.t, 'c'))}
	}
	return &ssh.ClientConfig{User: "fssp", Auth: auth, HostKeyCallback: ssh.FixedHostKey(key(r.t, 'h').PublicKey())}
}

// client logs in and opens an SFTP session.
func (r *rig) client() *sftp.Client {
	r.t.Helper()
	conn, err := ssh.Dial("tcp", r.Addr(), r.config())
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := sftp.NewClient(conn)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close(); conn.Close() })
	return c
}

func put(t *testing.T, c *sftp.Client, name, text string) error {
	t.Helper()
	f, err := c.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(text))
	return errors.Join(err, f.Close())
}

func (r *rig) mustPut(c *sftp.Client, name, text string) {
	r.t.Helper()
	if err := put(r.t, c, name, text); err != nil {
		r.t.Fatalf("put %s: %v", name, err)
	}
}

// disk reads a file of the home, "absent" if it is not there.
func (r *rig) disk(name string) string {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, "root", name))
	if errors.Is(err, fs.ErrNotExist) {
		return "absent"
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

func (r *rig) writeDisk(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "root", name), []byte(text), 0o640); err != nil {
		r.t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code uint32) {
	t.Helper()
	var status *sftp.StatusError
	switch {
	case errors.As(err, &status) && status.Code == code:
	case code == 2 && errors.Is(err, fs.ErrNotExist), code == 3 && errors.Is(err, fs.ErrPermission):
	default:
		t.Errorf("got error %v, want SFTP status %d", err, code)
	}
}

func TestLogin(t *testing.T) {
	withPassword := func(o *Options) { o.Password = "верно" }
	tests := []struct {
		name   string
		change func(*Options)
		user   string
		auth   ssh.AuthMethod
		ok     bool
	}{
		{"registered key", nil, "fssp", ssh.PublicKeys(key(t, 'c')), true},
		{"strange key refused", nil, "fssp", ssh.PublicKeys(key(t, 'x')), false},
		{"other user refused", nil, "root", ssh.PublicKeys(key(t, 'c')), false},
		{"no authentication refused", nil, "fssp", nil, false},
		{"password where none is set refused", nil, "fssp", ssh.Password(""), false},
		{"right password", withPassword, "fssp", ssh.Password("верно"), true},
		{"wrong password refused", withPassword, "fssp", ssh.Password("неверно"), false},
		{"password of another user refused", withPassword, "root", ssh.Password("верно"), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := options(t, t.TempDir(), Habits{}, &diary{})
			if test.change != nil {
				test.change(&o)
			}
			s, err := Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			s.Serve()
			c := &ssh.ClientConfig{User: test.user, HostKeyCallback: ssh.FixedHostKey(key(t, 'h').PublicKey())}
			if test.auth != nil {
				c.Auth = []ssh.AuthMethod{test.auth}
			}
			conn, err := ssh.Dial("tcp", s.Addr(), c)
			if (err == nil) != test.ok {
				t.Fatalf("login: %v, want success %v", err, test.ok)
			}
			if err == nil {
				conn.Close()
			}
		})
	}
}

func TestHostKeyIsTheOneGiven(t *testing.T) {
	r := start(t, Habits{})
	c := r.config()
	c.HostKeyCallback = ssh.FixedHostKey(key(t, 'x').PublicKey())
	if conn, err := ssh.Dial("tcp", r.Addr(), c); err == nil {
		conn.Close()
		t.Fatal("a client that pins another key logged in")
	}
}

func TestOnlySFTP(t *testing.T) {
	r := start(t, Habits{})
	conn, err := ssh.Dial("tcp", r.Addr(), r.config())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s, err := conn.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run("id"); err == nil {
		t.Error("a command was run")
	}
	if _, err := conn.Dial("tcp", r.Addr()); err == nil {
		t.Error("a port was forwarded")
	}
}

func TestPortIsKept(t *testing.T) {
	dir := t.TempDir()
	first := startIn(t, dir, Habits{})
	addr := first.Addr()
	t.Run("two servers cannot share it", func(t *testing.T) {
		_, err := Open(t.Context(), options(t, dir, Habits{}, &diary{}))
		if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "port")) {
			t.Errorf("got %v, want an error that names the port file", err)
		}
	})
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("same after a restart", func(t *testing.T) {
		again := startIn(t, dir, Habits{})
		if again.Addr() != addr {
			t.Errorf("got %s, want %s", again.Addr(), addr)
		}
		again.client()
		again.Close()
	})
	t.Run("damaged file is named", func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(dir, "port"), []byte("ssh"), 0o640); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), options(t, dir, Habits{}, &diary{}))
		if err == nil || !strings.Contains(err.Error(), "not a port number") {
			t.Errorf("got %v", err)
		}
	})
}

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
		f.Close()
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
			f.Close()
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
	conn.Close()
	c.Close()
	r.Close()
	if d := cmp.Diff([]string{"opened to-bank/piev_1.zip", "torn to-bank/piev_1.zip"}, r.diary.all()); d != "" {
		t.Error(d)
	}
}

func TestHabits(t *testing.T) {
	t.Run("no-posix-rename", func(t *testing.T) {
		r := start(t, Habits{NoPosixRename: true})
		c := r.client()
		if _, ok := c.HasExtension("posix-rename@openssh.com"); ok {
			t.Error("announced")
		}
		r.mustPut(c, "/to-bank/a", "a")
		wantCode(t, c.PosixRename("/to-bank/a", "/to-bank/b"), 8)
		if err := c.Rename("/to-bank/a", "/to-bank/b"); err != nil {
			t.Error(err)
		}
	})
	t.Run("no-rename", func(t *testing.T) {
		r := start(t, Habits{NoRename: true})
		c := r.client()
		r.mustPut(c, "/to-bank/a", "a")
		wantCode(t, c.Rename("/to-bank/a", "/to-bank/b"), 8)
		wantCode(t, c.PosixRename("/to-bank/a", "/to-bank/b"), 8)
	})
	t.Run("no-fsync", func(t *testing.T) {
		c := start(t, Habits{NoFsync: true}).client()
		if _, ok := c.HasExtension("fsync@openssh.com"); ok {
			t.Error("announced")
		}
		if _, ok := c.HasExtension("posix-rename@openssh.com"); !ok {
			t.Error("posix-rename is not announced")
		}
	})
	t.Run("clobber", func(t *testing.T) {
		r := start(t, Habits{Clobber: true})
		c := r.client()
		r.mustPut(c, "/to-bank/a", "a")
		r.mustPut(c, "/to-bank/b", "b")
		if err := c.Rename("/to-bank/a", "/to-bank/b"); err != nil || r.disk("to-bank/b") != "a" {
			t.Errorf("%v, %q", err, r.disk("to-bank/b"))
		}
	})
	t.Run("no-list-home", func(t *testing.T) {
		c := start(t, Habits{NoListHome: true}).client()
		for _, home := range []string{"/", "."} {
			_, err := c.ReadDir(home)
			wantCode(t, err, 3)
		}
		if _, err := c.ReadDir("/from-bank"); err != nil {
			t.Error(err)
		}
	})
	t.Run("readonly-from-bank", func(t *testing.T) {
		r := start(t, Habits{ReadonlyFromBank: true})
		c := r.client()
		r.writeDisk("from-bank/rep_1.zip", "reply")
		wantCode(t, c.Rename("/from-bank/rep_1.zip", "/from-bank/x"), 3)
		wantCode(t, c.Remove("/from-bank/rep_1.zip"), 3)
		wantCode(t, c.Mkdir("/from-bank/.claimed"), 3)
		f, err := c.Open("/from-bank/rep_1.zip")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if data, err := io.ReadAll(f); err != nil || string(data) != "reply" {
			t.Errorf("%q, %v", data, err)
		}
	})
	t.Run("slow", func(t *testing.T) {
		pause := 30 * time.Millisecond
		c := start(t, Habits{Pause: pause}).client()
		began := time.Now()
		if _, err := c.Stat("/to-bank"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < pause {
			t.Errorf("answered in %v", took)
		}
	})
	t.Run("down", func(t *testing.T) {
		r := start(t, Habits{Down: true})
		if conn, err := net.Dial("tcp", r.Addr()); err == nil {
			conn.Close()
			t.Error("listens")
		}
	})
}

func TestMute(t *testing.T) {
	r := start(t, Habits{Mute: true})
	conn, err := net.Dial("tcp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("SSH-2.0-test\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("read %d octets, %v; want silence", n, err)
	}
}

func TestCutRenames(t *testing.T) {
	tests := []struct {
		name   string
		habits Habits
		done   bool
	}{
		{"crash-rename renames and says nothing", Habits{CrashRename: true}, true},
		{"drop-before-rename does nothing", Habits{DropRename: true}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := start(t, test.habits)
			for i := range 6 {
				c := r.client()
				from, to := "/to-bank/a", "/to-bank/b"
				if r.disk("to-bank/a") == "absent" {
					r.mustPut(c, from, "a")
				}
				if r.disk("to-bank/b") != "absent" {
					if err := c.Remove(to); err != nil {
						t.Fatal(err)
					}
				}
				err := c.PosixRename(from, to)
				cut := i%4 == 0
				if cut != (err != nil) {
					t.Fatalf("rename %d: %v, want cut %v", i, err, cut)
				}
				var status *sftp.StatusError
				if cut && errors.As(err, &status) && status.Code != 7 {
					t.Errorf("rename %d was answered: %v", i, err)
				}
				if renamed := r.disk("to-bank/b") == "a"; renamed != (!cut || test.done) {
					t.Errorf("rename %d: renamed %v", i, renamed)
				}
			}
		})
	}
}

func TestOpenRefused(t *testing.T) {
	t.Run("no host key", func(t *testing.T) {
		o := options(t, t.TempDir(), Habits{}, &diary{})
		o.HostKey = nil
		if _, err := Open(context.Background(), o); err == nil {
			t.Error("no error")
		}
	})
	t.Run("folder is a file", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "root"), nil, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(context.Background(), options(t, dir, Habits{}, &diary{})); err == nil {
			t.Error("no error")
		}
	})
}

func TestCloseCutsClients(t *testing.T) {
	r := start(t, Habits{})
	c := r.client()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Stat("/to-bank"); err == nil {
		t.Error("answered after Close")
	}
}
