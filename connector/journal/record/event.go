// Package record is what the journal's events say: the chain that binds them,
// the bodies of every kind, and the one projection of them into the tables of
// current state, with the migrations that make those tables.
//
// It decides nothing and does not know who writes or when: the journal appends
// with it and the proof replays with it. It opens sqlite, state and numbers only.
package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"bankconnector/connector/journal/sqlite"
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

	said any // what Body was made from, where both are sure to mean the same; nil: only Body
}

// NoHash is prev of the first event.
const NoHash = "0000000000000000000000000000000000000000000000000000000000000000"

// Columns are the columns of table event, in the order that Read takes them.
const Columns = `seq, at, instance, actor, kind, bank, exchange, body, prev, hash`

const hashPrefix = "bankconnector/journal/v1\x00"

// Chain computes the hash of a row, in hex, from its texts, in the order of the table. It lies in buf: millions of
// rows are checked in one go, and each would leave its hash as garbage.
func Chain(buf *bytes.Buffer, seq int64, prev string, texts ...string) (hash []byte, err error) {
	buf.Reset()
	buf.WriteString(hashPrefix)
	buf.Write(binary.BigEndian.AppendUint64(buf.AvailableBuffer(), uint64(seq))) //nolint:gosec // seq is positive by the table's trigger
	before, err := hex.AppendDecode(buf.AvailableBuffer(), []byte(prev))
	if err != nil || len(before) != sha256.Size {
		return nil, fmt.Errorf("event %d: prev is not a SHA-256 in hex", seq)
	}
	buf.Write(before)
	for _, t := range texts {
		buf.Write(binary.BigEndian.AppendUint64(buf.AvailableBuffer(), uint64(len(t))))
		buf.WriteString(t)
	}
	sum := sha256.Sum256(buf.Bytes())
	buf.Grow(hex.EncodedLen(sha256.Size))
	return hex.AppendEncode(buf.AvailableBuffer(), sum[:]), nil
}

// Digest computes what Hash must be.
func (e *Event) Digest(buf *bytes.Buffer) (string, error) {
	hash, err := Chain(buf, e.Seq, e.Prev, sqlite.Stamp(e.At), e.Instance, e.Actor, e.Kind, e.Bank,
		strconv.FormatInt(e.Exchange, 10), string(e.Body))
	return string(hash), err
}

// Read takes a row of Columns.
func Read(f sqlite.Fields) (Event, error) {
	at, err := sqlite.Time(f.Str(1))
	if err != nil {
		return Event{}, fmt.Errorf("event %d: read at: %w", f.Num(0), err)
	}
	return Event{
		Seq: f.Num(0), At: at, Instance: f.Str(2), Actor: f.Str(3), Kind: f.Str(4), Bank: f.Str(5),
		Exchange: f.Num(6), Body: json.RawMessage(f.Str(7)), Prev: f.Str(8), Hash: f.Str(9),
	}, nil
}

// IsDigest tells a SHA-256 in lower-case hex.
func IsDigest(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == 2*sha256.Size
}
