package spool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"bankconnector/connector/spool/pack"
)

// Segment is a part of the store that is removed as a whole: a full tar archive.
type Segment struct {
	Name   string // "000001.tar"
	SHA256 string // in hex
	Index  string // SHA-256 of its index, which stays when it is removed
	Size   int64  // octets
}

// Old lists the full segments to which nothing was added since a time, oldest first.
func (s *Store) Old(since time.Time) (names []string, err error) {
	list, err := s.pack.Sealed()
	for _, e := range list {
		if e.Last.Before(since) {
			names = append(names, e.Name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("list store: %w", err)
	}
	return names, nil
}

// Condemn says that a segment is to be removed, and tells since when this process has said so.
// From then on nobody relies on a document of it that he stores: it is written anew. Who had
// stored one just before and has not told the journal yet has time until it goes.
func (s *Store) Condemn(name string, now time.Time) (since time.Time, err error) {
	number, err := numberOf(name)
	if err != nil {
		return now, err
	}
	return s.pack.Condemn(number, now), nil
}

// Reprieve takes that back.
func (s *Store) Reprieve(name string) error {
	number, err := numberOf(name)
	if err == nil {
		s.pack.Reprieve(number)
	}
	return err
}

func numberOf(name string) (number int, err error) {
	if _, err = fmt.Sscanf(name, "%d.tar", &number); err != nil {
		err = fmt.Errorf("%q is no segment", name)
	}
	return number, err
}

// Digests lists the documents of a full segment.
func (s *Store) Digests(name string) (out []string, err error) {
	number, err := numberOf(name)
	if err != nil {
		return nil, err
	}
	keys, err := s.pack.Entries(number)
	for _, k := range keys {
		out = append(out, hex.EncodeToString(k[:]))
	}
	if err != nil {
		return nil, fmt.Errorf("read store: %w", err)
	}
	return out, nil
}

// Carry puts documents into the segment that grows, whether or not another has them, so that
// the other can go. A crash leaves some of them twice, which does no harm.
func (s *Store) Carry(ctx context.Context, digests []string) error {
	for _, d := range digests {
		data, err := s.Get(ctx, d)
		if err != nil {
			return err
		}
		if err := s.pack.Add(ctx, pack.Entry{Key: sha256.Sum256(data), Data: data}); err != nil {
			return fmt.Errorf("carry over %s: %w", d, err)
		}
	}
	return nil
}

// Describe tells what a full segment is, for the journal.
func (s *Store) Describe(ctx context.Context, name string) (out Segment, err error) {
	number, err := numberOf(name)
	if err != nil {
		return out, err
	}
	out.Name = name
	if out.SHA256, out.Index, out.Size, err = s.pack.Sums(ctx, number); err != nil {
		return out, fmt.Errorf("read store: %w", err)
	}
	return out, nil
}

// ErrOtherSegment reports that another segment has the name of one that was to be removed.
var ErrOtherSegment = errors.New("another segment has its name")

// Drop removes a full segment, once the journal has said so; one that has gone already is no
// error. Whoever needs a document of it has it from Carry. The error is ErrOtherSegment, and nothing
// is removed, when the segment of that name is not the one that the journal names: a store that
// was begun anew counts from one again.
func (s *Store) Drop(ctx context.Context, name, digest string) error {
	number, err := numberOf(name)
	if err != nil {
		return err
	}
	is, err := s.pack.Sum(ctx, number)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && is != digest:
		err = ErrOtherSegment
	case err == nil:
		err = s.pack.Drop(number)
	}
	if err != nil {
		return fmt.Errorf("remove segment %s: %w", name, err)
	}
	return nil
}

// Removed are the documents of segments that were removed.
type Removed struct{ of []*pack.Lost }

// Removed opens the indexes of removed segments; close them. Indexes says by segment which
// SHA-256 each must have, as the journal says; what the journal does not say is not believed.
func (s *Store) Removed(ctx context.Context, indexes map[string]string) (r *Removed, err error) {
	gone, err := s.pack.Gone()
	if err != nil {
		return nil, fmt.Errorf("list store: %w", err)
	}
	r = &Removed{}
	for name, want := range indexes {
		path, ok := gone[name]
		if !ok {
			path = strings.TrimSuffix(filepath.Join(s.dir, name), ".tar") + ".idx" // the journal has said so, and it has not gone yet
		}
		lost, err := pack.OpenLost(ctx, path, want)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("documents of segment %s: %w", name, err), r.Close())
		}
		r.of = append(r.of, lost)
	}
	return r, nil
}

// Has tells whether a document lay in one of them.
func (r *Removed) Has(digest string) (bool, error) {
	key, err := hex.DecodeString(digest)
	if err != nil || len(key) != sha256.Size {
		return false, nil
	}
	for _, l := range r.of {
		if ok, err := l.Has(pack.Key(key)); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// Close ends the use of the indexes.
func (r *Removed) Close() error {
	var errs []error
	for _, l := range r.of {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
