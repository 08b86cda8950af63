package record

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/state"
)

// Page is what one transaction of the journal has said so far: events that are chained
// and projected, but not yet inserted. They go into the file together, and a day of a bank
// is counted once for all of them.
type Page struct {
	events []Event
	counts []string // the column of the bank's day that each event counts in, or ""
	days   tally
	digest bytes.Buffer
	text   bytes.Buffer
}

// Len is how many events stand on the page.
func (p *Page) Len() int { return len(p.events) }

// About lists the events of one kind that tell of an exchange: those in the file, and those on the page.
func (p *Page) About(c *sqlite.Conn, exchange int64, kind string) (list []Event, err error) {
	err = c.Each(`SELECT `+Columns+` FROM event WHERE exchange = ? AND exchange <> 0 AND kind = ? ORDER BY seq`, func(f sqlite.Fields) error {
		e, err := Read(f)
		list = append(list, e)
		return err
	}, exchange, kind)
	if err != nil {
		return nil, fmt.Errorf("read events of exchange %d: %w", exchange, err)
	}
	for _, e := range p.events {
		if e.Exchange == exchange && e.Kind == kind {
			list = append(list, e)
		}
	}
	return list, nil
}

// Append gives a new event its body and hash and projects it. Body is one line of JSON,
// keys in the order of the struct, letters as they are, so that an auditor can read it
// without the program. An error leaves the tables half changed: only Undo mends them.
func (p *Page) Append(c *sqlite.Conn, e *Event, body any) (err error) {
	p.text.Reset()
	j := json.NewEncoder(&p.text)
	j.SetEscapeHTML(false)
	if err := j.Encode(body); err != nil {
		return fmt.Errorf("encode body: %w", err)
	}
	e.Body = bytes.Clone(bytes.TrimRight(p.text.Bytes(), "\n"))
	if e.Hash, err = e.Digest(&p.digest); err != nil {
		return err
	}
	// The projection means what the text says. It may read the value that the text was
	// made from, unless the text says it otherwise: what is no UTF-8 became a mark.
	if !bytes.Contains(e.Body, []byte(`\ufffd`)) {
		e.said = body
	}
	count, err := apply(c, e)
	p.events, p.counts = append(p.events, *e), append(p.counts, count)
	return err
}

// Undo forgets what was appended from a mark on, after the transaction was rolled back
// whole, and projects the events before it once more.
func (p *Page) Undo(c *sqlite.Conn, mark int) error {
	p.events, p.counts = p.events[:mark], p.counts[:mark]
	for i := range p.events {
		if _, err := apply(c, &p.events[i]); err != nil {
			return fmt.Errorf("project event %d again: %w", p.events[i].Seq, err)
		}
	}
	return nil
}

// Flush inserts the events and counts them in their banks' days. After it, or after a
// rollback without Undo, the page must be cleared.
func (p *Page) Flush(c *sqlite.Conn) error {
	for rest := p.events; len(rest) > 0; {
		n := portion(len(rest))
		if err := insert(c, rest[:n]); err != nil {
			return fmt.Errorf("insert event %d: %w", rest[0].Seq, err)
		}
		rest = rest[n:]
	}
	for i := range p.events {
		p.days.add(&p.events[i], p.counts[i])
	}
	return p.Tally(c)
}

// Replay projects an event of the chain anew; Tally, once or now and then, brings the days
// up to it.
func (p *Page) Replay(c *sqlite.Conn, e *Event) error {
	count, err := apply(c, e)
	if err == nil {
		p.days.add(e, count)
	}
	return err
}

// Tally writes into the days of the banks what was counted since the last time.
func (p *Page) Tally(c *sqlite.Conn) error {
	err := p.days.write(c)
	clear(p.days)
	return err
}

// Clear empties the page.
func (p *Page) Clear() {
	clear(p.events)
	p.events, p.counts = p.events[:0], p.counts[:0]
	clear(p.days)
}

// portion is how many of n events one statement takes: few sizes, for each is prepared once.
func portion(n int) int {
	switch {
	case n >= 32:
		return 32
	case n >= 8:
		return 8
	default:
		return 1
	}
}

func insert(c *sqlite.Conn, events []Event) error {
	args := make([]driver.Value, 0, 10*len(events))
	for i := range events {
		e := &events[i]
		args = append(args, e.Seq, sqlite.Stamp(e.At), e.Instance, e.Actor, e.Kind, e.Bank, e.Exchange, string(e.Body), e.Prev, e.Hash)
	}
	return c.PutRows(`INSERT INTO event (`+Columns+`) VALUES `, "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", len(events), args)
}

// tally counts events in the days of their banks (UTC).
type tally map[[2]string]*day

type day struct {
	first, last         int64 // numbers of events
	firstEvent, lastEvt string
	counts              map[string]int64
}

func (t *tally) add(e *Event, column string) {
	if e.Bank == "" {
		return
	}
	at := sqlite.Stamp(e.At)
	key := [2]string{e.Bank, at[:len("2006-01-02")]}
	d := (*t)[key]
	if d == nil {
		if *t == nil {
			*t = make(tally)
		}
		d = &day{first: e.Seq, firstEvent: at, counts: map[string]int64{}}
		(*t)[key] = d
	}
	d.last, d.lastEvt = e.Seq, at
	if column != "" {
		d.counts[column]++
	}
}

// dayColumns are the counts of table day.
func dayColumns() []string {
	var out []string
	for _, s := range state.All() {
		out = append(out, column(s))
	}
	return append(out, "received", "quarantined")
}

// counter adds to a bank's day: the columns that count, and the statement for all of them.
type counter struct {
	columns []string
	query   string
}

var dayCounter = sync.OnceValue(func() counter {
	columns := dayColumns()
	sums := make([]string, len(columns))
	for i, name := range columns {
		sums[i] = name + " = " + name + " + excluded." + name
	}
	return counter{columns, `INSERT INTO day (bank, day, first_seq, last_seq, first_event, last_event, ` + strings.Join(columns, ", ") + `)
		VALUES (?, ?, ?, ?, ?, ?` + strings.Repeat(", ?", len(columns)) + `)
		ON CONFLICT (bank, day) DO UPDATE SET last_seq = excluded.last_seq, last_event = excluded.last_event, ` + strings.Join(sums, ", ")}
})

func (t tally) write(c *sqlite.Conn) error {
	day := dayCounter()
	for key, d := range t {
		args := append(make([]driver.Value, 0, 32), key[0], key[1], d.first, d.last, d.firstEvent, d.lastEvt)
		for _, name := range day.columns {
			args = append(args, d.counts[name])
		}
		if err := c.Put(day.query, args...); err != nil {
			return fmt.Errorf("count the day of bank %s: %w", key[0], err)
		}
	}
	return nil
}
