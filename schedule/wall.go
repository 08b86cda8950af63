package schedule

import "time"

// minute is a moment on the wall clock of some place: minutes since 1970-01-01T00:00 as that clock shows them. It is
// no instant. A clock that is put forward never shows some minutes, one that is put back shows some twice.
type minute int64

// day is a date on a calendar: days since 1970-01-01.
type day int64

const minutesOfDay = 24 * 60

func (m minute) day() day       { return day(m / minutesOfDay) }
func (m minute) ofDay() int     { return int(m % minutesOfDay) }
func (m minute) String() string { return m.floating().Format("2006-01-02T15:04") }

// floating renders the wall time as a UTC instant, for code that computes with dates and must not meet a zone.
func (m minute) floating() time.Time { return time.Unix(int64(m)*60, 0).UTC() }

func (d day) start() minute         { return minute(d) * minutesOfDay }
func (d day) weekday() time.Weekday { return time.Weekday((int64(d) + 4) % 7) } // 1970-01-01 was a Thursday

// wallOf reads the wall clock of a place at an instant, seconds dropped. Instants before 1970 read as 1970.
func wallOf(t time.Time, loc *time.Location) minute {
	_, offset := t.In(loc).Zone()
	return minute(max(t.Unix()+int64(offset), 0) / 60)
}

// shows reports whether the wall clock shows minute m at instant t.
func shows(t time.Time, loc *time.Location, m minute) bool { return wallOf(t, loc) == m }

// instant finds when the wall clock of a place begins to show m: the first time, when it does so twice; the first
// moment after the gap, when it never does. The second result is the first minute of the gap that ends at the
// instant, or -1 when none does.
func instant(m minute, loc *time.Location) (time.Time, minute) {
	f := m.floating()
	t := time.Date(f.Year(), f.Month(), f.Day(), f.Hour(), f.Minute(), 0, 0, loc)
	begin, end := t.ZoneBounds()
	if !shows(t, loc, m) { // a gap: Date answers by the clock before it or by the clock after it
		if wallOf(t, loc) < m {
			begin = end
		}
		return begin, wallBefore(begin, loc)
	}
	if !begin.IsZero() { // the clock before the last change may have shown m already
		_, old := begin.Add(-time.Second).In(loc).Zone()
		if earlier := f.Add(-time.Duration(old) * time.Second); earlier.Before(begin) && shows(earlier, loc, m) {
			return earlier, -1
		}
	}
	if t.Equal(begin) {
		if first := wallBefore(begin, loc); first < m {
			return t, first
		}
	}
	return t, -1
}

// wallBefore reads what the clock would have shown at a change of the clock, had it not been changed.
func wallBefore(change time.Time, loc *time.Location) minute {
	_, old := change.Add(-time.Second).In(loc).Zone()
	return minute((change.Unix() + int64(old)) / 60)
}
