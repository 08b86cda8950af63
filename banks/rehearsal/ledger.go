package rehearsal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Received is one line of a bank's ledger: a file that really arrived. The ledger
// received.jsonl has one line for every order or query file, receipts.jsonl one for
// every receipt on the bank's own documents.
type Received struct {
	At          time.Time `json:"at"`           // when the bank took it, UTC
	File        string    `json:"file"`         // name of the envelope
	SHA256      string    `json:"sha256"`       // of the envelope, hex
	Kind        string    `json:"kind"`         // order, query, receipt (or what its name says)
	InternalKey string    `json:"internal_key"` // of the document; for a receipt the key it names; "" if unreadable
	Verdict     string    `json:"verdict"`      // "accepted", or the code of the refusal: "90", "91"...
	Duplicate   bool      `json:"duplicate"`    // this key arrived before
	Arrival     int64     `json:"arrival"`      // counts the files of this bank, names the copy in archive/
	Stream      string    `json:"stream,omitempty"`
	Seq         int64     `json:"seq,omitempty"`      // number in the connector's stream
	State       int       `json:"state_id,omitempty"` // what a receipt says
	Reason      string    `json:"reason,omitempty"`   // why it was refused
}

// accepted is the verdict of a document that the bank works on.
const accepted = "accepted"

// ReadLedger reads a ledger while the bank may be writing it: a last line that is
// not complete yet is left out. A file that does not exist is an empty ledger.
func ReadLedger(path string) ([]Received, error) {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	lines, _, err := parseLines[Received](data)
	if err != nil {
		return nil, fmt.Errorf("read ledger %s: %w", path, err)
	}
	return lines, nil
}

// parseLines decodes complete lines and returns how many octets they take.
func parseLines[T any](data []byte) (lines []T, size int64, err error) {
	in := bufio.NewReader(bytes.NewReader(data))
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return lines, size, nil
		}
		if err != nil {
			return nil, 0, err
		}
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			return nil, 0, fmt.Errorf("line %d: %w", len(lines)+1, err)
		}
		lines, size = append(lines, v), size+int64(len(line))
	}
}

// ledger is an append-only file of JSON lines.
type ledger struct{ *os.File }

// openLedger reads what is there and cuts off a line that a kill left half written:
// whatever it recorded had no effect yet and is done again.
func openLedger[T any](path string) (*ledger, []T, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open ledger: %w", err)
	}
	lines, err := recoverLines[T](f)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open ledger %s: %w", path, err), f.Close())
	}
	return &ledger{f}, lines, nil
}

func recoverLines[T any](f *os.File) ([]T, error) {
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	lines, size, err := parseLines[T](data)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(size); err != nil {
		return nil, err
	}
	_, err = f.Seek(size, io.SeekStart)
	return lines, err
}

// add appends one line per value in a single write; sync makes them durable together.
func (l *ledger) add(sync bool, values ...any) error {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	for _, v := range values {
		if err := out.Encode(v); err != nil {
			return fmt.Errorf("append to ledger: %w", err)
		}
	}
	if _, err := l.Write(b.Bytes()); err != nil {
		return fmt.Errorf("append to ledger: %w", err)
	}
	if !sync {
		return nil
	}
	if err := l.Sync(); err != nil {
		return fmt.Errorf("append to ledger: %w", err)
	}
	return nil
}
