package pack

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// doc is the nth document, about as long as fits a block, less or more.
func doc(n int) []byte {
	size := []int{12, 13, 511, 512, 513, 4000, 70_000}[n%7]
	return bytes.Repeat([]byte(fmt.Sprintf("document %d ", n)), size)[:size]
}

func open(t *testing.T, dir string) *Pack {
	t.Helper()
	p, err := Open(dir)
	must(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func add(t *testing.T, p *Pack, data []byte) Key {
	t.Helper()
	key := Key(sha256.Sum256(data))
	must(t, p.Add(t.Context(), Entry{key, data}))
	return key
}

// holds fails unless a document is there, or must not be.
func holds(t *testing.T, p *Pack, data []byte, want bool) {
	t.Helper()
	got, err := p.Get(sha256.Sum256(data))
	switch {
	case want && err != nil:
		t.Errorf("%.12q: %v", data, err)
	case want && !bytes.Equal(got, data):
		t.Errorf("%.12q: got %d octets %.12q, want %d", data, len(got), got, len(data))
	case !want && !errors.Is(err, fs.ErrNotExist):
		t.Errorf("%.12q: got %.12q, %v, want fs.ErrNotExist", data, got, err)
	}
}

func TestSegmentIsATarArchive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	p := open(t, dir)
	for n := range 20 {
		add(t, p, doc(n))
	}
	t.Run("ReadByGo", func(t *testing.T) {
		f, err := os.Open(filepath.Join(dir, "000001.tar"))
		must(t, err)
		defer f.Close()
		r := tar.NewReader(f)
		for n := range 20 {
			h, err := r.Next()
			must(t, err)
			data, err := io.ReadAll(r)
			must(t, err)
			sum := sha256.Sum256(doc(n))
			if digest := hex.EncodeToString(sum[:]); h.Name != digest[:2]+"/"+digest || h.Mode != 0o440 || !bytes.Equal(data, doc(n)) {
				t.Errorf("entry %d: %s %o %d octets", n, h.Name, h.Mode, len(data))
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("behind the last entry: %v", err)
		}
	})
	t.Run("UnpackedByTar", func(t *testing.T) {
		out := t.TempDir()
		text, err := exec.CommandContext(t.Context(), "tar", "-xf", filepath.Join(dir, "000001.tar"), "-C", out).CombinedOutput()
		if err != nil || len(text) > 0 {
			t.Fatalf("tar: %v %s", err, text)
		}
		names, err := filepath.Glob(filepath.Join(out, "??", "*"))
		must(t, err)
		if len(names) != 20 {
			t.Fatalf("tar gave %d files, want 20", len(names))
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			must(t, err)
			if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != filepath.Base(name) {
				t.Errorf("%s holds other bytes", name)
			}
		}
	})
}

func TestSegmentsAreSealedAndFound(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	p.limit = 20_000
	view := View(dir)
	defer view.Close()
	for n := range 40 {
		add(t, p, doc(n))
		holds(t, view, doc(n), true) // also across the end of a segment
	}
	holds(t, p, doc(40), false)
	holds(t, view, doc(40), false)
	sealed, err := filepath.Glob(filepath.Join(dir, "*.idx"))
	must(t, err)
	if len(sealed) < 3 {
		t.Fatalf("%d segments were sealed, want several", len(sealed))
	}
	must(t, p.Close())
	check := func(t *testing.T) {
		t.Helper()
		again, fresh := open(t, dir), View(dir)
		defer fresh.Close()
		for n := range 40 {
			holds(t, again, doc(n), true)
			holds(t, fresh, doc(n), true)
		}
		add(t, again, doc(40+len(sealed)))
		must(t, again.Close())
	}
	t.Run("Again", check)
	t.Run("IndexLost", func(t *testing.T) {
		must(t, os.Remove(sealed[0]))
		check(t)
		if _, err := os.Stat(sealed[0]); err != nil {
			t.Errorf("the index was not made again: %v", err)
		}
	})
	t.Run("IndexDamaged", func(t *testing.T) {
		data, err := os.ReadFile(sealed[1])
		must(t, err)
		data[len(data)/2] ^= 1
		must(t, os.Remove(sealed[1]))
		must(t, os.WriteFile(sealed[1], data, 0o440))
		check(t)
	})
}

// TestTornTail cuts and spoils the last group everywhere: what was acknowledged before it
// stays, and what is added later is found.
func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	for n := range 6 {
		add(t, p, doc(n))
	}
	must(t, p.Close())
	path := filepath.Join(dir, "000001.tar")
	whole, err := os.ReadFile(path)
	must(t, err)
	last := len(whole) - block - int(padded(int64(len(doc(5)))))
	torn := map[string]func(at int) []byte{
		"Cut":    func(at int) []byte { return whole[:at] },
		"Zeroed": func(at int) []byte { return append(bytes.Clone(whole[:at]), make([]byte, len(whole)-at)...) },
		"Junk":   func(at int) []byte { return append(bytes.Clone(whole[:at]), bytes.Repeat([]byte("x"), 700)...) },
	}
	for name, spoil := range torn {
		t.Run(name, func(t *testing.T) {
			for at := last; at < last+block+len(doc(5)); at += 193 {
				must(t, os.WriteFile(path, spoil(at), 0o640))
				p := open(t, dir)
				for n := range 5 {
					holds(t, p, doc(n), true)
				}
				holds(t, p, doc(5), false)
				add(t, p, doc(8))
				must(t, p.Close())
				again := open(t, dir)
				holds(t, again, doc(4), true)
				holds(t, again, doc(8), true)
				must(t, again.Close())
			}
		})
	}
}

// TestDamageInTheMiddle spoils acknowledged entries: the others stay, and what is spoilt
// can be stored again.
func TestDamageInTheMiddle(t *testing.T) {
	for name, at := range map[string]int{"Header": 3, "Size": 130, "Bytes": block + 5} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := open(t, dir)
			first := add(t, p, doc(5))
			for n := range 4 {
				add(t, p, doc(n))
			}
			must(t, p.Close())
			path := filepath.Join(dir, "000001.tar")
			data, err := os.ReadFile(path)
			must(t, err)
			data[at] ^= 1
			must(t, os.WriteFile(path, data, 0o640))
			view := View(dir)
			defer view.Close()
			if got, err := view.Get(first); err == nil && bytes.Equal(got, doc(5)) {
				t.Error("damage went unseen")
			}
			p = open(t, dir)
			for n := range 4 {
				holds(t, p, doc(n), true)
				holds(t, view, doc(n), true)
			}
			add(t, p, doc(5))
			holds(t, p, doc(5), true)
			if info, err := os.Stat(path); err != nil || info.Size() <= int64(len(data)) {
				t.Errorf("acknowledged entries were cut off: %v", err)
			}
		})
	}
}

// TestWhoeverWaitsSharesOneSync holds the turn, so that all the others gather.
func TestWhoeverWaitsSharesOneSync(t *testing.T) {
	p := open(t, t.TempDir())
	p.turn <- struct{}{}
	var crew sync.WaitGroup
	for n := range 50 {
		crew.Go(func() {
			data := doc(n)
			if err := p.Add(t.Context(), Entry{sha256.Sum256(data), data}); err != nil {
				t.Error(err)
			}
		})
	}
	gathered := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.next == nil {
			return 0
		}
		return len(p.next.entries)
	}
	for gathered() < 50 {
		runtime.Gosched()
	}
	holds(t, p, doc(0), false) // nobody has written it
	<-p.turn
	crew.Wait()
	for n := range 50 {
		holds(t, p, doc(n), true)
	}
}

func TestNothingIsWrittenAfterAnError(t *testing.T) {
	p := open(t, t.TempDir())
	add(t, p, doc(1))
	s := p.segments[0]
	readable, err := os.Open(s.file.Name())
	must(t, err)
	must(t, s.file.Close())
	s.file = readable // a write to it is refused
	first := p.Add(t.Context(), Entry{sha256.Sum256(doc(2)), doc(2)})
	second := p.Add(t.Context(), Entry{sha256.Sum256(doc(3)), doc(3)})
	if first == nil || second == nil {
		t.Errorf("got %v and %v, want errors", first, second)
	}
	holds(t, p, doc(1), true)
	holds(t, p, doc(2), false)
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	key := add(t, p, doc(1))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Add(ended, Entry{Key: key}); !errors.Is(err, context.Canceled) {
		t.Errorf("context ended: %v", err)
	}
	if err := p.Add(t.Context(), Entry{key, make([]byte, largest+1)}); err == nil {
		t.Error("an entry beyond the limit was taken")
	}
	view := View(dir)
	if err := view.Add(t.Context(), Entry{Key: key}); !errors.Is(err, errReadOnly) {
		t.Errorf("written through a view: %v", err)
	}
	must(t, p.Close())
	if err := p.Add(t.Context(), Entry{Key: key}); !errors.Is(err, errClosed) {
		t.Errorf("written after the close: %v", err)
	}
	if _, err := p.Get(key); !errors.Is(err, errClosed) {
		t.Errorf("read after the close: %v", err)
	}
	holds(t, View(filepath.Join(dir, "none")), doc(1), false)
}

// TestKilled kills a process that adds, at moments of its own, and looks for everything
// that it said was stored.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	if child := os.Getenv("PACK_CHILD"); child != "" {
		addForEver(t, child)
	}
	for round := range 5 {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
		c.Env = append(os.Environ(), "PACK_CHILD="+dir, fmt.Sprintf("PACK_ROUND=%d", round))
		out, err := c.StdoutPipe()
		must(t, err)
		must(t, c.Start())
		var said [][]byte
		lines := bufio.NewScanner(out)
		for len(said) < 40*(round+1) && lines.Scan() {
			said = append(said, bytes.Clone(lines.Bytes()))
		}
		must(t, c.Process.Kill())
		for lines.Scan() { // said before the kill
			said = append(said, bytes.Clone(lines.Bytes()))
		}
		_ = c.Wait() // killed
		if len(said) < 40 {
			t.Fatalf("the child said only %d lines", len(said))
		}
		p := open(t, dir)
		for _, line := range said {
			holds(t, p, line, true)
		}
		must(t, p.Close())
	}
}

// addForEver stores lines and says each once it is stored.
func addForEver(t *testing.T, dir string) {
	p, err := Open(dir)
	must(t, err)
	p.limit = 50_000
	for worker := range 8 {
		go func() {
			for n := 0; ; n++ {
				line := fmt.Sprintf("%s/%d/%d %s", os.Getenv("PACK_ROUND"), worker, n, strings.Repeat("y", n%900))
				if err := p.Add(t.Context(), Entry{sha256.Sum256([]byte(line)), []byte(line)}); err != nil {
					panic(err)
				}
				if _, err := fmt.Println(line); err != nil {
					os.Exit(1)
				}
			}
		}()
	}
	select {}
}
