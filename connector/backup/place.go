package backup

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bankconnector/internal/durable"
)

// Place is where copies lie. Names have slashes, on whatever machine it is.
type Place interface {
	// Sizes tells the finished files of a folder with their sizes, and the folders in it; one that is not there is empty.
	Sizes(ctx context.Context, folder string) (files map[string]int64, folders []string, err error)
	// Put writes size octets under a name, which appears with all of them or not at all.
	Put(ctx context.Context, name string, r io.Reader, size int64) error
	// Get writes a file of so many octets to w.
	Get(ctx context.Context, name string, w io.Writer, size int64) error
}

// Folder is a Place on this machine; one that is not there is made.
type Folder string

// Sizes reads one folder.
func (f Folder) Sizes(_ context.Context, folder string) (files map[string]int64, folders []string, err error) {
	files = make(map[string]int64)
	entries, err := os.ReadDir(filepath.Join(string(f), folder))
	if errors.Is(err, fs.ErrNotExist) {
		return files, nil, nil
	}
	for _, d := range entries {
		switch {
		case d.IsDir():
			folders = append(folders, d.Name())
		case d.Type().IsRegular() && !strings.HasSuffix(d.Name(), partial):
			info, err := d.Info()
			if err != nil {
				return nil, nil, err
			}
			files[d.Name()] = info.Size()
		}
	}
	return files, folders, err
}

// Put copies a file under its name only when all of it is on the disk.
func (f Folder) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	return f.take(name, func(w io.Writer) error {
		n, err := io.Copy(w, r)
		if err == nil && n != size {
			err = io.ErrUnexpectedEOF
		}
		return errors.Join(err, ctx.Err())
	})
}

// Get reads a file.
func (f Folder) Get(_ context.Context, name string, w io.Writer, size int64) error {
	in, err := os.Open(filepath.Join(string(f), name))
	if err != nil {
		return err
	}
	_, err = io.CopyN(w, in, size)
	return errors.Join(err, in.Close())
}

// take makes a file of what fill writes.
func (f Folder) take(name string, fill func(io.Writer) error) error {
	to := filepath.Join(string(f), name)
	if err := durable.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	out, err := os.OpenFile(to+partial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640) //nolint:gosec // auditors of the group read copies, as they read the journal
	if err != nil {
		return err
	}
	if err := errors.Join(fill(out), out.Sync(), out.Close()); err != nil {
		return err
	}
	return durable.Move(to+partial, to)
}
