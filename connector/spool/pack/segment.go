package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"bankconnector/internal/durable"
)

func segmentPath(dir string, number int) string {
	return filepath.Join(dir, fmt.Sprintf("%06d.tar", number))
}

func indexPath(dir string, number int) string {
	return filepath.Join(dir, fmt.Sprintf("%06d.idx", number))
}

// place is where the bytes of an entry lie in their segment.
type place struct{ at, size int64 }

// entry is one entry of a group; at counts from the group's beginning.
type entry struct {
	key      Key
	at, size int64
}

// segment is one archive. One that grows knows its entries in memory, a sealed one by
// its index.
type segment struct {
	number int
	file   *os.File
	end    int64         // behind the last whole entry
	live   map[Key]place // nil: sealed
	index  index
}

func (s *segment) close() error {
	if s.index.file == nil {
		return s.file.Close()
	}
	return errors.Join(s.file.Close(), s.index.file.Close())
}

// newSegment begins a segment. A crash behind it leaves an empty archive, which the next
// one goes on with.
func newSegment(dir string, number int) (*segment, error) {
	f, err := os.OpenFile(segmentPath(dir, number), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := durable.SyncDir(dir); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &segment{number: number, file: f, live: make(map[Key]place)}, nil
}

// openSegment opens an archive that is there. Any but the newest is full: it has its
// index, or gets it now if the folder is open for writing.
func openSegment(dir string, number int, write, newest bool) (_ *segment, err error) {
	mode := os.O_RDONLY
	if write {
		mode = os.O_RDWR
	}
	f, err := os.OpenFile(segmentPath(dir, number), mode, 0)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	s := &segment{number: number, file: f}
	if s.index, err = readIndex(indexPath(dir, number)); err == nil {
		return s, nil
	}
	s.live = make(map[Key]place)
	if err := s.scan(write && newest); err != nil {
		return nil, err
	}
	if write && !newest {
		return s.seal()
	}
	return s, nil
}

// scan reads the headers from the end of what is known. With mend, the bytes that a crash
// may have torn are compared with their digest, and what follows the last good entry is
// cut off. A damaged entry in the middle is passed over, for others follow it.
func (s *segment) scan(mend bool) error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	for s.end < size {
		doubtful := mend && s.end >= size-tornSize
		e, ok := s.entryAt(s.end, size, doubtful)
		for at := s.end + block; !ok && at < size; at += block {
			e, ok = s.entryAt(at, size, true)
		}
		if !ok {
			break
		}
		s.live[e.key] = place{at: e.at, size: e.size}
		s.end = e.at + padded(e.size)
	}
	if !mend || s.end == size {
		return nil
	}
	if err := s.file.Truncate(s.end); err != nil {
		return err
	}
	return s.file.Sync()
}

// entryAt reads the entry whose header lies at an offset; with prove also its bytes. It
// is no entry when anything is missing or wrong.
func (s *segment) entryAt(at, size int64, prove bool) (entry, bool) {
	var head [block]byte
	if _, err := s.file.ReadAt(head[:], at); err != nil {
		return entry{}, false
	}
	e, ok := readHeader(&head)
	e.at = at + block
	if !ok || e.at+padded(e.size) > size {
		return entry{}, false
	}
	if !prove {
		return e, true
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(s.file, e.at, e.size)); err != nil {
		return entry{}, false
	}
	return e, bytes.Equal(sum.Sum(nil), e.key[:])
}

// seal writes the index of a full segment. A crash before it is whole leaves none, and
// the next Open makes it.
func (s *segment) seal() (*segment, error) {
	path := indexPath(filepath.Dir(s.file.Name()), s.number)
	if err := durable.Replace(path, encodeIndex(s.live), 0o440); err != nil {
		return nil, err
	}
	x, err := readIndex(path)
	if err != nil {
		return nil, err
	}
	return &segment{number: s.number, file: s.file, end: s.end, index: x}, nil
}

func (s *segment) find(key Key) (place, bool, error) {
	if s.live != nil {
		at, ok := s.live[key]
		return at, ok, nil
	}
	return s.index.find(key)
}

// block is the unit of a tar archive (POSIX.1-2017, pax, "ustar Interchange Format").
const block = 512

func padded(size int64) int64 { return (size + block - 1) / block * block }

// add appends an entry in the form of a tar archive.
func (g *group) add(key Key, data []byte) {
	header := writeHeader(key, int64(len(data)))
	g.octets = append(g.octets, header[:]...)
	g.entries = append(g.entries, entry{key: key, at: int64(len(g.octets)), size: int64(len(data))})
	g.octets = append(g.octets, data...)
	g.octets = append(g.octets, make([]byte, padded(int64(len(data)))-int64(len(data)))...)
}

// Fields of a ustar header, and what we write into those that say nothing here.
const (
	nameEnd, modeEnd, userEnd, groupEnd = 100, 108, 116, 124
	sizeEnd, timeEnd, sumEnd, typeEnd   = 136, 148, 156, 157
	magic                               = "ustar\x0000"
	zero                                = "0000000\x00"
)

func writeHeader(key Key, size int64) *[block]byte {
	var h [block]byte
	digest := hex.EncodeToString(key[:])
	copy(h[:nameEnd], digest[:2]+"/"+digest)
	copy(h[nameEnd:modeEnd], "0000440\x00")
	copy(h[modeEnd:userEnd], zero)
	copy(h[userEnd:groupEnd], zero)
	copy(h[groupEnd:sizeEnd], fmt.Sprintf("%011o\x00", size))
	copy(h[sizeEnd:timeEnd], "00000000000\x00") // when it came is the journal's to say
	h[sumEnd] = '0'                             // a regular file
	copy(h[typeEnd+100:], magic)
	copy(h[timeEnd:sumEnd], fmt.Sprintf("%06o\x00 ", checksum(&h)))
	return &h
}

// readHeader takes only headers that writeHeader makes: whatever else stands there is
// damage, or the bytes of a document.
func readHeader(h *[block]byte) (e entry, ok bool) {
	digest := h[3 : 3+2*len(e.key)]
	if _, err := hex.Decode(e.key[:], digest); err != nil {
		return e, false
	}
	size, err := strconv.ParseInt(string(h[groupEnd:sizeEnd-1]), 8, 64)
	if err != nil || size < 0 || size > largest {
		return e, false
	}
	e.size = size
	return e, *h == *writeHeader(e.key, size)
}

// checksum is the sum of the header's octets, its own field taken as spaces.
func checksum(h *[block]byte) (sum int) {
	for i, c := range h {
		if i >= timeEnd && i < sumEnd {
			c = ' '
		}
		sum += int(c)
	}
	return sum
}
