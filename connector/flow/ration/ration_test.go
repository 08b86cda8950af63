package ration

import (
	"context"
	"errors"
	"math"
	"testing"
)

func TestRationIsSharedAndGivenBack(t *testing.T) {
	var r Ration
	full, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tt := range map[string]struct {
		take func(context.Context, int64) (func(), error)
		size int64 // of a file that leaves room for no other
		fits int   // how many usual ones of 4 KiB stand beside each other, at least
	}{
		"Fetch": {r.Fetch, packed, 1000},
		"Open":  {r.Open, unpacked / ratio, 100},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int64{tt.size, math.MaxInt64} { // the second is more than there ever is
				done, err := tt.take(t.Context(), size)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := tt.take(full, 4096); !errors.Is(err, context.Canceled) {
					t.Errorf("beside a file of %d octets another found room: %v", size, err)
				}
				done()
				done() // once is enough, twice gives nothing away
			}
			for range tt.fits {
				done, err := tt.take(full, 4096)
				if err != nil {
					t.Fatalf("a usual file found no room: %v", err)
				}
				defer done()
			}
			if done, err := tt.take(full, -1); err != nil { // a size that a listing did not tell
				t.Error(err)
			} else {
				done()
			}
		})
	}
}
