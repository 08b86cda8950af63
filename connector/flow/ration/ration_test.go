package ration

import (
	"context"
	"errors"
	"math"
	"testing"
)

func TestRationIsSharedAndGivenBack(t *testing.T) {
	ctx := t.Context()
	late, cancel := context.WithCancel(ctx)
	cancel()
	var files Files
	var contents Contents
	for name, tt := range map[string]struct {
		hold func(context.Context, int64) (func(), error)
		size int64 // of a file that leaves room for no other
		fits int   // how many usual ones of 4 KiB stand beside each other, at least
	}{
		"Files":    {files.Hold, packed, 1000},
		"Contents": {contents.Hold, unpacked/ratio + 1, 100},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int64{tt.size, math.MaxInt64} { // the second is more than there ever is
				done, err := tt.hold(ctx, size)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := tt.hold(late, 4096); !errors.Is(err, context.Canceled) {
					t.Errorf("beside a file of %d octets another found room: %v", size, err)
				}
				done()
				done() // once is enough, twice gives nothing away
			}
			for range tt.fits {
				done, err := tt.hold(ctx, 4096)
				if err != nil {
					t.Fatalf("a usual file found no room: %v", err)
				}
				defer done()
			}
			if done, err := tt.hold(ctx, -1); err != nil { // a size that a listing did not tell
				t.Error(err)
			} else {
				done()
			}
		})
	}
}

func TestFullRationWaits(t *testing.T) {
	var files Files
	first, err := files.Hold(t.Context(), packed)
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan func())
	go func() {
		done, err := files.Hold(t.Context(), 1)
		if err != nil {
			t.Error(err)
		}
		waited <- done
	}()
	first()
	(<-waited)()
}
