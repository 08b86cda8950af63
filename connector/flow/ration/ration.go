// Package ration bounds how much of what banks leave is held in memory at a time: a bank can
// leave thousands of the largest files, and archives that unpack to many times their size.
//
// It knows sizes only and calls no other room.
package ration

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

const (
	// packed is how many octets of one bank's files are held at a time: one of the size that
	// most profiles allow (16 MiB), or thousands of usual ones.
	packed = 16 << 20
	// unpacked is how many octets the files of all banks may become when they are opened: one
	// archive of the largest content (package envelope), or hundreds of usual ones.
	unpacked = 64 << 20
	// ratio is what an archive may become beside its size before it is refused unread.
	ratio = 100
)

// Files is the ration of one visit: files from their fetching until they are settled. It is
// each bank's own, for a bank that sends slowly must not keep the others waiting. The zero
// value is ready; Hold may be called by many goroutines at once.
type Files struct{ store }

// Hold waits until a file of size octets has room, and gives back what ends its stay. The
// error is that of ctx.
func (f *Files) Hold(ctx context.Context, size int64) (done func(), err error) {
	return f.hold(ctx, packed, min(max(size, 0), packed))
}

// Contents is the ration of the whole program: files from their opening until they are
// settled, which is our own work alone and waits for no bank. The zero value is ready; Hold
// may be called by many goroutines at once.
type Contents struct{ store }

// Hold waits until what a file of size octets may become has room, and gives back what ends
// its stay. The error is that of ctx.
func (c *Contents) Hold(ctx context.Context, size int64) (done func(), err error) {
	return c.hold(ctx, unpacked, min(max(size, 0), unpacked/ratio+1)*ratio)
}

type store struct {
	once sync.Once
	room *semaphore.Weighted
}

func (s *store) hold(ctx context.Context, whole, octets int64) (func(), error) {
	s.once.Do(func() { s.room = semaphore.NewWeighted(whole) })
	octets = min(octets, whole)
	if err := s.room.Acquire(ctx, octets); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { s.room.Release(octets) }), nil
}
