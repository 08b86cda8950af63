package record

import (
	"database/sql/driver"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/state"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the numbered steps that make the schema, for sqlite.Migrate.
func Migrations() fs.FS { return migrations }

// Tables lists the tables of current state, each with its key columns.
func Tables() [][2]string {
	return [][2]string{
		{"exchange", "id"}, {"source", "exchange, place"}, {"stream", "bank, stream"}, {"arrival", "id"},
		{"visit", "id"}, {"slot", "bank, slot"}, {"act", "seq"}, {"credential", "place"}, {"bank", "bic"},
		{"day", "bank, day"},
	}
}

// Project writes what one event means into the state tables. It is the only
// function that does, reads nothing but the event and those tables, and is
// used alike by the daemon and by the proof's rebuilding.
func Project(c *sqlite.Conn, e *Event) error {
	column, err := apply(c, e)
	if err != nil {
		return err
	}
	if e.Bank == "" {
		return nil
	}
	return projectDay(c, e, column)
}

// apply returns the column of the bank's day that the event counts in, or "".
func apply(c *sqlite.Conn, e *Event) (string, error) {
	room, verb, _ := strings.Cut(e.Kind, ".")
	switch room {
	case "exchange":
		return projectExchange(c, e, verb)
	case "incoming":
		return projectIncoming(c, e, verb)
	case "visit", "slot", "operator", "keys", "banks":
		return "", projectLedger(c, e)
	case "book", "note", "alarm", "config":
		return "", nil
	default:
		return "", fmt.Errorf("event kind %q is unknown", e.Kind)
	}
}

func body[T any](e *Event) (T, error) {
	var b T
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return b, fmt.Errorf("read body of event %d: %w", e.Seq, err)
	}
	return b, nil
}

// only asserts that a statement changed exactly one row.
func only(n int64, err error) error {
	if err == nil && n != 1 {
		err = fmt.Errorf("%d rows changed instead of one", n)
	}
	return err
}

// Kind is the event kind of a step to a state: "exchange.sealed" and so on.
func Kind(s state.State) string { return "exchange." + column(s) }

func column(s state.State) string { return strings.ToLower(string(s)) }

func projectExchange(c *sqlite.Conn, e *Event, verb string) (string, error) {
	switch verb {
	case "opened":
		return projectOpened(c, e)
	case "attempted":
		return "", only(c.Exec(`UPDATE exchange SET attempts = attempts + 1, last_event = ?2 WHERE id = ?1`, e.Exchange, e.Seq))
	}
	m, err := body[Moved](e)
	if err != nil {
		return "", err
	}
	if e.Kind != Kind(m.To) {
		return "", fmt.Errorf("event %d of kind %s moves to %s", e.Seq, e.Kind, m.To)
	}
	return projectMoved(c, e, m)
}

const insertExchange = `INSERT INTO exchange (id, class, bank, kind, code, internal_key, doc_num, doc_date, ip_num,
	amount, state, open, reason, stream, seq, base_key, source_sha256, file_name, file_sha256, file_size, previous,
	signer, temp_name, evidence, answer_code, attempts, resends, parent, incoming, accepted_at, closed_at, rule, last_event)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, '', '', 0, '', '', '', '', '', 0, 0, ?, ?, ?, ?, '', ?)`

func projectOpened(c *sqlite.Conn, e *Event) (string, error) {
	o, err := body[Opened](e)
	if err != nil {
		return "", err
	}
	var amount, closed driver.Value
	if o.Amount != nil {
		amount = *o.Amount
	}
	if o.State == state.Refused {
		closed = sqlite.Stamp(e.At)
	}
	_, err = c.Exec(insertExchange, e.Exchange, o.Class, e.Bank, o.Kind, o.Code, o.InternalKey, o.DocNum, o.DocDate,
		o.IPNum, amount, string(o.State), bit(o.Class == "office" && o.State.Open()), o.Reason, o.Stream, o.BaseKey,
		o.SourceSHA256, o.Parent, o.Incoming, sqlite.Stamp(e.At), closed, e.Seq)
	if err != nil {
		return "", err
	}
	for place, s := range o.Sources {
		if _, err := c.Exec(`INSERT INTO source (exchange, place, name, sha256) VALUES (?, ?, ?, ?)`,
			e.Exchange, int64(place), s.Name, s.SHA256); err != nil {
			return "", err
		}
	}
	if o.Class != "office" {
		return "", nil
	}
	return column(o.State), nil
}

// updateExchange takes the time of the event as ?4 into the column of the new
// state, unless it is there already. What the bank has answered it has also
// got: delivered_at is then no later than the answer.
const updateExchange = `UPDATE exchange SET
	state = ?3, open = (class = 'office' AND ?5),
	reason = CASE WHEN ?6 <> '' OR ?2 IN ('Held', 'Suspect') THEN ?6 ELSE reason END,
	seq = CASE WHEN ?2 = 'Accepted' AND ?3 = 'Sealed' THEN ?7 ELSE seq END,
	previous = CASE WHEN ?2 = 'Accepted' AND ?3 = 'Sealed' THEN ?8 ELSE previous END,
	file_name = CASE WHEN ?2 = 'Accepted' AND ?3 = 'Sealed' THEN ?9 ELSE file_name END,
	file_sha256 = CASE WHEN ?2 = 'Accepted' AND ?3 = 'Sealed' THEN ?10 ELSE file_sha256 END,
	file_size = CASE WHEN ?2 = 'Accepted' AND ?3 = 'Sealed' THEN ?11 ELSE file_size END,
	signer = CASE WHEN ?12 <> '' THEN ?12 ELSE signer END,
	temp_name = CASE ?3 WHEN 'Sealed' THEN '' WHEN 'Sending' THEN ?13 ELSE temp_name END,
	evidence = CASE WHEN ?14 <> '' THEN ?14 ELSE evidence END,
	answer_code = CASE WHEN ?15 <> '' THEN ?15 ELSE answer_code END,
	due_at = coalesce(?16, due_at),
	warn_at = CASE WHEN ?16 IS NULL THEN coalesce(?17, warn_at) ELSE coalesce(?17, ?16) END,
	rule = CASE WHEN ?18 <> '' THEN ?18 ELSE rule END,
	attempts = attempts + ?19,
	resends = resends + (?2 = 'Suspect' AND ?3 = 'Sealed'),
	sealed_at = CASE WHEN ?3 = 'Sealed' THEN coalesce(sealed_at, ?4) ELSE sealed_at END,
	sending_at = CASE WHEN ?3 = 'Sending' THEN coalesce(sending_at, ?4) ELSE sending_at END,
	delivered_at = CASE WHEN ?3 IN ('Delivered', 'Confirmed', 'Answered', 'Rejected')
		THEN coalesce(delivered_at, ?4) ELSE delivered_at END,
	confirmed_at = CASE WHEN ?3 = 'Confirmed' THEN coalesce(confirmed_at, ?4) ELSE confirmed_at END,
	answered_at = CASE WHEN ?3 = 'Answered' THEN coalesce(answered_at, ?4) ELSE answered_at END,
	closed_at = CASE WHEN ?3 IN ('Closed', 'Refused', 'Rejected', 'Cancelled') THEN ?4 ELSE closed_at END,
	last_event = ?20
	WHERE id = ?1 AND state = ?2`

func projectMoved(c *sqlite.Conn, e *Event, m Moved) (string, error) {
	err := only(c.Exec(updateExchange, e.Exchange, string(m.From), string(m.To), sqlite.Stamp(e.At), bit(m.To.Open()),
		m.Reason, m.Seq, m.Previous, m.FileName, m.FileSHA256, m.FileSize, m.Signer, m.TempName, m.Evidence,
		m.AnswerCode, moment(m.DueAt), moment(m.WarnAt), m.Rule, bit(m.Attempt), e.Seq))
	if err != nil {
		return "", err
	}
	if m.To == state.Sealed && m.From == state.Accepted {
		if _, err := c.Exec(`INSERT INTO stream (bank, stream, seq, sha256)
			SELECT bank, stream, seq, file_sha256 FROM exchange WHERE id = ?
			ON CONFLICT (bank, stream) DO UPDATE SET seq = excluded.seq, sha256 = excluded.sha256`, e.Exchange); err != nil {
			return "", err
		}
	}
	row, err := c.One(`SELECT class FROM exchange WHERE id = ?`, e.Exchange)
	if err != nil || row.Str(0) != "office" {
		return "", err
	}
	return column(m.To), nil
}

func projectIncoming(c *sqlite.Conn, e *Event, verb string) (string, error) {
	switch verb {
	case "received", "repeated":
		r, err := body[Received](e)
		if err != nil {
			return "", err
		}
		if verb == "repeated" {
			return "", only(c.Exec(`UPDATE arrival SET repeats = repeats + 1, last_event = ?2 WHERE id = ?1`, r.ID, e.Seq))
		}
		_, err = c.Exec(`INSERT INTO arrival (id, bank, name, claimed, sha256, size, received_at, repeats, verdict, code,
			signer, kind, external_key, content_sha256, outcome, reason, exchange, state_id, last_event)
			VALUES (?, ?, ?, ?, ?, ?, ?, 0, '', '', '', '', '', '', '', '', 0, 0, ?)`,
			r.ID, e.Bank, r.Name, r.Claimed, r.SHA256, r.Size, sqlite.Stamp(e.At), e.Seq)
		return "received", err
	case "settled":
		return projectSettled(c, e)
	}
	t, err := body[Touched](e)
	if err != nil {
		return "", err
	}
	switch verb {
	case "handed":
		return "", only(c.Exec(`UPDATE arrival SET handed_at = ?2, last_event = ?3 WHERE id = ?1`, t.ID, sqlite.Stamp(e.At), e.Seq))
	case "cleaned":
		return "", only(c.Exec(`UPDATE arrival SET cleaned_at = ?2, last_event = ?3 WHERE id = ?1`, t.ID, sqlite.Stamp(e.At), e.Seq))
	case "reopened":
		return "", only(c.Exec(`UPDATE arrival SET outcome = '', settled_at = NULL, handed_at = NULL, last_event = ?2
			WHERE id = ?1`, t.ID, e.Seq))
	}
	return "", fmt.Errorf("event kind %q is unknown", e.Kind)
}

func projectSettled(c *sqlite.Conn, e *Event) (string, error) {
	s, err := body[Settled](e)
	if err != nil {
		return "", err
	}
	err = only(c.Exec(`UPDATE arrival SET verdict = ?2, code = ?3, signer = ?4, kind = ?5, external_key = ?6,
		content_sha256 = ?7, outcome = ?8, reason = ?9, exchange = ?10, state_id = ?11, settled_at = ?12, last_event = ?13
		WHERE id = ?1 AND outcome = ''`, s.ID, s.Verdict, s.Code, s.Signer, s.Kind, s.ExternalKey, s.ContentSHA256,
		s.Outcome, s.Reason, s.ExchangeID, int64(s.StateID), sqlite.Stamp(e.At), e.Seq))
	switch s.Outcome {
	case "matched", "duplicate", "incomplete":
		return "", err
	}
	return "quarantined", err
}

func projectLedger(c *sqlite.Conn, e *Event) error {
	switch e.Kind {
	case "visit.begun", "visit.ended":
		return projectVisit(c, e)
	case "slot.taken":
		s, err := body[Taken](e)
		if err != nil {
			return err
		}
		_, err = c.Exec(`INSERT INTO slot (bank, slot, at, taken_at) VALUES (?, ?, ?, ?)`, e.Bank, s.Slot, s.At, sqlite.Stamp(e.At))
		return err
	case "operator.acted":
		a, err := body[Act](e)
		if err != nil {
			return err
		}
		_, err = c.Exec(`INSERT INTO act (seq, at, actor, act, exchange, bank, reason) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			e.Seq, sqlite.Stamp(e.At), e.Actor, a.Act, a.Exchange, a.Bank, a.Reason)
		return err
	case "keys.listed", "banks.listed":
		return projectListed(c, e)
	}
	return fmt.Errorf("event kind %q is unknown", e.Kind)
}

func projectVisit(c *sqlite.Conn, e *Event) error {
	v, err := body[Visited](e)
	if err != nil {
		return err
	}
	if e.Kind == "visit.begun" {
		_, err = c.Exec(`INSERT INTO visit (id, bank, slot, started_at, outcome, sent, taken, bytes, error)
			VALUES (?, ?, ?, ?, '', 0, 0, 0, '')`, v.ID, e.Bank, v.Slot, sqlite.Stamp(e.At))
		return err
	}
	if v.VisitOutcome == nil {
		return errors.New("visit ends without an outcome")
	}
	return only(c.Exec(`UPDATE visit SET ended_at = ?2, outcome = ?3, sent = ?4, taken = ?5, bytes = ?6, error = ?7
		WHERE id = ?1`, v.ID, sqlite.Stamp(e.At), v.Outcome, int64(v.Sent), int64(v.Taken), v.Bytes, v.Error))
}

// projectListed replaces the whole table.
func projectListed(c *sqlite.Conn, e *Event) error {
	l, err := body[Listed](e)
	if err != nil {
		return err
	}
	if e.Kind == "keys.listed" {
		_, err = c.Exec(`DELETE FROM credential`)
		for place, k := range l.Keys {
			_, e := c.Exec(`INSERT INTO credential (place, bank, what, subject, not_after) VALUES (?, ?, ?, ?, ?)`,
				int64(place), k.Bank, k.What, k.Subject, sqlite.Stamp(k.NotAfter))
			err = errors.Join(err, e)
		}
		return err
	}
	_, err = c.Exec(`DELETE FROM bank`)
	for _, b := range l.Banks {
		_, e := c.Exec(`INSERT INTO bank (bic, name, state) VALUES (?, ?, ?)`, b.BIC, b.Name, b.State)
		err = errors.Join(err, e)
	}
	return err
}

// projectDay counts the event in its bank's day (UTC).
func projectDay(c *sqlite.Conn, e *Event, column string) error {
	insert, update := "", ""
	if column != "" {
		insert, update = ", "+column, ", "+column+" = "+column+" + 1"
	}
	query := `INSERT INTO day (bank, day, first_seq, last_seq, first_event, last_event` + insert + `)
		VALUES (?1, ?2, ?3, ?3, ?4, ?4` + strings.Repeat(", 1", min(len(column), 1)) + `)
		ON CONFLICT (bank, day) DO UPDATE SET last_seq = ?3, last_event = ?4` + update
	at := sqlite.Stamp(e.At)
	_, err := c.Exec(query, e.Bank, at[:len("2006-01-02")], e.Seq, at)
	return err
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func moment(at *time.Time) driver.Value {
	if at == nil {
		return nil
	}
	return sqlite.Stamp(*at)
}
