// Package drain is a log that nobody ever waits for. What systemd, a terminal or a pipe does
// not take in time is held, within bounds, and beyond them dropped and counted: the journal is
// the record, the log only tells of it, and no document may wait for its reader.
//
// It calls no other room.
package drain

import (
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	held  = 1 << 20 // octets that wait for the reader
	lines = 4096    // and lines
	last  = time.Second
)

// Writer passes lines on, in their order, from a goroutine of its own. Each Write is one
// line, and never blocks.
type Writer struct {
	to    io.Writer
	log   func(to io.Writer) *slog.Logger
	queue chan []byte
	done  chan struct{}

	mu     sync.Mutex
	octets int
	lost   int64
	closed bool
}

// New begins to pass on to a writer. When it takes lines again after some were dropped, their
// number goes first, in the form that log gives. Close ends it.
func New(to io.Writer, log func(to io.Writer) *slog.Logger) *Writer {
	w := &Writer{to: to, log: log, queue: make(chan []byte, lines), done: make(chan struct{})}
	go w.run()
	return w
}

// Write takes a line, or drops it where too many wait. It says that all is well: who logs
// has other work.
func (w *Writer) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.octets+len(line) > held {
		w.lost++
		return len(line), nil
	}
	select {
	case w.queue <- append([]byte(nil), line...):
		w.octets += len(line)
	default:
		w.lost++
	}
	return len(line), nil
}

func (w *Writer) run() {
	defer close(w.done)
	for line := range w.queue {
		_, err := w.to.Write(line)
		w.mu.Lock()
		w.octets -= len(line)
		lost := w.lost
		if w.lost = 0; err != nil {
			w.lost = lost + 1 // told when there is somebody to tell
		}
		w.mu.Unlock()
		if err == nil && lost > 0 {
			w.log(w.to).Error("lines of the log were dropped: nobody took them", slog.Int64("lost", lost))
		}
	}
}

// Close passes on what waits, for as long as a moment; a reader who does not read keeps no
// process from ending.
func (w *Writer) Close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	moment := time.NewTimer(last)
	defer moment.Stop()
	select {
	case <-w.done:
	case <-moment.C:
	}
}

// Logger writes from a level on: text for a person at a screen, JSON for everybody else. What
// is no level means warnings.
func Logger(w io.Writer, level string, screen bool) *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.LevelWarn}
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err == nil {
		o.Level = least
	}
	if screen {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}
