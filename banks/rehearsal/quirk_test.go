package rehearsal

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bankconnector/banks/rehearsal/host"
	"bankconnector/formats"
)

func TestQuirksList(t *testing.T) {
	seen := map[Quirk]bool{}
	for _, q := range Quirks() {
		if q.Name == "" || q.RU == "" || q.EN == "" || seen[q.Name] {
			t.Errorf("%+v is incomplete or doubled", q)
		}
		seen[q.Name] = true
	}
}

// TestQuirksOfTheServer holds the wiring; what each does is tested with the server.
func TestQuirksOfTheServer(t *testing.T) {
	tests := map[Quirk]host.Habits{
		quirkSlow: {Pause: slowness}, quirkMute: {Mute: true}, quirkDown: {Down: true}, quirkNoPosixRename: {NoPosixRename: true},
		quirkNoRename: {NoRename: true}, quirkDropBox: {DropBox: true}, quirkNoFsync: {NoFsync: true}, quirkClobber: {Clobber: true}, quirkNoListHome: {NoListHome: true},
		quirkReadonly: {ReadonlyFromBank: true}, quirkCrashRename: {CrashRename: true}, quirkDropRename: {DropRename: true},
		quirkLateReceipts: {}, quirkDuplicates: {}, quirkUnsigned: {}, quirkWrongSigner: {}, quirkForeign: {}, quirkHalfFile: {}, quirkSecondReport: {}, quirkSkipsNumber: {},
	}
	for _, q := range Quirks() {
		want, ok := tests[q.Name]
		if !ok {
			t.Errorf("%s is not tested here", q.Name)
			continue
		}
		h, err := newHabits([]Quirk{q.Name})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, h.server()); d != "" {
			t.Errorf("%s: %s", q.Name, d)
		}
	}
}

func TestQuirkNoRename(t *testing.T) {
	w := newWorld(t, first).start(quirkNoRename)
	c := w.visit(first)
	p := w.parcels(first, 1)[0]
	if err := write(c, "/to-bank/"+p.name, p.data); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if n := len(w.ledger(first, "received.jsonl")); n != 0 {
		t.Fatal("taken without the marker")
	}
	if err := write(c, "/to-bank/"+p.name+".done", nil); err != nil {
		t.Fatal(err)
	}
	w.settle()
	w.check(first, []parcel{p})
	left, err := c.ReadDir("/to-bank")
	if err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestQuirkDropBox(t *testing.T) {
	w := newWorld(t, first).start(quirkDropBox)
	c := w.visit(first)
	p := w.parcels(first, 1)[0]
	name := "/to-bank/" + p.name
	if err := write(c, name, p.data); err != nil {
		t.Fatal(err)
	}
	for what, act := range map[string]func() error{
		"list":   func() error { _, err := c.ReadDir("/to-bank"); return err },
		"stat":   func() error { _, err := c.Stat(name); return err },
		"lstat":  func() error { _, err := c.Lstat(name); return err },
		"read":   func() error { _, err := c.Open(name); return err },
		"remove": func() error { return c.Remove(name) },
		"rename": func() error { return c.Rename(name, name+"x") },
		"posix":  func() error { return c.PosixRename(name, name+"x") },
	} {
		if err := act(); !errors.Is(err, os.ErrPermission) {
			t.Errorf("%s: %v, want permission denied", what, err)
		}
	}
	w.settle()
	w.check(first, []parcel{p})
}

func TestQuirkLateReceipts(t *testing.T) {
	w := newWorld(t, first)
	w.config.delay = time.Hour
	w.start(quirkLateReceipts)
	sent := w.parcels(first, 1)
	w.deliver(first, sent...)
	w.waitFor("the report", func() bool { return len(w.visible()) == 1 })
	if r := w.replies(first)[0]; r.receipt() != nil {
		t.Errorf("%s came first", r.name)
	}
	w.stop()
	w.config.delay = time.Millisecond
	w.start(quirkLateReceipts)
	w.settle()
	w.check(first, sent)
}

func TestQuirkDuplicateReplies(t *testing.T) {
	w := newWorld(t, first).start(quirkDuplicates)
	w.deliver(first, w.parcels(first, 1)...)
	w.settle()
	before := w.visible()
	c := w.visit(first)
	if err := c.Mkdir("/from-bank/.claimed"); err != nil {
		t.Fatal(err)
	}
	claim := func(suffix string) {
		t.Helper()
		for name := range before {
			if err := c.Rename("/from-bank/"+name, "/from-bank/.claimed/"+name+suffix); err != nil {
				t.Fatal(err)
			}
		}
		w.settle()
	}
	claim(".1")
	if after := w.visible(); !maps.Equal(before, after) || len(after) != 2 {
		t.Errorf("after the claim %v, before %v", after, before)
	}
	t.Run("a restart does not repeat once more", func(t *testing.T) {
		w.stop()
		w.start(quirkDuplicates)
		w.settle()
		c = w.visit(first)
		claim(".2")
		if after := w.visible(); len(after) != 0 {
			t.Errorf("a third time: %v", after)
		}
	})
	t.Run("claimed files may be discarded", func(t *testing.T) {
		for name := range before {
			if err := errors.Join(c.Remove("/from-bank/.claimed/"+name+".1"), c.Remove("/from-bank/.claimed/"+name+".2")); err != nil {
				t.Error(err)
			}
		}
		w.settle()
	})
}

func TestQuirkUnsignedReplies(t *testing.T) {
	w := newWorld(t, first).start(quirkUnsigned)
	w.deliver(first, w.parcels(first, 1)...)
	w.settle()
	list := w.replies(first)
	if len(list) != 2 || list[0].signed || list[1].signed {
		t.Errorf("replies %+v", list)
	}
	if n := len(list[0].manifest.Entries); n != 1 {
		t.Errorf("%d entries, want the document alone", n)
	}
}

func TestQuirkWrongSigner(t *testing.T) {
	check := func(t *testing.T, w *world) {
		t.Helper()
		w.deliver(first, w.parcels(first, 1)...)
		w.settle()
		if list := w.replies(first); len(list) != 2 || list[0].signed || list[1].signed {
			t.Errorf("replies %+v", list)
		}
	}
	t.Run("signature of another bank", func(t *testing.T) {
		w := newWorld(t, first, second).start(quirkWrongSigner)
		check(t, w)
		w.signers[first] = w.signers[second]
		if list := w.replies(first); !list[0].signed {
			t.Error("not the signature of the other bank")
		}
	})
	t.Run("signature of a stranger", func(t *testing.T) {
		w := newWorld(t, first)
		w.config.Stranger = newSigner(t, "ecdsa-p256", "Чужой")
		check(t, w.start(quirkWrongSigner))
		w.signers[first] = w.config.Stranger
		if list := w.replies(first); !list[0].signed {
			t.Error("not the signature of the stranger")
		}
	})
}

func TestQuirkForeignReply(t *testing.T) {
	for _, bics := range [][]string{{first, second}, {first}} {
		w := newWorld(t, bics...).start(quirkForeign)
		w.lenient = true
		w.deliver(first, w.parcels(first, 4)...)
		w.settle()
		for _, r := range w.replies(first) {
			want := "044525000"
			if len(bics) > 1 {
				want = second
			}
			author := want
			switch d := r.doc.(type) {
			case *formats.Receipt:
				want = first
			case *formats.Report:
				author = d.AuthorBIK
			case *formats.Answer:
				author = d.AuthorBIK
			}
			if r.manifest.Sender != want || !r.signed || r.receipt() == nil && author != want {
				t.Errorf("%s from %s by %s, want %s", r.name, r.manifest.Sender, author, want)
			}
		}
	}
}

func TestQuirkSkipsNumber(t *testing.T) {
	w := newWorld(t, first).start(quirkSkipsNumber)
	w.deliver(first, w.parcels(first, 3)...)
	w.settle()
	seen := map[string][]int64{}
	for _, r := range w.replies(first) {
		seen[r.manifest.Stream] = append(seen[r.manifest.Stream], r.manifest.Seq)
	}
	for stream, list := range seen {
		slices.Sort(list)
		if len(list) < 3 || !slices.Equal(list[:3], []int64{1, 3, 4}) {
			t.Errorf("stream %s has the numbers %v, want 1, 3, 4", stream, list)
		}
	}
	if len(seen) != 2 {
		t.Errorf("streams %v, want two", seen)
	}
}

func TestQuirkSecondReport(t *testing.T) {
	w := newWorld(t, first).start(quirkSecondReport)
	w.deliver(first, w.parcels(first, 1)...)
	w.settle()
	var reports []*formats.Report
	for _, r := range w.replies(first) {
		if d, ok := r.doc.(*formats.Report); ok {
			reports = append(reports, d)
		}
	}
	if len(reports) != 2 || reports[0].RestrictnInternalKey != reports[1].RestrictnInternalKey || reports[0].ExternalKey == reports[1].ExternalKey {
		t.Fatalf("reports %+v", reports)
	}
	if last := reports[1]; last.ReportNumber != 2 || !last.Final() {
		t.Errorf("second report %+v", last)
	}
}

// sizes returns the files of from-bank and its claimed folder with their sizes.
func (w *world) sizes() map[string]int64 {
	w.t.Helper()
	found := map[string]int64{}
	root := w.path(first, "root", "from-bank")
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		found[filepath.Base(path)] = info.Size()
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

func TestQuirkHalfFile(t *testing.T) {
	half := func(t *testing.T) (*world, []parcel) {
		t.Helper()
		w := newWorld(t, first)
		w.config.delay = time.Hour
		w.start(quirkHalfFile)
		sent := w.parcels(first, 1)
		w.deliver(first, sent...)
		w.waitFor("half files", func() bool { return len(w.sizes()) == 3 })
		return w, sent
	}
	whole := func(t *testing.T, w *world, suffix string) {
		t.Helper()
		for name, size := range w.sizes() {
			want, err := os.Stat(w.path(first, "sent", strings.TrimSuffix(name, suffix)))
			if strings.HasSuffix(name, ".part") {
				continue
			}
			if err != nil || want.Size() != size {
				t.Errorf("%s has %d octets, want %v, %v", name, size, want, err)
			}
		}
		if boxed, err := os.ReadDir(w.path(first, "outbox")); err != nil || len(boxed) != 0 {
			t.Errorf("outbox %v, %v", boxed, err)
		}
	}
	t.Run("seen half, then whole", func(t *testing.T) {
		w, sent := half(t)
		for name, size := range w.sizes() {
			kept, err := os.Stat(w.path(first, "sent", name))
			if name == "rep_abandoned.zip.part" {
				continue
			}
			if err != nil || size != kept.Size()/2 {
				t.Errorf("%s has %d octets of %v, %v", name, size, kept, err)
			}
		}
		w.stop()
		w.config.delay = time.Millisecond
		w.start(quirkHalfFile)
		w.settle()
		whole(t, w, "")
		w.check(first, sent)
	})
	t.Run("completed where the client moved it", func(t *testing.T) {
		w, _ := half(t)
		c := w.visit(first)
		if err := c.Mkdir("/from-bank/.claimed"); err != nil {
			t.Fatal(err)
		}
		names := slices.DeleteFunc(slices.Collect(maps.Keys(w.sizes())), func(s string) bool { return strings.HasSuffix(s, ".part") })
		for _, name := range names {
			if err := c.Rename("/from-bank/"+name, "/from-bank/.claimed/"+name+".x"); err != nil {
				t.Fatal(err)
			}
		}
		w.stop()
		w.config.delay = time.Millisecond
		w.start()
		w.settle()
		if n := len(w.sizes()); n != 3 {
			t.Errorf("files %v", w.sizes())
		}
		whole(t, w, ".x")
	})
}
