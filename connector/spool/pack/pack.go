// Package pack keeps many small files in few large ones: append-only segments, each a
// plain tar archive whose entries are named by the SHA-256 of their bytes. One write and
// one sync make durable whatever waits at that moment, where a file for each document
// costs a directory entry, an inode and two syncs.
//
// A folder holds
//
//	000001.tar   a full segment: entries ab/abcd… (64 hexadecimal digits), mode 0440
//	000001.idx   its entries sorted by digest; made from the segment, and made again when lost
//	000002.tar   the segment that grows; it has no index yet
//	000001.gone  the index of a full segment that was removed, see Drop
//
// Segments are only ever appended to, so `tar -xf` gives back every document as a file,
// without this program, and a copy made while the program runs is whole up to some entry.
//
// The package does not judge bytes: whoever reads them compares them with their digest.
// It may call internal/durable only.
package pack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"bankconnector/internal/durable"
)

// Key is the SHA-256 of an entry's bytes, and its name.
type Key [32]byte

const (
	segmentSize = 512 << 20 // octets after which a new segment is begun
	groupSize   = 8 << 20   // octets that are written and synced together; one entry may be longer
	largest     = 64 << 20  // octets of one entry
	spareSize   = 1 << 20   // octets that are kept for another group: most of them need less
	// The last group is at most groupSize and one entry long with its header, so what a crash
	// can have torn lies within tornSize of the end.
	tornSize = groupSize + largest + 2*block
)

var (
	errReadOnly = errors.New("the store is open for reading only")
	errClosed   = errors.New("the store is closed")
)

// Pack is a folder of segments. Its methods are safe for concurrent callers; one process
// at a time may write.
type Pack struct {
	dir   string
	limit int64         // of a segment
	turn  chan struct{} // holds the one who writes

	mu       sync.RWMutex
	segments []*segment // in order; the last one grows, or nothing is written
	next     *group     // gathers what comes while another group is written
	spare    [][]byte   // octets of groups that were written, for others: one gathers while one is written
	broken   error      // why nothing more is written

	condemned map[int]time.Time // segments that are to be removed, since when
}

// group is what one write and one sync make durable.
type group struct {
	octets  []byte
	entries []entry
	done    chan struct{}
	err     error
}

// Open opens a folder for writing and makes it when it is new. What an interrupted write
// left at the end of the newest segment, and nobody was told to be there, is cut off.
func Open(dir string) (*Pack, error) {
	if err := durable.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("open segments: %w", err)
	}
	p := &Pack{dir: dir, limit: segmentSize, turn: make(chan struct{}, 1)}
	numbers, err := segmentNumbers(dir)
	if err != nil {
		return nil, fmt.Errorf("open segments: %w", err)
	}
	for i, n := range numbers {
		s, err := openSegment(dir, n, true, i == len(numbers)-1)
		if err != nil {
			return nil, fmt.Errorf("open segment %d: %w", n, errors.Join(err, p.Close()))
		}
		p.segments = append(p.segments, s)
	}
	return p, nil
}

// View opens a folder for reading, beside the process that writes it. Nothing is made or
// changed, and the folder need not exist.
func View(dir string) *Pack { return &Pack{dir: dir, broken: errReadOnly} }

// Close ends the writing and closes the segments.
func (p *Pack) Close() error {
	if p.turn != nil {
		p.turn <- struct{}{} // the group under way is on the disk
		defer func() { <-p.turn }()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = errClosed
	var errs []error
	for _, s := range p.segments {
		errs = append(errs, s.close())
	}
	p.segments = nil
	return errors.Join(errs...)
}

// Entry is one file to add.
type Entry struct {
	Key  Key
	Data []byte
}

// Add appends entries and returns when they are on the disk. All who wait for that at one
// moment share one write and one sync. After an error nothing more is written: what the
// disk holds is not known any more.
func (p *Pack) Add(ctx context.Context, entries ...Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, e := range entries {
		if len(e.Data) > largest {
			return fmt.Errorf("%d octets are too long for an entry", len(e.Data))
		}
	}
	for len(entries) > 0 {
		g, rest, leads, err := p.join(entries)
		if err != nil {
			return err
		}
		if leads {
			p.lead(g)
		}
		<-g.done
		if g.err != nil {
			return g.err
		}
		entries = rest
	}
	return nil
}

// join puts entries into the group that gathers, as many as it takes. Whoever begins a
// group leads it.
func (p *Pack) join(entries []Entry) (g *group, rest []Entry, leads bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken != nil {
		return nil, nil, false, p.broken
	}
	if p.next == nil || len(p.next.octets) >= groupSize {
		p.next, leads = &group{done: make(chan struct{})}, true
		if n := len(p.spare); n > 0 {
			p.next.octets, p.spare = p.spare[n-1][:0], p.spare[:n-1]
		}
	}
	for len(entries) > 0 && len(p.next.octets) < groupSize {
		p.next.add(entries[0].Key, entries[0].Data)
		entries = entries[1:]
	}
	return p.next, entries, leads, nil
}

// lead waits until the group before is on the disk and then writes this one, with
// everybody who has joined it meanwhile.
func (p *Pack) lead(g *group) {
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	p.mu.Lock()
	if p.next == g {
		p.next = nil
	}
	err := p.broken
	p.mu.Unlock()
	if err == nil {
		err = p.write(g)
	}
	p.mu.Lock()
	if cap(g.octets) <= spareSize && len(p.spare) < 2 {
		p.spare, g.octets = append(p.spare, g.octets), nil
	}
	p.mu.Unlock()
	g.err = err
	close(g.done)
}

// write appends a group. A crash before the sync returns leaves all of it, a part or
// nothing at the end of the segment; nobody was told of any of it, and Open cuts the part.
func (p *Pack) write(g *group) (err error) {
	defer func() {
		if err != nil {
			p.mu.Lock()
			p.broken = fmt.Errorf("nothing more is stored: %w", err)
			p.mu.Unlock()
		}
	}()
	s, err := p.growing()
	if err != nil {
		return err
	}
	if _, err := s.file.WriteAt(g.octets, s.end); err != nil {
		return err
	}
	if err := durable.SyncData(s.file); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range g.entries {
		s.live[e.key] = place{at: s.end + e.at, size: e.size}
	}
	s.end += int64(len(g.octets))
	return nil
}

// growing is the segment to append to. A full one gets its index, and a new one is begun.
func (p *Pack) growing() (*segment, error) {
	number := len(p.segments)
	if number > 0 {
		last := p.segments[number-1]
		if last.live != nil && last.end < p.limit {
			return last, nil
		}
		if last.live != nil {
			sealed, err := last.seal()
			if err != nil {
				return nil, err
			}
			p.mu.Lock()
			p.segments[number-1] = sealed
			p.mu.Unlock()
		}
		number = last.number
	}
	s, err := newSegment(p.dir, number+1)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.segments = append(p.segments, s)
	p.mu.Unlock()
	return s, nil
}

// Get returns the bytes of an entry, unproven. The error is fs.ErrNotExist when there is
// none.
func (p *Pack) Get(key Key) ([]byte, error) {
	data, err := p.find(key, nil)
	if err == nil || !errors.Is(err, fs.ErrNotExist) || p.turn != nil {
		return data, err
	}
	if err := p.look(); err != nil { // the writer may have added it since
		return nil, err
	}
	return p.find(key, nil)
}

// find looks in every segment but those that are condemned.
func (p *Pack) find(key Key, condemned map[int]time.Time) ([]byte, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.segments == nil && errors.Is(p.broken, errClosed) {
		return nil, errClosed
	}
	for _, s := range slices.Backward(p.segments) {
		if _, going := condemned[s.number]; going {
			continue
		}
		at, ok, err := s.find(key)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		data := make([]byte, at.size)
		if _, err := s.file.ReadAt(data, at.at); err != nil && !errors.Is(err, io.EOF) {
			return nil, err // an entry cut short is for the caller to find out by its digest
		}
		return data, nil
	}
	return nil, fs.ErrNotExist
}

// look finds what was appended since a folder was opened for reading.
func (p *Pack) look() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	numbers, err := segmentNumbers(p.dir)
	if err != nil {
		return err
	}
	if n := len(p.segments); n > 0 && p.segments[n-1].live != nil {
		if err := p.segments[n-1].scan(false); err != nil {
			return err
		}
	}
	known := 0
	if n := len(p.segments); n > 0 {
		known = p.segments[n-1].number
	}
	for i, number := range numbers {
		if number <= known {
			continue // one that was removed meanwhile is still open here, and can be read
		}
		s, err := openSegment(p.dir, number, false, i == len(numbers)-1)
		if err != nil {
			return fmt.Errorf("open segment %d: %w", number, err)
		}
		p.segments = append(p.segments, s)
	}
	return nil
}

// segmentNumbers lists the segments of a folder in their order.
func segmentNumbers(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var numbers []int
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".tar"); ok {
			if n, err := strconv.Atoi(name); err == nil && n > 0 && fmt.Sprintf("%06d", n) == name {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	return numbers, err
}
