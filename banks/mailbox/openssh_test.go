package mailbox

import (
	"os"
	"testing"

	"bankconnector/internal/testkit"
)

// F12, F13: OpenSSH's plain rename is a link and an unlink. What a delivery tells when the server is killed
// between the two or may not do the second, and what a new look finds.
func TestOpenSSHRenameCutInHalf(t *testing.T) {
	tests := map[string]struct {
		inject      string
		temp, final bool
	}{
		"F12 killed between link and unlink":                  {"?unlink,?unlinkat:signal=SIGKILL:when=1", true, true},
		"F13 unlink refused: the final name appears and goes": {"?unlink,?unlinkat:error=EACCES:when=1", true, false},
		"killed before the link":                              {"?link,?linkat:signal=SIGKILL:when=1", true, false},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			server := testkit.StartSSHD(t, testkit.SSHDOptions{External: true, Inject: c.inject})
			b := profile(server.Host, server.Port, server.User, server.Key.File, server.Root, server.HostKeys...)
			b.Delivery.Mode = "rename"
			s := dialed(t, dialer(), b)
			must(t, s.Upload(t.Context(), temp, final, []byte("document")))
			wantKind(t, s.Publish(t.Context(), temp, final), Unknown)
			sight, err := dialed(t, dialer(), b).Look(t.Context(), temp, final)
			must(t, err)
			if (sight.Temp != nil) != c.temp || (sight.Final != nil) != c.final {
				t.Fatalf("afterwards %+v", sight)
			}
		})
	}
}

// The server killed at the rename itself: unknown, and what is there tells.
func TestOpenSSHKilledAtPosixRename(t *testing.T) {
	server := testkit.StartSSHD(t, testkit.SSHDOptions{External: true, Inject: "?rename,?renameat,?renameat2:signal=SIGKILL:when=1"})
	b := profile(server.Host, server.Port, server.User, server.Key.File, server.Root, server.HostKeys...)
	s := dialed(t, dialer(), b)
	must(t, s.Upload(t.Context(), temp, final, []byte("document")))
	wantKind(t, s.Publish(t.Context(), temp, final), Unknown)
}

// F20: a flush that fails at the bank's disk: nothing is published, nothing stays.
func TestOpenSSHFlushFails(t *testing.T) {
	server := testkit.StartSSHD(t, testkit.SSHDOptions{External: true, Inject: "fsync:error=EIO:when=1"})
	b := profile(server.Host, server.Port, server.User, server.Key.File, server.Root, server.HostKeys...)
	s := dialed(t, dialer(), b)
	wantKind(t, s.Upload(t.Context(), temp, final, random(t, 5000)), Transient)
	if got := names(t, server.Root.ToBank); got != "" {
		t.Fatalf("left: %s", got)
	}
	must(t, s.Upload(t.Context(), TempName(final, "2"), final, random(t, 5000)))
}

// A read-only mailbox refuses, and says so to a person.
func TestOpenSSHReadOnly(t *testing.T) {
	server := testkit.StartSSHD(t, testkit.SSHDOptions{SFTPArgs: "-R"})
	b := profile(server.Host, server.Port, server.User, server.Key.File, server.Root, server.HostKeys...)
	must(t, os.WriteFile(server.Root.FromBank+"/rep_1.zip", []byte("reply"), 0o600))
	s := dialed(t, dialer(), b)
	wantKind(t, s.Upload(t.Context(), temp, final, []byte("document")), Refused)
	wantKind(t, s.Claim(t.Context(), "rep_1.zip", claimed), Refused)
	failed := failedStep(t, Check(t.Context(), dialer(), b))
	if failed.Name != "canary put" {
		t.Fatalf("%+v", failed)
	}
}
