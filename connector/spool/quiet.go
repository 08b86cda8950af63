package spool

import (
	"os"
	"sync"
	"time"
)

// quiet remembers folders that were empty, so that a thousand folders are not listed every
// few seconds for nothing: a folder into which something came has another time of change.
//
// The time has the grain of the kernel's clock. A folder is believed only when it was found
// empty twice at the same time of change, and all the same listed every tenth time.
//
// A folder that only this process writes into needs no look at all, once it was found empty.
type quiet struct {
	mu      sync.Mutex
	folders map[string]*rest
	empty   map[string]bool // folders of ours, found empty, into which nothing was put since
}

// ours notes whether a folder that only this process writes into is empty.
func (q *quiet) ours(dir string, empty bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.empty == nil {
		q.empty = make(map[string]bool)
	}
	q.empty[dir] = empty
}

// bare tells whether a folder of ours is known to be empty.
func (q *quiet) bare(dir string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.empty[dir]
}

type rest struct {
	changed time.Time // before the folder was listed
	empty   int       // how often it was found empty with this time
	skipped int       // times it was believed since the last listing
}

const (
	believedAfter = 2
	listedEvery   = 10
)

// still tells whether a folder is known to be empty without listing it. If it is not, listed
// must be told what the listing found.
func (q *quiet) still(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil {
		return false // whatever it is, the listing says it
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.folders[dir]
	if r == nil {
		if q.folders == nil {
			q.folders = make(map[string]*rest)
		}
		r = &rest{}
		q.folders[dir] = r
	}
	if changed := info.ModTime(); !changed.Equal(r.changed) {
		*r = rest{changed: changed}
	}
	if r.empty < believedAfter || r.skipped >= listedEvery-1 {
		return false
	}
	r.skipped++
	return true
}

// listed keeps what a listing after still found.
func (q *quiet) listed(dir string, empty bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := q.folders[dir]
	if r == nil {
		return
	}
	r.skipped = 0
	if r.empty++; !empty {
		r.empty = 0
	}
}
