package schedule

import (
	"errors"
	"fmt"
	"time"
	_ "time/tzdata" // zones on a machine without them
)

// Zone finds a time zone by its name in the IANA database, such as "Europe/Moscow". "Local" and the empty name are
// refused: when a bank is visited must not depend on how a machine was installed.
func Zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, errors.New("a time zone must be named, such as Europe/Moscow")
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("there is no time zone %q; write its IANA name, such as Europe/Moscow", name)
	}
	return loc, nil
}

// Calendar knows working days: Monday to Friday without the days off of the law and of the Government's yearly decree
// (ТК РФ ст. 111, 112), and the Saturdays and Sundays which that decree makes working days. It does not change.
type Calendar struct {
	loc       *time.Location
	off, work map[day]bool
}

// NewCalendar makes a calendar of a place from two lists of dates (2026-01-01): days off, public holidays included,
// and working Saturdays and Sundays. It refuses a missing zone, what is not a date, a date in both lists, and a
// weekday in the second list, where it can only be a slip. All faults are joined in one error.
func NewCalendar(loc *time.Location, daysOff, workDays []string) (*Calendar, error) {
	if loc == nil || loc == time.Local || loc.String() == "Local" {
		return nil, errors.New("a calendar needs a named time zone, such as Europe/Moscow")
	}
	c := &Calendar{loc: loc, off: map[day]bool{}, work: map[day]bool{}}
	var faults []error
	for _, list := range []struct {
		name  string
		dates []string
		days  map[day]bool
	}{{"days off", daysOff, c.off}, {"working days", workDays, c.work}} {
		for _, text := range list.dates {
			t, err := time.Parse(time.DateOnly, text)
			if err != nil || t.Year() < 2000 || t.Year() >= 2100 {
				faults = append(faults, fmt.Errorf("%s: %q is not a date; write 2026-01-01", list.name, text))
				continue
			}
			d := wallOf(t, time.UTC).day()
			if list.days[d] {
				faults = append(faults, fmt.Errorf("%s: %s stands twice", list.name, text))
			}
			list.days[d] = true
		}
	}
	for d := range c.work {
		date := d.start().floating().Format(time.DateOnly)
		switch {
		case c.off[d]:
			faults = append(faults, fmt.Errorf("%s is both a day off and a working day", date))
		case !weekend(d):
			faults = append(faults, fmt.Errorf("working days: %s is a %s and works anyway; look for a mistyped date", date, d.weekday()))
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return c, nil
}

// Zone is the time zone whose days are counted.
func (c *Calendar) Zone() *time.Location { return c.loc }

// Working reports whether the date of an instant, on this calendar's clock, is a working day.
func (c *Calendar) Working(at time.Time) bool { return c.works(c.date(at)) }

// Covers reports whether any day off of a year is listed. A year that is not covered counts its holidays as working
// days, and terms computed in it end too early: somebody has to enter the decree.
func (c *Calendar) Covers(year int) bool {
	for d := range c.off {
		if d.start().floating().Year() == year {
			return true
		}
	}
	return false
}

// NextWorkingDay returns the beginning of the first working day after the date of an instant.
func (c *Calendar) NextWorkingDay(after time.Time) time.Time {
	d := c.date(after) + 1
	for !c.works(d) { // ends: only the listed days are off beside weekends
		d++
	}
	return c.midnight(d)
}

// AddWorkingDays returns the end of a term of n working days set at an instant. The term begins on the next day,
// non-working days do not count, and the last day counts to its end (229-ФЗ ст. 15), so the result is the midnight
// that closes it: at this instant, not before, the term is missed. A term of no days ends with the day it was set.
func (c *Calendar) AddWorkingDays(from time.Time, n int) time.Time {
	d := c.date(from)
	for n > 0 {
		if d++; c.works(d) {
			n--
		}
	}
	return c.midnight(d + 1)
}

func (c *Calendar) works(d day) bool { return c.work[d] || !weekend(d) && !c.off[d] }

func (c *Calendar) date(at time.Time) day { return wallOf(at, c.loc).day() }

// midnight is when a date begins; where the clock skips midnight, the first moment after the gap.
func (c *Calendar) midnight(d day) time.Time {
	t, _ := instant(d.start(), c.loc)
	return t
}

func weekend(d day) bool { return d.weekday() == time.Saturday || d.weekday() == time.Sunday }
