package schedule

import (
	"strings"
	"testing"
	"time"
)

// decree2026 is the Russian production calendar of 2026: days off that are not plain weekends, and no working Saturday.
var decree2026 = []string{
	"2026-01-01", "2026-01-02", "2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08", "2026-01-09",
	"2026-02-23", "2026-03-09", "2026-05-01", "2026-05-11", "2026-06-12", "2026-11-04", "2026-12-31",
}

func moscow2026(t *testing.T, work ...string) *Calendar {
	t.Helper()
	c, err := NewCalendar(zone(t, "Europe/Moscow"), decree2026, work)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func at(t *testing.T, loc *time.Location, text string) time.Time {
	t.Helper()
	v, err := time.ParseInLocation("2006-01-02T15:04", text, loc)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEveryDayOfAYearIsWorkingOrOff(t *testing.T) {
	c := moscow2026(t)
	off := map[string]bool{}
	for _, d := range decree2026 {
		off[d] = true
	}
	working := 0
	for d := time.Date(2026, 1, 1, 12, 0, 0, 0, c.loc); d.Year() == 2026; d = d.AddDate(0, 0, 1) {
		want := d.Weekday() != time.Saturday && d.Weekday() != time.Sunday && !off[d.Format(time.DateOnly)]
		if got := c.Working(d); got != want {
			t.Errorf("%s %s: working is %t", d.Format(time.DateOnly), d.Weekday(), got)
		}
		if want {
			working++
		}
	}
	if working != 247 { // the number the production calendar prints for the year
		t.Errorf("%d working days in 2026, want 247", working)
	}
}

func TestTheDateIsThatOfTheCalendarsClock(t *testing.T) {
	c := moscow2026(t)
	friday := time.Date(2026, 11, 20, 20, 59, 0, 0, time.UTC) // 23:59 in Moscow
	if !c.Working(friday) || c.Working(friday.Add(time.Minute)) {
		t.Error("the day must change at midnight in Moscow")
	}
}

func TestTermsSkipWhatDoesNotCount(t *testing.T) {
	c := moscow2026(t, "2026-11-28")
	for _, v := range []struct {
		name, from string
		days       int
		want       string
	}{
		{"from Monday, the end of Thursday", "2026-11-16T10:00", 3, "2026-11-20T00:00"},
		{"set at the last minute of a day, still from the next", "2026-11-16T23:59", 3, "2026-11-20T00:00"},
		{"set at midnight, from the day after", "2026-11-16T00:00", 3, "2026-11-20T00:00"},
		{"a weekend between does not count", "2026-11-19T10:00", 3, "2026-11-25T00:00"},
		{"set on a Saturday", "2026-11-21T10:00", 3, "2026-11-26T00:00"},
		{"a holiday does not count", "2026-11-03T10:00", 3, "2026-11-10T00:00"},
		{"a transferred working Saturday counts", "2026-11-26T10:00", 3, "2026-12-01T00:00"},
		{"over the New Year holidays", "2025-12-30T10:00", 3, "2026-01-14T00:00"},
		{"seven days for an answer", "2026-04-29T10:00", 7, "2026-05-13T00:00"},
		{"no days: the end of the same day", "2026-11-16T10:00", 0, "2026-11-17T00:00"},
		{"less than no days is no days", "2026-11-16T10:00", -1, "2026-11-17T00:00"},
	} {
		t.Run(v.name, func(t *testing.T) {
			got := c.AddWorkingDays(at(t, c.loc, v.from), v.days)
			if want := at(t, c.loc, v.want); !got.Equal(want) {
				t.Errorf("%d working days from %s end at %s, want %s", v.days, v.from, got.In(c.loc).Format("2006-01-02T15:04"), v.want)
			}
		})
	}
}

// TestTermsAgreeWithCountingDays compares every start of a year and every term with counting by hand.
func TestTermsAgreeWithCountingDays(t *testing.T) {
	c := moscow2026(t)
	for from := time.Date(2026, 1, 1, 15, 30, 0, 0, c.loc); from.Year() == 2026; from = from.AddDate(0, 0, 1) {
		last := from
		for n := 1; n <= 10; n++ {
			for last = last.AddDate(0, 0, 1); !c.Working(last); {
				last = last.AddDate(0, 0, 1)
			}
			y, m, d := last.AddDate(0, 0, 1).Date()
			if got, want := c.AddWorkingDays(from, n), time.Date(y, m, d, 0, 0, 0, 0, c.loc); !got.Equal(want) {
				t.Fatalf("%d working days from %s end at %s, want %s", n, from, got, want)
			}
		}
	}
}

func TestATermEndsAtMidnightAlsoWhereMidnightIsSkipped(t *testing.T) {
	c, err := NewCalendar(zone(t, "Africa/Cairo"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	// On Friday 2026-04-24 the clock of Cairo goes from 24:00 to 01:00.
	got := c.AddWorkingDays(at(t, c.loc, "2026-04-22T10:00"), 1)
	if want := time.Date(2026, 4, 23, 22, 0, 0, 0, time.UTC); !got.Equal(want) {
		t.Errorf("ends at %s, want %s", got.UTC(), want)
	}
}

func TestNextWorkingDay(t *testing.T) {
	c := moscow2026(t)
	for from, want := range map[string]string{
		"2026-11-19T10:00": "2026-11-20T00:00",
		"2026-11-20T10:00": "2026-11-23T00:00",
		"2026-12-30T10:00": "2027-01-01T00:00", // 2027 is not covered: see Covers
	} {
		if got := c.NextWorkingDay(at(t, c.loc, from)); !got.Equal(at(t, c.loc, want)) {
			t.Errorf("after %s: %s, want %s", from, got.In(c.loc), want)
		}
	}
	if !c.Covers(2026) || c.Covers(2027) {
		t.Error("Covers must tell the year of the lists from another")
	}
}

func TestBadCalendarsAreRefused(t *testing.T) {
	msk := zone(t, "Europe/Moscow")
	for _, v := range []struct {
		name      string
		loc       *time.Location
		off, work []string
		want      []string
	}{
		{"no zone", nil, nil, nil, []string{"named time zone"}},
		{"the machine's own zone", time.Local, nil, nil, []string{"named time zone"}},
		{"not a date", msk, []string{"2026-02-30"}, []string{"1.1.2026"}, []string{`"2026-02-30" is not a date`, `"1.1.2026" is not a date`}},
		{"a year far off", msk, []string{"0206-01-01"}, nil, []string{"is not a date"}},
		{"a date twice", msk, []string{"2026-01-01", "2026-01-01"}, nil, []string{"stands twice"}},
		{"off and working", msk, []string{"2026-11-28"}, []string{"2026-11-28"}, []string{"both a day off and a working day"}},
		{"a weekday made working", msk, nil, []string{"2026-11-27"}, []string{"2026-11-27 is a Friday"}},
	} {
		t.Run(v.name, func(t *testing.T) {
			c, err := NewCalendar(v.loc, v.off, v.work)
			if err == nil || c != nil {
				t.Fatal("accepted")
			}
			for _, want := range v.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("says %q, which lacks %q", err, want)
				}
			}
		})
	}
}

// B16: a zone is named, never the machine's, and is found without the zones of the machine.
func TestB16Zone(t *testing.T) {
	for _, name := range []string{"", "Local", "Europe/Moskva", "../etc/passwd", "+03:00"} {
		if loc, err := Zone(name); err == nil {
			t.Errorf("zone %q is accepted as %s", name, loc)
		}
	}
	t.Setenv("ZONEINFO", "/nonexistent")
	if loc, err := Zone("Asia/Vladivostok"); err != nil || loc.String() != "Asia/Vladivostok" {
		t.Errorf("%v, %v", loc, err)
	}
}
