package spool

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrLocked reports that another instance works on the state folder.
var ErrLocked = errors.New("another instance works on this folder")

// Lock holds a folder for one process. The lock is on the folder itself: a lock file
// could be removed and made again, and then two processes would each hold one.
type Lock struct {
	dir *os.File
}

// Acquire locks dir without waiting; the error is ErrLocked when somebody has it. The
// kernel frees the lock when the process ends, however it ends.
func Acquire(dir string) (*Lock, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("lock state folder: %w", err)
	}
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = d.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("lock state folder %s: %w", dir, err)
	}
	return &Lock{dir: d}, nil
}

// Release gives the folder up.
func (l *Lock) Release() error { return l.dir.Close() }
