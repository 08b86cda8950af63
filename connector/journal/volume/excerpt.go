// Package volume is the files that hold parts of the journal besides journal.db: excerpts
// for strangers. It writes new files and changes none. It opens record and sqlite.
package volume

import (
	"bytes"
	"errors"
	"fmt"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
)

// excerptTable is table event as a stranger gets it: octets are those that hash is the
// SHA-256 of.
const excerptTable = `CREATE TABLE event (seq INTEGER PRIMARY KEY, at TEXT, instance TEXT, actor TEXT, kind TEXT, bank TEXT,
	exchange INTEGER, body TEXT, prev TEXT, hash TEXT, octets BLOB) STRICT`

// Excerpt writes stretches of the chain, first and last event of each, to a new SQLite
// file; read gives the events of one.
func Excerpt(into string, stretches [][2]int64, read func(first, last int64) ([]record.Event, error)) (err error) {
	c, err := sqlite.Scratch(into)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.Script(excerptTable + "; BEGIN"); err != nil {
		return err
	}
	var buf bytes.Buffer
	for _, s := range stretches {
		events, err := read(s[0], s[1])
		if err != nil {
			return err
		}
		for i := range events {
			if err := excerpt(c, &buf, &events[i]); err != nil {
				return fmt.Errorf("event %d: %w", events[i].Seq, err)
			}
		}
	}
	return c.Script("COMMIT")
}

func excerpt(c *sqlite.Conn, buf *bytes.Buffer, e *record.Event) error {
	hash, err := e.Digest(buf)
	if err != nil {
		return err
	}
	if hash != e.Hash {
		return errors.New("its content does not have its hash: run journal verify")
	}
	_, err = c.Exec(`INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.Seq, sqlite.Stamp(e.At), e.Instance, e.Actor, e.Kind, e.Bank, e.Exchange, string(e.Body), e.Prev, e.Hash, buf.Bytes())
	return err
}
