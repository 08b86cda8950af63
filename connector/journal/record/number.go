package record

import (
	"bankconnector/connector/journal/sqlite"
)

// The bank's own numbers. Table heard has the lowest and the highest one of each stream, and
// table gap what did not come in between; a number outside opens a gap, one inside closes it.
// A stream begins with 1, unless the bank has left replies without numbers before: nobody
// kept them then, and where it begins is where it is heard first.

// projectNumber notes the number of a file.
func projectNumber(c *sqlite.Conn, e *Event, s Settled) error {
	if s.Seq == 0 {
		if s.Outcome != "matched" {
			return nil
		}
		return c.Put(`INSERT INTO heard (bank, stream, low, high) VALUES (?, '', 0, 0) ON CONFLICT DO NOTHING`, e.Bank)
	}
	if _, err := c.Exec(`UPDATE arrival SET stream = ?2, seq = ?3, previous = ?4 WHERE id = ?1`, s.ID, s.Stream, s.Seq, s.Previous); err != nil {
		return err
	}
	heard, err := c.One(`SELECT low, high FROM heard WHERE bank = ? AND stream = ?`, e.Bank, s.Stream)
	if err != nil {
		return err
	}
	if heard == nil {
		return firstNumber(c, e, s)
	}
	switch low, high := heard.Num(0), heard.Num(1); {
	case s.Seq > high:
		if _, err := c.Exec(`UPDATE heard SET high = ?3 WHERE bank = ?1 AND stream = ?2`, e.Bank, s.Stream, s.Seq); err != nil {
			return err
		}
		return openGap(c, e, s.Stream, high+1, s.Seq-1)
	case s.Seq < low:
		if _, err := c.Exec(`UPDATE heard SET low = ?3 WHERE bank = ?1 AND stream = ?2`, e.Bank, s.Stream, s.Seq); err != nil {
			return err
		}
		return openGap(c, e, s.Stream, s.Seq+1, low-1)
	default:
		return fillGap(c, e, s)
	}
}

func firstNumber(c *sqlite.Conn, e *Event, s Settled) error {
	silent, err := c.One(`SELECT 1 FROM heard WHERE bank = ? AND stream = ''`, e.Bank)
	if err != nil {
		return err
	}
	low := int64(1)
	if silent != nil {
		low = s.Seq
	}
	if err := c.Put(`INSERT INTO heard (bank, stream, low, high) VALUES (?, ?, ?, ?)`, e.Bank, s.Stream, low, s.Seq); err != nil {
		return err
	}
	return openGap(c, e, s.Stream, low, s.Seq-1)
}

// openGap notes numbers that did not come, if there are any.
func openGap(c *sqlite.Conn, e *Event, stream string, first, last int64) error {
	if first > last {
		return nil
	}
	return c.Put(`INSERT INTO gap (bank, stream, first, last, since, told_at) VALUES (?, ?, ?, ?, ?, NULL)`,
		e.Bank, stream, first, last, sqlite.Stamp(e.At))
}

// fillGap takes a number out of the gap that it was missed in; what is left of it on either
// side is as old, and told, as before.
func fillGap(c *sqlite.Conn, e *Event, s Settled) error {
	row, err := c.One(`SELECT first, last, since, told_at FROM gap WHERE bank = ? AND stream = ? AND first <= ? AND last >= ?`,
		e.Bank, s.Stream, s.Seq, s.Seq)
	if err != nil || row == nil {
		return err
	}
	first, last, since, told := row.Num(0), row.Num(1), row.Str(2), row[3]
	if err := only(c.Exec(`DELETE FROM gap WHERE bank = ? AND stream = ? AND first = ?`, e.Bank, s.Stream, first)); err != nil {
		return err
	}
	for _, part := range [][2]int64{{first, s.Seq - 1}, {s.Seq + 1, last}} {
		if part[0] > part[1] {
			continue
		}
		if err := c.Put(`INSERT INTO gap (bank, stream, first, last, since, told_at) VALUES (?, ?, ?, ?, ?, ?)`,
			e.Bank, s.Stream, part[0], part[1], since, told); err != nil {
			return err
		}
	}
	return nil
}

// projectMissed notes that people were told of a gap.
func projectMissed(c *sqlite.Conn, e *Event) error {
	m, err := body[Missed](e)
	if err != nil {
		return err
	}
	return only(c.Exec(`UPDATE gap SET told_at = ?4 WHERE bank = ?1 AND stream = ?2 AND first = ?3`,
		e.Bank, m.Stream, m.First, sqlite.Stamp(e.At)))
}
