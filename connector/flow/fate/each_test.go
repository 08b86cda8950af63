package fate

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestEachAsksItsLimitAnew: one that falls and rises while items are at work holds for those that come after.
func TestEachAsksItsLimitAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		limits := []int{8, 2, 5} // for ten seconds each
		limit := func() int { return limits[min(int(time.Since(began)/(10*time.Second)), len(limits)-1)] }
		var within atomic.Int64
		most := make([]atomic.Int64, len(limits))
		faults, err := Each(t.Context(), limit, nil, All(make([]int, 400)), func(context.Context, int) error {
			n := within.Add(1)
			defer within.Add(-1)
			if at := time.Since(began); at%(10*time.Second) > time.Second { // those that began before have ended
				for m := &most[min(int(at/(10*time.Second)), len(limits)-1)]; ; {
					if old := m.Load(); n <= old || m.CompareAndSwap(old, n) {
						break
					}
				}
			}
			time.Sleep(500 * time.Millisecond)
			return nil
		})
		if err != nil || len(faults) != 0 {
			t.Fatalf("%v, %v", faults, err)
		}
		for i, want := range limits {
			if got := most[i].Load(); got != int64(want) {
				t.Errorf("%d at once in part %d, want %d", got, i, want)
			}
		}
	})
}

// TestEachEndsWithItsSequence: an error of the sequence ends the whole, after those at work.
func TestEachEndsWithItsSequence(t *testing.T) {
	broken := &Failure{Op: "read", Kind: Broken, Err: errors.New("no disk")}
	var done atomic.Int64
	_, err := Each(t.Context(), AtMost(4), nil, func(yield func(int, error) bool) {
		for i := range 6 {
			if !yield(i, nil) {
				return
			}
		}
		yield(0, broken)
	}, func(context.Context, int) error {
		done.Add(1)
		return nil
	})
	if !errors.Is(err, broken) || done.Load() != 6 {
		t.Errorf("%v after %d items", err, done.Load())
	}
}
