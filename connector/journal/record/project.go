package record

import (
	"database/sql/driver"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"bankconnector/connector/journal/numbers"
	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/state"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the numbered steps that make the schema, for sqlite.Migrate.
func Migrations() fs.FS { return migrations }

// apply writes what one event means into the state tables, but the bank's day, and
// returns the column that the event counts in there, or "". It is the only function that
// does, reads nothing but the event and those tables, and is used alike by the daemon and
// by the proof's rebuilding.
func apply(c *sqlite.Conn, e *Event) (string, error) {
	room, verb, _ := strings.Cut(e.Kind, ".")
	switch room {
	case "exchange":
		return projectExchange(c, e, verb)
	case "incoming":
		return projectIncoming(c, e, verb)
	case "visit", "slot", "operator", "keys", "banks":
		return "", projectLedger(c, e)
	case "book", "store":
		return "", projectBook(c, e)
	case "note", "alarm", "config":
		return "", nil
	default:
		return "", fmt.Errorf("event kind %q is unknown", e.Kind)
	}
}

func body[T any](e *Event) (T, error) {
	if b, ok := e.said.(T); ok {
		return b, nil
	}
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
	amount, state, open, live, reason, stream, seq, base_key, source_sha256, file_name, file_sha256, file_size, previous,
	signer, temp_name, evidence, answer_code, attempts, resends, parent, incoming, accepted_at, closed_at, due_at, warn_at, rule, last_event)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, '', '', 0, '', '', '', '', '', 0, 0, ?, ?, ?, ?, ?, ?, ?, ?)`

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
	err = c.Put(insertExchange, e.Exchange, o.Class, e.Bank, o.Kind, o.Code, o.InternalKey, o.DocNum, o.DocDate,
		o.IPNum, amount, string(o.State), bit(o.Class == "office" && o.State.Open()), bit(o.State != state.Refused), o.Reason, o.Stream, o.BaseKey,
		o.SourceSHA256, o.Parent, o.Incoming, sqlite.Stamp(e.At), closed, moment(o.DueAt), moment(warned(o.DueAt, o.WarnAt)), o.Rule, e.Seq)
	if err != nil {
		return "", err
	}
	if err := projectSources(c, e.Exchange, o.Sources); err != nil {
		return "", err
	}
	if o.Class != "office" {
		return "", nil
	}
	return column(o.State), nil
}

func projectSources(c *sqlite.Conn, exchange int64, list []Source) error {
	if len(list) == 0 {
		return nil
	}
	args := make([]driver.Value, 0, 4*len(list))
	for place, s := range list {
		args = append(args, exchange, int64(place), s.Name, s.SHA256)
	}
	return c.PutRows(`INSERT INTO source (exchange, place, name, sha256) VALUES `, "(?, ?, ?, ?)", len(list), args)
}

// update collects the columns that a step changes. Only those are named,
// because SQLite writes every index anew that has a named column.
type update struct {
	sets []string
	args []driver.Value
}

func (u *update) set(assign string, args ...driver.Value) {
	u.sets, u.args = append(u.sets, assign), append(u.args, args...)
}

// text sets a column unless the step says nothing about it.
func (u *update) text(column, value string) {
	if value != "" {
		u.set(column+" = ?", value)
	}
}

func projectMoved(c *sqlite.Conn, e *Event, m Moved) (string, error) {
	u := moving(e, m)
	query := `UPDATE exchange SET ` + strings.Join(u.sets, ", ") + ` WHERE id = ? AND state = ?`
	if err := only(c.Exec(query, append(u.args, e.Exchange, string(m.From))...)); err != nil {
		return "", err
	}
	if m.From == state.Accepted && m.To == state.Sealed {
		if err := c.Put(`INSERT INTO stream (bank, stream, seq, sha256)
			SELECT bank, stream, seq, file_sha256 FROM exchange WHERE id = ?
			ON CONFLICT (bank, stream) DO UPDATE SET seq = excluded.seq, sha256 = excluded.sha256`, e.Exchange); err != nil {
			return "", err
		}
	}
	if m.Class != "office" || m.From == m.To { // a further report enters no state
		return "", nil
	}
	return column(m.To), nil
}

// moving says what a step does to the row.
func moving(e *Event, m Moved) *update {
	u := &update{}
	u.set("state = ?, last_event = ?", string(m.To), e.Seq)
	if m.From == state.Held || m.From == state.Suspect {
		u.set("reason = ?", m.Reason) // what was waited for is over
	} else {
		u.text("reason", m.Reason)
	}
	switch {
	case m.From == state.Accepted && m.To == state.Sealed:
		u.set("seq = ?, previous = ?, file_name = ?, file_sha256 = ?, file_size = ?",
			m.Seq, m.Previous, m.FileName, m.FileSHA256, m.FileSize)
	case m.To == state.Sealed: // sent once more: a new intent will name its own file
		u.set("temp_name = '', resends = resends + 1")
	case m.To == state.Sending:
		u.set("temp_name = ?", m.TempName)
	}
	u.text("signer", m.Signer)
	u.text("evidence", m.Evidence)
	u.text("answer_code", m.AnswerCode)
	u.text("rule", m.Rule)
	if m.Attempt {
		u.set("attempts = attempts + 1")
	}
	switch {
	case m.DueAt != nil:
		u.set("due_at = ?, warn_at = ?", moment(m.DueAt), moment(warned(m.DueAt, m.WarnAt)))
	case m.WarnAt != nil:
		u.set("warn_at = ?", moment(m.WarnAt))
	}
	if m.From.Open() && !m.To.Open() {
		u.set("open = 0")
	}
	u.times(m.To, sqlite.Stamp(e.At))
	return u
}

// times keeps the first time that a state was reached. What the bank has
// answered it has also got: delivered_at is then no later than the answer.
func (u *update) times(to state.State, at string) {
	first := func(columns ...string) {
		for _, c := range columns {
			u.set(c+" = coalesce("+c+", ?)", at)
		}
	}
	switch to {
	case state.Sealed:
		first("sealed_at")
	case state.Sending:
		first("sending_at")
	case state.Delivered:
		first("delivered_at")
	case state.Confirmed:
		first("delivered_at", "confirmed_at")
	case state.Answered:
		first("delivered_at", "answered_at")
	case state.Rejected:
		first("delivered_at", "closed_at")
	case state.Closed:
		first("closed_at")
	case state.Refused, state.Cancelled:
		first("closed_at")
		u.set("live = 0")
	case state.Accepted, state.Held, state.Ambiguous, state.Suspect:
	}
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
		err = c.Put(`INSERT INTO arrival (id, bank, name, claimed, sha256, size, received_at, repeats, verdict, code,
			signer, kind, external_key, content_sha256, outcome, reason, exchange, state_id, last_event)
			VALUES (?, ?, ?, ?, ?, ?, ?, 0, '', '', '', '', '', '', '', '', 0, 0, ?)`,
			r.ID, e.Bank, r.Name, r.Claimed, r.SHA256, r.Size, sqlite.Stamp(e.At), e.Seq)
		return "received", err
	case "settled":
		return projectSettled(c, e)
	case "missed":
		g, err := body[numbers.Gap](e)
		if g.Bank = e.Bank; err == nil {
			err = g.Told(c, e.At)
		}
		return "", err
	case "held":
		h, err := body[Settled](e)
		if err != nil {
			return "", err
		}
		return "", only(c.Exec(`UPDATE arrival SET verdict = ?2, code = ?3, signer = ?4, reason = ?5, last_event = ?6
			WHERE id = ?1 AND outcome = ''`, h.ID, h.Verdict, h.Code, h.Signer, h.Reason, e.Seq))
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
	if err == nil {
		err = projectNumber(c, e, s)
	}
	switch s.Outcome {
	case "matched", "duplicate", "incomplete":
		return "", err
	}
	return "quarantined", err
}

// projectNumber notes where the bank's manifest places the file.
func projectNumber(c *sqlite.Conn, e *Event, s Settled) error {
	switch {
	case s.Seq > 0:
		return numbers.Hear(c, numbers.Place{ID: s.ID, Bank: e.Bank, Stream: s.Stream, Seq: s.Seq, Previous: s.Previous, At: e.At})
	case s.Outcome == "matched":
		return numbers.Bare(c, e.Bank)
	}
	return nil
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
		return projectAct(c, e, a)
	case "keys.listed", "banks.listed":
		return projectListed(c, e)
	}
	return fmt.Errorf("event kind %q is unknown", e.Kind)
}

func projectBook(c *sqlite.Conn, e *Event) error {
	switch e.Kind {
	case "book.adopted":
		return projectAdopted(c, e)
	case "book.archived":
		return projectArchived(c, e)
	case "book.retired":
		return projectRetired(c, e)
	case "store.discarded":
		d, err := body[Discarded](e)
		if err != nil {
			return err
		}
		return c.Put(`INSERT INTO discard (segment, sha256, size, index_sha256, documents, carried, before, reason, event, at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, d.Segment, d.SHA256, d.Size, d.Index, d.Documents, d.Carried, d.Before, d.Reason, e.Seq, sqlite.Stamp(e.At))
	case "book.created", "book.migrated":
		return nil
	}
	return fmt.Errorf("event kind %q is unknown", e.Kind)
}

// projectAdopted moves every stream on over the numbers that an adoption leaves out, also
// those streams that begin later: the row without a bank is where they begin. An adoption
// is what a person did.
func projectAdopted(c *sqlite.Conn, e *Event) error {
	a, err := body[Adoption](e)
	if err != nil {
		return err
	}
	if _, err := c.Exec(`INSERT INTO stream (bank, stream, seq, sha256) VALUES ('', '', 0, '') ON CONFLICT DO NOTHING`); err != nil {
		return err
	}
	if _, err := c.Exec(`UPDATE stream SET seq = seq + ?`, a.Skip); err != nil {
		return err
	}
	return projectAct(c, e, Act{Act: "adopt", Reason: a.Reason})
}

// projectArchived names the file. The events that it holds stay in the table for the moment:
// the trigger lets them go once this row and its event are there.
func projectArchived(c *sqlite.Conn, e *Event) error {
	a, err := body[Archived](e)
	if err != nil {
		return err
	}
	return c.Put(`INSERT INTO archive (first, last, month, file, from_at, to_at, prev, head, sha256, size, reason, event, archived_at,
		retired, retired_why, state, state_sha256, state_size) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', '', '', 0)`, a.First, a.Last, a.Month, a.File, a.FromAt, a.ToAt, a.Prev, a.Head, a.SHA256,
		a.Size, a.Reason, e.Seq, sqlite.Stamp(e.At))
}

func projectRetired(c *sqlite.Conn, e *Event) error {
	a, err := body[Archived](e)
	if err != nil {
		return err
	}
	return only(c.Exec(`UPDATE archive SET retired = ?2, retired_at = ?3, retired_why = ?4, state = ?5, state_sha256 = ?6, state_size = ?7
		WHERE first = ?1 AND retired = 0`, a.First, e.Seq, sqlite.Stamp(e.At), a.Reason, a.State, a.StateSHA256, a.StateSize))
}

func projectAct(c *sqlite.Conn, e *Event, a Act) error {
	_, err := c.Exec(`INSERT INTO act (seq, at, actor, act, exchange, bank, reason, said) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		e.Seq, sqlite.Stamp(e.At), e.Actor, a.Act, a.Exchange, a.Bank, a.Reason, a.As)
	return err
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
	return errors.Join(err, projectRoutes(c, e, l.Banks))
}

// projectRoutes notes what the banks' routes are now and since which event. A bank that is
// not listed any more keeps its last one.
func projectRoutes(c *sqlite.Conn, e *Event, list []BankRow) error {
	if !slices.ContainsFunc(list, func(b BankRow) bool { return b.Route != "" }) {
		return nil
	}
	const was = 2 // listed until now
	if _, err := c.Exec(`UPDATE route SET listed = ? WHERE listed = 1`, int64(was)); err != nil {
		return err
	}
	for _, b := range list {
		if err := c.Put(`INSERT INTO route (bic, route, listed, since) VALUES (?1, ?2, 1, ?3) ON CONFLICT (bic) DO UPDATE SET
			since = CASE WHEN route = excluded.route AND listed = 2 THEN since ELSE excluded.since END, route = excluded.route, listed = 1`,
			b.BIC, b.Route, e.Seq); err != nil {
			return err
		}
	}
	_, err := c.Exec(`UPDATE route SET listed = 0, since = ? WHERE listed = ?`, e.Seq, int64(was))
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

// warned is the time from which people are warned: the deadline itself, unless one was said.
func warned(due, warn *time.Time) *time.Time {
	if warn == nil {
		return due
	}
	return warn
}
