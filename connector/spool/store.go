// Package spool keeps documents on the local disk: the content store, the quarantine
// and the folders where the bailiffs' system (the office) leaves and finds documents.
//
// It judges no document and knows neither bank nor journal: names come in as text, bytes
// as bytes. It may call internal/durable only.
package spool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"bankconnector/internal/durable"
)

// ErrDamaged reports bytes that are not the ones their digest names.
var ErrDamaged = errors.New("stored bytes do not match their digest")

// Store is the content store: every document and envelope, named by the SHA-256 of its
// bytes (64 hexadecimal digits), written once and never changed.
type Store struct {
	dir string
}

// OpenStore opens the store under dir and makes the folder when it is new.
func OpenStore(dir string) (*Store, error) {
	if err := durable.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return &Store{dir: dir}, nil
}

// ReadStore is a store that is only read; nothing is made.
func ReadStore(dir string) *Store { return &Store{dir: dir} }

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

// Put keeps data durably and returns its digest. Bytes that are there already are
// checked, not written again, so a repeated Put is cheap and harmless.
func (s *Store) Put(ctx context.Context, data []byte) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	digest := Digest(data)
	path := s.path(digest)
	if err := durable.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	err := durable.Create(path, data, 0o440)
	if errors.Is(err, fs.ErrExist) {
		// A crash may have left the name before its folder was synced; Create syncs the
		// folder only when it made the name, so the known name is checked and synced here.
		if _, err := s.Get(ctx, digest); err != nil {
			return "", err
		}
		err = durable.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	return digest, nil
}

// Get returns the bytes of a digest. The error is fs.ErrNotExist when the store does not
// have them and ErrDamaged when the disk holds others.
func (s *Store) Get(ctx context.Context, digest string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(digest) != 2*sha256.Size {
		return nil, fmt.Errorf("read store: %q is no digest", digest)
	}
	data, err := os.ReadFile(s.path(digest))
	if err != nil {
		return nil, fmt.Errorf("read store: %w", err)
	}
	if Digest(data) != digest {
		return nil, fmt.Errorf("read store: %s: %w", digest, ErrDamaged)
	}
	return data, nil
}

// Check reports whether the store holds the bytes of a digest undamaged.
func (s *Store) Check(ctx context.Context, digest string) error {
	_, err := s.Get(ctx, digest)
	return err
}

func (s *Store) path(digest string) string {
	return filepath.Join(s.dir, digest[:2], digest)
}
