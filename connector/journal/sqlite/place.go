package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

const fileMode = 0o640

// NewName is where a journal is made before it gets its name.
func NewName(path string) string { return path + ".new" }

// Prepare makes the empty file NewName(path), where path itself must not exist.
func Prepare(path string) error {
	if err := checkLocal(filepath.Dir(path)); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w", path, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, tail := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(NewName(path) + tail); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := makeEmpty(NewName(path)); err != nil {
		return err
	}
	return inGroupOf(filepath.Dir(path), NewName(path))
}

// makeEmpty makes a new file that the group may read.
func makeEmpty(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	// The process's umask may have taken the group's bit.
	return errors.Join(f.Chmod(fileMode), f.Close())
}

// syncFile makes a file and its name durable.
func syncFile(path string) error {
	for _, p := range []string{path, filepath.Dir(path)} {
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Folder makes a folder below another one, for the same group, unless it is there.
func Folder(path string) error {
	err := os.Mkdir(path, 0o750)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(os.Chmod(path, 0o750), inGroupOf(filepath.Dir(path), path), syncFile(path)) //nolint:gosec // auditors of the group read archives
}

// Settle gives a finished file its mode and makes it durable, before it gets its name.
func Settle(path string, mode fs.FileMode) error {
	if err := os.Chmod(path, mode); err != nil {
		return err
	}
	return syncFile(path)
}

// shareGroup gives what WAL keeps beside the file its group and mode. SQLite
// does so itself only when it runs as root or in a folder with the setgid bit.
func shareGroup(path string) error {
	for _, tail := range []string{"-wal", "-shm"} {
		if err := inGroupOf(path, path+tail); err != nil {
			return err
		}
		if err := os.Chmod(path+tail, fileMode); err != nil {
			return err
		}
	}
	return nil
}

// inGroupOf gives a file the group of another or of a folder. A process that
// is not in that group may not, and then its auditors cannot read: that is for
// the installation to decide, not a reason to stop writing.
func inGroupOf(owner, path string) error {
	info, err := os.Stat(owner)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: no owner known", owner)
	}
	if err := os.Lchown(path, -1, int(st.Gid)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// Publish gives the finished file its name. A crash before leaves no journal,
// a crash after leaves a whole one. What is still in a write-ahead log would be
// lost with it: that is an error.
func Publish(path string) error {
	if wal, err := os.Stat(NewName(path) + "-wal"); err == nil && wal.Size() > 0 {
		return fmt.Errorf("%s: not everything was written back from the log beside it", NewName(path))
	}
	for _, tail := range []string{"-wal", "-shm"} {
		if err := os.Remove(NewName(path) + tail); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := unix.Renameat2(unix.AT_FDCWD, NewName(path), unix.AT_FDCWD, path, unix.RENAME_NOREPLACE); err != nil {
		return fmt.Errorf("rename %s: %w", NewName(path), err)
	}
	return syncFile(path)
}

// Check refuses a path that could be another file tomorrow, or that others
// than the daemon can change.
func Check(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file (%s)", path, info.Mode().Type())
	case !ok || st.Nlink != 1:
		return fmt.Errorf("%s has other hard links: SQLite would lose its -wal file; remove them", path)
	case info.Mode().Perm()&0o027 != 0:
		return fmt.Errorf("%s has mode %04o, others could read or the group write it: run chmod 0640 %s",
			path, info.Mode().Perm(), path)
	}
	return checkLocal(filepath.Dir(path))
}

// Room is how many octets this process may still write to the disk of a folder.
func Room(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("statfs %s: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil //nolint:gosec // a disk has less than 2^63 octets
}

// checkLocal refuses network file systems: their locks and shared memory do
// not hold what WAL needs.
func checkLocal(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("statfs %s: %w", dir, err)
	}
	if remote(int64(st.Type)) {
		return fmt.Errorf("%s is on a network file system (type 0x%x): put the journal on a local disk", dir, st.Type)
	}
	return nil
}

func remote(kind int64) bool {
	const (
		gfs2, ocfs2, lustre, gpfs = 0x01161970, 0x7461636f, 0x0BD00BD0, 0x47504653
	)
	return slices.Contains([]int64{
		unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC,
		unix.CEPH_SUPER_MAGIC, unix.V9FS_MAGIC, unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC, unix.CODA_SUPER_MAGIC,
		unix.NCP_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC, gfs2, ocfs2, lustre, gpfs,
	}, kind&0xffffffff)
}
