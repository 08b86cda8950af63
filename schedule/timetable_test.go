package schedule

import (
	"slices"
	"testing"
	"time"
)

func table(t *testing.T, zoneName string, r Rule) *Timetable {
	t.Helper()
	c, err := NewCalendar(zone(t, zoneName), decree2026, nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewTimetable(r, c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func names(slots []Slot) []string {
	list := make([]string, len(slots))
	for i, s := range slots {
		list[i] = s.Name
	}
	return list
}

// F69: a clock that is changed makes no slot of a night vanish or come twice.
func TestF69ClockChanges(t *testing.T) {
	for _, v := range []struct {
		name, zone string
		rule       Rule
		day        string
		want       []Slot
	}{
		{
			"the gap of spring: at its end", "Europe/Berlin",
			Rule{Cron: "30 2 * * *"},
			"2026-03-29",
			[]Slot{{"2026-03-29T02:30", utc("2026-03-29T01:00:00")}},
		},
		{
			"the overlap of autumn: the first time", "Europe/Berlin",
			Rule{Cron: "30 2 * * *"},
			"2026-10-25",
			[]Slot{{"2026-10-25T02:30", utc("2026-10-25T00:30:00")}},
		},
		{
			"New York, spring", "America/New_York",
			Rule{Cron: "30 2 * * *"},
			"2026-03-08",
			[]Slot{{"2026-03-08T02:30", utc("2026-03-08T07:00:00")}},
		},
		{
			"New York, autumn", "America/New_York",
			Rule{Cron: "30 1 * * *"},
			"2026-11-01",
			[]Slot{{"2026-11-01T01:30", utc("2026-11-01T05:30:00")}},
		},
		{
			"Almaty gave up an hour by law", "Asia/Almaty",
			Rule{Cron: "0,30 23 * * *"},
			"2024-02-29",
			[]Slot{{"2024-02-29T23:00", utc("2024-02-29T17:00:00")}, {"2024-02-29T23:30", utc("2024-02-29T17:30:00")}},
		},
		{
			"Moscow knows no summer time", "Europe/Moscow",
			Rule{Cron: "30 2 * * *"},
			"2026-03-29",
			[]Slot{{"2026-03-29T02:30", utc("2026-03-28T23:30:00")}},
		},
		{
			"several in one gap stay apart and in order", "Europe/Berlin",
			Rule{Every: 30 * time.Minute, Window: "01:30-04:00"},
			"2026-03-29",
			[]Slot{
				{"2026-03-29T01:30", utc("2026-03-29T00:30:00")},
				{"2026-03-29T02:00", utc("2026-03-29T01:00:00")},
				{"2026-03-29T02:30", utc("2026-03-29T01:00:00.001")},
				{"2026-03-29T03:00", utc("2026-03-29T01:00:00.002")},
				{"2026-03-29T03:30", utc("2026-03-29T01:30:00")},
			},
		},
		{
			"half-hourly through the overlap: each name once", "Europe/Berlin",
			Rule{Every: 30 * time.Minute, Window: "01:30-04:00"},
			"2026-10-25",
			[]Slot{
				{"2026-10-25T01:30", utc("2026-10-24T23:30:00")},
				{"2026-10-25T02:00", utc("2026-10-25T00:00:00")},
				{"2026-10-25T02:30", utc("2026-10-25T00:30:00")},
				{"2026-10-25T03:00", utc("2026-10-25T02:00:00")},
				{"2026-10-25T03:30", utc("2026-10-25T02:30:00")},
			},
		},
		{
			"a whole day that an island skipped", "Pacific/Apia",
			Rule{Cron: "0 9 * * *"},
			"2011-12-30",
			[]Slot{{"2011-12-30T09:00", utc("2011-12-30T10:00:00")}},
		},
	} {
		t.Run(v.name, func(t *testing.T) {
			tt := table(t, v.zone, v.rule)
			start := at(t, tt.calendar.loc, v.day+"T00:00")
			var got []Slot
			for _, s := range tt.Slots(start.AddDate(0, 0, -3), start.AddDate(0, 0, 3)) {
				if s.Name[:10] == v.day {
					got = append(got, Slot{s.Name, s.At.UTC()})
				}
			}
			if !slices.Equal(got, v.want) {
				t.Errorf("slots of %s:\n got %v\nwant %v", v.day, got, v.want)
			}
		})
	}
}

func utc(text string) time.Time {
	v, err := time.Parse("2006-01-02T15:04:05", text)
	if err != nil {
		panic(err)
	}
	return v
}

// TestEachNameOfAYearOnce counts the slots of whole years, changes of the clock included.
func TestEachNameOfAYearOnce(t *testing.T) {
	for _, v := range []struct {
		zone string
		year int
	}{{"Europe/Berlin", 2026}, {"America/New_York", 2026}, {"Asia/Almaty", 2024}, {"Europe/Moscow", 2026}, {"Australia/Lord_Howe", 2026}, {"Africa/Cairo", 2026}} {
		t.Run(v.zone, func(t *testing.T) {
			tt := table(t, v.zone, Rule{Every: 15 * time.Minute})
			loc := tt.calendar.loc
			slots := tt.Slots(time.Date(v.year, 1, 1, 0, 0, 0, 0, loc).Add(-1), time.Date(v.year, 12, 31, 23, 59, 0, 0, loc))
			days := time.Date(v.year, 12, 31, 0, 0, 0, 0, time.UTC).YearDay()
			if len(slots) != days*96 {
				t.Errorf("%d slots in %d days, want 96 on each", len(slots), days)
			}
			for i, s := range slots {
				want := time.Date(v.year, 1, 1, 0, 15*i, 0, 0, time.UTC).Format("2006-01-02T15:04")
				if s.Name != want {
					t.Fatalf("slot %d is %s, want %s", i, s.Name, want)
				}
				if i > 0 && !s.At.After(slots[i-1].At) {
					t.Fatalf("%s begins at %s, not after %s", s.Name, s.At, slots[i-1].At)
				}
			}
		})
	}
}

// TestEveryStartFindsTheSameSlots asks for the slots around each change from many moments: a restart must not see
// other slots than a program that ran on.
func TestEveryStartFindsTheSameSlots(t *testing.T) {
	tt := table(t, "Europe/Berlin", Rule{Every: 10 * time.Minute})
	for _, change := range []time.Time{utc("2026-03-29T01:00:00"), utc("2026-10-25T01:00:00")} {
		all := tt.Slots(change.Add(-4*time.Hour), change.Add(4*time.Hour))
		for step := -3 * time.Hour; step < 3*time.Hour; step += 20 * time.Second {
			after := change.Add(step)
			checkTail(t, tt, all, after)
		}
		for step := -10 * time.Millisecond; step < 20*time.Millisecond; step += time.Millisecond {
			checkTail(t, tt, all, change.Add(step))
		}
	}
}

func checkTail(t *testing.T, tt *Timetable, all []Slot, after time.Time) {
	t.Helper()
	i := slices.IndexFunc(all, func(s Slot) bool { return s.At.After(after) })
	got, ok := tt.Next(after)
	if !ok || got != all[i] {
		t.Fatalf("after %s comes %v, want %v", after.UTC().Format("15:04:05.000"), got, all[i])
	}
	if rest := tt.Slots(after, all[len(all)-1].At); !slices.Equal(rest, all[i:]) {
		t.Fatalf("after %s: %v, want %v", after.UTC().Format("15:04:05.000"), names(rest), names(all[i:]))
	}
}

func TestWindowsAndWorkingDays(t *testing.T) {
	for _, v := range []struct {
		name       string
		rule       Rule
		from, till string
		want       []string
	}{
		{
			"every counts from midnight, not from the last slot",
			Rule{Every: 7 * time.Hour},
			"2026-11-23T00:00", "2026-11-24T07:00",
			[]string{"2026-11-23T07:00", "2026-11-23T14:00", "2026-11-23T21:00", "2026-11-24T00:00", "2026-11-24T07:00"},
		},
		{
			"the end of a window is outside",
			Rule{Every: 4 * time.Hour, Window: "08:00-20:00"},
			"2026-11-23T00:00", "2026-11-24T09:00",
			[]string{"2026-11-23T08:00", "2026-11-23T12:00", "2026-11-23T16:00", "2026-11-24T08:00"},
		},
		{
			"a window to the end of the day",
			Rule{Every: 12 * time.Hour, Window: "12:00-24:00"},
			"2026-11-23T00:00", "2026-11-24T13:00",
			[]string{"2026-11-23T12:00", "2026-11-24T12:00"},
		},
		{
			"a window over midnight",
			Rule{Every: 2 * time.Hour, Window: "22:00-04:00"},
			"2026-11-23T12:00", "2026-11-24T12:00",
			[]string{"2026-11-23T22:00", "2026-11-24T00:00", "2026-11-24T02:00"},
		},
		{
			"working days leave out the weekend",
			Rule{Cron: "0 9 * * *", WorkingDays: true},
			"2026-11-20T08:00", "2026-11-24T10:00",
			[]string{"2026-11-20T09:00", "2026-11-23T09:00", "2026-11-24T09:00"},
		},
		{
			"and holidays",
			Rule{Cron: "0 9 * * *", WorkingDays: true},
			"2026-11-03T08:00", "2026-11-05T10:00",
			[]string{"2026-11-03T09:00", "2026-11-05T09:00"},
		},
		{
			"over midnight on working days the date of the slot counts",
			Rule{Every: 2 * time.Hour, Window: "22:00-04:00", WorkingDays: true},
			"2026-11-20T20:00", "2026-11-23T03:00",
			[]string{"2026-11-20T22:00", "2026-11-23T00:00", "2026-11-23T02:00"},
		},
	} {
		t.Run(v.name, func(t *testing.T) {
			tt := table(t, "Europe/Moscow", v.rule)
			got := names(tt.Slots(at(t, tt.calendar.loc, v.from), at(t, tt.calendar.loc, v.till)))
			if !slices.Equal(got, v.want) {
				t.Errorf("got %v\nwant %v", got, v.want)
			}
		})
	}
}

// F71: what is due after a stop, by rule.
func TestF71CatchUp(t *testing.T) {
	for _, v := range []struct {
		name      string
		rule      Rule
		last, now string
		want      []string
	}{
		{"a slot begins", Rule{Every: time.Hour}, "2026-11-23T09:00", "2026-11-23T10:00", []string{"2026-11-23T10:00"}},
		{"a slot was run already", Rule{Every: time.Hour}, "2026-11-23T10:00", "2026-11-23T10:01", nil},
		{"nothing is due before its time", Rule{Every: time.Hour}, "2026-11-23T09:00", "2026-11-23T09:59", nil},
		{"once: the latest of those missed", Rule{Every: time.Hour}, "2026-11-23T09:00", "2026-11-23T13:30", []string{"2026-11-23T13:00"}},
		{"once is the default for months as well", Rule{Cron: "0 9 1 * *"}, "2026-03-01T09:00", "2026-11-23T13:30", []string{"2026-11-01T09:00"}},
		{
			"all: each, oldest first",
			Rule{Every: time.Hour, CatchUp: "all"},
			"2026-11-23T09:00", "2026-11-23T12:30",
			[]string{"2026-11-23T10:00", "2026-11-23T11:00", "2026-11-23T12:00"},
		},
		{"skip: none of those missed", Rule{Every: time.Hour, CatchUp: "skip"}, "2026-11-23T09:00", "2026-11-23T12:30", nil},
		{"skip: the one that has just begun", Rule{Every: time.Hour, CatchUp: "skip"}, "2026-11-23T09:00", "2026-11-23T12:04", []string{"2026-11-23T12:00"}},
		{"once waits for the window", Rule{Every: time.Hour, Window: "08:00-20:00"}, "2026-11-23T15:00", "2026-11-23T21:00", nil},
		{"the last slot of a window is on time after its end", Rule{Every: time.Minute, Window: "08:00-20:00"}, "2026-11-23T19:58", "2026-11-23T20:00", []string{"2026-11-23T19:59"}},
		{"when the window opens, one visit for the evening and the morning", Rule{Every: time.Hour, Window: "08:00-20:00"}, "2026-11-23T15:00", "2026-11-24T08:00", []string{"2026-11-24T08:00"}},
		{"all waits for the window", Rule{Every: time.Hour, Window: "08:00-20:00", CatchUp: "all"}, "2026-11-23T17:00", "2026-11-23T21:00", nil},
		{
			"all, when the window opens",
			Rule{Every: time.Hour, Window: "08:00-20:00", CatchUp: "all"},
			"2026-11-23T17:00", "2026-11-24T08:00",
			[]string{"2026-11-23T18:00", "2026-11-23T19:00", "2026-11-24T08:00"},
		},
		{"once waits for a working day", Rule{Cron: "0 9 * * *", WorkingDays: true}, "2026-11-19T09:00", "2026-11-21T12:00", nil},
		{"and comes then", Rule{Cron: "0 9 * * *", WorkingDays: true}, "2026-11-19T09:00", "2026-11-23T00:00", []string{"2026-11-20T09:00"}},
		{"a new bank has missed nothing", Rule{Every: time.Hour, CatchUp: "all"}, "", "2026-11-23T12:30", nil},
		{"a new bank is visited at its first slot", Rule{Every: time.Hour, CatchUp: "all"}, "", "2026-11-23T13:00", []string{"2026-11-23T13:00"}},
		{"a clock set back a little makes nothing due", Rule{Every: time.Minute}, "2026-11-23T12:30", "2026-11-23T12:27", nil},
		{"a clock that was far ahead does not silence the bank", Rule{Every: time.Hour}, "2099-11-23T12:00", "2026-11-23T13:00", []string{"2026-11-23T13:00"}},
	} {
		t.Run(v.name, func(t *testing.T) {
			tt := table(t, "Europe/Moscow", v.rule)
			var last time.Time
			if v.last != "" {
				last = at(t, tt.calendar.loc, v.last)
			}
			got := names(tt.Due(last, at(t, tt.calendar.loc, v.now)))
			if !slices.Equal(got, v.want) && len(got)+len(v.want) > 0 {
				t.Errorf("due: %v, want %v", got, v.want)
			}
		})
	}
}

func TestCatchUpOfAllIsBounded(t *testing.T) {
	tt := table(t, "Europe/Moscow", Rule{Every: time.Minute, CatchUp: "all"})
	last := at(t, tt.calendar.loc, "2025-11-23T00:00")
	now := at(t, tt.calendar.loc, "2026-11-23T00:00")
	due := tt.Due(last, now)
	if len(due) != maxCatchUp || due[0].Name != "2025-11-23T00:01" {
		t.Errorf("%d slots from %s", len(due), due[0].Name)
	}
	if next := tt.Due(due[len(due)-1].At, now); next[0].Name != "2025-11-23T01:41" {
		t.Errorf("goes on with %s", next[0].Name)
	}
}

func TestOpen(t *testing.T) {
	tt := table(t, "Europe/Moscow", Rule{Every: time.Hour, Window: "08:00-20:00", WorkingDays: true})
	for text, want := range map[string]bool{
		"2026-11-23T07:59": false, "2026-11-23T08:00": true, "2026-11-23T19:59": true, "2026-11-23T20:00": false, "2026-11-22T12:00": false,
	} {
		if got := tt.Open(at(t, tt.calendar.loc, text)); got != want {
			t.Errorf("open at %s: %t", text, got)
		}
	}
}

// BenchmarkDueOnAWeekend is the costliest ordinary question: every tick, for a bank that rests.
func BenchmarkDueOnAWeekend(b *testing.B) {
	loc, err := Zone("Europe/Moscow")
	if err != nil {
		b.Fatal(err)
	}
	c, err := NewCalendar(loc, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	tt, err := NewTimetable(Rule{Cron: "* * * * *", Window: "08:00-20:00", WorkingDays: true}, c)
	if err != nil {
		b.Fatal(err)
	}
	last := time.Date(2026, 11, 20, 19, 59, 0, 0, loc)
	now := time.Date(2026, 11, 22, 19, 0, 0, 0, loc)
	for b.Loop() {
		tt.Due(last, now)
	}
}
