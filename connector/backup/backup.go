// Package backup copies an installation's journal with its archives, its checkpoints and its
// stored documents to a place, beside the daemon that writes them, brings such a copy back and proves it. The
// place is a folder, or a server of the service's own.
//
// A place takes any number of copies: the journal and the checkpoints of each have its time
// in their names, the archives, documents and time stamps, which never change, lie there once for all of them. It
// changes nothing of the installation. It may call journal, spool, evidence, durable and the vault
// of mailbox.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bankconnector/connector/evidence"
	"bankconnector/connector/evidence/note"
	"bankconnector/connector/journal"
	"bankconnector/connector/journal/volume"
	"bankconnector/connector/spool"
	"bankconnector/internal/durable"
)

// Source is what is copied. A file that is not there is left out, but for the journal.
type Source struct {
	Journal     string // its archives lie in the folder archive beside it
	Store       string // folder
	Checkpoints string
	Public      string // of the key that signs them
	Stamps      string // folder of checkpoints with time stamps
}

const (
	journalOf     = "journal-"
	checkpointsOf = "checkpoints-"
	public        = "checkpoint.pub"
	stamps        = "timestamps"
	store         = "store"
	archives      = "archive"
	partial       = ".part" // ends the name of what is not whole yet
	stampLayout   = "20060102T150405.000Z"
)

// Make copies everything to a place, and returns the name of the journal's copy there. The checkpoints are copied first
// and the archives and documents after the journal's one moment, so that no checkpoint knows an event that the copy does
// not have, and all that it names is there. The journal gets its name last: what has it is whole.
//
// All but the archives and documents is made in scratch, a folder of this machine, and stays there; to copy to a Folder, scratch is
// that folder. A crash leaves files named .part, and the next Make goes on with the documents.
func Make(ctx context.Context, s Source, p Place, scratch string, at time.Time) (copied string, err error) {
	here, stamp := Folder(scratch), at.UTC().Format(stampLayout)
	copied = journalOf + stamp + ".db"
	if err := durable.MkdirAll(scratch, 0o750); err != nil {
		return "", fmt.Errorf("back up: %w", err)
	}
	send := func(name, from string) error {
		if p == Place(here) {
			return nil
		}
		return putFile(ctx, p, filepath.Join(scratch, from), name)
	}
	for _, f := range [][2]string{{s.Checkpoints, checkpointsOf + stamp}, {s.Public, public}} {
		err := putFile(ctx, here, f[0], f[1])
		if err == nil {
			err = send(f[1], f[1])
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("back up: %w", err)
		}
	}
	err = putTree(ctx, s.Stamps, here, stamps)
	if err == nil && p != Place(here) {
		err = putTree(ctx, filepath.Join(scratch, stamps), p, stamps)
	}
	if err != nil {
		return "", fmt.Errorf("back up time stamps: %w", err)
	}
	if err := snapshot(ctx, s.Journal, filepath.Join(scratch, copied+partial)); err != nil {
		return "", fmt.Errorf("back up: %w", err)
	}
	if err := putTree(ctx, volume.Folder(s.Journal), p, archives); err != nil {
		return "", fmt.Errorf("back up archives: %w", err)
	}
	if err := putTree(ctx, s.Store, p, store); err != nil {
		return "", fmt.Errorf("back up stored documents: %w", err)
	}
	if err := send(copied, copied+partial); err != nil {
		return "", fmt.Errorf("back up: %w", err)
	}
	if err := durable.Move(filepath.Join(scratch, copied+partial), filepath.Join(scratch, copied)); err != nil {
		return "", fmt.Errorf("back up: %w", err)
	}
	return copied, nil
}

// snapshot copies a journal as it is at one moment.
func snapshot(ctx context.Context, from, to string) error {
	book, err := journal.View(ctx, from)
	if err != nil {
		return err
	}
	return errors.Join(durable.Remove(to), book.Backup(ctx, to), book.Close())
}

// putTree puts what a folder has and the place does not. What has another size has grown.
func putTree(ctx context.Context, from string, p Place, into string) error {
	have, _, err := p.Sizes(ctx, into)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a journal of before the first document
	}
	for _, d := range entries {
		if err == nil {
			err = putEntry(ctx, p, d, [2]string{filepath.Join(from, d.Name()), path.Join(into, d.Name())}, have)
		}
	}
	return err
}

func putEntry(ctx context.Context, p Place, d fs.DirEntry, way [2]string, have map[string]int64) error {
	switch {
	case d.IsDir():
		return putTree(ctx, way[0], p, way[1])
	case !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") || strings.HasSuffix(d.Name(), ".new"):
		return nil
	}
	info, err := d.Info()
	if size, ok := have[d.Name()]; err != nil || ok && size == info.Size() {
		return err
	}
	return putFile(ctx, p, way[0], way[1])
}

// putFile puts what a file holds at this moment; it may grow meanwhile.
func putFile(ctx context.Context, p Place, from, name string) (err error) {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return p.Put(ctx, name, io.LimitReader(f, info.Size()), info.Size())
}

// Fetch brings the newest copy from a place into a folder of this machine, with all that belongs to it, the journal last.
// What lies there already with the right size is left: a transfer that was cut off goes on.
func Fetch(ctx context.Context, p Place, into Folder) error {
	files, _, err := p.Sizes(ctx, "")
	if err != nil {
		return fmt.Errorf("fetch the copy: %w", err)
	}
	newest := newestOf(slices.Collect(maps.Keys(files)))
	if newest == "" {
		return ErrNoCopy
	}
	for _, folder := range []string{stamps, archives, store} {
		if err := fetchTree(ctx, p, into, folder); err != nil {
			return fmt.Errorf("fetch the copy: %w", err)
		}
	}
	for _, name := range []string{public, besideOf(newest), newest} {
		if size, ok := files[name]; ok {
			if err := fetchFile(ctx, p, into, name, size); err != nil {
				return fmt.Errorf("fetch the copy: %w", err)
			}
		}
	}
	return nil
}

func fetchTree(ctx context.Context, p Place, into Folder, folder string) error {
	files, folders, err := p.Sizes(ctx, folder)
	if err != nil {
		return err
	}
	for name, size := range files {
		if err := fetchFile(ctx, p, into, path.Join(folder, name), size); err != nil {
			return err
		}
	}
	for _, name := range folders {
		if err := fetchTree(ctx, p, into, path.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

func fetchFile(ctx context.Context, p Place, into Folder, name string, size int64) error {
	if info, err := os.Stat(filepath.Join(string(into), name)); err == nil && info.Size() == size {
		return nil
	}
	return into.take(name, func(w io.Writer) error { return p.Get(ctx, name, w, size) })
}

// ErrNoCopy reports a folder without a finished copy.
var ErrNoCopy = errors.New("no copy of a journal lies here")

// Result is what a drill found. Behind is how many events the newest checkpoint of the
// installation knows after the copy's last one: they would be lost with this copy.
type Result struct {
	evidence.Findings
	Behind int64 `json:"behind"`
}

// newestOf is the newest copy of a journal among names, "" when there is none: the moment stands in them.
func newestOf(names []string) (newest string) {
	for _, name := range names {
		if strings.HasPrefix(name, journalOf) && strings.HasSuffix(name, ".db") {
			newest = max(newest, name)
		}
	}
	return newest
}

// besideOf names the checkpoints of a copy.
func besideOf(copied string) string {
	return checkpointsOf + strings.TrimSuffix(strings.TrimPrefix(copied, journalOf), ".db")
}

// Drill proves the newest copy in a folder, or the one at path, with what lies beside it and
// nothing else, as a restore would need it, and holds it against the installation's newest
// checkpoint, "" if there is none. What q names already counts instead of what lies there.
func Drill(ctx context.Context, q evidence.Inquiry, dir, checkpoints string) (r Result, err error) {
	files, _, err := Folder(dir).Sizes(ctx, "")
	newest := newestOf(slices.Collect(maps.Keys(files)))
	if err != nil || newest == "" {
		return r, errors.Join(fmt.Errorf("%s: %w", dir, ErrNoCopy), err)
	}
	q.Path = filepath.Join(dir, newest)
	if q.Store == nil {
		q.Store = spool.ReadStore(filepath.Join(dir, store))
	}
	beside := filepath.Join(dir, besideOf(newest))
	q.Stamps.Folder = filepath.Join(dir, stamps)
	q.Checkpoints = nil // those of now know more than the copy
	if _, err := os.Stat(beside); err == nil && len(q.Keys) > 0 {
		q.Checkpoints = []string{beside}
	}
	if r.Findings, err = evidence.Verify(ctx, q); err != nil || checkpoints == "" {
		return r, err
	}
	known, ok, err := note.Last(checkpoints)
	if err != nil {
		return r, fmt.Errorf("read checkpoints: %w", err)
	}
	if ok {
		r.Behind = max(0, known.Seq-r.Last)
	}
	return r, nil
}
