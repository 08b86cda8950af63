package volume

import (
	"errors"
	"fmt"
	"sort"
	"time"

	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/standing"
)

// ErrNothing reports that no month before the given one is left in the journal.
var ErrNothing = errors.New("no closed month to archive")

// UnfinishedError names what keeps a month in the journal: documents and files that began in
// it or before and have not come to their end, at most 20 of each.
type UnfinishedError struct {
	Month            string
	Exchanges, Files []int64
}

func (u *UnfinishedError) Error() string {
	return fmt.Sprintf("month %s stays in the journal, for these have not come to their end: documents %v, files of banks %v", u.Month, u.Exchanges, u.Files)
}

const (
	most   = 20 // named by UnfinishedError
	layout = "2006-01"
)

// monthOf is the beginning of a time's month, UTC, as all times of the journal are.
func monthOf(at time.Time) time.Time {
	y, m, _ := at.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}

// End is the time after the last moment of a month, as the journal writes it.
func End(month string) (string, error) {
	at, err := time.Parse(layout, month)
	return sqlite.Stamp(at.AddDate(0, 1, 0)), err
}

// Oldest finds the oldest month of a journal. The error is ErrNothing when it does not lie
// before the month of the time before, or is not over, and *UnfinishedError when somebody
// still waits for something that began in it or earlier.
func Oldest(c *sqlite.Conn, before, now time.Time) (s Stretch, err error) {
	row, err := c.One(`SELECT seq, at, prev FROM event ORDER BY seq LIMIT 1`)
	if err != nil || row == nil {
		return s, errors.Join(err, ErrNothing)
	}
	at, err := sqlite.Time(row.Str(1))
	if err != nil {
		return s, err
	}
	end := monthOf(at).AddDate(0, 1, 0)
	if end.After(monthOf(before)) || end.After(monthOf(now)) {
		return s, ErrNothing
	}
	s = Stretch{Month: at.UTC().Format(layout), First: row.Num(0), Prev: row.Str(2)}
	u := &UnfinishedError{Month: s.Month}
	if u.Exchanges, u.Files, err = standing.Pending(c, sqlite.Stamp(end), most); err != nil {
		return s, err
	}
	if len(u.Exchanges)+len(u.Files) > 0 {
		return s, u
	}
	s.Last, s.Head, err = lastBefore(c, s.First, sqlite.Stamp(end))
	return s, err
}

// lastBefore finds the last event before a time. Times never go back along the chain, and the
// numbers have no gap, so that twenty looks find it among a million.
func lastBefore(c *sqlite.Conn, first int64, end string) (seq int64, hash string, err error) {
	last, err := c.Number(`SELECT max(seq) FROM event`)
	if err != nil {
		return 0, "", err
	}
	after := sort.Search(int(last-first+1), func(i int) bool {
		row, e := c.One(`SELECT at FROM event WHERE seq = ?`, first+int64(i))
		if e == nil && row == nil {
			e = fmt.Errorf("event %d is missing: run journal verify", first+int64(i))
		}
		err = errors.Join(err, e)
		return e == nil && row.Str(0) >= end
	})
	if err != nil {
		return 0, "", err
	}
	row, err := c.One(`SELECT seq, hash FROM event WHERE seq = ?`, first+int64(after)-1)
	if err != nil || row == nil {
		return 0, "", errors.Join(err, ErrNothing)
	}
	return row.Num(0), row.Str(1), nil
}
