package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// File is one file of a set.
type File struct {
	Path string
	Data []byte
	Perm fs.FileMode
}

// single is up to how many files or folders are synced one by one. For more of them one
// sync of the whole file system costs less, though it waits for what others write there.
const single = 4

// CreateAll is Create for many files with few syncs: all bytes are on the disk before the
// first name is, the names appear in the order of the list, and all are on the disk when it
// returns. Each file has its own error, fs.ErrExist for a name that is there; a failed sync
// is the error of all.
func CreateAll(files []File) []error {
	errs := make([]error, len(files))
	dirs := openFolders(files, errs)
	defer func() {
		for _, d := range dirs {
			_ = d.Close() // only read and synced
		}
	}()
	temps := make([]string, len(files))
	staged := make([]*os.File, 0, len(files))
	for i, f := range files {
		if errs[i] != nil {
			continue
		}
		var t *os.File
		if t, errs[i] = write(f.Path, f.Data, f.Perm); errs[i] == nil {
			temps[i], staged = t.Name(), append(staged, t)
		}
	}
	err := syncFiles(staged, dirs)
	for _, t := range staged {
		if shut := t.Close(); err == nil {
			err = shut
		}
	}
	// A crash from here on leaves some names, each complete, and temps that SweepTemps removes.
	for i, f := range files {
		switch {
		case temps[i] == "":
		case err != nil:
			_ = os.Remove(temps[i]) // the error that matters is the one returned
		default:
			errs[i] = name(temps[i], f.Path)
		}
	}
	if err == nil {
		err = syncFolders(dirs)
	}
	for i := range errs {
		if err != nil && errs[i] == nil {
			errs[i] = fmt.Errorf("create %s: %w", files[i].Path, err)
		}
	}
	return errs
}

// openFolders opens every folder of a set once. They are open before anything is written:
// a sync of a file system tells the errors since then.
func openFolders(files []File, errs []error) map[string]*os.File {
	dirs := make(map[string]*os.File)
	for i, f := range files {
		dir := filepath.Dir(f.Path)
		if dirs[dir] != nil {
			continue
		}
		d, err := os.Open(dir)
		if err != nil {
			errs[i] = fmt.Errorf("create %s: %w", f.Path, err)
			continue
		}
		dirs[dir] = d
	}
	return dirs
}

func syncFiles(files []*os.File, dirs map[string]*os.File) error {
	if len(files) > single {
		return syncAround(dirs)
	}
	for _, f := range files {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	return nil
}

func syncFolders(dirs map[string]*os.File) error {
	if len(dirs) > single {
		return syncAround(dirs)
	}
	for _, d := range dirs {
		if err := d.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// syncAround syncs every file system that one of the folders lies on.
func syncAround(dirs map[string]*os.File) error {
	done := make(map[uint64]bool)
	for _, d := range dirs {
		var st unix.Stat_t
		if err := unix.Fstat(int(d.Fd()), &st); err != nil {
			return fmt.Errorf("look at %s: %w", d.Name(), err)
		}
		if done[st.Dev] {
			continue
		}
		if err := unix.Syncfs(int(d.Fd())); err != nil {
			return fmt.Errorf("sync the file system of %s: %w", d.Name(), err)
		}
		done[st.Dev] = true
	}
	return nil
}

// name gives a temp file its name and never replaces another.
func name(temp, path string) error {
	err := unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // not every file system has it
		return link(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp) // the error that matters is the one returned
		return fmt.Errorf("create %s: %w", path, err)
	}
	return nil
}
