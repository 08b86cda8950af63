package journal

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"time"

	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/standing"
	"bankconnector/connector/journal/state"
)

// Tx is one caller's part of a commit. Each method appends events and
// projects them at once, so later methods see what earlier ones did.
type Tx struct {
	b     *Book
	c     *sqlite.Conn
	at    time.Time
	actor string
	err   error // an append that went half way: the closure cannot succeed any more
	over  bool
}

// Time is the one time of all events of this closure: UTC, milliseconds.
func (t *Tx) Time() time.Time { return t.at }

func (t *Tx) usable() error {
	if t.over {
		return errors.New("journal: transaction used after its end")
	}
	return t.err
}

// append writes one event and projects it.
func (t *Tx) append(kind, bank string, exchange int64, body any) error {
	if err := t.usable(); err != nil {
		return err
	}
	if err := t.add(kind, bank, exchange, body); err != nil {
		t.err = fmt.Errorf("append %s: %w", kind, err)
	}
	return t.err
}

func (t *Tx) add(kind, bank string, exchange int64, body any) error {
	e := Event{
		Seq: t.b.end.seq + 1, At: t.at, Instance: t.b.instance, Actor: t.actor, Kind: kind,
		Bank: bank, Exchange: exchange, Prev: t.b.end.hash,
	}
	if err := t.b.page.Append(t.c, &e, body); err != nil {
		return err
	}
	t.b.end.seq, t.b.end.hash, t.b.end.at = e.Seq, e.Hash, e.At
	t.b.touched.Note(&e)
	return nil
}

// one reads a row; an error of the engine ends the closure.
func (t *Tx) one(query string, args ...driver.Value) (sqlite.Fields, error) {
	if err := t.usable(); err != nil {
		return nil, err
	}
	row, err := t.c.One(query, args...)
	if err != nil {
		t.err = fmt.Errorf("read journal: %w", err)
	}
	return row, t.err
}

// next gives the next id after the last one of a table; a closure that fails gives it back.
func next(last *int64) int64 {
	*last++
	return *last
}

// Accept opens an exchange in state Accepted, or Held. The key is unique among
// office documents, and among receipts, that are not Refused or Cancelled: the
// same bytes for the same bank again give [ErrDuplicate], anything else
// [ErrConflict], both with the id of the exchange that has the key.
func (t *Tx) Accept(a Acceptance) (id int64, err error) {
	if err := a.Check(); err != nil {
		return 0, fmt.Errorf("accept %s: %w", a.InternalKey, err)
	}
	a.DueAt, a.WarnAt = level(a.DueAt), level(a.WarnAt)
	if a.Stream == "" {
		a.Stream = state.Stream(a.Kind)
	}
	row, err := t.one(`SELECT id, bank, source_sha256 FROM exchange WHERE class = ? AND internal_key = ?
		AND CASE live WHEN 1 THEN 0 ELSE id END = 0`, state.Class(a.Kind), a.InternalKey)
	if err != nil {
		return 0, err
	}
	if row != nil {
		cause := ErrConflict
		if row.Str(1) == a.Bank && row.Str(2) == a.SourceSHA256 {
			cause = ErrDuplicate
		}
		return row.Num(0), fmt.Errorf("accept %s for bank %s: %w: exchange %d of bank %s",
			a.InternalKey, a.Bank, cause, row.Num(0), row.Str(1))
	}
	o := record.Opened{State: Accepted, Class: state.Class(a.Kind), Acceptance: a}
	if a.Held {
		o.State = Held
	}
	return t.open(o)
}

// Refuse records an office document that cannot go, in state Refused.
func (t *Tx) Refuse(r Refusal) (id int64, err error) {
	if r.Bank == "" || r.Reason == "" {
		return 0, errors.New("refuse document: bank and reason are required")
	}
	return t.open(record.Opened{State: Refused, Class: state.Class(r.Kind), Faults: r.Faults, Acceptance: Acceptance{
		Bank: r.Bank, Kind: r.Kind, Code: r.Code, InternalKey: r.InternalKey, DocNum: r.DocNum, DocDate: r.DocDate,
		IPNum: r.IPNum, Amount: r.Amount, BaseKey: r.BaseKey, SourceSHA256: r.SourceSHA256, Sources: r.Sources,
		Reason: r.Reason, Stream: state.Stream(r.Kind),
	}})
}

func (t *Tx) open(o record.Opened) (int64, error) {
	id := next(&t.b.end.exchange)
	return id, t.append("exchange.opened", o.Bank, id, o)
}

// Advance moves an exchange along [Allowed]: a compare-and-swap. It gives
// [ErrStale] if the exchange is not in state from, if to is Sealed and Seq or
// Previous are not the next of the stream, or if to is Sending and another
// temporary name was already announced.
func (t *Tx) Advance(id int64, from, to State, c Change) error {
	x, err := t.stand(id)
	if err != nil {
		return fmt.Errorf("advance: %w", err)
	}
	if x.State != from {
		return fmt.Errorf("advance exchange %d from %s to %s: %w: it is %s", id, from, to, ErrStale, x.State)
	}
	if !Allowed(from, to, x.Kind) {
		return fmt.Errorf("advance exchange %d: no way from %s to %s for kind %s", id, from, to, x.Kind)
	}
	if err := checkChange(x, c); err != nil {
		return fmt.Errorf("advance exchange %d from %s to %s: %w", id, from, to, err)
	}
	switch to {
	case Sealed:
		err = t.checkSealed(x, c)
	case Sending:
		err = checkSending(x, c)
	case Held, Refused, Suspect, Cancelled:
		if c.Reason == "" {
			err = errors.New("a reason is required")
		}
	case Ambiguous:
		if x.TempName == "" {
			err = errors.New("no intent was ever written: there is nothing to look for")
		}
	case Accepted, Delivered, Confirmed, Answered, Closed, Rejected:
	}
	if err != nil {
		return fmt.Errorf("advance exchange %d from %s to %s: %w", id, from, to, err)
	}
	c.DueAt, c.WarnAt = level(c.DueAt), level(c.WarnAt)
	return t.append(record.Kind(to), x.Bank, id, record.Moved{Class: state.Class(x.Kind), From: from, To: to, Change: c})
}

// level gives a time the precision and zone of the book.
func level(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	u := at.UTC().Truncate(time.Millisecond)
	return &u
}

// checkChange holds that what was sealed stays as it is, whatever a later step
// says about it.
func checkChange(x standing.Stand, c Change) error {
	if c.WarnAt != nil && c.DueAt != nil && c.WarnAt.After(*c.DueAt) {
		return errors.New("warning time is after the deadline")
	}
	if !x.Sealed {
		return nil
	}
	for _, f := range []struct{ name, is, said string }{
		{"file name", x.FileName, c.FileName},
		{"file digest", x.FileSHA256, c.FileSHA256},
		{"previous envelope", x.Previous, c.Previous},
		{"number", strconv.FormatInt(x.Seq, 10), strconv.FormatInt(c.Seq, 10)},
		{"file size", strconv.FormatInt(x.FileSize, 10), strconv.FormatInt(c.FileSize, 10)},
	} {
		if f.said != "" && f.said != "0" && f.said != f.is {
			return fmt.Errorf("%w: %s was sealed as %q, not %q", ErrStale, f.name, f.is, f.said)
		}
	}
	return nil
}

// checkSealed holds the numbers of a stream without gaps. A document that a
// person sends once more keeps its number, name and bytes.
func (t *Tx) checkSealed(x standing.Stand, c Change) error {
	if x.State == Suspect {
		if c.Reason == "" {
			return errors.New("sending once more needs a reason")
		}
		if !x.Sealed {
			return errors.New("it was never sealed: there are no bytes to send")
		}
		return nil
	}
	if c.FileName == "" || !record.IsDigest(c.FileSHA256) {
		return errors.New("file name and SHA-256 in hex of the envelope are required")
	}
	seq, previous, err := t.Last(x.Bank, x.Stream)
	if err != nil {
		return err
	}
	if c.Seq != seq+1 || c.Previous != previous {
		return fmt.Errorf("%w: stream %s of bank %s stands at %d (%s), envelope has number %d after %q",
			ErrStale, x.Stream, x.Bank, seq, previous, c.Seq, c.Previous)
	}
	return nil
}

// checkSending holds that one intent names one temporary file, for good.
func checkSending(x standing.Stand, c Change) error {
	switch {
	case c.TempName == "":
		return errors.New("a temporary name is required")
	case x.State == Ambiguous && c.TempName != x.TempName:
		return fmt.Errorf("%w: intent names %s, not %s", ErrStale, x.TempName, c.TempName)
	case x.State != Ambiguous && x.TempName != "":
		return fmt.Errorf("%w: intent was already written for %s", ErrStale, x.TempName)
	}
	return nil
}

// Last is the last sealed number of a bank's stream and the SHA-256 of its
// envelope; 0 and "" before the first. After an adoption the number is the last
// one that is left out.
func (t *Tx) Last(bank, stream string) (seq int64, previous string, err error) {
	row, err := t.one(standing.LastOf, bank, stream)
	if err == nil && row == nil {
		row, err = t.one(standing.LastOf, "", "")
	}
	if err != nil || row == nil {
		return 0, "", err
	}
	return row.Num(0), row.Str(1), nil
}

// Attempt records that an upload was tried and failed before the intent.
func (t *Tx) Attempt(id int64, cause string) error {
	x, err := t.stand(id)
	if err != nil {
		return fmt.Errorf("record attempt: %w", err)
	}
	return t.append("exchange.attempted", x.Bank, id, record.Attempted{Error: cause})
}

// Exchange reads an exchange as this transaction sees it, or [ErrNotFound].
func (t *Tx) Exchange(id int64) (Exchange, error) {
	return read(t, "exchange", `SELECT `+standing.ExchangeColumns+` FROM exchange WHERE id = ?`, id, standing.ReadExchange)
}

// stand is Exchange as far as the rules of a move ask.
func (t *Tx) stand(id int64) (standing.Stand, error) {
	return read(t, "exchange", standing.StandOf, id, standing.ReadStand)
}

// read reads the row of an id; where there is none the error is [ErrNotFound].
func read[T any](t *Tx, what, query string, id int64, of func(sqlite.Fields) (T, error)) (x T, err error) {
	row, err := t.one(query, id)
	switch {
	case err != nil:
		return x, err
	case row == nil:
		return x, fmt.Errorf("%s %d: %w", what, id, ErrNotFound)
	}
	return of(row)
}
