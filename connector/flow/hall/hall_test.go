package hall

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func enter(t *testing.T, h *Hall, bank string) {
	t.Helper()
	if err := h.Enter(t.Context(), nil, bank); err != nil {
		t.Fatal(err)
	}
}

// waits asserts that a bank gets no place within a time.
func waits(t *testing.T, h *Hall, bank string, within time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), within)
	defer stop()
	if err := h.Enter(ctx, nil, bank); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s got in: %v", bank, err)
	}
}

func TestPlacesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(2, time.Now)
		enter(t, h, "a")
		enter(t, h, "b")
		waits(t, h, "c", time.Second)
		h.Leave("a")
		enter(t, h, "c")
	})
}

func TestWhoWaitsForItsBankHoldsNobodyUp(t *testing.T) {
	for name, quiet := range map[string]func(*Hall){
		"says so":       func(h *Hall) { h.Waits("mute") },
		"shows nothing": func(*Hall) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := New(1, time.Now)
				enter(t, h, "mute")
				quiet(h)
				for i := range 5 {
					bank := fmt.Sprint(i)
					began := time.Now()
					enter(t, h, bank)
					if took := time.Since(began); took > still+glance || i > 0 && took > glance {
						t.Errorf("visit %d waited %v", i, took)
					}
					h.Leave(bank)
				}
				h.Leave("mute")
			})
		})
	}
}

func TestWhoMovesKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(1, time.Now)
		enter(t, h, "slow")
		for range 10 {
			waits(t, h, "other", time.Second)
			h.Moves("slow")
		}
		h.Waits("slow")
		enter(t, h, "other")
		h.Moves("slow") // the bank has answered: two are at work for a while, and no third
		waits(t, h, "third", time.Second)
	})
}

func TestMoving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(8, time.Now)
		for _, bank := range []string{"a", "b", "c"} {
			enter(t, h, bank)
		}
		h.Waits("b")
		if n := h.Moving(); n != 2 {
			t.Errorf("%d move, want 2: b waits for its bank", n)
		}
		time.Sleep(still)
		h.Moves("b")
		if n := h.Moving(); n != 1 {
			t.Errorf("%d move, want 1: a and c show nothing", n)
		}
		h.Leave("b")
		if n := h.Moving(); n != 0 {
			t.Errorf("%d move, want none", n)
		}
		if n := (*Hall)(nil).Moving(); n != 0 {
			t.Errorf("without a hall %d move", n)
		}
	})
}

func TestRoom(t *testing.T) {
	h := New(2, time.Now)
	enter(t, h, "a")
	enter(t, h, "b")
	if h.Room() {
		t.Error("both places are taken, and there is room")
	}
	h.Waits("a")
	if !h.Room() || !(*Hall)(nil).Room() {
		t.Error("a waits for its bank, and there is no room")
	}
}

func TestThoseWhoWaitAreBoundedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(1, time.Now)
		for i := range crowd {
			enter(t, h, fmt.Sprint(i))
			h.Waits(fmt.Sprint(i))
		}
		waits(t, h, "one more", time.Minute)
	})
}

func TestHalt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, halt := New(1, time.Now), make(chan struct{})
		enter(t, h, "a")
		time.AfterFunc(time.Second, func() { close(halt) })
		if err := h.Enter(t.Context(), halt, "b"); !errors.Is(err, ErrHalted) {
			t.Errorf("got %v", err)
		}
		if err := (*Hall)(nil).Enter(t.Context(), halt, "c"); !errors.Is(err, ErrHalted) {
			t.Errorf("without a hall: %v", err)
		}
	})
}

func TestNoHall(t *testing.T) {
	var h *Hall
	enter(t, h, "a")
	h.Waits("a")
	h.Moves("a")
	h.Leave("a")
}
