package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestStore(t *testing.T) {
	s, err := OpenStore(filepath.Join(t.TempDir(), "store"))
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	digest, err := s.Put(t.Context(), []byte("order"))
	must(t, err)
	again, err := s.Put(t.Context(), []byte("order"))
	if err != nil || again != digest || digest != Digest([]byte("order")) {
		t.Errorf("second put: %s %v, want %s", again, err, digest)
	}
	data, err := s.Get(t.Context(), digest)
	if err != nil || string(data) != "order" {
		t.Errorf("get: %q %v", data, err)
	}
	t.Run("Missing", func(t *testing.T) {
		if _, err := s.Get(t.Context(), Digest([]byte("never"))); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want fs.ErrNotExist", err)
		}
	})
	t.Run("NoDigest", func(t *testing.T) {
		for _, name := range []string{"", "ab", "../../etc/passwd"} {
			if _, err := s.Get(t.Context(), name); err == nil {
				t.Errorf("%q was read", name)
			}
		}
	})
	t.Run("Damaged", func(t *testing.T) {
		path := filepath.Join(s.dir, "000001.tar")
		segment, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(path, bytes.Replace(segment, []byte("order"), []byte("levy!"), 1), 0o640))
		if err := s.Check(t.Context(), digest); !errors.Is(err, ErrDamaged) {
			t.Errorf("check: %v, want ErrDamaged", err)
		}
		if _, err := s.Put(t.Context(), []byte("order")); !errors.Is(err, ErrDamaged) {
			t.Errorf("put over damaged bytes: %v, want ErrDamaged", err)
		}
	})
	t.Run("FileOfItsOwn", func(t *testing.T) { // as stores were kept before, and as tar unpacks a segment
		digest := Digest([]byte("old order"))
		dir := filepath.Join(s.dir, digest[:2])
		must(t, os.MkdirAll(dir, 0o750))
		must(t, os.WriteFile(filepath.Join(dir, digest), []byte("old order"), 0o440))
		if data, err := ReadStore(s.dir).Get(t.Context(), digest); err != nil || string(data) != "old order" {
			t.Errorf("get: %q %v", data, err)
		}
		must(t, s.Close())
		s, err := OpenStore(s.dir)
		must(t, err)
		t.Cleanup(func() { must(t, s.Close()) })
		before, err := os.Stat(filepath.Join(s.dir, "000001.tar"))
		must(t, err)
		if again, err := s.Put(t.Context(), []byte("old order")); err != nil || again != digest {
			t.Errorf("put again: %s %v", again, err)
		}
		if after, err := os.Stat(filepath.Join(s.dir, "000001.tar")); err != nil || after.Size() != before.Size() {
			t.Errorf("what lies there as a file was written once more: %v", err)
		}
		must(t, os.Chmod(filepath.Join(dir, digest), 0o640))
		must(t, os.WriteFile(filepath.Join(dir, digest), []byte("levy"), 0o440))
		if err := s.Check(t.Context(), digest); !errors.Is(err, ErrDamaged) {
			t.Errorf("check: %v, want ErrDamaged", err)
		}
	})
}

const bank = "044525101"

func newOffice(t *testing.T) *Office {
	t.Helper()
	o, err := OpenOffice(filepath.Join(t.TempDir(), "office"), 1000)
	must(t, err)
	must(t, o.Prepare(bank))
	return o
}

func waiting(t *testing.T, o *Office) []Item {
	t.Helper()
	items, _, err := o.Waiting(t.Context(), bank, 100)
	must(t, err)
	return items
}

func TestOfficeFileIsTakenOnce(t *testing.T) {
	o := newOffice(t)
	must(t, o.Submit(bank, "a.xml", []byte("first")))
	if err := o.Submit(bank, "a.xml", []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second submission under one name: %v, want fs.ErrExist", err)
	}
	item, data, err := o.Take(t.Context(), waiting(t, o)[0], "ID1")
	if err != nil || string(data) != "first" {
		t.Fatalf("take: %q %v", data, err)
	}
	// The office uses the name again at once: the new file is another document.
	must(t, o.Submit(bank, "a.xml", []byte("second")))
	items := waiting(t, o)
	if len(items) != 2 || items[0].Name != "a.xml" || items[1].Name != "a.xml" {
		t.Fatalf("waiting: %+v, want the taken one and the new one", items)
	}
	t.Run("AfterACrash", func(t *testing.T) { // the taken one is found and keeps its name
		found, data, err := o.Take(t.Context(), items[0], "ID2")
		if err != nil || string(data) != "first" || found.Taken() != item.Taken() {
			t.Errorf("take again: %q %q %v, want %q", data, found.Taken(), err, item.Taken())
		}
	})
	must(t, o.Drop(item))
	must(t, o.Drop(item)) // gone already: done
	if items := waiting(t, o); len(items) != 1 {
		t.Fatalf("after the drop: %+v", items)
	}
	if err := o.Drop(waiting(t, o)[0]); err == nil {
		t.Error("a file that was never taken could be dropped")
	}
}

func TestOfficeFilesThatAreNone(t *testing.T) {
	o := newOffice(t)
	in := filepath.Join(o.dir, "in", bank)
	must(t, os.WriteFile(filepath.Join(in, ".hidden.xml"), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(in, "notes.txt"), nil, 0o600))
	must(t, os.Mkdir(filepath.Join(in, "folder.xml"), 0o700))
	must(t, os.Symlink("/etc/passwd", filepath.Join(in, "link.xml")))
	must(t, syscall.Mkfifo(filepath.Join(in, "pipe.zip"), 0o600))
	must(t, os.WriteFile(filepath.Join(in, "good.XML"), []byte("x"), 0o600))
	items, strange, err := o.Waiting(t.Context(), bank, 100)
	must(t, err)
	if len(items) != 1 || items[0].Name != "good.XML" {
		t.Errorf("waiting: %+v, want good.XML alone", items)
	}
	slices.Sort(strange)
	if want := []string{"folder.xml", "link.xml", "pipe.zip"}; !slices.Equal(strange, want) {
		t.Errorf("strange: %v, want %v", strange, want)
	}
	t.Run("TurnsIntoALinkBeforeItIsRead", func(t *testing.T) {
		must(t, os.Remove(filepath.Join(in, "good.XML")))
		must(t, os.Symlink("/etc/passwd", filepath.Join(in, "good.XML")))
		if _, data, err := o.Take(t.Context(), items[0], "ID"); err == nil {
			t.Errorf("a link was followed: %q", data)
		}
	})
}

func TestOfficeFileTooLarge(t *testing.T) {
	o := newOffice(t)
	big := []byte(strings.Repeat("x", 1001))
	must(t, o.Submit(bank, "big.xml", big))
	item, data, err := o.Take(t.Context(), waiting(t, o)[0], "ID")
	if !errors.Is(err, ErrTooLarge) || data != nil {
		t.Fatalf("take: %d bytes, %v, want ErrTooLarge", len(data), err)
	}
	if digest, err := o.Digest(t.Context(), item); err != nil || digest != Digest(big) {
		t.Errorf("digest: %s %v", digest, err)
	}
	must(t, o.SetAside(item))
	if items := waiting(t, o); len(items) != 0 {
		t.Errorf("after it was set aside: %+v", items)
	}
	if kept, err := os.ReadFile(filepath.Join(o.dir, "in", bank, ".refused", item.Taken())); err != nil || len(kept) != len(big) {
		t.Errorf("set aside: %d bytes, %v", len(kept), err)
	}
}

func TestSubmitRefusesNamesThatLeadElsewhere(t *testing.T) {
	o := newOffice(t)
	for _, name := range []string{"../x.xml", "a/b.xml", ".x.xml", "x", "x.exe", "", "x\x00.xml"} {
		if err := o.Submit(bank, name, nil); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

func TestHandOver(t *testing.T) {
	o := newOffice(t)
	files := []File{{"rep_1.xml", []byte("<a/>")}, {"rep_1.json", []byte("{}")}}
	for range 2 { // the same again is done already
		must(t, o.HandOver(t.Context(), bank, files))
	}
	if err := o.HandOver(t.Context(), bank, []File{{"rep_1.xml", []byte("<b/>")}}); err == nil {
		t.Error("what was handed over could be replaced")
	}
	must(t, o.Tell(bank, File{"notsent_1.xml", []byte("1")}))
	must(t, o.Tell(bank, File{"notsent_1.xml", []byte("2")}))
	got, err := os.ReadFile(filepath.Join(o.dir, "out", bank, "notsent_1.xml"))
	if err != nil || string(got) != "2" {
		t.Errorf("notice: %q %v, want the newer one", got, err)
	}
	must(t, o.HandOver(t.Context(), bank, []File{{"../../escape.xml", []byte("x")}}))
	if _, err := os.Stat(filepath.Join(o.dir, "out", bank, "escape.xml")); err != nil {
		t.Errorf("a name with a path left its folder: %v", err)
	}
}

func TestQuarantine(t *testing.T) {
	dir := t.TempDir()
	q, err := OpenQuarantine(filepath.Join(dir, "q"))
	must(t, err)
	r := Refused{At: time.Unix(0, 0).UTC(), Source: "bank", Bank: bank, Name: "..\x1b[31m/rep_1\u202e.zip", Code: "zip", Reason: "why"}
	at, err := q.Keep([]byte("junk"), r)
	must(t, err)
	if again, err := q.Keep([]byte("junk"), r); err != nil || again != at {
		t.Errorf("kept again: %q %v, want %q", again, err, at)
	}
	if filepath.Dir(at) != bank || strings.ContainsAny(at, "\x1b\u202e") || strings.Contains(at, "..") {
		t.Errorf("a stranger's name on our disk: %q", at)
	}
	data, err := os.ReadFile(filepath.Join(dir, "q", at))
	if err != nil || string(data) != "junk" {
		t.Errorf("kept %q, %v", data, err)
	}
	var reason Refused
	text, err := os.ReadFile(filepath.Join(dir, "q", at+".reason.json"))
	must(t, err)
	must(t, json.Unmarshal(text, &reason))
	if reason.SHA256 != Digest([]byte("junk")) || reason.Reason != "why" {
		t.Errorf("reason: %+v", reason)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	l, err := Acquire(dir)
	must(t, err)
	if _, err := Acquire(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("second lock: %v, want ErrLocked", err)
	}
	must(t, l.Release())
	l, err = Acquire(dir)
	must(t, err)
	must(t, l.Release())
}

// TestHandOverTogether lets many hand over at once: each set is whole, and one that
// collides with other bytes is the only one that hears of it.
func TestHandOverTogether(t *testing.T) {
	o := newOffice(t)
	must(t, o.HandOver(t.Context(), bank, []File{{"rep_7.json", []byte("other")}}))
	o.tray.turn <- struct{}{} // nobody writes, so that all gather
	errs := make([]error, 20)
	var crew sync.WaitGroup
	for i := range errs {
		crew.Go(func() {
			name := fmt.Sprintf("rep_%d", i)
			errs[i] = o.HandOver(t.Context(), bank, []File{{name + ".xml", []byte(name)}, {name + ".json", []byte("{}")}})
		})
	}
	for gathered := 0; gathered < 40; {
		o.tray.mu.Lock()
		if o.tray.next != nil {
			gathered = len(o.tray.next.files)
		}
		o.tray.mu.Unlock()
	}
	out := filepath.Join(o.dir, "out", bank)
	if names, _ := filepath.Glob(filepath.Join(out, "*.xml")); len(names) != 0 {
		t.Errorf("seen before the sync: %v", names)
	}
	<-o.tray.turn
	crew.Wait()
	for i, err := range errs {
		if (err != nil) != (i == 7) {
			t.Errorf("set %d: %v", i, err)
		}
		if data, err := os.ReadFile(filepath.Join(out, fmt.Sprintf("rep_%d.xml", i))); err != nil || string(data) != fmt.Sprintf("rep_%d", i) {
			t.Errorf("set %d: %q %v", i, data, err)
		}
	}
	if temps, _ := filepath.Glob(filepath.Join(out, ".*")); len(temps) != 0 {
		t.Errorf("left behind: %v", temps)
	}
}
