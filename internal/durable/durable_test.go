package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := Create(path, []byte("one"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := Create(path, []byte("two"), 0o640); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second create: got %v, want fs.ErrExist", err)
	}
	wantOnly(t, dir, map[string]string{"a": "one"})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, want 0640", info.Mode().Perm())
	}
}

func TestReplaceMoveRemove(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, text := range []string{"one", "two"} {
		if err := Replace(a, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		wantOnly(t, dir, map[string]string{"a": text})
	}
	if err := Move(a, b); err != nil {
		t.Fatal(err)
	}
	wantOnly(t, dir, map[string]string{"b": "two"})
	for range 2 { // a name that is gone is no error
		if err := Remove(b); err != nil {
			t.Fatal(err)
		}
	}
	wantOnly(t, dir, nil)
}

func TestFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "no", "such", "folder", "x")
	if err := Create(missing, nil, 0o600); err == nil {
		t.Error("create in a missing folder succeeded")
	}
	if err := Replace(missing, nil, 0o600); err == nil {
		t.Error("replace in a missing folder succeeded")
	}
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(filepath.Join(dir, "d"), []byte("x"), 0o600); err == nil {
		t.Error("replaced a folder")
	}
	if names, _ := filepath.Glob(filepath.Join(dir, ".part-*")); len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestSweepTemps(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".part-1", "kept"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := SweepTemps(dir); err != nil {
		t.Fatal(err)
	}
	wantOnly(t, dir, map[string]string{"kept": "kept"})
}

func TestReserveTakesRoom(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ballast")
	const size = 1 << 20
	room := func() int64 {
		info, err := os.Stat(path)
		if err != nil || info.Size() != size {
			t.Fatalf("%v, %v", info, err)
		}
		return taken(info)
	}
	for range 2 { // the second finds it there
		if err := Reserve(path, size); err != nil || room() < size {
			t.Fatalf("%d octets on the disk, %v", room(), err)
		}
	}
	// What a crash may leave: a name, or a size without room behind it.
	if err := errors.Join(os.Truncate(path, 0), os.Truncate(path, size)); err != nil || room() >= size {
		t.Fatalf("%d octets on the disk, %v", room(), err)
	}
	if err := Reserve(path, size); err != nil || room() < size {
		t.Errorf("%d octets on the disk, %v", room(), err)
	}
	if err := Reserve(filepath.Join(dir, "more"), 1<<60); err == nil {
		t.Error("room was reserved that no disk has")
	}
}

func wantOnly(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(want) {
		t.Errorf("%d names in %s, want %d", len(entries), dir, len(want))
	}
	for name, text := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != text {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, text)
		}
	}
}

func TestCreateAll(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int{1, single, 3 * single} {
		var files []File
		for i := range n {
			sub := filepath.Join(dir, fmt.Sprintf("%d-%d", n, i))
			if err := os.Mkdir(sub, 0o700); err != nil {
				t.Fatal(err)
			}
			files = append(files, File{filepath.Join(sub, "a"), []byte("first"), 0o640})
		}
		files = append(files, File{files[0].Path, []byte("second"), 0o640}, File{filepath.Join(dir, "b"), nil, 0o400})
		for i, err := range CreateAll(files) {
			if errors.Is(err, fs.ErrExist) != (i == n) || i != n && err != nil {
				t.Errorf("file %d of %d: %v", i, n, err)
			}
		}
		info, err := os.Stat(files[0].Path)
		if data, _ := os.ReadFile(files[0].Path); err != nil || string(data) != "first" || info.Mode().Perm() != 0o640 {
			t.Errorf("got %q %v %v", data, info, err)
		}
		if err := os.Remove(filepath.Join(dir, "b")); err != nil {
			t.Error(err)
		}
	}
	t.Run("NoFolder", func(t *testing.T) {
		errs := CreateAll([]File{{filepath.Join(dir, "c"), nil, 0o600}, {filepath.Join(dir, "none", "d"), nil, 0o600}})
		if errs[0] != nil || !errors.Is(errs[1], fs.ErrNotExist) {
			t.Errorf("got %v, want an error of the second", errs)
		}
	})
	if temps, _ := filepath.Glob(filepath.Join(dir, "*", ".*")); len(temps) != 0 {
		t.Errorf("left behind: %v", temps)
	}
}
