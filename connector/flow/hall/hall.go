// Package hall bounds how many visits are at work at once. A visit that only waits for its
// bank takes no place: a bank that is silent, or gives an octet a second, holds nobody up.
//
// It knows banks by their names only and calls no other room.
package hall

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	still  = 2 * time.Second        // without a sign of progress a visit counts as waiting
	glance = 250 * time.Millisecond // how often those at the door look whether somebody has come to a standstill
	crowd  = 8                      // visits for each place, waiting ones included: what they hold is bounded too
)

// ErrHalted means that the program is stopping.
var ErrHalted = errors.New("the program is stopping; the rest waits for the next visit")

// Hall is where visits are at work. A nil one has room for everybody. Safe for concurrent
// callers.
type Hall struct {
	places int
	now    func() time.Time
	freed  chan struct{} // one token: look again

	mu     sync.Mutex
	guests map[string]time.Time // last sign of progress; zero: waits for its bank
}

// New opens a hall with so many places.
func New(places int, now func() time.Time) *Hall {
	return &Hall{places: max(1, places), now: now, freed: make(chan struct{}, 1), guests: make(map[string]time.Time)}
}

// Enter waits for a place for a bank's visit; it must Leave. The error is ErrHalted, or why
// ctx ended.
func (h *Hall) Enter(ctx context.Context, halt <-chan struct{}, bank string) error {
	for {
		select {
		case <-halt:
			return ErrHalted
		case <-ctx.Done():
			return context.Cause(ctx)
		default:
		}
		if h == nil || h.admit(bank) {
			return nil
		}
		look := time.NewTimer(glance)
		select {
		case <-halt:
		case <-ctx.Done():
		case <-h.freed:
		case <-look.C:
		}
		look.Stop()
	}
}

func (h *Hall) admit(bank string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	if h.moving(now) >= h.places || len(h.guests) >= crowd*h.places {
		return false
	}
	h.guests[bank] = now
	return true
}

// Room tells whether there is a place that nobody takes.
func (h *Hall) Room() bool { return h == nil || h.Moving() < h.places }

// Moving tells how many visits are at work, not counting those that wait for their bank.
func (h *Hall) Moving() int {
	if h == nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.moving(h.now())
}

// moving counts; h.mu is held.
func (h *Hall) moving(now time.Time) (n int) {
	for _, last := range h.guests {
		// A last sign that lies ahead means that the clock was set back.
		if since := now.Sub(last); !last.IsZero() && since < still && since > -still {
			n++
		}
	}
	return n
}

// Waits tells that a visit does nothing now but wait for its bank.
func (h *Hall) Waits(bank string) { h.mark(bank, time.Time{}) }

// Moves tells that a visit has made progress.
func (h *Hall) Moves(bank string) {
	if h != nil {
		h.mark(bank, h.now())
	}
}

func (h *Hall) mark(bank string, at time.Time) {
	if h == nil {
		return
	}
	h.mu.Lock()
	_, in := h.guests[bank]
	if in {
		h.guests[bank] = at
	}
	h.mu.Unlock()
	if in && at.IsZero() {
		h.tell()
	}
}

// Leave gives the place back.
func (h *Hall) Leave(bank string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	delete(h.guests, bank)
	h.mu.Unlock()
	h.tell()
}

func (h *Hall) tell() {
	select {
	case h.freed <- struct{}{}:
	default: // somebody has been told already
	}
}
