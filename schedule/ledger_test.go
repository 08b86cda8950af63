package schedule

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// ledger is the journal's part: it takes a name once and remembers the latest slot.
type ledger struct {
	taken       map[string]int
	first, last time.Time // the first one ever taken, and the latest by its time
}

func (l *ledger) take(s Slot) bool {
	if l.taken[s.Name] > 0 {
		return false
	}
	l.taken[s.Name]++
	if l.first.IsZero() {
		l.first = s.At
	}
	if s.At.After(l.last) {
		l.last = s.At
	}
	return true
}

// TestSlotsHappenOnceWhateverTheClockDoes draws a rule, a zone and a life of ticks, stops, jumps of the clock in both
// directions and crashes between the slots of one answer. No slot may run twice; with catch_up "all", every slot up
// to the latest one must have run; with "once" and "skip", a tick that is on time always runs its slot.
func TestSlotsHappenOnceWhateverTheClockDoes(t *testing.T) {
	zones := map[string][]time.Time{
		"Europe/Berlin":    {utc("2026-03-29T01:00:00"), utc("2026-10-25T01:00:00")},
		"America/New_York": {utc("2026-03-08T07:00:00"), utc("2026-11-01T06:00:00")},
		"Asia/Almaty":      {utc("2024-02-29T18:00:00")},
		"Europe/Moscow":    {utc("2026-06-01T00:00:00")},
	}
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.SampledFrom([]string{"Europe/Berlin", "America/New_York", "Asia/Almaty", "Europe/Moscow"}).Draw(r, "zone")
		loc, err := Zone(name)
		if err != nil {
			r.Fatal(err)
		}
		c, err := NewCalendar(loc, decree2026, nil)
		if err != nil {
			r.Fatal(err)
		}
		rule := Rule{
			Cron:        rapid.SampledFrom([]string{"", "30 2 * * *", "*/20 1-3 * * *", "0 9,17 * * *"}).Draw(r, "cron"),
			CatchUp:     rapid.SampledFrom([]string{"all", "once", "skip"}).Draw(r, "catch up"),
			WorkingDays: rapid.Bool().Draw(r, "working days"),
		}
		if rule.Cron == "" {
			rule.Every = time.Duration(rapid.IntRange(7, 180).Draw(r, "every")) * time.Minute
			rule.Window = rapid.SampledFrom([]string{"", "08:00-20:00", "22:00-04:00", "02:00-03:00"}).Draw(r, "window")
		}
		tt, err := NewTimetable(rule, c)
		if err != nil {
			return // a drawn pause that never meets the drawn window
		}
		now := rapid.SampledFrom(zones[name]).Draw(r, "change").Add(-time.Duration(rapid.IntRange(0, 48).Draw(r, "hours before")) * time.Hour)
		l := &ledger{taken: map[string]int{}}
		for range rapid.IntRange(5, 60).Draw(r, "steps") {
			now = now.Add(step(r))
			live(r, tt, l, now)
		}
		for name, runs := range l.taken {
			if runs != 1 {
				r.Fatalf("%s ran %d times", name, runs)
			}
		}
		if rule.CatchUp == "all" {
			everySlotRan(r, tt, l)
		}
	})
}

// step draws how the clock moves on: mostly a tick, at times a stop or a jump.
func step(r *rapid.T) time.Duration {
	switch rapid.SampledFrom([]string{"tick", "tick", "tick", "tick", "stop", "back", "smear"}).Draw(r, "move") {
	case "stop":
		return time.Duration(rapid.IntRange(1, 3000).Draw(r, "minutes down")) * time.Minute
	case "back":
		return -time.Duration(rapid.IntRange(1, 3000).Draw(r, "minutes back")) * time.Minute
	case "smear":
		return -time.Duration(rapid.IntRange(1, 5000).Draw(r, "ms back")) * time.Millisecond
	}
	return 30 * time.Second
}

// live is one tick of a program that may die between two slots.
func live(r *rapid.T, tt *Timetable, l *ledger, now time.Time) {
	due := tt.Due(l.last, now)
	crash := len(due)
	if len(due) > 0 && rapid.IntRange(0, 3).Draw(r, "crash") == 0 {
		crash = rapid.IntRange(0, len(due)-1).Draw(r, "slots before the crash")
	}
	for i, s := range due {
		if s.At.After(now) {
			r.Fatalf("%s is due at %s, before its time %s", s.Name, now, s.At)
		}
		if i > 0 && !s.At.After(due[i-1].At) {
			r.Fatalf("%s does not come after %s", s.Name, due[i-1].Name)
		}
		if i == crash {
			return
		}
		l.take(s)
	}
	if latest, ok := tt.latest(now.Add(-grace), now); ok && crash == len(due) && len(due) < maxCatchUp && l.taken[latest.Name] == 0 {
		if l.last.After(latest.At) && l.last.Sub(now) <= grace {
			return // the clock was set back over a slot that the rule had passed over
		}
		r.Fatalf("at %s the slot %s has begun and did not run; last %s, due %s", now, latest.Name, l.last, fmt.Sprint(names(due)))
	}
}

// everySlotRan compares the ledger with all slots from the first one that ever ran to the latest.
func everySlotRan(r *rapid.T, tt *Timetable, l *ledger) {
	if l.first.IsZero() {
		return
	}
	for _, s := range tt.Slots(l.first, l.last) {
		if l.taken[s.Name] != 1 {
			r.Fatalf("%s did not run", s.Name)
		}
	}
}
