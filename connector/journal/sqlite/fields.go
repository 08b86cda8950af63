package sqlite

import (
	"database/sql/driver"
	"time"
)

// Fields is one row: nil, int64 or string in each place.
type Fields []driver.Value

// Str is the text in a place, "" for NULL.
func (f Fields) Str(i int) string {
	s, _ := f[i].(string)
	return s
}

// Num is the integer in a place, 0 for NULL.
func (f Fields) Num(i int) int64 {
	n, _ := f[i].(int64)
	return n
}

// Moment reads the time in a place into a pointer; NULL leaves it nil.
func (f Fields) Moment(i int, into **time.Time) error {
	if f[i] == nil {
		return nil
	}
	at, err := Time(f.Str(i))
	if err != nil {
		return err
	}
	*into = &at
	return nil
}

const stampLayout = "2006-01-02T15:04:05.000Z"

// places are where the numbers of the layout stand, and how long each is: year, month, day,
// hour, minute, second, millisecond.
var places = [...]struct{ at, long int }{{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}, {20, 3}}

// Stamp is how the file writes a time: UTC, RFC 3339, milliseconds always, so
// that texts sort as times do. Every row has several: it is Format, three times as fast.
func Stamp(t time.Time) string {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.Format(stampLayout)
	}
	hour, minute, second := t.Clock()
	text := [len(stampLayout)]byte([]byte(stampLayout))
	for i, n := range [...]int{year, int(month), day, hour, minute, second, t.Nanosecond() / int(time.Millisecond)} {
		p := places[i]
		for at := p.at + p.long - 1; at >= p.at; at-- {
			text[at] = byte('0' + n%10)
			n /= 10
		}
	}
	return string(text[:])
}

// Time reads what Stamp wrote, and nothing else than Parse does.
func Time(s string) (time.Time, error) {
	if len(s) != len(stampLayout) {
		return time.Parse(stampLayout, s)
	}
	var n [len(places)]int
	for i, p := range places {
		for _, c := range []byte(s[p.at : p.at+p.long]) {
			n[i] = n[i]*10 + int(c) - '0'
		}
	}
	at := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], n[6]*int(time.Millisecond), time.UTC)
	if Stamp(at) != s { // something else, or no such day
		return time.Parse(stampLayout, s)
	}
	return at, nil
}
