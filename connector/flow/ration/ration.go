// Package ration bounds how much of what banks leave is held in memory at a time, over all
// banks and visits together: a bank can leave thousands of the largest files, and archives
// that unpack to many times their size.
//
// It knows sizes only and calls no other room.
package ration

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

const (
	// packed is how many octets of fetched files are held at a time: one of the size that most
	// profiles allow (16 MiB), or thousands of usual ones.
	packed = 16 << 20
	// unpacked is how many octets these may become when they are opened: one archive of the
	// largest content (package envelope), or hundreds of usual ones.
	unpacked = 64 << 20
	// ratio is what an archive may become beside its size before it is refused unread.
	ratio = 100
)

// Ration is what may be held at a time. Its zero value is ready; all methods may be called
// by many goroutines at once.
type Ration struct {
	once          sync.Once
	files, opened *semaphore.Weighted
}

// Fetch waits until a file of size octets may be fetched, and gives back what ends its
// stay in memory. The error is that of ctx.
func (r *Ration) Fetch(ctx context.Context, size int64) (done func(), err error) {
	r.once.Do(r.prepare)
	return hold(ctx, r.files, min(max(size, 0), packed))
}

// Open waits until a file of size octets may be opened and read; it is held by Fetch
// already. The error is that of ctx.
func (r *Ration) Open(ctx context.Context, size int64) (done func(), err error) {
	r.once.Do(r.prepare)
	if size >= unpacked/ratio {
		return hold(ctx, r.opened, unpacked)
	}
	return hold(ctx, r.opened, max(size, 0)*ratio)
}

func (r *Ration) prepare() {
	r.files, r.opened = semaphore.NewWeighted(packed), semaphore.NewWeighted(unpacked)
}

func hold(ctx context.Context, s *semaphore.Weighted, octets int64) (func(), error) {
	if err := s.Acquire(ctx, octets); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { s.Release(octets) }), nil
}
