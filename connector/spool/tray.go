package spool

import (
	"sync"

	"bankconnector/internal/durable"
)

// tray gathers the files that many callers want to create, so that they share the syncs:
// whoever comes while a load is written joins the next one. There is no timer.
type tray struct {
	turn chan struct{} // holds the one who writes
	mu   sync.Mutex
	next *load // gathers
}

// load is what is created together.
type load struct {
	files []durable.File
	errs  []error
	done  chan struct{}
}

// loadFiles is how many files a load may have before the next one is begun.
const loadFiles = 1024

func newTray() *tray { return &tray{turn: make(chan struct{}, 1)} }

// put creates files and returns the error of each, once all of their load are on the disk.
func (t *tray) put(files []durable.File) []error {
	t.mu.Lock()
	l, leads := t.next, false
	if l == nil || len(l.files) >= loadFiles {
		l, leads = &load{done: make(chan struct{})}, true
		t.next = l
	}
	from := len(l.files)
	l.files = append(l.files, files...)
	t.mu.Unlock()
	if leads {
		t.lead(l)
	}
	<-l.done
	return l.errs[from : from+len(files)]
}

// lead waits for its turn, closes the load to others and creates its files.
func (t *tray) lead(l *load) {
	t.turn <- struct{}{}
	defer func() { <-t.turn }()
	t.mu.Lock()
	if t.next == l {
		t.next = nil
	}
	t.mu.Unlock()
	l.errs = durable.CreateAll(l.files)
	close(l.done)
}
