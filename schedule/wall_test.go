package schedule

import (
	"testing"
	"time"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := Zone(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// TestInstantAgreesWithAClockThatIsWatched walks through the years minute by minute, watching what the wall clock
// shows, and compares each wall minute of the year with that record.
func TestInstantAgreesWithAClockThatIsWatched(t *testing.T) {
	for _, c := range []struct {
		zone                string
		year                int
		skipped, shownTwice int
	}{
		{"Europe/Berlin", 2026, 60, 60},
		{"America/New_York", 2026, 60, 60},
		{"Asia/Almaty", 2024, 0, 60},
		{"Europe/Moscow", 2026, 0, 0},
		{"Europe/Moscow", 2014, 0, 60},         // the last change of Moscow's law
		{"Australia/Lord_Howe", 2026, 30, 30},  // half an hour
		{"Africa/Cairo", 2026, 60, 60},         // a gap at midnight
		{"Pacific/Apia", 2011, 60 + 24*60, 60}, // a whole day skipped
	} {
		t.Run(c.zone, func(t *testing.T) {
			loc := zone(t, c.zone)
			start := time.Date(c.year, 1, 1, 0, 0, 0, 0, time.UTC)
			end := start.AddDate(1, 0, 0)
			first, twice := watch(start, end, loc)
			skipped, gapFrom := 0, minute(-1)
			for m := wallOf(start, time.UTC); m < wallOf(end, time.UTC); m++ {
				want := first(m)
				if want.IsZero() {
					skipped++
					if gapFrom < 0 {
						gapFrom = m
					}
					for next := m; want.IsZero(); next++ {
						want = first(next)
					}
				}
				got, gap := instant(m, loc)
				if !got.Equal(want) || gap != gapFrom {
					t.Fatalf("%s begins at %s after gap %d, want %s after %d", m, got.UTC(), gap, want.UTC(), gapFrom)
				}
				if !first(m).IsZero() {
					gapFrom = -1
				}
			}
			if skipped != c.skipped || twice != c.shownTwice {
				t.Errorf("%d minutes skipped and %d shown twice, want %d and %d", skipped, twice, c.skipped, c.shownTwice)
			}
		})
	}
}

// watch looks at the clock of a place once a minute, from three days before start to three days after end. It returns
// when each minute was shown first, zero for never, and how many were shown again.
func watch(start, end time.Time, loc *time.Location) (first func(minute) time.Time, twice int) {
	begin := start.AddDate(0, 0, -3)
	base := wallOf(begin, loc) - minutesOfDay
	seen := make([]int64, (end.Unix()-begin.Unix())/60+6*minutesOfDay)
	for at := begin; at.Before(end.AddDate(0, 0, 3)); at = at.Add(time.Minute) {
		i := wallOf(at, loc) - base
		if seen[i] != 0 {
			twice++
			continue
		}
		seen[i] = at.Unix()
	}
	return func(m minute) time.Time {
		if seen[m-base] == 0 {
			return time.Time{}
		}
		return time.Unix(seen[m-base], 0)
	}, twice
}
