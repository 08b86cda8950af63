package pack

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"
)

// TestDrop removes a full segment beside readers and a writer.
func TestDrop(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	p.limit = 20_000
	for n := range 40 {
		add(t, p, doc(n))
	}
	before := View(dir)
	defer before.Close()
	holds(t, before, doc(0), true)
	list, err := p.Sealed()
	must(t, err)
	if len(list) < 3 || list[0].Name != "000001.tar" || list[0].Last.IsZero() {
		t.Fatalf("full segments are %+v", list)
	}
	keys, err := p.Entries(1)
	must(t, err)
	_, index, size, err := p.Sums(t.Context(), 1)
	must(t, err)
	if len(keys) == 0 || size < 20_000 {
		t.Errorf("%d entries in %d octets", len(keys), size)
	}
	if err := p.Drop(list[len(list)-1].Number + 1); err == nil {
		t.Error("the segment that grows was removed")
	}
	must(t, p.Drop(1))
	holds(t, p, doc(0), false)
	holds(t, before, doc(0), true) // it has it open
	add(t, p, []byte("after"))
	holds(t, before, []byte("after"), true)
	after := View(dir)
	defer after.Close()
	holds(t, after, doc(0), false)
	holds(t, after, doc(39), true)
	holds(t, after, []byte("after"), true)
	gone, err := p.Gone()
	must(t, err)
	lost, err := OpenLost(t.Context(), gone["000001.tar"], index)
	must(t, err)
	defer lost.Close()
	for data, want := range map[string]bool{string(doc(0)): true, string(doc(39)): false} {
		if is, err := lost.Has(sha256.Sum256([]byte(data))); err != nil || is != want {
			t.Errorf("the list of the removed segment has %.12q: %v, %v", data, is, err)
		}
	}
	if _, err := OpenLost(t.Context(), gone["000001.tar"], "other"); err == nil {
		t.Error("another list is believed")
	}
	must(t, p.Close())
	again := open(t, dir)
	holds(t, again, doc(0), false)
	holds(t, again, doc(39), true)
	add(t, again, doc(0))
	holds(t, again, doc(0), true)
	if _, err := os.Stat(segmentPath(dir, 1)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a new segment has the old name: %v", err)
	}
}

// TestCondemned: who stores bytes does not rely on a segment that is to be removed.
func TestCondemned(t *testing.T) {
	p := open(t, t.TempDir())
	p.limit = 20_000
	for n := range 20 {
		add(t, p, doc(n))
	}
	key := Key(sha256.Sum256(doc(0)))
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for range 2 {
		if since := p.Condemn(1, noon); since != noon {
			t.Errorf("condemned since %s", since)
		}
	}
	if since := p.Condemn(1, noon.Add(time.Hour)); since != noon {
		t.Errorf("condemned since %s, want %s", since, noon)
	}
	if _, err := p.Kept(key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is kept: %v", err)
	}
	holds(t, p, doc(0), true)
	add(t, p, doc(0))
	if _, err := p.Kept(key); err != nil {
		t.Errorf("its second copy is not kept: %v", err)
	}
	p.Reprieve(1)
	if since := p.Condemn(1, noon.Add(time.Hour)); since != noon.Add(time.Hour) {
		t.Errorf("condemned anew since %s", since)
	}
}
