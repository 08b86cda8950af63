package block

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

// Date is a day of the calendar as documents write it: YYYY-MM-DD, "" for none. Dates compare as strings.
type Date string

// ParseDate reads a date from 1900-01-01 to 2100-01-01 (DDateType).
func ParseDate(s string) (Date, error) {
	if w := check.Date(s); w != (why{}) {
		return "", errors.New("parse date: " + w.EN)
	}
	return Date(s), nil
}

// Time is the first moment of the day in the location; an error for an empty or impossible date.
func (d Date) Time(loc *time.Location) (time.Time, error) {
	t, err := time.ParseInLocation(time.DateOnly, string(d), loc)
	if err != nil {
		return time.Time{}, fmt.Errorf("read date: %w", err)
	}
	return t, nil
}

// IsZero says that there is no date.
func (d Date) IsZero() bool { return d == "" }

// After says that d is a later day than other; no date is before every date.
func (d Date) After(other Date) bool { return d > other }

// Before says that d is an earlier day than other.
func (d Date) Before(other Date) bool { return d < other }

// DateOf is the day of t in t's own location.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

// moment is a point of time with its zone (xs:dateTime as RFC 3339).
type moment struct{ p *time.Time }

// Moment declares a required point of time; it is kept in UTC.
func Moment(name string, p *time.Time) strictxml.Part { return strictxml.One(name, moment{p}) }

func (m moment) Read(s string) why {
	t, err := time.Parse(time.RFC3339Nano, s)
	_, offset := t.Zone()
	// The library also reads a comma before the fraction, an hour of one digit and any offset; xs:dateTime does not.
	loose := strings.Contains(s, ",") || len(s) < 20 || s[13] != ':' || offset < -14*3600 || offset > 14*3600
	if year := t.UTC().Year(); err != nil || loose || year < 1900 || year > 2100 {
		return why{
			"ожидается момент времени с часовым поясом, например 2026-02-05T10:00:00+03:00",
			"a date and time with zone is expected, such as 2026-02-05T10:00:00+03:00",
		}
	}
	*m.p = t.UTC()
	return why{}
}

func (m moment) Write() (string, bool) { return m.p.UTC().Format(time.RFC3339Nano), !m.p.IsZero() }
