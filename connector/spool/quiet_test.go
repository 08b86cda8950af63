package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestFolderAtRestIsNotListed: what comes into a folder that was empty is found, whatever was
// remembered of it: at the next look, or a few later where the kernel's clock has not moved on
// since the folder was last changed.
func TestFolderAtRestIsNotListed(t *testing.T) {
	o, err := OpenOffice(t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	const bank = "044525225"
	if err := o.Prepare(bank); err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(o.dir, "in", bank)
	waiting := func() int {
		t.Helper()
		items, _, err := o.Waiting(t.Context(), bank, 100)
		if err != nil {
			t.Fatal(err)
		}
		return len(items)
	}
	for n := range 25 { // at every phase of what is remembered
		if got := waiting(); got != 0 {
			t.Fatalf("round %d: %d files in an empty folder", n, got)
		}
		for range n {
			waiting()
		}
		path := filepath.Join(in, fmt.Sprintf("%d.xml", n))
		if err := os.WriteFile(path, []byte("<a/>"), 0o600); err != nil {
			t.Fatal(err)
		}
		looks := 1
		for ; waiting() != 1; looks++ {
			if looks > listedEvery {
				t.Fatalf("round %d: the file is not found", n)
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFolderWhoseTimeLiesIsListedAllTheSame: a file system that does not tell changes costs a
// while, never a document.
func TestFolderWhoseTimeLiesIsListedAllTheSame(t *testing.T) {
	dir := t.TempDir()
	var q quiet
	frozen := time.Unix(1_800_000_000, 0)
	listings := 0
	for range 100 {
		if err := os.Chtimes(dir, frozen, frozen); err != nil {
			t.Fatal(err)
		}
		if !q.still(dir) {
			listings++
			q.listed(dir, true)
		}
	}
	if listings < 100/listedEvery || listings > 100/listedEvery+2*believedAfter {
		t.Errorf("%d listings of 100 looks", listings)
	}
}
