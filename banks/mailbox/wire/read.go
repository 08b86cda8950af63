package wire

import (
	"errors"
	"io"
)

// ErrEmpty is an answer that says done and gives nothing: hostile or broken, in any case no answer.
var ErrEmpty = errors.New("the server answered with no more than done")

// ReadAll gives the first size octets of a file, fewer if it is shorter, and whether there are more.
// The octet behind the end is asked for at the same time as the rest, so that this question costs no
// round trip.
func ReadAll(f io.ReaderAt, size int64) (data []byte, more bool, err error) {
	type tail struct {
		n   int
		err error
	}
	behind := make(chan tail, 1)
	go func() {
		var one [1]byte
		n, err := f.ReadAt(one[:], size)
		behind <- tail{n, err}
	}()
	data = make([]byte, size)
	n, err := fill(f, data)
	end := <-behind
	switch {
	case err != nil:
	case end.err != nil && !errors.Is(end.err, io.EOF):
		err = end.err
	case end.n == 0 && end.err == nil:
		err = ErrEmpty
	}
	return data[:n], end.n > 0, err
}

// fill reads until the buffer is full or the file ends. The library takes a short answer within a
// long read for the end of the file, so the end is believed only when nothing comes.
func fill(f io.ReaderAt, data []byte) (int, error) {
	n := 0
	for n < len(data) {
		got, err := f.ReadAt(data[n:], int64(n))
		n += got
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return n, err
		case got == 0 && err != nil:
			return n, nil
		case got == 0:
			return n, ErrEmpty
		}
	}
	return n, nil
}

// CopyAll writes the first size octets of a file to w, a window at a time, and tells whether there are more. The
// error is io.ErrUnexpectedEOF when there are fewer.
func CopyAll(w io.Writer, f io.ReaderAt, size int64, window int) (more bool, err error) {
	buffer := make([]byte, min(int64(window), max(size, 1)))
	for at := int64(0); at < size; {
		part := buffer[:min(int64(len(buffer)), size-at)]
		n, err := fill(io.NewSectionReader(f, at, int64(len(part))), part)
		if err == nil && n < len(part) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return false, err
		}
		if _, err := w.Write(part); err != nil {
			return false, err
		}
		at += int64(n)
	}
	n, err := f.ReadAt(buffer[:1], size)
	switch {
	case n > 0:
		return true, nil
	case err == nil:
		return false, ErrEmpty
	case errors.Is(err, io.EOF):
		return false, nil
	}
	return false, err
}
