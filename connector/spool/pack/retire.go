package pack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bankconnector/internal/durable"
)

// Sealed is a full segment: nothing is added to it any more.
type Sealed struct {
	Number int
	Name   string    // of the archive, "000001.tar"
	Last   time.Time // when something was added last, as the file system tells
}

// Sealed lists the full segments, oldest first.
func (p *Pack) Sealed() (out []Sealed, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for i, s := range p.segments {
		if s.live != nil || i == len(p.segments)-1 {
			continue
		}
		info, err := s.file.Stat()
		if err != nil {
			return nil, err
		}
		out = append(out, Sealed{s.number, filepath.Base(s.file.Name()), info.ModTime()})
	}
	return out, nil
}

// Entries lists what a full segment holds.
func (p *Pack) Entries(number int) ([]Key, error) { return readKeys(indexPath(p.dir, number)) }

// readKeys lists the digests of an index that is whole.
func readKeys(path string) (out []Key, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	end := len(data) - sha256.Size
	if end < len(indexMagic) || (end-len(indexMagic))%indexRow != 0 || string(data[:len(indexMagic)]) != indexMagic {
		return nil, errNoIndex
	}
	if sum := sha256.Sum256(data[:end]); !bytes.Equal(sum[:], data[end:]) {
		return nil, errNoIndex
	}
	for at := len(indexMagic); at < end; at += indexRow {
		out = append(out, Key(data[at:at+len(Key{})]))
	}
	return out, nil
}

// Sums are the SHA-256 of a full segment and of its index, in hex, and the segment's octets.
func (p *Pack) Sums(ctx context.Context, number int) (segment, index string, size int64, err error) {
	if segment, size, err = digest(ctx, segmentPath(p.dir, number)); err != nil {
		return "", "", 0, err
	}
	index, _, err = digest(ctx, indexPath(p.dir, number))
	return segment, index, size, err
}

// Sum is the SHA-256 of a segment, in hex.
func (p *Pack) Sum(ctx context.Context, number int) (string, error) {
	sum, _, err := digest(ctx, segmentPath(p.dir, number))
	return sum, err
}

func digest(ctx context.Context, path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	sum := sha256.New()
	var size int64
	for {
		n, err := io.CopyN(sum, f, 16<<20)
		size += n
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(sum.Sum(nil)), size, nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return "", size, err
		}
	}
}

// gonePath is the index of a segment that was removed: it still tells what lay there.
func gonePath(dir string, number int) string {
	return strings.TrimSuffix(indexPath(dir, number), ".idx") + ".gone"
}

// Condemn says that a segment is to be removed, and since when that has been said in this
// process: Kept does not find its entries any more.
func (p *Pack) Condemn(number int, now time.Time) (since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	since, said := p.condemned[number]
	if said {
		return since
	}
	all := map[int]time.Time{number: now} // a new one: whoever looks something up has the old one
	maps.Copy(all, p.condemned)
	p.condemned = all
	return now
}

// Reprieve takes that back.
func (p *Pack) Reprieve(number int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := maps.Clone(p.condemned)
	delete(all, number)
	p.condemned = all
}

// Kept is Get without the segments that are condemned: the error is fs.ErrNotExist when no
// other has the entry.
func (p *Pack) Kept(key Key) ([]byte, error) {
	p.mu.RLock()
	condemned := p.condemned
	p.mu.RUnlock()
	return p.find(key, condemned)
}

// Drop removes a full segment for good. Its index stays, as 000001.gone. A crash between the
// two leaves a segment that is whole and gets its index back at the next start.
func (p *Pack) Drop(number int) error {
	p.turn <- struct{}{} // nobody begins a segment meanwhile
	defer func() { <-p.turn }()
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.segments, func(s *segment) bool { return s.number == number })
	if i < 0 || i == len(p.segments)-1 || p.segments[i].live != nil {
		return fmt.Errorf("segment %d is not a full one of this store", number)
	}
	if err := durable.Move(indexPath(p.dir, number), gonePath(p.dir, number)); err != nil {
		return err
	}
	if err := durable.Remove(segmentPath(p.dir, number)); err != nil {
		return err
	}
	s := p.segments[i]
	p.segments = slices.Delete(p.segments, i, i+1)
	return s.close()
}

// Gone lists the indexes of segments that were removed: by the name of the segment, the file.
func (p *Pack) Gone() (map[string]string, error) {
	entries, err := os.ReadDir(p.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	out := make(map[string]string)
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".gone"); ok {
			out[name+".tar"] = filepath.Join(p.dir, e.Name())
		}
	}
	return out, nil
}

// Lost is the index of a removed segment: what lay there.
type Lost struct{ index index }

// OpenLost opens such an index; close it. The digest is that of the file, as whoever removed
// the segment wrote it down: an index that has another is not believed.
func OpenLost(ctx context.Context, path, want string) (*Lost, error) {
	is, _, err := digest(ctx, path)
	if err != nil {
		return nil, err
	}
	if is != want {
		return nil, fmt.Errorf("%s has the SHA-256 %s, not %s", filepath.Base(path), is, want)
	}
	x, err := readIndex(path)
	if err != nil {
		return nil, err
	}
	return &Lost{x}, nil
}

// Has tells whether an entry lay in the segment.
func (l *Lost) Has(key Key) (bool, error) {
	_, ok, err := l.index.find(key)
	return ok, err
}

// Close ends the use of the index.
func (l *Lost) Close() error { return l.index.file.Close() }
