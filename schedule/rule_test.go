package schedule

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// B15: expressions that a cron library accepts, panics at or reads as something else.
func TestB15BadRulesAreRefused(t *testing.T) {
	for _, v := range []struct {
		name  string
		rule  Rule
		field string
		want  string
	}{
		{"every as a cron word", Rule{Cron: "@every 0s"}, "cron", "shorthand"},
		{"every with a sign", Rule{Cron: "@every -5s"}, "cron", "shorthand"},
		{"every of a nanosecond", Rule{Cron: "@every 1ns"}, "cron", "shorthand"},
		{"a descriptor", Rule{Cron: "@daily"}, "cron", "shorthand"},
		{"a day that never comes", Rule{Cron: "0 9 31 2 *"}, "cron", "no such time within 400 days"},
		{"30 February", Rule{Cron: "0 0 30 2 *"}, "cron", "no such time"},
		{"29 February, four years apart", Rule{Cron: "0 9 29 2 *"}, "cron", "no such time"},
		{"six fields", Rule{Cron: "0 0 9 * * *"}, "cron", "has 6 fields"},
		{"four fields", Rule{Cron: "0 9 * *"}, "cron", "has 4 fields"},
		{"only blanks", Rule{Cron: "  "}, "cron", "has 0 fields"},
		{"a zone inside", Rule{Cron: "CRON_TZ=UTC 0 9 * * *"}, "cron", "time zone"},
		{"a zone and nothing else, at which the library panics", Rule{Cron: "TZ=Europe/Moscow"}, "cron", "time zone"},
		{"Sunday as 7", Rule{Cron: "0 9 * * 7"}, "cron", "not understood"},
		{"minute 60", Rule{Cron: "60 9 * * *"}, "cron", "not understood"},
		{"a step of nothing", Rule{Cron: "*/0 9 * * *"}, "cron", "not understood"},
		{"a backward range", Rule{Cron: "0 18-9 * * *"}, "cron", "not understood"},
		{"an empty list item", Rule{Cron: "0,,30 9 * * *"}, "cron", "empty item"},
		{"a list of nothing", Rule{Cron: ", 9 * * *"}, "cron", "empty item"},
		{"an endless text", Rule{Cron: strings.Repeat("0,", 200) + "0 9 * * *"}, "cron", "longer than 200"},
		{"no rule", Rule{}, "every", "whole number of minutes"},
		{"every below a minute", Rule{Every: time.Second}, "every", "whole number of minutes"},
		{"every negative", Rule{Every: -time.Hour}, "every", "whole number of minutes"},
		{"every beyond a day", Rule{Every: 25 * time.Hour}, "every", "whole number of minutes"},
		{"every of odd seconds", Rule{Every: 90 * time.Second}, "every", "whole number of minutes"},
		{"both", Rule{Cron: "0 9 * * *", Every: time.Hour}, "every", "only one"},
		{"a window without end", Rule{Every: time.Hour, Window: "08:00"}, "window", "not a window"},
		{"a window of one moment", Rule{Every: time.Hour, Window: "08:00-08:00"}, "window", "empty"},
		{"a window from 24:00", Rule{Every: time.Hour, Window: "24:00-08:00"}, "window", "not a window"},
		{"a window with hour 25", Rule{Every: time.Hour, Window: "08:00-25:00"}, "window", "not a window"},
		{"a window with a sign", Rule{Every: time.Hour, Window: "+8:00-20:00"}, "window", "not a window"},
		{"a window past 24:00", Rule{Every: time.Hour, Window: "08:00-24:01"}, "window", "not a window"},
		{"a window that the rule never meets", Rule{Cron: "0 3 * * *", Window: "08:00-20:00"}, "cron", "in this window"},
		{"every, never in its window", Rule{Every: 24 * time.Hour, Window: "08:00-20:00"}, "every", "in this window"},
		{"only holidays on working days", Rule{Cron: "0 9 1 1 *", WorkingDays: true}, "cron", "on these days"},
		{"an unknown catch-up", Rule{Every: time.Hour, CatchUp: "never"}, "catch_up", `"never" is not known`},
	} {
		t.Run(v.name, func(t *testing.T) {
			table, err := NewTimetable(v.rule, moscow2026(t))
			var fault *RuleError
			if !errors.As(err, &fault) || table != nil {
				t.Fatalf("got %v, %v", table, err)
			}
			if fault.Field != v.field || !strings.Contains(fault.Text, v.want) {
				t.Errorf("refused with %q, want field %s and %q", err, v.field, v.want)
			}
		})
	}
}

func TestGoodRulesAreAccepted(t *testing.T) {
	for _, r := range []Rule{
		{Cron: "* * * * *"},
		{Cron: "*/15 8-19 * * MON-FRI"},
		{Cron: "0 9 * * 0,6"},
		{Cron: "30 2 1 1 ?"},
		{Cron: "0 9 31 * *"},
		{Every: time.Minute, CatchUp: "all"},
		{Every: 24 * time.Hour},
		{Every: 7 * time.Hour, Window: "22:00-04:00", WorkingDays: true, CatchUp: "skip"},
		{Every: time.Hour, Window: "00:00-24:00"},
	} {
		if _, err := NewTimetable(r, moscow2026(t)); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestSpreadIsStableAndEven(t *testing.T) {
	if got := Spread("044525225", 5*time.Minute); got != Spread("044525225", 5*time.Minute) || got < 0 || got >= 5*time.Minute {
		t.Errorf("got %s", got)
	}
	if Spread("044525225", 0) != 0 || Spread("044525225", -time.Second) != 0 {
		t.Error("nothing to spread over is no pause")
	}
	const names, parts = 1000, 10
	var count [parts]int
	for i := range names {
		count[Spread("04"+time.Duration(i).String(), time.Minute)*parts/time.Minute]++
	}
	for i, n := range count {
		if n < names/parts/2 || n > names/parts*3/2 {
			t.Errorf("part %d of %d has %d of %d names", i, parts, n, names)
		}
	}
}

func FuzzCronIsRefusedOrHasASlot(f *testing.F) {
	for _, seed := range []string{"* * * * *", "TZ=", "@every 1h", "0 9 31 2 *", "*/5 1-3,4 ? JAN MON", "5/0 * * * *", "0-59/61 * * * *", "\x00 * * * *"} {
		f.Add(seed)
	}
	c, err := NewCalendar(time.UTC, nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		table, err := NewTimetable(Rule{Cron: text}, c)
		if err != nil {
			return
		}
		if _, ok := table.Next(time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)); !ok {
			t.Errorf("%q is accepted and has no slot", text)
		}
	})
}
