package mailbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bankconnector/internal/testkit"
)

// B103: where the folders really lie, told by the real OpenSSH: a link in their place shows.
func TestRealPathsOfOpenSSH(t *testing.T) {
	for name, external := range map[string]bool{"sftp-server": true, "internal-sftp": false} {
		t.Run(name, func(t *testing.T) {
			server := testkit.StartSSHD(t, testkit.SSHDOptions{External: external})
			b := profile(server.Host, server.Port, server.User, server.Key.File, server.Root, server.HostKeys...)
			to, from, err := dialed(t, dialer(), b).RealPaths(t.Context())
			must(t, err)
			if to != server.Root.ToBank || from != server.Root.FromBank {
				t.Errorf("they lie in %q and %q, want %q and %q", to, from, server.Root.ToBank, server.Root.FromBank)
			}
			elsewhere := filepath.Join(t.TempDir(), "other")
			must(t, os.Rename(server.Root.FromBank, elsewhere))
			must(t, os.Symlink(elsewhere, server.Root.FromBank))
			if _, from, err = dialed(t, dialer(), b).RealPaths(t.Context()); err != nil || from != elsewhere {
				t.Errorf("behind the link lies %q, want %q (%v)", from, elsewhere, err)
			}
		})
	}
}

// Answers to the question: both are asked before either is answered; what is not told is empty, what makes no sense ends
// the session.
func TestRealPathsOfHostileServers(t *testing.T) {
	real := func(count uint32, name string) func(*testkit.Request) {
		return func(r *testkit.Request) { r.Names(count, testkit.Name{Name: name}) }
	}
	for name, c := range map[string]struct {
		answer func(*testkit.Request)
		want   string
		bad    bool
	}{
		"told":        {real(1, "/data/x"), "/data/x", false},
		"not offered": {func(r *testkit.Request) { r.Status(8, "unsupported") }, "", false},
		"denied":      {func(r *testkit.Request) { r.Status(3, "") }, "", false},
		"done":        {func(r *testkit.Request) { r.Status(0, "") }, "", true},
		"two":         {real(2, "/data/x"), "", true},
		"none":        {real(0, "/data/x"), "", true},
		"empty":       {real(1, ""), "", true},
		"huge":        {real(1, strings.Repeat("x", 5000)), "", true},
		"cut": {func(r *testkit.Request) {
			r.Raw([]byte{104, byte(r.ID >> 24), byte(r.ID >> 16), byte(r.ID >> 8), byte(r.ID), 0, 0, 0, 1, 0, 0})
		}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			h, b := hostile(t)
			h.On("realpath", c.answer)
			to, from, err := dialed(t, dialer(), b).RealPaths(t.Context())
			if c.bad {
				wantKind(t, err, Unknown)
				return
			}
			must(t, err)
			if to != c.want || from != c.want {
				t.Errorf("%q and %q, want %q", to, from, c.want)
			}
		})
	}
	t.Run("one round trip", func(t *testing.T) {
		h, b := hostile(t)
		var held *testkit.Request
		h.On("realpath", func(r *testkit.Request) {
			if held == nil {
				held = r // not answered before the other one is asked
				return
			}
			r.Names(1, testkit.Name{Name: "/second"})
			held.Names(1, testkit.Name{Name: "/first"})
		})
		to, from, err := dialed(t, dialer(), b).RealPaths(t.Context())
		must(t, err)
		if to+from != "/first/second" && to+from != "/second/first" {
			t.Errorf("%q and %q", to, from)
		}
	})
}
