// Package box is a bank's server as a visit sees it: an interface, declared where it is used,
// and what it returns. It does nothing and calls no other room.
package box

import (
	"context"
	"time"
)

// Mailbox is one connection to a bank's exchange folders. All methods may be called by
// many goroutines at once. Every error is a *fate.Failure; after a failure of kind Ambiguous
// nothing is known about the effect.
type Mailbox interface {
	// Upload puts the bytes where the bank does not take them yet, durable as far as the
	// server can, and reads them back; temp is ours alone and must not exist.
	Upload(ctx context.Context, temp, final string, data []byte) error
	// Publish makes the uploaded bytes visible under their final name, at most once for a temp.
	Publish(ctx context.Context, temp, final string) error
	// Look sees what stands under the temp name, then what under the final name.
	Look(ctx context.Context, temp, final string) (Sight, error)
	// Read returns a file of ours back, at most limit bytes.
	Read(ctx context.Context, final string, limit int64) ([]byte, error)
	// Sweep removes a temp file of ours that will never be published.
	Sweep(ctx context.Context, temp string) error
	// Leftovers lists temp files of ours, by the pattern of their names.
	Leftovers(ctx context.Context) ([]File, error)
	// RealPaths tells where the two folders really lie, links followed; "" is what the server does not say.
	RealPaths(ctx context.Context) (toBank, fromBank string, err error)
	// List returns what the bank left, bounded.
	List(ctx context.Context) (Listing, error)
	// Claim renames a bank's file to a name of ours; the failure is Gone when it vanished.
	Claim(ctx context.Context, name, claimed string) error
	// Fetch reads a claimed file whose size the listing told; the failure is Changed when it has another one.
	Fetch(ctx context.Context, claimed string, size int64) ([]byte, error)
	// Discard removes a claimed file.
	Discard(ctx context.Context, claimed string) error
	Close() error
}

// File is one file on a bank's server.
type File struct {
	Name    string
	Size    int64
	ModTime time.Time
}

// Octets is the file's size, or nil for no file.
func (f *File) Octets() *int64 {
	if f == nil {
		return nil
	}
	return &f.Size
}

// Sight is what Look saw; nil means that the name was absent.
type Sight struct{ Temp, Final *File }

// Listing is what a bank's outgoing folder holds.
type Listing struct {
	Files     []File   // finished and well named
	Claimed   []File   // ours since an earlier visit
	Strange   []string // quoted names that are no envelope; never touched
	Truncated bool     // more than the limit: the rest comes next visit
}
