// Package backup copies an installation's journal with its archives, its checkpoints and its
// stored documents to a folder, beside the daemon that writes them, and proves such a copy.
//
// A folder takes any number of copies: the journal and the checkpoints of each have its time
// in their names, the archives and the documents, which never change, lie there once for all of them. It
// changes nothing of the installation. It may call journal, spool, evidence and durable.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
}

const (
	journalOf     = "journal-"
	checkpointsOf = "checkpoints-"
	public        = "checkpoint.pub"
	stampLayout   = "20060102T150405.000Z"
)

// Make copies everything into a folder, which it makes, and returns the path of the journal's
// copy. The checkpoints are copied first, the archives and the documents last, so that no
// checkpoint knows an event that the copy does not have, and all that it names is there.
//
// A crash leaves files named .part or a journal whose documents are not all there yet: Drill
// finds both out, and the next Make goes on with the documents.
func Make(ctx context.Context, s Source, into string, at time.Time) (copied string, err error) {
	if err := durable.MkdirAll(into, 0o750); err != nil {
		return "", fmt.Errorf("back up: %w", err)
	}
	stamp := at.UTC().Format(stampLayout)
	for _, f := range [][2]string{{s.Checkpoints, checkpointsOf + stamp}, {s.Public, public}} {
		if err := copyFile(f[0], filepath.Join(into, f[1])); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("back up: %w", err)
		}
	}
	book, err := journal.View(ctx, s.Journal)
	if err != nil {
		return "", fmt.Errorf("back up: %w", err)
	}
	copied = filepath.Join(into, journalOf+stamp+".db")
	part := copied + ".part"
	if err := errors.Join(removed(part), book.Backup(ctx, part), book.Close()); err != nil {
		return "", fmt.Errorf("back up: %w", err)
	}
	if err := durable.Move(part, copied); err != nil {
		return "", fmt.Errorf("back up: %w", err)
	}
	if err := copyTree(ctx, volume.Folder(s.Journal), volume.Folder(copied)); err != nil {
		return "", fmt.Errorf("back up archives: %w", err)
	}
	if err := copyTree(ctx, s.Store, filepath.Join(into, "store")); err != nil {
		return "", fmt.Errorf("back up stored documents: %w", err)
	}
	return copied, nil
}

func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// copyTree copies what a folder has and the other does not. What has another size has grown.
func copyTree(ctx context.Context, from, into string) error {
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		to := filepath.Join(into, name)
		if d.IsDir() {
			return durable.MkdirAll(to, 0o750)
		}
		if !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") || strings.HasSuffix(d.Name(), ".new") {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if have, err := os.Stat(to); err == nil && have.Size() == info.Size() {
			return nil
		}
		return copyFile(path, to)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a journal of before the first document
	}
	return err
}

// copyFile copies a file under its name only when all of it is on the disk.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640) //nolint:gosec // auditors of the group read copies, as they read the journal
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	return durable.Move(to+".part", to)
}

// ErrNoCopy reports a folder without a finished copy.
var ErrNoCopy = errors.New("no copy of a journal lies here")

// Result is what a drill found. Behind is how many events the newest checkpoint of the
// installation knows after the copy's last one: they would be lost with this copy.
type Result struct {
	evidence.Findings
	Behind int64 `json:"behind"`
}

// Drill proves the newest copy in a folder, or the one at path, with what lies beside it and
// nothing else, as a restore would need it, and holds it against the installation's newest
// checkpoint, "" if there is none. What q names already counts instead of what lies there.
func Drill(ctx context.Context, q evidence.Inquiry, dir, checkpoints string) (r Result, err error) {
	copies, err := filepath.Glob(filepath.Join(dir, journalOf+"*.db"))
	if err != nil || len(copies) == 0 {
		return r, errors.Join(fmt.Errorf("%s: %w", dir, ErrNoCopy), err)
	}
	q.Path = slices.Max(copies)
	q.Store = spool.ReadStore(filepath.Join(dir, "store"))
	beside := filepath.Join(dir, checkpointsOf+strings.TrimSuffix(strings.TrimPrefix(filepath.Base(q.Path), journalOf), ".db"))
	q.Checkpoints = nil
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
