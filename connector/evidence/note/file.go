package note

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bankconnector/internal/durable"
)

// longest is more than any line that holds a checkpoint needs.
const longest = 1 << 20

// Each reads notes one after the other and calls fn for each: as the program writes them to
// a file, or one in a line of a log. What is not a whole note, such as a last one that a
// power cut left half written, is passed over and counted.
func Each(r io.Reader, fn func(Signed) error) (torn int, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, longest), longest)
	var lines []string
	end := func() error {
		if len(lines) == 0 {
			return nil
		}
		s, bad := parse(lines)
		lines = lines[:0]
		if bad != nil {
			torn++
			return nil
		}
		return fn(s)
	}
	for in.Scan() {
		line := in.Text()
		if s, ok := inline(line); ok {
			if err := errors.Join(end(), fn(s)); err != nil {
				return torn, err
			}
			continue
		}
		if named(line) || whole(lines) && !strings.HasPrefix(line, mark) {
			if err := end(); err != nil {
				return torn, err
			}
		}
		if len(lines) > 0 || line != "" {
			lines = append(lines, line)
		}
		if len(lines) > 16 { // no note is so long: what follows is not one
			lines = lines[:1]
		}
	}
	if err := end(); err != nil {
		return torn, err
	}
	if err := in.Err(); err != nil {
		return torn, fmt.Errorf("read checkpoints: %w", err)
	}
	return torn, nil
}

// whole tells that a note can end here.
func whole(lines []string) bool {
	return len(lines) > 4 && lines[3] == "" && strings.HasPrefix(lines[len(lines)-1], mark)
}

// tail is how much of a file is read to find its newest note.
const tail = 16 << 10

// Last is the newest note of a file; ok is false for a file that is not there or holds
// none.
func Last(path string) (last Signed, ok bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return last, false, nil
	}
	if err != nil {
		return last, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return last, false, err
	}
	from := max(0, info.Size()-tail)
	_, err = Each(io.NewSectionReader(f, from, info.Size()-from), func(s Signed) error {
		last, ok = s, true
		return nil
	})
	if err == nil && !ok && info.Size() > 0 {
		err = fmt.Errorf("%s holds no checkpoint", path)
	}
	return last, ok, err
}

// File takes notes at its end and nowhere else.
type File struct{ *os.File }

// Open opens a file for appending, made when it is not there.
func Open(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o640) //nolint:gosec // auditors read it by their group
	if err != nil {
		return nil, err
	}
	out := &File{f}
	if err := errors.Join(durable.SyncDir(filepath.Dir(path)), out.mend()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return out, nil
}

// mend ends a line that a power cut left open, so that the next note begins its own.
func (f *File) mend() error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	var last [1]byte
	if _, err := f.ReadAt(last[:], info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = f.WriteString("\n")
	return err
}

// Add appends a note and returns when it is on the disk.
func (f *File) Add(raw string) error {
	if _, err := f.WriteString(raw); err != nil {
		return err
	}
	return f.Sync()
}
