package mailbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

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

func entryNames(list []Entry) string {
	all := make([]string, 0, len(list))
	for _, e := range list {
		all = append(all, e.Name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
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
