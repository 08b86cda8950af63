package host

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

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
				_ = conn.Close()
			}
		})
	}
}

func TestHostKeyIsTheOneGiven(t *testing.T) {
	r := start(t, Habits{})
	c := r.config()
	c.HostKeyCallback = ssh.FixedHostKey(key(t, 'x').PublicKey())
	if conn, err := ssh.Dial("tcp", r.Addr(), c); err == nil {
		_ = conn.Close()
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
		_ = again.Close()
	})
	t.Run("chosen below the ports of clients", func(t *testing.T) {
		_, port, err := net.SplitHostPort(addr)
		if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < firstPort || n >= firstPort+ports {
			t.Errorf("port %s", port)
		}
	})
	t.Run("the next one if taken", func(t *testing.T) {
		occupied := startIn(t, dir, Habits{})
		if err := os.Remove(filepath.Join(dir, "port")); err != nil {
			t.Fatal(err)
		}
		if next := startIn(t, dir, Habits{}); next.Addr() == occupied.Addr() {
			t.Error("two servers on one port")
		}
		if err := occupied.Close(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a given port is used and kept", func(t *testing.T) {
		o := options(t, t.TempDir(), Habits{}, &diary{})
		_, port, _ := net.SplitHostPort(addr)
		o.Port, _ = strconv.Atoi(port)
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if kept, err := os.ReadFile(filepath.Join(o.Dir, "port")); s.Addr() != addr || err != nil || strings.TrimSpace(string(kept)) != port {
			t.Errorf("at %s, kept %q, %v", s.Addr(), kept, err)
		}
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
