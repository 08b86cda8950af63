package mailbox

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/internal/testkit"
)

// Each thing that can be wrong stops the check at its own step, with what was found and what to do in
// both languages, and leaves nothing at the bank.
func TestCheckStopsAtTheStepThatFails(t *testing.T) {
	type place struct {
		bank *banks.Bank
		root testkit.Root
		now  func() time.Time
	}
	good := func(t *testing.T, o testkit.ServerOptions) place {
		s, b := inside(t, o)
		return place{b, s.Root, time.Now}
	}
	tests := map[string]struct {
		set  func(*testing.T) place
		step string
		says string
	}{
		"profile without a host key": {func(t *testing.T) place {
			p := good(t, testkit.ServerOptions{})
			p.bank.SFTP.HostKeys = nil
			return p
		}, "profile", "host_keys"},
		"a name without an address": {func(t *testing.T) place {
			p := good(t, testkit.ServerOptions{})
			p.bank.SFTP.Host = "bank.invalid"
			return p
		}, "dns", "bank.invalid"},
		"nobody listens": {func(t *testing.T) place {
			p := good(t, testkit.ServerOptions{})
			l, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			p.bank.SFTP.Port = l.Addr().(*net.TCPAddr).Port
			must(t, l.Close())
			return p
		}, "tcp", "refused"},
		"a web server": {func(t *testing.T) place {
			p := good(t, testkit.ServerOptions{})
			p.bank.SFTP.Host, p.bank.SFTP.Port = testkit.StartTCP(t, func(c net.Conn) {
				_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			})
			return p
		}, "banner", "HTTP/1.1 400"},
		"no common algorithm": {func(t *testing.T) place {
			p := good(t, testkit.ServerOptions{})
			p.bank.SFTP.Algorithms.KEX = []string{"diffie-hellman-group1-sha1"}
			return p
		}, "kex", "no common algorithm for key exchange"},
		"another host key": {func(t *testing.T) place {
			p := good(t, testkit.ServerOptions{})
			p.bank.SFTP.HostKeys[0].Key = testkit.NewKey(t).Line
			return p
		}, "host key", "SHA256:"},
		"another key of ours": {func(t *testing.T) place {
			p := good(t, testkit.ServerOptions{})
			p.bank.SFTP.KeyFile = testkit.NewKey(t).File
			return p
		}, "login", "offered publickey"},
		"no sftp for the user": {func(t *testing.T) place {
			return good(t, testkit.ServerOptions{NoSubsystem: true})
		}, "sftp", "has no sftp"},
		"no folder to the bank": {func(t *testing.T) place {
			p := good(t, testkit.ServerOptions{})
			must(t, os.Remove(p.root.ToBank))
			return p
		}, "folder to_bank", "no longer there"},
		"no folder from the bank": {func(t *testing.T) place {
			p := good(t, testkit.ServerOptions{})
			must(t, os.Remove(p.root.FromBank))
			return p
		}, "folder from_bank", "no longer there"},
		"a clock that is hours away": {func(t *testing.T) place {
			p := good(t, testkit.ServerOptions{})
			p.now = func() time.Time { return time.Now().Add(-3 * time.Hour) }
			return p
		}, "clock", "the bank's clock differs by"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			p := c.set(t)
			steps := Check(t.Context(), &Dialer{Now: p.now, Handshake: 2 * time.Second}, p.bank)
			failed := failedStep(t, steps)
			if failed.Name != c.step || !strings.Contains(failed.Actual, c.says) {
				t.Fatalf("failed at %q: %s", failed.Name, failed.Actual)
			}
			if _, err := os.Stat(p.root.ToBank); err == nil && names(t, p.root.ToBank) != "" {
				t.Fatalf("left at the bank: %s", names(t, p.root.ToBank))
			}
		})
	}
}

// failedStep is the one step that failed; those before are green, those behind were not reached.
func failedStep(t *testing.T, steps []Step) Step {
	t.Helper()
	var failed []Step
	for _, s := range steps {
		switch {
		case s.Skipped && len(failed) == 0, s.OK && len(failed) > 0 && s.Name != "canary delete":
			t.Errorf("out of order: %+v", s)
		case !s.OK && !s.Skipped:
			failed = append(failed, s)
		}
	}
	if len(failed) != 1 {
		t.Fatalf("%d steps failed: %+v", len(failed), steps)
	}
	f := failed[0]
	if f.Fix.RU == "" || f.Fix.EN == "" || f.Expected == "" {
		t.Errorf("no way out: %+v", f)
	}
	return f
}

// A server whose rename lies, and one that lets nothing be removed, are found by the canary; whatever
// can be taken away again is.
func TestCheckFindsServersThatLie(t *testing.T) {
	tests := map[string]struct {
		on, step string
		fault    func(*testkit.Request)
		left     int
	}{
		"write is refused":      {"open", "canary put", func(r *testkit.Request) { r.Status(3, "") }, 0},
		"write lies":            {"write", "canary put", func(r *testkit.Request) { r.Status(0, "") }, 0},
		"rename is refused":     {"posix-rename", "canary rename", func(r *testkit.Request) { r.Status(4, "") }, 0},
		"rename does nothing":   {"posix-rename", "canary rename", func(r *testkit.Request) { r.Status(0, "") }, 0},
		"rename copies":         {"posix-rename", "canary rename", copied, 0},
		"removal is refused":    {"remove", "canary delete", func(r *testkit.Request) { r.Status(3, "") }, 1},
		"the bank takes it all": {"posix-rename", "canary read", func(r *testkit.Request) { r.Honest(); r.Bank.Put(r.To, nil) }, 0},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			h, b := hostile(t)
			h.On(c.on, c.fault)
			failed := failedStep(t, Check(t.Context(), dialer(), b))
			if failed.Name != c.step {
				t.Fatalf("failed at %q: %s", failed.Name, failed.Actual)
			}
			h.On(c.on, nil)
			s := dialed(t, dialer(), b)
			items, _, err := s.readdir(t.Context(), toBank)
			must(t, err)
			if len(items) != c.left {
				t.Fatalf("left at the bank: %+v", items)
			}
		})
	}
}
