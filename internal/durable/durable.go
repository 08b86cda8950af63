// Package durable writes files that survive a power cut: the bytes are on the disk
// before the name is, and the name is on the disk before the call returns.
//
// It knows nothing of what it writes and calls no other room. It does not retry: after
// a failed fsync the kernel may have dropped the dirty pages, so a second fsync that
// succeeds proves nothing (Rebello et al., ATC'20). The caller must treat an error as
// "not written" and stop.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Create writes data under path, which must not exist, with the permissions perm.
// The name appears with the whole content or not at all, also across a crash; an
// existing name is left alone and reported as an error that is fs.ErrExist.
func Create(path string, data []byte, perm fs.FileMode) error {
	if err := Place(path, data, perm); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Place is Create without the last step: the bytes are on the disk, the name is only
// once SyncDir was called for its folder. It is for sets of files that share one.
func Place(path string, data []byte, perm fs.FileMode) error {
	temp, err := stage(path, data, perm)
	if err != nil {
		return err
	}
	return link(temp, path)
}

// link gives a temp file its name. link(2), unlike rename(2), refuses to replace. A crash
// between the two calls leaves the final name complete and a temp name that SweepTemps
// removes.
func link(temp, path string) error {
	err := os.Link(temp, path)
	if gone := os.Remove(temp); err == nil && gone != nil {
		err = gone
	}
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return nil
}

// Replace writes data under path, in place of what stood there. A reader sees the old
// content or the new one, never a part.
func Replace(path string, data []byte, perm fs.FileMode) error {
	temp, err := stage(path, data, perm)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		_ = os.Remove(temp) // the error that matters is the one returned
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return SyncDir(filepath.Dir(path))
}

// Move renames a file durably. Both folders must lie on one file system.
func Move(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("move: %w", err)
	}
	if err := SyncDir(filepath.Dir(to)); err != nil {
		return err
	}
	if filepath.Dir(from) == filepath.Dir(to) {
		return nil
	}
	return SyncDir(filepath.Dir(from))
}

// Remove unlinks a file durably. A name that is gone already is no error.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("remove: %w", err)
	}
	return SyncDir(filepath.Dir(path))
}

// MkdirAll makes a folder and its parents and puts their names on the disk.
func MkdirAll(dir string, perm fs.FileMode) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := os.MkdirAll(dir, perm); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	return SyncDir(filepath.Dir(dir))
}

// Reserve makes path a file that takes size octets of the disk, whatever is in it. One that
// does is left alone. After a crash or an error a shorter one may stand there; the next call
// makes it whole.
func Reserve(path string, size int64) error {
	if info, err := os.Stat(path); err == nil && info.Size() == size && taken(info) >= size {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("reserve: %w", err)
	}
	if err = allocate(f, size); err == nil {
		err = f.Sync()
	}
	if shut := f.Close(); err == nil {
		err = shut
	}
	if err != nil {
		return fmt.Errorf("reserve %s: %w", path, err)
	}
	return SyncDir(filepath.Dir(path))
}

// taken is the room on the disk that a file takes.
func taken(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512 // stat(2): of 512 octets, whatever the file system's blocks are
	}
	return 0
}

func allocate(f *os.File, size int64) error {
	for {
		err := syscall.Fallocate(int(f.Fd()), 0, 0, size)
		switch {
		case errors.Is(err, syscall.EINTR): // a signal came, such as the runtime's own
			continue
		case errors.Is(err, syscall.EOPNOTSUPP): // a file system that cannot: octets take room as well
			_, err = f.Write(make([]byte, size))
		}
		return err
	}
}

// SyncDir makes the names of a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	err = d.Sync()
	if shut := d.Close(); err == nil {
		err = shut
	}
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}

// SyncData puts what was written to a file on the disk, with its length but not with its
// times: for files that are appended to.
func SyncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
		return nil
	}
}

// tempPrefix marks the names that Create and Replace stage under; a reader of a
// shared folder ignores names with a leading dot.
const tempPrefix = ".part-"

// SweepTemps removes what an interrupted Create or Replace left in dir. Call it only
// while nobody else writes there.
func SweepTemps(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
	if err != nil {
		return fmt.Errorf("sweep %s: %w", dir, err)
	}
	for _, name := range names {
		if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	return nil
}

// stage writes data under a fresh temp name beside path and syncs it.
func stage(path string, data []byte, perm fs.FileMode) (string, error) {
	f, err := write(path, data, perm)
	if err != nil {
		return "", err
	}
	err = f.Sync()
	if shut := f.Close(); err == nil {
		err = shut
	}
	if err != nil {
		_ = os.Remove(f.Name()) // best effort: the name is ours and swept at the next start
		return "", fmt.Errorf("stage %s: %w", path, err)
	}
	return f.Name(), nil
}

// write writes data under a fresh temp name beside path and leaves the file open.
func write(path string, data []byte, perm fs.FileMode) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), tempPrefix+"*")
	if err != nil {
		return nil, fmt.Errorf("stage %s: %w", path, err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err != nil {
		_ = f.Close()
		_ = os.Remove(f.Name()) // best effort: the name is ours and swept at the next start
		return nil, fmt.Errorf("stage %s: %w", path, err)
	}
	return f, nil
}
