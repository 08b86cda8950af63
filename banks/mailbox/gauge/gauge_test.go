package gauge

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGauge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(4)
		entered := make(chan error, 10)
		for range 6 {
			go func() { entered <- g.Enter(t.Context()) }()
		}
		settled := func(want int) {
			t.Helper()
			synctest.Wait()
			if len(entered) != want {
				t.Errorf("%d are in, want %d", len(entered), want)
			}
		}
		settled(4)
		g.Leave()
		settled(5)
		g.Lower(2)
		g.Leave()
		settled(5) // three are open, two may be
		g.Leave()
		settled(5)
		g.Leave()
		settled(6)
		if most := g.Crowded(); most != 1 {
			t.Errorf("bound %d, want half of the two that are open", most)
		}
		g.Leave()
		if most := g.Crowded(); most != 0 {
			t.Errorf("bound %d for one file alone", most)
		}
		ended, cancel := context.WithCancel(t.Context())
		go func() { entered <- g.Enter(ended) }()
		settled(6)
		cancel()
		settled(7)
		for range 6 {
			if err := <-entered; err != nil {
				t.Error(err)
			}
		}
		if err := <-entered; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that of the context", err)
		}
	})
}
