// Package gauge bounds how many files are open at a bank at once. The bound begins at what
// the profile allows and comes down to what the server says or shows that it can hold.
//
// It knows no file and no server, and calls no other room; only mailbox opens it.
package gauge

import (
	"context"
	"sync"
)

// Gauge is the bound of one session. Make it with New.
type Gauge struct {
	mu   sync.Mutex
	room *sync.Cond
	open int
	most int
}

// New makes a gauge for at most that many files, at least one.
func New(most int) *Gauge {
	g := &Gauge{most: max(1, most)}
	g.room = sync.NewCond(&g.mu)
	return g
}

// Enter waits for room for one file. The error is that of the context.
func (g *Gauge) Enter(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if g.open >= g.most {
		defer context.AfterFunc(ctx, g.wake)()
	}
	for g.open >= g.most {
		if err := ctx.Err(); err != nil {
			return err
		}
		g.room.Wait()
	}
	g.open++
	return nil
}

func (g *Gauge) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.room.Broadcast()
}

// Leave gives the room of one file back.
func (g *Gauge) Leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	g.room.Signal()
}

// Most is the bound as it is now.
func (g *Gauge) Most() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most
}

// Lower brings the bound down to most, at least one; it never rises again. What is open
// beyond it stays open.
func (g *Gauge) Lower(most int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.most = min(g.most, max(1, most))
}

// Crowded brings the bound down to half of what is open now, for the server has just
// refused to open one more. It returns the bound, or 0 when that file was the only one:
// then the reason was another.
func (g *Gauge) Crowded() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open <= 1 {
		return 0
	}
	g.most = min(g.most, max(1, g.open/2))
	return g.most
}
