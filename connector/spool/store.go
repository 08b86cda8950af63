// Package spool keeps documents on the local disk: the content store, the quarantine
// and the folders where the bailiffs' system (the office) leaves and finds documents.
//
// It judges no document and knows neither bank nor journal: names come in as text, bytes
// as bytes. It may call internal/durable only.
package spool

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"bankconnector/connector/spool/pack"
)

// ErrDamaged reports bytes that are not the ones their digest names.
var ErrDamaged = errors.New("stored bytes do not match their digest")

// Store is the content store: every document and envelope, named by the SHA-256 of its
// bytes (64 hexadecimal digits), written once and never changed.
//
// New bytes go into the segments of room pack, which are tar archives. A document that
// lies there as a file of its own, ab/abcd…, is found as well: so lie those that were
// stored before there were segments, and so does tar unpack them.
type Store struct {
	dir   string
	pack  *pack.Pack
	loose func(folder string) bool // whether documents may lie there as files of their own
}

// OpenStore opens the store under dir and makes the folder when it is new. One process at
// a time may have it open so; Close it.
func OpenStore(dir string) (*Store, error) {
	p, err := pack.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	// Nobody else adds documents while this process has the store, so what has no folder now never will.
	folders := make(map[string]bool)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", errors.Join(err, p.Close()))
	}
	for _, e := range entries {
		folders[e.Name()] = true
	}
	return &Store{dir: dir, pack: p, loose: func(folder string) bool { return folders[folder] }}, nil
}

// ReadStore is a store that is only read, beside the process that writes it; nothing is
// made.
func ReadStore(dir string) *Store {
	return &Store{dir: dir, pack: pack.View(dir), loose: func(string) bool { return true }}
}

// Close ends the use of the store; what was put is on the disk already.
func (s *Store) Close() error { return s.pack.Close() }

// Empty tells whether the store holds nothing, or is not there.
func (s *Store) Empty() (bool, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return len(entries) == 0, err
}

// Digest returns the name under which the store keeps data.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Put keeps data durably and returns its digest; see PutAll.
func (s *Store) Put(ctx context.Context, data []byte) (string, error) {
	digests, err := s.PutAll(ctx, [][]byte{data})
	if err != nil {
		return "", err
	}
	return digests[0], nil
}

// PutAll keeps all of these durably and returns their digests. All who put at one moment
// wait for one sync together. Bytes that are there already are checked, not written
// again, so a repetition is cheap and harmless; those that are to be removed do not count.
func (s *Store) PutAll(ctx context.Context, list [][]byte) (digests []string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var fresh []pack.Entry
	for _, data := range list {
		key := pack.Key(sha256.Sum256(data))
		digests = append(digests, hex.EncodeToString(key[:]))
		known, err := s.kept(key)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			fresh = append(fresh, pack.Entry{Key: key, Data: data})
		case err != nil:
			return nil, fmt.Errorf("store: %w", err)
		case !bytes.Equal(known, data):
			return nil, fmt.Errorf("store: %s: %w", digests[len(digests)-1], ErrDamaged)
		}
	}
	if err := s.pack.Add(ctx, fresh...); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return digests, nil
}

// Get returns the bytes of a digest. The error is fs.ErrNotExist when the store does not
// have them and ErrDamaged when the disk holds others.
func (s *Store) Get(ctx context.Context, digest string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(digest)
	if err != nil || len(key) != sha256.Size {
		return nil, fmt.Errorf("read store: %q is no digest", digest)
	}
	data, err := s.find(pack.Key(key))
	if err != nil {
		return nil, fmt.Errorf("read store: %s: %w", digest, err)
	}
	if sha256.Sum256(data) != [sha256.Size]byte(key) {
		return nil, fmt.Errorf("read store: %s: %w", digest, ErrDamaged)
	}
	return data, nil
}

// Check reports whether the store holds the bytes of a digest undamaged.
func (s *Store) Check(ctx context.Context, digest string) error {
	_, err := s.Get(ctx, digest)
	return err
}

// find reads the bytes of a digest, in a segment or as a file of their own.
func (s *Store) find(key pack.Key) ([]byte, error) { return s.look(key, s.pack.Get) }

// kept is find without what is to be removed.
func (s *Store) kept(key pack.Key) ([]byte, error) { return s.look(key, s.pack.Kept) }

func (s *Store) look(key pack.Key, get func(pack.Key) ([]byte, error)) ([]byte, error) {
	data, err := get(key)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	digest := hex.EncodeToString(key[:])
	if !s.loose(digest[:2]) {
		return nil, fs.ErrNotExist
	}
	return os.ReadFile(filepath.Join(s.dir, digest[:2], digest))
}
