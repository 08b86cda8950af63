package pack

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"testing"
)

// FuzzSegment: whatever a disk makes of the last archive, opening it for writing takes what
// is whole, and no key gives other bytes than its own; and one can go on writing.
func FuzzSegment(f *testing.F) {
	docs := [][]byte{[]byte("first"), bytes.Repeat([]byte("second "), 200), {}}
	dir := f.TempDir()
	p, err := Open(dir)
	if err != nil {
		f.Fatal(err)
	}
	for _, d := range docs {
		if err := p.Add(f.Context(), Entry{Key: sha256.Sum256(d), Data: d}); err != nil {
			f.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		f.Fatal(err)
	}
	numbers, err := segmentNumbers(dir)
	if err != nil || len(numbers) != 1 {
		f.Fatal(numbers, err)
	}
	whole, err := os.ReadFile(segmentPath(dir, numbers[0]))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-block])
	f.Add(whole[:block+100])
	f.Add(whole[block:])
	f.Add([]byte("not an archive"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir, err := os.MkdirTemp("/dev/shm", "bankconnector-fuzz-") // in memory: each input is synced thrice
		if err != nil {
			dir = t.TempDir()
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if err := os.WriteFile(segmentPath(dir, numbers[0]), data, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}()
		for _, d := range docs {
			got, err := p.Get(sha256.Sum256(d))
			if err == nil && sha256.Sum256(got) == sha256.Sum256(d) || errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil && len(got) == len(d) && !bytes.Equal(got, d) {
				continue // damage within the bytes: the store above holds them against the digest
			}
			t.Errorf("key of %.10q gives %.10q, %v", d, got, err)
		}
		fresh := []byte("written after the damage")
		if err := p.Add(t.Context(), Entry{Key: sha256.Sum256(fresh), Data: fresh}); err != nil {
			t.Fatal(err)
		}
		if got, err := p.Get(sha256.Sum256(fresh)); err != nil || !bytes.Equal(got, fresh) {
			t.Errorf("got %q, %v", got, err)
		}
	})
}
