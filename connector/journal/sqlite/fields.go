package sqlite

import "time"

// Fields is one row: nil, int64 or string in each place.
type Fields []any

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

// Stamp is how the file writes a time: UTC, RFC 3339, milliseconds always, so
// that texts sort as times do.
func Stamp(t time.Time) string { return t.UTC().Format(stampLayout) }

// Time reads what Stamp wrote.
func Time(s string) (time.Time, error) { return time.Parse(stampLayout, s) }
