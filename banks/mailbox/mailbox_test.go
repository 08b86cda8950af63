package mailbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bankconnector/banks"
	"bankconnector/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a bank's server of one kind, and the profile that meets it.
type site struct {
	bank *banks.Bank
	root testkit.Root
}

// profile is a valid bank that meets host:port.
func profile(host string, port int, user, keyFile string, root testkit.Root, hostKeys ...testkit.Key) *banks.Bank {
	b := &banks.Bank{
		BIC: "044525225", Name: "test bank",
		SFTP: banks.SFTP{
			Host: host, Port: port, User: user, KeyFile: keyFile,
			ToBank: root.ToBank, FromBank: root.FromBank, Timeout: 10 * time.Second, Keepalive: 15 * time.Second,
		},
		Delivery: banks.Delivery{Mode: "auto"},
		Pickup:   banks.Pickup{Mode: "claim"},
		Limits:   banks.Limits{Files: 1000, FileSize: 16 << 20, Parallel: 64},
	}
	for _, k := range hostKeys {
		b.SFTP.HostKeys = append(b.SFTP.HostKeys, banks.HostKey{Key: k.Line})
	}
	return b
}

// sites are the servers that the contract is proved on: each starts once, and gives every test folders
// and a profile of its own.
var sites = map[string]func(*testing.T) func(*testing.T) site{
	"openssh internal-sftp": func(t *testing.T) func(*testing.T) site { return openssh(t, testkit.SSHDOptions{}) },
	"openssh sftp-server":   func(t *testing.T) func(*testing.T) site { return openssh(t, testkit.SSHDOptions{External: true}) },
	"pkg/sftp server": func(t *testing.T) func(*testing.T) site {
		s := testkit.StartServer(t, testkit.ServerOptions{})
		return func(t *testing.T) site {
			root := testkit.NewRoot(t)
			return site{profile(s.Host, s.Port, s.User, s.Key.File, root, s.HostKeys...), root}
		}
	},
}

func openssh(t *testing.T, o testkit.SSHDOptions) func(*testing.T) site {
	s := testkit.StartSSHD(t, o)
	return func(t *testing.T) site {
		root := testkit.NewRoot(t)
		return site{profile(s.Host, s.Port, s.User, s.Key.File, root, s.HostKeys...), root}
	}
}

func dialer() *Dialer { return &Dialer{Now: time.Now} }

// dialed opens a session that closes with the test.
func dialed(t *testing.T, d *Dialer, b *banks.Bank) *Session {
	t.Helper()
	s, err := d.Dial(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// kindOf is the kind of an error, "" for none; any other type fails.
func kindOf(t *testing.T, err error) Kind {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%v (%T) is no *Error", err, err)
	}
	return e.Kind
}

func wantKind(t *testing.T, err error, want Kind) {
	t.Helper()
	if got := kindOf(t, err); got != want {
		t.Fatalf("kind %q of %v, want %q", got, err, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, folder, name string, data []byte) {
	t.Helper()
	must(t, writeFile(folder, name, data))
}

func writeFile(folder, name string, data []byte) error {
	return os.WriteFile(filepath.Join(folder, name), data, 0o644)
}

func names(t *testing.T, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func random(t *testing.T, n int) []byte {
	t.Helper()
	data := make([]byte, n)
	_, err := rand.Read(data)
	must(t, err)
	return data
}

const (
	final   = "piev_10001.zip"
	temp    = ".piev_10001.zip.0f3c-1.part"
	claimed = "7c1e2b-0001_rep_1.zip"
)

// contract is what every method promises on every honest server.
var contract = map[string]func(*testing.T, site){
	"upload then publish shows the bytes under the final name alone": func(t *testing.T, x site) {
		for _, mode := range []string{"auto", "rename", "posix-rename"} {
			x.bank.Delivery.Mode = mode
			s := dialed(t, dialer(), x.bank)
			for _, size := range []int{0, 1, 4096, 32 << 10, 32<<10 + 1, 300_000, 3 << 20} {
				t.Run(fmt.Sprintf("%s %d", mode, size), func(t *testing.T) { deliver(t, s, x.root, random(t, size)) })
			}
		}
	},
	"marker mode shows the marker last":              markerMode,
	"direct mode writes nothing before publish":      directMode,
	"a temp folder of its own is used":               tempFolder,
	"a taken name is never overwritten":              takenName,
	"look tells temp and final":                      look,
	"read back is bounded":                           readBack,
	"sweep removes temps of ours and nothing else":   sweep,
	"leftovers of a marker upload are replaced":      markerLeftover,
	"list sorts names by the grammar":                listing,
	"list is cut at the profile's number":            truncated,
	"list waits for the done marker":                 doneMarker,
	"list waits until a file is stable":              stable,
	"claim moves, fetch reads, discard removes":      claim,
	"claim of a vanished file is gone":               claimGone,
	"claim never overwrites":                         claimTaken,
	"fetch notices other sizes":                      fetchChanged,
	"leave mode reads in place and touches nothing":  leaveMode,
	"discard reaches nothing but claimed files":      discardBounds,
	"many goroutines share one session":              sharing,
	"a check of a good bank is all green":            goodCheck,
	"a cancelled act ends the session and is told":   cancelled,
	"names that are not ours are refused, unsent":    badNames,
	"folders that are missing are the operator's":    missingFolder,
	"links and folders with good names are not read": links,
}

func TestContract(t *testing.T) {
	for kind, start := range sites {
		t.Run(kind, func(t *testing.T) {
			t.Parallel() // the three kinds beside each other: most of their time is waiting
			fresh := start(t)
			for name, test := range contract {
				t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
			}
		})
	}
}

func sharing(t *testing.T, x site) {
	s := dialed(t, dialer(), x.bank)
	const n = 200
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() {
			name := fmt.Sprintf("piev_%d.zip", i)
			data := bytes.Repeat([]byte{byte(i)}, 100+i*97)
			part := TempName(name, "1")
			errs[i] = errors.Join(s.Upload(t.Context(), part, name, data), s.Publish(t.Context(), part, name))
		})
	}
	wg.Wait()
	must(t, errors.Join(errs...))
	for i := range n {
		got, err := os.ReadFile(filepath.Join(x.root.ToBank, fmt.Sprintf("piev_%d.zip", i)))
		if err != nil || !bytes.Equal(got, bytes.Repeat([]byte{byte(i)}, 100+i*97)) {
			t.Fatalf("%d: other bytes, %v", i, err)
		}
	}
}

func goodCheck(t *testing.T, x site) {
	steps := Check(t.Context(), dialer(), x.bank)
	var got []string
	for _, step := range steps {
		if !step.OK || step.Skipped || step.Fix.EN != "" {
			t.Errorf("%+v", step)
		}
		got = append(got, step.Name)
	}
	const want = "dns, tcp, banner, kex, host key, login, sftp, folder to_bank, folder from_bank, canary put, canary name, canary rename, canary read, canary delete, clock"
	if strings.Join(got, ", ") != want {
		t.Fatalf("steps %s", strings.Join(got, ", "))
	}
	if left := names(t, x.root.ToBank); left != "" {
		t.Fatalf("the check left %s", left)
	}
}

func cancelled(t *testing.T, x site) {
	s := dialed(t, dialer(), x.bank)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantKind(t, s.Upload(ctx, temp, final, nil), Transient)
	if got := names(t, x.root.ToBank); got != "" {
		t.Fatalf("upload wrote %s", got)
	}
	must(t, s.Upload(t.Context(), temp, final, nil))
	must(t, s.Close())
	must(t, s.Close())
	wantKind(t, s.Publish(t.Context(), temp, final), Transient)
	if got := names(t, x.root.ToBank); got != temp {
		t.Fatalf("there is %s", got)
	}
}

func badNames(t *testing.T, x site) {
	s := dialed(t, dialer(), x.bank)
	for _, name := range []string{"", ".", "..", "../piev_1.zip", "piev_1.zip\x00", "piev_1.zip.done", "PIEV_1.zip", "piev_.zip"} {
		wantKind(t, s.Upload(t.Context(), temp, name, nil), Refused)
		wantKind(t, s.Publish(t.Context(), temp, name), Refused)
		wantKind(t, s.Claim(t.Context(), name, claimed), Refused)
		_, err := s.Read(t.Context(), name, 1)
		wantKind(t, err, Refused)
		_, err = s.Look(t.Context(), temp, name)
		wantKind(t, err, Refused)
	}
	for _, name := range []string{"", final, "../" + temp, ".x.part"} {
		wantKind(t, s.Upload(t.Context(), name, final, nil), Refused)
	}
	for _, name := range []string{"", ".", "..", ".hidden", "a/b", "a b"} {
		wantKind(t, s.Claim(t.Context(), "rep_1.zip", name), Refused)
		_, err := s.Fetch(t.Context(), name, 1)
		wantKind(t, err, Refused)
	}
	if got := names(t, x.root.ToBank) + names(t, x.root.FromBank); got != "" {
		t.Fatalf("there is %s", got)
	}
}

func missingFolder(t *testing.T, x site) {
	must(t, os.Remove(x.root.ToBank))
	must(t, os.Remove(x.root.FromBank))
	s := dialed(t, dialer(), x.bank)
	wantKind(t, s.Upload(t.Context(), temp, final, nil), Operator)
	_, err := s.List(t.Context())
	wantKind(t, err, Operator)
}
