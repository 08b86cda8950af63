package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// memory is what an office knows from its ledgers. It grows with the number of
// documents: about 200 octets each.
type memory struct {
	arrivals int64                       // number of the last file taken
	backlog  []arrival                   // in the archive, without a line yet
	known    map[string]bool             // keys that arrived, true if one was accepted
	streams  map[string]map[int64]string // the connector's streams: number -> digest
	last     map[string]parting          // the bank's own streams: the last reply
	own      map[string]string           // digests of the bank's documents by key
	sent     map[string]bool             // names of replies
	repeated map[string]bool             // names of replies put there twice
	left     map[int64]int               // replies not sent yet, by arrival
}

// parting is one line of sent.jsonl: a reply that is, or is about to be, visible.
type parting struct {
	At      time.Time `json:"at"`
	File    string    `json:"file"`
	SHA256  string    `json:"sha256"`
	Kind    string    `json:"kind"`
	Key     string    `json:"key"` // ExternalKey or ReceiptId
	Stream  string    `json:"stream"`
	Seq     int64     `json:"seq"`
	Arrival int64     `json:"arrival"` // the file it answers
	Left    int       `json:"left"`    // replies to that file still to come
	Again   bool      `json:"again,omitempty"`
}

// open reads the ledgers and finishes what a kill left undone.
func (o *office) open() (err error) {
	o.signal, o.timers = make(chan struct{}, 1), map[*time.Timer]bool{}
	o.open, o.torn = map[string]int{}, map[string]bool{}
	o.state = memory{
		known: map[string]bool{}, streams: map[string]map[int64]string{}, last: map[string]parting{},
		own: map[string]string{}, sent: map[string]bool{}, repeated: map[string]bool{}, left: map[int64]int{},
	}
	var received, receipts []Received
	var sent []parting
	defer func() {
		if err == nil {
			return
		}
		for _, l := range []*ledger{o.received, o.receipts, o.sent} {
			if l != nil {
				err = errors.Join(err, l.Close())
			}
		}
	}()
	if o.received, received, err = openLedger[Received](filepath.Join(o.dir, "received.jsonl")); err != nil {
		return err
	}
	if o.receipts, receipts, err = openLedger[Received](filepath.Join(o.dir, "receipts.jsonl")); err != nil {
		return err
	}
	if o.sent, sent, err = openLedger[parting](filepath.Join(o.dir, "sent.jsonl")); err != nil {
		return err
	}
	for _, line := range append(slices.Clone(received), receipts...) {
		o.state.remember(line)
	}
	for _, line := range sent {
		o.state.part(line)
	}
	if err := o.sweep(); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	if err := o.unjudged(append(slices.Clone(received), receipts...)); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return o.resume(received)
}
