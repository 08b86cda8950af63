package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Rule is a timetable as people write it.
type Rule struct {
	// Cron has five fields: minute, hour, day of month, month, day of week (0 is Sunday), on the calendar's clock.
	Cron string
	// Every is the pause from slot to slot, counted from each midnight; whole minutes, from 1m to 24h. It stands
	// instead of Cron.
	Every time.Duration
	// Window allows slots only between two times of day, such as "08:00-20:00"; the end is not included, 24:00 is
	// allowed there, and "22:00-04:00" crosses midnight. Empty is the whole day.
	Window string
	// WorkingDays allows slots only on working days, by the date of the slot.
	WorkingDays bool
	// CatchUp says what becomes of slots that nobody ran: "once" (the default) runs the last of them, "all" runs each,
	// "skip" runs none.
	CatchUp string
}

// RuleError says which field of a [Rule] is wrong, by its name in a file: cron, every, window, working_days, catch_up.
type RuleError struct{ Field, Text string }

func (e *RuleError) Error() string { return e.Field + ": " + e.Text }

func refuse(field, format string, args ...any) error {
	return &RuleError{Field: field, Text: fmt.Sprintf(format, args...)}
}

// parseCron reads a cron expression. What the library would take as something else than is written, or panic at, is
// refused before it: zones and descriptors inside, empty list items, anything but five fields.
func parseCron(text string) (cron.Schedule, error) {
	fields := strings.Fields(text)
	switch {
	case len(text) > 200:
		return nil, refuse("cron", "the expression is longer than 200 characters")
	case strings.Contains(text, "="):
		return nil, refuse("cron", "%q names a time zone; the zone is that of the installation", text)
	case strings.Contains(text, "@"):
		return nil, refuse("cron", "%q is a shorthand; write five fields, or use every", text)
	case len(fields) != 5:
		return nil, refuse("cron", "%q has %d fields; five are needed: minute hour day month weekday", text, len(fields))
	}
	for _, f := range fields {
		if strings.HasPrefix(f, ",") || strings.HasSuffix(f, ",") || strings.Contains(f, ",,") {
			return nil, refuse("cron", "%q has an empty item in a list", text)
		}
	}
	s, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(text)
	if err != nil {
		return nil, refuse("cron", "%q is not understood: %v", text, err)
	}
	if spec, ok := s.(*cron.SpecSchedule); ok {
		spec.Location = time.UTC // computes on floating wall time; no zone takes part
	}
	return s, nil
}

// window is a span of the day in minutes, the end not included; from > until crosses midnight.
type window struct{ from, until int }

// parseWindow reads "08:00-20:00"; an empty text is the whole day.
func parseWindow(text string) (window, error) {
	if text == "" {
		return window{0, minutesOfDay}, nil
	}
	a, b, dash := strings.Cut(text, "-")
	from, okFrom := clock(a)
	until, okUntil := clock(b)
	switch {
	case !dash || !okFrom || !okUntil || from == minutesOfDay:
		return window{}, refuse("window", "%q is not a window; write 08:00-20:00", text)
	case from == until:
		return window{}, refuse("window", "%q is empty: it ends when it begins", text)
	}
	return window{from, until}, nil
}

func (w window) holds(minuteOfDay int) bool {
	if w.from < w.until {
		return w.from <= minuteOfDay && minuteOfDay < w.until
	}
	return w.from <= minuteOfDay || minuteOfDay < w.until
}

// clock reads HH:MM as minutes of the day, 24:00 included.
func clock(text string) (int, bool) {
	if len(text) != 5 || text[2] != ':' || strings.ContainsAny(text, "+- ") {
		return 0, false
	}
	h, err := strconv.Atoi(text[:2])
	m, err2 := strconv.Atoi(text[3:])
	if err != nil || err2 != nil || m > 59 || h > 24 || h == 24 && m > 0 {
		return 0, false
	}
	return h*60 + m, true
}
