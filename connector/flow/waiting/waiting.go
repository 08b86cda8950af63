// Package waiting looks after what is waited for: a base document that the bank must confirm
// first, a deadline, a number of the bank that is missing. None of it may fall silent, so each
// is either let go or somebody is told.
//
// It meets no bank. It may call fate, lifting, pages, rule, journal, spool and banks.
package waiting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/lifting"
	"bankconnector/connector/flow/pages"
	"bankconnector/connector/flow/rule"
	"bankconnector/connector/journal"
)

// Deadline says until when a document in this state must have come further, and by which
// rule of law; from is the moment the term starts.
type Deadline func(b *banks.Bank, state journal.State, kind string, from time.Time) (due time.Time, law string)

// Term puts the deadline of a document that enters a state into a change, with the time
// from which people are warned.
func (d Deadline) Term(b *banks.Bank, state journal.State, kind string, from time.Time, c journal.Change) journal.Change {
	due, law := d(b, state, kind, from)
	warn := due.Add(-b.Deadlines.Warn)
	c.DueAt, c.WarnAt, c.Rule = &due, &warn, law
	return c
}

// Alarm is the body of an alarm event.
type Alarm struct {
	Reason string `json:"reason"`
	Name   string `json:"name,omitempty"`
}

// Memory is what one process knows to stand in the journal already, so that it is not
// looked up at every sweep. Its zero value knows nothing.
type Memory struct {
	told  told
	large sync.Map // by bank, name and size: files above the limit that people know of
	mu    sync.Mutex
	swept time.Time     // deadlines up to here were looked at
	full  time.Time     // when every deadline was looked at
	took  time.Duration // by that look
	next  time.Time     // no look before then

	strays map[string]bool // folders of the office's inbox that people know of
}

// told knows the last alarm of each document, as a hash of its text: of a million that are
// late, too.
type told struct {
	mu    sync.Mutex
	seed  maphash.Seed
	texts map[int64]uint64
}

func (t *told) knows(id int64, text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	hash, ok := t.texts[id]
	return ok && hash == maphash.String(t.seed, text)
}

func (t *told) keep(id int64, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.texts == nil {
		t.seed, t.texts = maphash.MakeSeed(), make(map[int64]uint64)
	}
	t.texts[id] = maphash.String(t.seed, text)
}

// Watch raises alarms.
type Watch struct {
	Book     *journal.Book
	Deadline Deadline
	Now      func() time.Time
	Log      *slog.Logger
	Memory   *Memory
}

// Gate decides whether a document must wait for its base document, by rule.Released.
// Stuck tells that it will wait for ever, for the base has ended without being confirmed.
// Free tells that no base document of this program is on its way that it could overtake:
// a person may let it go.
type Gate struct {
	Reason            string
	Held, Stuck, Free bool
	Base              journal.Exchange // in this bank; without an id when it is not known
}

// Base looks at the base document of one that goes to bank b; base is "" for none.
func Base(ctx context.Context, book *journal.Book, b *banks.Bank, base string) (Gate, error) {
	if base == "" {
		return Gate{}, nil
	}
	x, err := book.ByKey(ctx, "office", base)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return Gate{Held: true, Free: true, Reason: fmt.Sprintf("base document %s is not in the journal: it goes when the base is confirmed", base)}, nil
	case err != nil:
		return Gate{}, fate.Disk(b.BIC, "find base document", err)
	case x.Bank != string(b.BIC):
		return Gate{Held: true, Stuck: true, Reason: fmt.Sprintf("base document %s went to bank %s", base, x.Bank)}, nil
	case stuck(x.State):
		return Gate{Base: x, Held: true, Stuck: true, Free: true, Reason: fmt.Sprintf("base document %s is %s: it will never be confirmed, a person releases, rejects or cancels this one", base, x.State)}, nil
	case !rule.Released(x.State):
		return Gate{Base: x, Held: true, Reason: fmt.Sprintf("waits until bank %s confirms base document %s (now %s)", x.Bank, base, x.State)}, nil
	default:
		return Gate{Base: x}, nil
	}
}

// Release lets a held document go, once the bank has confirmed its base, with a new term
// to be sent in. One that can never go by itself is alarmed, once.
func (w *Watch) Release(ctx context.Context, b *banks.Bank, x journal.Exchange) error {
	if x.BaseKey == "" { // a person or an adopted journal held it: a person releases it
		return nil
	}
	gate, err := Base(ctx, w.Book, b, x.BaseKey)
	switch {
	case err != nil:
		return err
	case gate.Stuck:
		return w.once(ctx, x, "alarm.held", gate.Reason, time.Time{})
	case gate.Held:
		return nil
	}
	change := w.Deadline.Term(b, journal.Accepted, x.Kind, w.Now(), journal.Change{})
	var stays string
	err = fate.Write(ctx, w.Book, b.BIC, "release", func(tx *journal.Tx) error {
		refused, held, err := lifting.Judge(tx, gate.Base, x)
		if stays = held; refused != nil {
			stays = refused.EN
		}
		if err != nil || stays != "" {
			return err
		}
		return tx.Advance(x.ID, journal.Held, journal.Accepted, change)
	})
	switch {
	case errors.Is(err, journal.ErrStale):
		return nil // a person was faster
	case err == nil && stays != "":
		return w.once(ctx, x, "alarm.held", stays, time.Time{})
	}
	return err
}

const (
	// again is how often every deadline that has passed is looked at: between, only those that
	// passed since the last look. A bank that is down for days leaves very many behind.
	again = time.Minute
	// rests is how long no deadline is looked at, in times of what the last look took: of a
	// million documents that wait, most are not late anew.
	rests = 20
	// crowd is from how many late documents on they are told of side by side.
	crowd      = 64
	sideBySide = 64
)

// Sweep raises the alarm for documents that should have come further, and for numbers of a
// bank that did not come: no document may fall silent. One that a visit moves at the same moment keeps its newer state.
func (w *Watch) Sweep(ctx context.Context) error {
	m, now := w.Memory, w.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if wait := m.next.Sub(now); wait > 0 && wait <= again { // a longer one means that the clock was set back
		return nil
	}
	since := m.swept
	if since.After(now) || now.Sub(m.full) >= max(again, rests*m.took) {
		since = time.Time{}
	}
	late, err := w.Book.Overdue(ctx, since, now)
	if err == nil && since.IsZero() {
		late, err = w.receipts(ctx, late, now)
	}
	if err != nil {
		return &fate.Failure{Op: "find overdue", Kind: fate.Broken, Err: err}
	}
	limit := 1
	if len(late) > crowd {
		limit = sideBySide
	}
	faults, err := fate.Each(ctx, fate.AtMost(limit), nil, fate.All(late), func(ctx context.Context, id int64) error {
		return w.overdue(ctx, id, now)
	})
	if err = fate.Gravest(err, faults...); err != nil {
		return err
	}
	took := w.Now().Sub(now)
	if m.swept = now; since.IsZero() {
		m.full, m.took = now, min(took, time.Minute)
	}
	m.next = now.Add(took + min(again, rests*took))
	return w.gaps(ctx)
}

// receipts adds our own receipts that are late. Nobody owes anything for them, so the journal
// does not count them as open; but a bank that never gets them does not know that we have its
// replies.
func (w *Watch) receipts(ctx context.Context, late []int64, now time.Time) ([]int64, error) {
	list, err := w.Book.Find(ctx, journal.Filter{
		Kinds: []string{receipt}, DueBy: now,
		States: []journal.State{journal.Accepted, journal.Sealed, journal.Sending, journal.Ambiguous},
	})
	for _, x := range list {
		late = append(late, x.ID)
	}
	return late, err
}

const receipt = "receipt" // kind of a document

// overdue writes one alarm, and the state that comes with it.
func (w *Watch) overdue(ctx context.Context, id int64, now time.Time) error {
	x, err := w.Book.Exchange(ctx, id)
	if err != nil {
		return &fate.Failure{Op: "find overdue", Kind: fate.Broken, Err: err}
	}
	to, raise := rule.Overdue(x.State)
	if !raise || x.DueAt == nil || x.DueAt.After(now) { // it has come further since it was listed
		return nil
	}
	reason := missing(x) + x.DueAt.UTC().Format(time.RFC3339)
	if to == x.State {
		return w.once(ctx, x, "alarm.overdue", reason, *x.DueAt)
	}
	events, err := w.Book.Events(ctx, x.ID)
	if err != nil {
		return &fate.Failure{Op: "find pages", Bank: banks.ID(x.Bank), Kind: fate.Broken, Err: err}
	}
	reason += absent(x, events)
	err = fate.Write(ctx, w.Book, banks.ID(x.Bank), "overdue", func(tx *journal.Tx) error {
		if err := tx.Advance(x.ID, x.State, to, journal.Change{Reason: reason}); err != nil {
			return err
		}
		return tx.Note("alarm.overdue", x.Bank, x.ID, Alarm{Reason: reason})
	})
	if errors.Is(err, journal.ErrStale) {
		return nil
	}
	if err == nil {
		w.cry(ctx, x, to, reason)
	}
	return err
}

// once raises an alarm unless it stands in the journal already: of that kind, and not of
// before since, or, where since says nothing, with the same words.
func (w *Watch) once(ctx context.Context, x journal.Exchange, kind, reason string, since time.Time) error {
	if w.Memory.told.knows(x.ID, kind+reason) {
		return nil
	}
	events, err := w.Book.Events(ctx, x.ID)
	if err != nil {
		return &fate.Failure{Op: "find alarm", Bank: banks.ID(x.Bank), Kind: fate.Broken, Err: err}
	}
	for _, e := range events {
		told := e.Kind == kind && !e.At.Before(since)
		if since.IsZero() {
			told = told && says(e, reason)
		}
		if told {
			w.Memory.told.keep(x.ID, kind+reason)
			return nil
		}
	}
	said := reason
	if !since.IsZero() { // a deadline
		said += absent(x, events)
	}
	err = fate.Write(ctx, w.Book, banks.ID(x.Bank), "alarm", func(tx *journal.Tx) error {
		return tx.Note(kind, x.Bank, x.ID, Alarm{Reason: said})
	})
	if err == nil {
		w.Memory.told.keep(x.ID, kind+reason)
		w.cry(ctx, x, x.State, said)
	}
	return err
}

// absent says which pages are missing of a query's answer that has come in part.
func absent(x journal.Exchange, events []journal.Event) string {
	if x.Kind != "query" {
		return ""
	}
	come, err := pages.Come(events)
	if text := pages.Missing(come); err == nil && text != "" {
		return "; " + text
	}
	return ""
}

func says(e journal.Event, reason string) bool {
	var a Alarm
	return json.Unmarshal(e.Body, &a) == nil && a.Reason == reason
}

// TooLarge tells people, once in the life of the process, of a bank's file that is above the
// limit of its profile. It stays where the bank left it, unread, and the visit goes on: one
// such file must not keep the bank's other replies from us.
func (w *Watch) TooLarge(ctx context.Context, b *banks.Bank, name string, size int64) error {
	reason := fmt.Sprintf("%d octets are above limits.file_size of bank %s (%d): the file stays at the bank, unread; raise the limit, or have the bank take it back",
		size, b.BIC, int64(b.Limits.FileSize))
	key := fmt.Sprint(b.BIC, " ", size, " ", name)
	if _, known := w.Memory.large.LoadOrStore(key, true); known {
		return nil
	}
	err := fate.Write(ctx, w.Book, b.BIC, "alarm", func(tx *journal.Tx) error {
		return tx.Note("alarm.large", string(b.BIC), 0, Alarm{Reason: reason, Name: name})
	})
	if err != nil {
		w.Memory.large.Delete(key) // nobody has heard
		return err
	}
	w.Log.ErrorContext(ctx, "a file of the bank is too large", slog.Any("bank", b.BIC), slog.String("file", name), slog.String("reason", reason))
	return nil
}

func (w *Watch) cry(ctx context.Context, x journal.Exchange, to journal.State, reason string) {
	w.Log.ErrorContext(ctx, "a person must look", slog.Any("bank", x.Bank), slog.Any("doc", x.InternalKey),
		slog.Any("exchange", x.ID), slog.Any("state", string(to)), slog.Any("err", reason))
}

// stuck tells whether a document whose base is in this state will never be released by
// itself: the bank or we have ended the base, and nobody will confirm it any more.
func stuck(base journal.State) bool {
	return base == journal.Rejected || base == journal.Refused || base == journal.Cancelled
}

// missing says what did not happen to a document in its state by its deadline.
func missing(x journal.Exchange) string {
	if x.Kind == receipt {
		return "our receipt for the bank's file did not reach the bank by "
	}
	switch x.State {
	case journal.Accepted, journal.Sealed:
		return "not sent by "
	case journal.Held:
		return "still held at "
	case journal.Confirmed:
		return "no reply of the bank by "
	case journal.Sending, journal.Ambiguous, journal.Delivered, journal.Answered, journal.Closed,
		journal.Suspect, journal.Refused, journal.Rejected, journal.Cancelled:
	}
	return "no receipt of the bank by "
}
