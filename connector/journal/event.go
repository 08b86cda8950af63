package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Event is one line of the chain, never changed once written.
//
// Hash is the SHA-256, as 64 lower-case hex digits, of these octets:
//
//	"bankconnector/journal/v1" 0x00
//	seq                          8 octets, big-endian
//	prev                         32 octets; zeros for seq 1
//	at, instance, actor, kind, bank, exchange, body
//	                             each as its length in octets (8 octets,
//	                             big-endian) and then its UTF-8 text;
//	                             exchange is written in decimal
//
// so that every column of the table is covered and no two rows can share
// their octets.
type Event struct {
	Seq      int64           `json:"seq"`
	At       time.Time       `json:"at"` // UTC, milliseconds; never before the event before it
	Instance string          `json:"instance"`
	Actor    string          `json:"actor"`
	Kind     string          `json:"kind"`
	Bank     string          `json:"bank,omitempty"`
	Exchange int64           `json:"exchange,omitempty"` // 0 = belongs to none
	Body     json.RawMessage `json:"body"`
	Prev     string          `json:"prev"`
	Hash     string          `json:"hash"`
}

const (
	stampLayout = "2006-01-02T15:04:05.000Z"
	noHash      = "0000000000000000000000000000000000000000000000000000000000000000"
	hashPrefix  = "bankconnector/journal/v1\x00"

	eventColumns = `seq, at, instance, actor, kind, bank, exchange, body, prev, hash`
	insertEvent  = `INSERT INTO event (` + eventColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

func stamp(t time.Time) string { return t.UTC().Format(stampLayout) }

func readStamp(s string) (time.Time, error) { return time.Parse(stampLayout, s) }

// chain computes the hash of a row from its texts, in the order of the table.
func chain(buf *bytes.Buffer, seq int64, prev string, texts ...string) (string, error) {
	buf.Reset()
	buf.WriteString(hashPrefix)
	buf.Write(binary.BigEndian.AppendUint64(buf.AvailableBuffer(), uint64(seq))) //nolint:gosec // seq is positive by the table's trigger
	before, err := hex.AppendDecode(buf.AvailableBuffer(), []byte(prev))
	if err != nil || len(before) != sha256.Size {
		return "", fmt.Errorf("event %d: prev is not a SHA-256 in hex", seq)
	}
	buf.Write(before)
	for _, t := range texts {
		buf.Write(binary.BigEndian.AppendUint64(buf.AvailableBuffer(), uint64(len(t))))
		buf.WriteString(t)
	}
	sum := sha256.Sum256(buf.Bytes())
	return hex.EncodeToString(sum[:]), nil
}

func (e *Event) digest(buf *bytes.Buffer) (string, error) {
	return chain(buf, e.Seq, e.Prev, stamp(e.At), e.Instance, e.Actor, e.Kind, e.Bank,
		strconv.FormatInt(e.Exchange, 10), string(e.Body))
}

func (e *Event) insert(c *conn) error {
	_, err := c.exec(insertEvent, e.Seq, stamp(e.At), e.Instance, e.Actor, e.Kind, e.Bank, e.Exchange,
		string(e.Body), e.Prev, e.Hash)
	return err
}

// eventFrom reads a row of eventColumns.
func eventFrom(f fields) (Event, error) {
	at, err := readStamp(f.str(1))
	if err != nil {
		return Event{}, fmt.Errorf("event %d: read at: %w", f.num(0), err)
	}
	return Event{
		Seq: f.num(0), At: at, Instance: f.str(2), Actor: f.str(3), Kind: f.str(4), Bank: f.str(5),
		Exchange: f.num(6), Body: json.RawMessage(f.str(7)), Prev: f.str(8), Hash: f.str(9),
	}, nil
}

// encode makes the body: one line of JSON, keys in the order of the struct,
// letters as they are, so that an auditor can read it without the program.
func encode(body any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return nil, fmt.Errorf("encode event body: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// isDigest tells a SHA-256 in lower-case hex.
func isDigest(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}
