// Package schedule says when: working days and terms of the law, the windows in which a bank may be visited, and the
// slots, which are runs that must happen once. It computes; it starts nothing, waits for nothing, keeps no record and
// knows no bank. Which slots were run is written in the journal by their names.
//
// A slot is named by the wall clock: "2026-03-29T02:30" is one slot, whether the clock shows that minute once, twice
// (then it runs the first time) or never (then it runs at the first moment after the gap). So a slot is neither lost
// nor doubled when the clock is changed for summer, when a zone's law changes, or when the machine's clock is set.
//
// The cron library parses expressions and computes on zoneless time; it calls no other room.
package schedule

import (
	"iter"
	"time"

	"github.com/robfig/cron/v3"
)

const (
	horizonDays = 400             // a rule that has no slot for so long never fires
	grace       = 5 * time.Minute // a slot begun within this is on time
	maxCatchUp  = 100             // slots handed out at once by catch_up: all
)

// Slot is one run. Name is its key in the ledger, the local wall time "2026-03-29T02:30"; At is when it begins. No two
// slots of a timetable have the same At: those that a gap of the clock pushes onto one moment follow one another by a
// millisecond.
type Slot struct {
	Name string
	At   time.Time
}

// Timetable is a checked [Rule] on a [Calendar]. It does not change and may be used by many goroutines.
type Timetable struct {
	calendar *Calendar
	cron     cron.Schedule // nil when every rules
	every    minute
	window   window
	working  bool
	catchUp  string
}

// NewTimetable checks a rule. The error is a [*RuleError]; a rule that would have no slot within 400 days is refused.
func NewTimetable(r Rule, c *Calendar) (*Timetable, error) {
	t := &Timetable{calendar: c, working: r.WorkingDays, catchUp: r.CatchUp}
	switch r.CatchUp {
	case "":
		t.catchUp = "once"
	case "once", "all", "skip":
	default:
		return nil, refuse("catch_up", "%q is not known; one of: once, all, skip", r.CatchUp)
	}
	var err error
	if t.window, err = parseWindow(r.Window); err != nil {
		return nil, err
	}
	switch {
	case r.Cron != "" && r.Every != 0:
		return nil, refuse("every", "stands beside cron; give only one of them")
	case r.Cron != "":
		if t.cron, err = parseCron(r.Cron); err != nil {
			return nil, err
		}
	case r.Every < time.Minute || r.Every > 24*time.Hour || r.Every%time.Minute != 0:
		return nil, refuse("every", "%s is not a whole number of minutes from 1m to 24h", r.Every)
	default:
		t.every = minute(r.Every / time.Minute)
	}
	// The years from here on hold no 29 February for longer than the horizon: a rule for that day alone is refused.
	start := time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	if _, ok := t.Next(start); !ok {
		field := "cron"
		if t.cron == nil {
			field = "every"
		}
		return nil, refuse(field, "there is no such time within %d days, in this window and on these days; nobody would ever call", horizonDays)
	}
	return t, nil
}

// Slots returns the slots with after < At <= until, in order of time.
func (t *Timetable) Slots(after, until time.Time) []Slot {
	var slots []Slot
	for s := range t.from(after) {
		if s.At.After(until) {
			break
		}
		slots = append(slots, s)
	}
	return slots
}

// Next returns the first slot after an instant, false when there is none within 400 days.
func (t *Timetable) Next(after time.Time) (Slot, bool) {
	for s := range t.from(after) {
		return s, true
	}
	return Slot{}, false
}

// Open reports whether visits are allowed at an instant, by window and working days.
func (t *Timetable) Open(at time.Time) bool { return t.allows(wallOf(at, t.calendar.loc)) }

// Due returns what must run now, in order. last is At of the latest slot in the ledger, zero when there is none: then
// nothing was missed, and only a slot that has just begun is due. The caller enters each slot into the ledger by its
// name, one by one in this order, before it runs, and runs only what the ledger did not have: that makes a slot happen
// at most once, whatever the clock does.
//
// A slot begun within five minutes is on time and runs. Older slots were missed: "once" hands out the latest of them
// alone, "all" hands out each, the oldest first and at most 100 at a time, "skip" none; and they wait until the window
// is open again. A last that lies ahead of now means that the clock was wrong when it was entered: then, too, only a
// slot that has just begun is handed out, so that one jump of the clock does not silence a bank until that day.
func (t *Timetable) Due(last, now time.Time) []Slot {
	if last.IsZero() || last.Sub(now) > grace {
		last = now.Add(-grace)
	}
	latest, ok := t.latest(last, now)
	if !ok {
		return nil
	}
	onTime := now.Sub(latest.At) < grace
	switch {
	case !onTime && (t.catchUp == "skip" || !t.Open(now)):
		return nil
	case t.catchUp != "all":
		return []Slot{latest}
	}
	var due []Slot
	for s := range t.from(last) {
		if s.At.After(now) || len(due) == maxCatchUp {
			break
		}
		due = append(due, s)
	}
	return due
}

// latest finds the last slot with after < At <= until, looking back further and further.
func (t *Timetable) latest(after, until time.Time) (Slot, bool) {
	for back := time.Hour; ; back *= 8 {
		begin := until.Add(-back)
		whole := !begin.After(after)
		if whole {
			begin = after
		}
		var found Slot
		for s := range t.from(begin) {
			if s.At.After(until) {
				break
			}
			found = s
		}
		if whole || found.Name != "" || back > horizonDays*24*time.Hour {
			return found, found.Name != ""
		}
	}
}

// from yields the slots after an instant, until there is none for longer than the horizon.
func (t *Timetable) from(after time.Time) iter.Seq[Slot] {
	return func(yield func(Slot) bool) {
		m := t.begin(after)
		for limit := m + horizonDays*minutesOfDay; ; {
			next, ok := t.wall(m, limit)
			if !ok {
				return
			}
			m = next + 1
			at := t.at(next)
			if !at.After(after) {
				continue
			}
			if !yield(Slot{Name: next.String(), At: at}) {
				return
			}
			limit = m + horizonDays*minutesOfDay
		}
	}
}

// begin finds the wall time before which no slot lies after the instant. Shortly after a change of the clock, slots
// of the gap may still be to come.
func (t *Timetable) begin(after time.Time) minute {
	loc := t.calendar.loc
	m := wallOf(after, loc)
	change, _ := after.In(loc).ZoneBounds()
	if !change.IsZero() && after.Sub(change) < time.Minute {
		m = min(m, wallBefore(change, loc))
	}
	return m
}

// wall finds the first minute of the rule from m on, within its window and on its days, before limit.
func (t *Timetable) wall(m, limit minute) (minute, bool) {
	for m < limit {
		next := t.raw(m)
		if next >= limit {
			break
		}
		if t.allows(next) {
			return next, true
		}
		m = t.reopen(next)
	}
	return 0, false
}

// reopen finds the first minute after a refused one that window and days may allow, so that nights and holidays are
// passed over in one step.
func (t *Timetable) reopen(m minute) minute {
	morning := m.day().start() + minute(t.window.from)
	switch {
	case t.working && !t.calendar.works(m.day()):
		return (m.day() + 1).start()
	case m < morning:
		return morning
	}
	return (m.day() + 1).start()
}

// raw finds the first minute of cron or every from m on, whatever window and days say.
func (t *Timetable) raw(m minute) minute {
	if t.cron == nil {
		midnight := m.day().start()
		next := midnight + (m-midnight+t.every-1)/t.every*t.every
		return min(next, midnight+minutesOfDay)
	}
	next := t.cron.Next((m - 1).floating())
	if next.IsZero() {
		return 1 << 62
	}
	return minute(next.Unix() / 60)
}

func (t *Timetable) allows(m minute) bool {
	return t.window.holds(m.ofDay()) && (!t.working || t.calendar.works(m.day()))
}

// at finds when a slot begins. Slots that share one moment, the end of a gap, are put a millisecond apart in the order
// of their names, so that the ledger can tell which of them were run.
func (t *Timetable) at(m minute) time.Time {
	at, gap := instant(m, t.calendar.loc)
	if gap < 0 {
		return at
	}
	for before := gap; before < m; {
		next, ok := t.wall(before, m)
		if !ok {
			break
		}
		at = at.Add(time.Millisecond)
		before = next + 1
	}
	return at
}
