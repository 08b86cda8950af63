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
			first := map[minute]time.Time{}
			twice := 0
			for at := start.AddDate(0, 0, -3); at.Before(start.AddDate(1, 0, 3)); at = at.Add(time.Minute) {
				m := wallOf(at, loc)
				if _, again := first[m]; again {
					twice++
					continue
				}
				first[m] = at
			}
			skipped := 0
			gapFrom := minute(-1)
			for m := wallOf(start, time.UTC); m < wallOf(start.AddDate(1, 0, 0), time.UTC); m++ {
				got, gap := instant(m, loc)
				want, shown := first[m]
				if !shown {
					if gapFrom < 0 {
						gapFrom = m
					}
					skipped++
					for next := m; !shown; next++ {
						want, shown = first[next]
					}
					if gap != gapFrom {
						t.Fatalf("%s: its gap begins at %s, want %s", m, gap, gapFrom)
					}
				} else {
					if wantGap := gapFrom; gap != wantGap {
						t.Fatalf("%s: gap %d, want %d", m, gap, wantGap)
					}
					gapFrom = -1
				}
				if !got.Equal(want) {
					t.Fatalf("%s begins at %s, want %s", m, got.UTC(), want.UTC())
				}
			}
			if skipped != c.skipped || twice != c.shownTwice {
				t.Errorf("%d minutes skipped and %d shown twice, want %d and %d", skipped, twice, c.skipped, c.shownTwice)
			}
		})
	}
}
