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
)

// memory is what an office knows from its ledgers. It grows with the number of
// documents, by about 300 octets each.
type memory struct {
	arrivals int64                       // number of the last file taken
	backlog  []arrival                   // in the archive, without a line yet
	known    map[string]bool             // keys that arrived, true if one was accepted
	streams  map[string]map[int64]string // the connector's streams: number -> digest
	last     map[string]parting          // the bank's own streams: the last reply
	own      map[string]string           // digests of the bank's documents by key
	sent     map[string]string           // digests of replies by file name
	repeated map[string]bool             // names of replies put there twice
	left     map[int64]int               // replies still to be sent, by arrival
}

// parting is one line of sent.jsonl: a reply that is visible, or will be at once.
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

// load reads the ledgers and finds what a kill left undone.
func (o *office) load() error {
	o.writes, o.torn = map[string]int{}, map[string]bool{}
	o.state = memory{
		known: map[string]bool{}, streams: map[string]map[int64]string{}, last: map[string]parting{},
		own: map[string]string{}, sent: map[string]string{}, repeated: map[string]bool{}, left: map[int64]int{},
	}
	received, receipts, sent, err := o.openLedgers()
	if err == nil {
		err = o.catchUp(received, receipts, sent)
	}
	for _, l := range []*ledger{o.received, o.receipts, o.sent} {
		if err != nil && l != nil {
			err = errors.Join(err, l.Close())
		}
	}
	return err
}

func (o *office) openLedgers() (received, receipts []Received, sent []parting, err error) {
	if o.received, received, err = openLedger[Received](filepath.Join(o.dir, "received.jsonl")); err != nil {
		return nil, nil, nil, err
	}
	if o.receipts, receipts, err = openLedger[Received](filepath.Join(o.dir, "receipts.jsonl")); err != nil {
		return nil, nil, nil, err
	}
	if o.sent, sent, err = openLedger[parting](filepath.Join(o.dir, "sent.jsonl")); err != nil {
		return nil, nil, nil, err
	}
	return received, receipts, sent, nil
}

func (o *office) catchUp(received, receipts []Received, sent []parting) error {
	lines := slices.Concat(received, receipts)
	for _, line := range lines {
		o.state.remember(line)
	}
	for _, line := range sent {
		o.state.part(line)
	}
	if err := o.sweep(); err != nil {
		return fmt.Errorf("sweep outbox: %w", err)
	}
	if err := o.unjudged(lines); err != nil {
		return fmt.Errorf("scan archive: %w", err)
	}
	for _, line := range received {
		if err := o.resume(line); err != nil {
			return fmt.Errorf("resume replies to %s: %w", line.File, err)
		}
	}
	return nil
}

// remember takes in a line of received.jsonl or receipts.jsonl.
func (m *memory) remember(line Received) {
	key := memoryKey(line)
	m.known[key] = m.known[key] || line.Verdict == accepted
	if line.Seq > 0 {
		if m.streams[line.Stream] == nil {
			m.streams[line.Stream] = map[int64]string{}
		}
		if m.streams[line.Stream][line.Seq] == "" {
			m.streams[line.Stream][line.Seq] = line.SHA256
		}
	}
}

// memoryKey keeps the keys of our documents apart from those that receipts name.
func memoryKey(line Received) string {
	if line.Kind == string(formats.KindReceipt) {
		return "receipt " + line.InternalKey
	}
	return line.InternalKey
}

// part takes in a line of sent.jsonl.
func (m *memory) part(line parting) {
	if line.Again {
		m.repeated[line.File] = true
		return
	}
	m.sent[line.File] = line.SHA256
	m.last[line.Stream] = line
	m.left[line.Arrival] = line.Left
	if line.Kind != string(formats.KindReceipt) {
		m.own[line.Key] = line.SHA256
	}
}

// unjudged finds files that were taken and not recorded.
func (o *office) unjudged(lines []Received) error {
	done := map[int64]bool{}
	for _, line := range lines {
		done[line.Arrival] = true
		o.state.arrivals = max(o.state.arrivals, line.Arrival)
	}
	entries, err := os.ReadDir(filepath.Join(o.dir, "archive"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		a, ok := parseArrival(e.Name())
		if !ok || done[a.number] {
			continue
		}
		o.state.arrivals = max(o.state.arrivals, a.number)
		o.state.backlog = append(o.state.backlog, a)
	}
	return nil
}

// resume plans the replies that an earlier run did not send.
func (o *office) resume(line Received) error {
	if left, begun := o.state.left[line.Arrival]; begun && left == 0 {
		return nil
	}
	j := judgement{line: line}
	if line.Verdict == accepted {
		again, err := o.reread(arrival{line.Arrival, line.File}, line.At)
		if err != nil {
			return err
		}
		if j.doc = again.doc; j.doc == nil {
			return fmt.Errorf("the file in archive/ is not what was accepted: %s", again.line.Reason)
		}
	}
	o.schedule(line, o.plan(j))
	return nil
}

// sweep clears the outbox: replies that sent.jsonl names become visible, others were
// never promised and are made again.
func (o *office) sweep() error {
	entries, err := os.ReadDir(filepath.Join(o.dir, "outbox"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if o.state.sent[name] != "" {
			o.Later(0, func(context.Context) error { return o.publish(name) })
			continue
		}
		for _, folder := range []string{"outbox", "sent"} {
			if err := os.Remove(filepath.Join(o.dir, folder, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
