package strict

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Foreign reports a file that belongs neither to root nor to the user of this process.
func Foreign(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid()
}

// maxFile is the largest configuration file that is read.
const maxFile = 1 << 20

// ReadFile reads one configuration file. It refuses whatever would let somebody else than root or the service's own
// user decide where orders go: a symbolic link, a file that its group or others can write, a foreign owner; and
// whatever is not a plain file of at most 1 MiB. The error is [Problems].
func ReadFile(path string) ([]byte, error) {
	data, err := ReadPlain(path, maxFile, func(info os.FileInfo) error { return guarded(path, info) })
	if err != nil {
		return nil, Problems{{File: path, Text: err.Error()}}
	}
	return data, nil
}

// guarded refuses a file that somebody else than root or this process's user can change.
func guarded(path string, info os.FileInfo) error {
	switch {
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("its group or others can write it (mode %04o); run: chmod go-w %s", info.Mode().Perm(), path)
	case Foreign(info):
		return fmt.Errorf("it belongs to another user; run: chown root %s", path)
	}
	return nil
}

// ReadPlain reads a plain file of at most limit octets that the given check accepts. The check sees the opened file,
// so nobody can put another one in its place between check and reading.
func ReadPlain(path string, limit int64, check func(os.FileInfo) error) ([]byte, error) {
	// O_NONBLOCK: a fifo laid under this name must not hang the start; it is refused below as not a plain file.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, syscall.ELOOP):
		return nil, errors.New("it is a symbolic link; put the file itself here")
	case err != nil:
		return nil, Cause(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, Cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("it is not a plain file (%s)", info.Mode().Type())
	}
	if err := check(info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, Cause(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("it is larger than %s", Size(limit))
	}
	return data, nil
}

// Cause strips the operation and path from a file error; the caller's message names the path already.
func Cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
