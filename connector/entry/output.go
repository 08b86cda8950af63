package entry

import (
	"errors"
	"os"
	"sync"
	"syscall"
)

// Output is an end of the process that somebody reads. One who stops reading, as head does, has what he wanted: the rest
// is dropped without an error. Any other failure, such as a full disk, is kept, for what was told is not there.
type Output struct {
	file *os.File
	mu   sync.Mutex
	gone bool
	err  error
}

// NewOutput makes an output of a file.
func NewOutput(f *os.File) *Output { return &Output{file: f} }

// Write passes octets on, or drops them when nobody reads.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone {
		return len(p), nil
	}
	n, err := o.file.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		o.gone = true
		return len(p), nil
	}
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

// Fd is the file's number, for who asks whether it is a terminal.
func (o *Output) Fd() uintptr { return o.file.Fd() }

// Err is the first failure of a write.
func (o *Output) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}
