package host

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/pkg/sftp"
)

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
			_ = conn.Close()
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
