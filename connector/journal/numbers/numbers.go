// Package numbers is what the banks' own numbers tell: each bank numbers the files that it
// leaves, stream by stream, in its signed manifests. Table heard has the lowest and the
// highest number of each stream, and table gap what did not come in between; a number outside
// opens a gap, one inside closes it. A stream begins with 1, unless the bank has left replies
// without numbers before: nobody kept them then, and where it begins is where it is heard
// first.
//
// It opens sqlite only.
package numbers

import (
	"fmt"
	"time"

	"bankconnector/connector/journal/sqlite"
)

// Place is where a bank's manifest places a file that was settled.
type Place struct {
	ID       int64 // of the file
	Bank     string
	Stream   string
	Seq      int64
	Previous string
	At       time.Time // when it was settled
}

// Bare notes that a bank leaves files without numbers.
func Bare(c *sqlite.Conn, bank string) error {
	return c.Put(`INSERT INTO heard (bank, stream, low, high) VALUES (?, '', 0, 0) ON CONFLICT DO NOTHING`, bank)
}

// Hear notes the number of a file.
func Hear(c *sqlite.Conn, p Place) error {
	if err := c.Put(`UPDATE arrival SET stream = ?2, seq = ?3, previous = ?4 WHERE id = ?1`, p.ID, p.Stream, p.Seq, p.Previous); err != nil {
		return err
	}
	heard, err := c.One(`SELECT low, high FROM heard WHERE bank = ? AND stream = ?`, p.Bank, p.Stream)
	if err != nil {
		return err
	}
	if heard == nil {
		return begin(c, p)
	}
	switch low, high := heard.Num(0), heard.Num(1); {
	case p.Seq > high:
		if err := c.Put(`UPDATE heard SET high = ?3 WHERE bank = ?1 AND stream = ?2`, p.Bank, p.Stream, p.Seq); err != nil {
			return err
		}
		return lack(c, p, high+1, p.Seq-1)
	case p.Seq < low:
		if err := c.Put(`UPDATE heard SET low = ?3 WHERE bank = ?1 AND stream = ?2`, p.Bank, p.Stream, p.Seq); err != nil {
			return err
		}
		return lack(c, p, p.Seq+1, low-1)
	default:
		return fill(c, p)
	}
}

func begin(c *sqlite.Conn, p Place) error {
	silent, err := c.One(`SELECT 1 FROM heard WHERE bank = ? AND stream = ''`, p.Bank)
	if err != nil {
		return err
	}
	low := int64(1)
	if silent != nil {
		low = p.Seq
	}
	if err := c.Put(`INSERT INTO heard (bank, stream, low, high) VALUES (?, ?, ?, ?)`, p.Bank, p.Stream, low, p.Seq); err != nil {
		return err
	}
	return lack(c, p, low, p.Seq-1)
}

// lack notes numbers that did not come, if there are any.
func lack(c *sqlite.Conn, p Place, first, last int64) error {
	if first > last {
		return nil
	}
	return c.Put(`INSERT INTO gap (bank, stream, first, last, since, told_at) VALUES (?, ?, ?, ?, ?, NULL)`,
		p.Bank, p.Stream, first, last, sqlite.Stamp(p.At))
}

// fill takes a number out of the gap that it was missed in; what is left of it on either
// side is as old, and told, as before.
func fill(c *sqlite.Conn, p Place) error {
	row, err := c.One(`SELECT first, last, since, told_at FROM gap WHERE bank = ? AND stream = ? AND first <= ? AND last >= ?`,
		p.Bank, p.Stream, p.Seq, p.Seq)
	if err != nil || row == nil {
		return err
	}
	first, last, since, told := row.Num(0), row.Num(1), row.Str(2), row[3]
	if err := only(c.Exec(`DELETE FROM gap WHERE bank = ? AND stream = ? AND first = ?`, p.Bank, p.Stream, first)); err != nil {
		return err
	}
	for _, part := range [][2]int64{{first, p.Seq - 1}, {p.Seq + 1, last}} {
		if part[0] > part[1] {
			continue
		}
		if err := c.Put(`INSERT INTO gap (bank, stream, first, last, since, told_at) VALUES (?, ?, ?, ?, ?, ?)`,
			p.Bank, p.Stream, part[0], part[1], since, told); err != nil {
			return err
		}
	}
	return nil
}

// Told notes that people were told of a gap.
func (g Gap) Told(c *sqlite.Conn, at time.Time) error {
	return only(c.Exec(`UPDATE gap SET told_at = ?4 WHERE bank = ?1 AND stream = ?2 AND first = ?3`,
		g.Bank, g.Stream, g.First, sqlite.Stamp(at)))
}

// only asserts that a statement changed exactly one row.
func only(n int64, err error) error {
	if err == nil && n != 1 {
		err = fmt.Errorf("%d rows changed instead of one", n)
	}
	return err
}
