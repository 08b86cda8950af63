package mailbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
			fresh := start(t)
			for name, test := range contract {
				t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
			}
		})
	}
}

func deliver(t *testing.T, s *Session, root testkit.Root, data []byte) {
	name := fmt.Sprintf("piev_%d.zip", len(data))
	part := TempName(name, "a1")
	must(t, s.Upload(t.Context(), part, name, data))
	got, err := os.ReadFile(filepath.Join(root.ToBank, part))
	must(t, err)
	if !bytes.Equal(got, data) {
		t.Fatal("other bytes under the temporary name")
	}
	must(t, s.Publish(t.Context(), part, name))
	if got, err = os.ReadFile(filepath.Join(root.ToBank, name)); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("other bytes under the final name: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root.ToBank, part)); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the temporary name is still there: %v", err)
	}
	back, err := s.Read(t.Context(), name, int64(len(data)))
	must(t, err)
	if !bytes.Equal(back, data) {
		t.Fatal("other bytes read back")
	}
	must(t, os.Remove(filepath.Join(root.ToBank, name)))
}

func markerMode(t *testing.T, x site) {
	x.bank.Delivery.Mode = "marker"
	s := dialed(t, dialer(), x.bank)
	data := random(t, 5000)
	must(t, s.Upload(t.Context(), temp, final, data))
	if got := names(t, x.root.ToBank); got != final {
		t.Fatalf("after upload: %s", got)
	}
	sight, err := s.Look(t.Context(), temp, final)
	must(t, err)
	if sight.Temp == nil || sight.Temp.Size != 5000 || sight.Final != nil {
		t.Fatalf("look after upload: %+v", sight)
	}
	must(t, s.Publish(t.Context(), temp, final))
	if got := names(t, x.root.ToBank); got != final+" "+final+".done" {
		t.Fatalf("after publish: %s", got)
	}
	wantKind(t, s.Publish(t.Context(), temp, final), Exists)
	wantKind(t, s.Upload(t.Context(), temp, final, data), Exists)
}

func markerLeftover(t *testing.T, x site) {
	x.bank.Delivery.Mode = "marker"
	put(t, x.root.ToBank, final, []byte("half a document"))
	s := dialed(t, dialer(), x.bank)
	data := random(t, 100)
	must(t, s.Upload(t.Context(), temp, final, data))
	got, err := os.ReadFile(filepath.Join(x.root.ToBank, final))
	must(t, err)
	if !bytes.Equal(got, data) {
		t.Fatal("the leftover is still there")
	}
}

func directMode(t *testing.T, x site) {
	x.bank.Delivery.Mode = "direct"
	s := dialed(t, dialer(), x.bank)
	data := random(t, 40_000)
	wantKind(t, s.Publish(t.Context(), temp, final), Refused)
	must(t, s.Upload(t.Context(), temp, final, data))
	if got := names(t, x.root.ToBank); got != "" {
		t.Fatalf("upload wrote %s", got)
	}
	must(t, s.Publish(t.Context(), temp, final))
	got, err := os.ReadFile(filepath.Join(x.root.ToBank, final))
	must(t, err)
	if !bytes.Equal(got, data) {
		t.Fatal("other bytes")
	}
	must(t, s.Upload(t.Context(), temp, final, data))
	wantKind(t, s.Publish(t.Context(), temp, final), Exists)
}

func tempFolder(t *testing.T, x site) {
	x.bank.Delivery.TempFolder = filepath.Join(x.root.Dir, "staging")
	must(t, os.Mkdir(x.bank.Delivery.TempFolder, 0o755))
	s := dialed(t, dialer(), x.bank)
	must(t, s.Upload(t.Context(), temp, final, []byte("x")))
	if got := names(t, x.root.ToBank); got != "" {
		t.Fatalf("to_bank holds %s before publish", got)
	}
	must(t, s.Publish(t.Context(), temp, final))
	if got := names(t, x.root.ToBank); got != final {
		t.Fatalf("to_bank holds %s", got)
	}
}

func takenName(t *testing.T, x site) {
	for _, mode := range []string{"auto", "rename", "posix-rename"} {
		x.bank.Delivery.Mode = mode
		put(t, x.root.ToBank, final, []byte("the bank's"))
		s := dialed(t, dialer(), x.bank)
		must(t, s.Upload(t.Context(), temp, final, []byte("ours")))
		wantKind(t, s.Upload(t.Context(), temp, final, []byte("ours again")), Exists)
		wantKind(t, s.Publish(t.Context(), temp, final), Exists)
		got, err := os.ReadFile(filepath.Join(x.root.ToBank, final))
		must(t, err)
		if string(got) != "the bank's" {
			t.Fatalf("overwritten with %q", got)
		}
		must(t, s.Sweep(t.Context(), temp))
	}
}

func look(t *testing.T, x site) {
	s := dialed(t, dialer(), x.bank)
	for _, c := range []struct{ temp, final bool }{{false, false}, {true, false}, {true, true}, {false, true}} {
		if c.temp {
			put(t, x.root.ToBank, temp, []byte("1234"))
		} else {
			_ = os.Remove(filepath.Join(x.root.ToBank, temp))
		}
		if c.final {
			put(t, x.root.ToBank, final, []byte("12345"))
		}
		sight, err := s.Look(t.Context(), temp, final)
		must(t, err)
		if (sight.Temp != nil) != c.temp || (sight.Final != nil) != c.final {
			t.Fatalf("%+v: %+v", c, sight)
		}
		if c.temp && sight.Temp.Size != 4 || c.final && sight.Final.Size != 5 {
			t.Fatalf("%+v: sizes of %+v", c, sight)
		}
	}
}

func readBack(t *testing.T, x site) {
	s := dialed(t, dialer(), x.bank)
	put(t, x.root.ToBank, final, random(t, 1000))
	_, err := s.Read(t.Context(), final, 999)
	wantKind(t, err, Refused)
	_, err = s.Read(t.Context(), "piev_none.zip", 999)
	wantKind(t, err, Gone)
	data, err := s.Read(t.Context(), final, 1000)
	if err != nil || len(data) != 1000 {
		t.Fatalf("%d octets, %v", len(data), err)
	}
}

func sweep(t *testing.T, x site) {
	s := dialed(t, dialer(), x.bank)
	put(t, x.root.ToBank, temp, []byte("x"))
	put(t, x.root.ToBank, final, []byte("x"))
	must(t, s.Sweep(t.Context(), temp))
	must(t, s.Sweep(t.Context(), temp))
	for _, name := range []string{final, "..", "../x", ".part", "", "." + final, temp + "/.."} {
		wantKind(t, s.Sweep(t.Context(), name), Refused)
	}
	folder := TempName("piev_folder.zip", "1")
	must(t, os.Mkdir(filepath.Join(x.root.ToBank, folder), 0o755))
	wantKind(t, s.Sweep(t.Context(), folder), Refused)
	if got := names(t, x.root.ToBank); got != folder+" "+final {
		t.Fatalf("left: %s", got)
	}
}

func listing(t *testing.T, x site) {
	good := []string{"rep_1.zip", "rcp_a-B-9.zip", "res_" + strings.Repeat("x", 64) + ".zip", "piev_back.zip"}
	bad := []string{
		"REP_1.zip", "rep_1.ZIP", "rep_1.zip.part", "rep_1.zip.done", ".rep_1.zip", "rep_1.zip ", "re_1.zip", "reports_1.zip",
		"rep_" + strings.Repeat("x", 65) + ".zip", "rep_a b.zip", "rep_\u202egpj.zip", "rep_\n.zip", "rер_1.zip", "-rep_1.zip", "con", "a\\b.zip",
	}
	for _, n := range append(good, bad...) {
		put(t, x.root.FromBank, n, []byte("12"))
	}
	s := dialed(t, dialer(), x.bank)
	l, err := s.List(t.Context())
	must(t, err)
	if got := entryNames(l.Files); got != joined(good) || l.Truncated || l.Waiting != 0 {
		t.Fatalf("files %s, truncated %t, waiting %d", got, l.Truncated, l.Waiting)
	}
	if l.StrangeCount != len(bad) || len(l.Strange) != len(bad) {
		t.Fatalf("%d strange names, want %d: %v", l.StrangeCount, len(bad), l.Strange)
	}
	for _, n := range l.Strange {
		if strings.ContainsAny(n, "\n\u202e") || n[0] != '"' {
			t.Fatalf("%s is not quoted", n)
		}
	}
	for _, e := range l.Files {
		if e.Size != 2 || time.Since(e.ModTime).Abs() > time.Minute {
			t.Fatalf("%+v", e)
		}
	}
}

func joined(list []string) string {
	entries := make([]Entry, len(list))
	for i, n := range list {
		entries[i].Name = n
	}
	return entryNames(entries)
}

func truncated(t *testing.T, x site) {
	x.bank.Limits.Files = 250
	for i := range 300 {
		put(t, x.root.FromBank, fmt.Sprintf("rep_%d.zip", i), nil)
	}
	s := dialed(t, dialer(), x.bank)
	l, err := s.List(t.Context())
	must(t, err)
	if n := len(l.Files); !l.Truncated || n > 250 || n < 240 {
		t.Fatalf("%d files, truncated %t", n, l.Truncated)
	}
	for _, e := range l.Files {
		must(t, os.Remove(filepath.Join(x.root.FromBank, e.Name)))
	}
	if l, err = s.List(t.Context()); err != nil || l.Truncated || len(l.Files) > 60 {
		t.Fatalf("after taking: %d files, truncated %t, %v", len(l.Files), l.Truncated, err)
	}
}

func doneMarker(t *testing.T, x site) {
	x.bank.Pickup.DoneMarker = ".ok"
	for _, n := range []string{"rep_1.zip", "rep_2.zip", "rep_2.zip.ok", "rep_3.zip.ok"} {
		put(t, x.root.FromBank, n, nil)
	}
	s := dialed(t, dialer(), x.bank)
	l, err := s.List(t.Context())
	must(t, err)
	if entryNames(l.Files) != "rep_2.zip" || l.Waiting != 1 || l.StrangeCount != 0 {
		t.Fatalf("%+v", l)
	}
}

func stable(t *testing.T, x site) {
	x.bank.Pickup.StableFor = 30 * time.Second
	now := time.Now()
	d := &Dialer{Now: func() time.Time { return now }}
	put(t, x.root.FromBank, "rep_1.zip", []byte("a"))
	list := func(want string, waiting int) {
		t.Helper()
		s := dialed(t, d, x.bank) // a visit each: the memory is the dialer's
		l, err := s.List(t.Context())
		must(t, err)
		if entryNames(l.Files) != want || l.Waiting != waiting {
			t.Fatalf("%s, waiting %d; want %q, %d", entryNames(l.Files), l.Waiting, want, waiting)
		}
	}
	list("", 1)
	now = now.Add(29 * time.Second)
	list("", 1)
	put(t, x.root.FromBank, "rep_1.zip", []byte("ab"))
	now = now.Add(29 * time.Second)
	list("", 1)
	now = now.Add(30 * time.Second)
	list("rep_1.zip", 0)
	now = now.Add(-time.Hour)
	list("", 1)
}

func claim(t *testing.T, x site) {
	data := random(t, 70_000)
	put(t, x.root.FromBank, "rep_1.zip", data)
	s := dialed(t, dialer(), x.bank)
	must(t, s.Claim(t.Context(), "rep_1.zip", claimed))
	l, err := s.List(t.Context())
	must(t, err)
	if len(l.Files) != 0 || entryNames(l.Claimed) != claimed || l.StrangeCount != 0 {
		t.Fatalf("%+v", l)
	}
	got, err := s.Fetch(t.Context(), claimed, l.Claimed[0].Size)
	must(t, err)
	if !bytes.Equal(got, data) {
		t.Fatal("other bytes")
	}
	put(t, x.root.FromBank, "rep_1.zip", []byte("the bank uses the name again"))
	must(t, s.Discard(t.Context(), claimed))
	must(t, s.Discard(t.Context(), claimed))
	if got := names(t, x.root.FromBank); got != ".claimed rep_1.zip" {
		t.Fatalf("left: %s", got)
	}
	_, err = s.Fetch(t.Context(), claimed, 1)
	wantKind(t, err, Gone)
}

func claimGone(t *testing.T, x site) {
	s := dialed(t, dialer(), x.bank)
	err := s.Claim(t.Context(), "rep_1.zip", claimed)
	wantKind(t, err, Gone)
	if !errors.Is(err, ErrGone) {
		t.Fatalf("%v is not ErrGone", err)
	}
}

func claimTaken(t *testing.T, x site) {
	put(t, x.root.FromBank, "rep_1.zip", []byte("new"))
	must(t, os.Mkdir(filepath.Join(x.root.FromBank, ".claimed"), 0o755))
	put(t, filepath.Join(x.root.FromBank, ".claimed"), claimed, []byte("old"))
	s := dialed(t, dialer(), x.bank)
	wantKind(t, s.Claim(t.Context(), "rep_1.zip", claimed), Exists)
	got, err := os.ReadFile(filepath.Join(x.root.FromBank, ".claimed", claimed))
	must(t, err)
	if string(got) != "old" {
		t.Fatalf("overwritten with %q", got)
	}
}

func fetchChanged(t *testing.T, x site) {
	folder := filepath.Join(x.root.FromBank, ".claimed")
	must(t, os.Mkdir(folder, 0o755))
	s := dialed(t, dialer(), x.bank)
	for _, size := range []int{10, 32 << 10, 100_000} {
		put(t, folder, claimed, random(t, size))
		for _, told := range []int{size - 1, size + 1, 0, 2 * size} {
			_, err := s.Fetch(t.Context(), claimed, int64(told))
			wantKind(t, err, Changed)
			if !errors.Is(err, ErrChanged) {
				t.Fatalf("%v is not ErrChanged", err)
			}
		}
		got, err := s.Fetch(t.Context(), claimed, int64(size))
		if err != nil || len(got) != size {
			t.Fatalf("%d octets, %v", len(got), err)
		}
	}
	_, err := s.Fetch(t.Context(), claimed, 1<<40)
	wantKind(t, err, Refused)
	_, err = s.Fetch(t.Context(), claimed, -1)
	wantKind(t, err, Refused)
}

func leaveMode(t *testing.T, x site) {
	x.bank.Pickup.Mode = "leave"
	put(t, x.root.FromBank, "rep_1.zip", []byte("abc"))
	s := dialed(t, dialer(), x.bank)
	l, err := s.List(t.Context())
	must(t, err)
	must(t, s.Claim(t.Context(), "rep_1.zip", claimed))
	data, err := s.Fetch(t.Context(), "rep_1.zip", l.Files[0].Size)
	if err != nil || string(data) != "abc" {
		t.Fatalf("%q, %v", data, err)
	}
	must(t, s.Discard(t.Context(), "rep_1.zip"))
	if got := names(t, x.root.FromBank); got != "rep_1.zip" {
		t.Fatalf("left: %s", got)
	}
}

func discardBounds(t *testing.T, x site) {
	folder := filepath.Join(x.root.FromBank, ".claimed")
	must(t, os.MkdirAll(filepath.Join(folder, "folder"), 0o755))
	put(t, x.root.FromBank, "rep_1.zip", nil)
	must(t, os.Symlink(filepath.Join(x.root.FromBank, "rep_1.zip"), filepath.Join(folder, "link")))
	s := dialed(t, dialer(), x.bank)
	for _, name := range []string{"..", "../rep_1.zip", "", ".", "/", "folder/../../rep_1.zip", "folder", "link"} {
		wantKind(t, s.Discard(t.Context(), name), Refused)
	}
	if names(t, x.root.FromBank) != ".claimed rep_1.zip" || names(t, folder) != "folder link" {
		t.Fatalf("left: %s; %s", names(t, x.root.FromBank), names(t, folder))
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
	const want = "dns, tcp, banner, kex, host key, login, sftp, folder to_bank, folder from_bank, canary put, canary rename, canary read, canary delete, clock"
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

func links(t *testing.T, x site) {
	secret := filepath.Join(x.root.Dir, "secret")
	must(t, os.WriteFile(secret, []byte("secret"), 0o600))
	must(t, os.Symlink(secret, filepath.Join(x.root.FromBank, "rep_link.zip")))
	must(t, os.Mkdir(filepath.Join(x.root.FromBank, "rep_folder.zip"), 0o755))
	must(t, os.Symlink(secret, filepath.Join(x.root.ToBank, final)))
	s := dialed(t, dialer(), x.bank)
	l, err := s.List(t.Context())
	must(t, err)
	if len(l.Files) != 0 || l.StrangeCount != 2 {
		t.Fatalf("%+v", l)
	}
	_, err = s.Read(t.Context(), final, 100)
	wantKind(t, err, Refused)
	_, err = s.Look(t.Context(), temp, final)
	wantKind(t, err, Refused)
}

func entryNames(list []Entry) string {
	all := make([]string, 0, len(list))
	for _, e := range list {
		all = append(all, e.Name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}
