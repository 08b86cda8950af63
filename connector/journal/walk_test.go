package journal

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bankconnector/connector/journal/state"
)

// walker does random things to a journal and remembers what must hold.
type walker struct {
	*desk
	t        *rapid.T
	n        int
	x        map[int64]State // exchanges
	kinds    map[int64]string
	sealed   map[string]int64 // last number by bank and stream
	skipped  int64            // by adoptions
	intents  map[int64]string
	incoming map[int64]string // outcome by id
	events   int64
}

func (w *walker) do(fn func(*Tx) error) error {
	return w.Write(context.Background(), "daemon", fn)
}

// must is do for what cannot fail.
func (w *walker) must(fn func(*Tx) error) {
	if err := w.do(fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *walker) bank() string { return rapid.SampledFrom([]string{bankA, bankB}).Draw(w.t, "bank") }

func (w *walker) exchange() (int64, bool) {
	if len(w.x) == 0 {
		return 0, false
	}
	return rapid.Int64Range(1, int64(len(w.x))).Draw(w.t, "exchange"), true
}

func (w *walker) accept() {
	w.n++
	a := order(w.bank(), fmt.Sprintf("k%d", rapid.IntRange(1, w.n).Draw(w.t, "key")))
	a.Kind = rapid.SampledFrom([]string{"order", "query", "receipt"}).Draw(w.t, "kind")
	a.Held = rapid.Bool().Draw(w.t, "held")
	a.Reason = "x"
	var id int64
	err := w.do(func(tx *Tx) (err error) {
		id, err = tx.Accept(a)
		return err
	})
	if errors.Is(err, ErrDuplicate) || errors.Is(err, ErrConflict) {
		return
	}
	if err != nil || id != int64(len(w.x)+1) {
		w.t.Fatalf("accepted as %d: %v", id, err)
	}
	w.kinds[id], w.x[id] = a.Kind, Accepted
	if a.Held {
		w.x[id] = Held
	}
}

func (w *walker) refuse() {
	var id int64
	w.must(func(tx *Tx) (err error) {
		id, err = tx.Refuse(Refusal{Bank: w.bank(), Kind: "order", Reason: "bad", Faults: []Fault{{Code: 91, Text: "x"}}})
		return err
	})
	w.x[id], w.kinds[id] = Refused, "order"
}

// advance tries any step; the journal must do exactly the allowed ones.
func (w *walker) advance() {
	id, ok := w.exchange()
	if !ok {
		return
	}
	from := w.x[id]
	to := rapid.SampledFrom(state.All()).Draw(w.t, "to")
	spoil := rapid.IntRange(0, 9).Draw(w.t, "spoil") == 0
	var sealed Change
	bare := false // nothing to send or to look for
	err := w.do(func(tx *Tx) error {
		x, err := tx.Exchange(id)
		if err != nil {
			return err
		}
		c, err := change(tx, x, to)
		if err != nil {
			return err
		}
		if x.TempName != "" && from == Ambiguous {
			c.TempName = x.TempName
		}
		if to == Delivered {
			due := w.clock.now().Add(time.Hour)
			c.DueAt, c.Rule = &due, "rule"
		}
		sealed = c
		bare = from == Suspect && (to == Sealed && x.SealedAt == nil || to == Ambiguous && x.TempName == "")
		if err := tx.Advance(id, from, to, c); err != nil {
			return err
		}
		if spoil {
			return errors.New("second thoughts")
		}
		return nil
	})
	if want := Allowed(from, to, w.kinds[id]) && !spoil && !bare; want != (err == nil) {
		w.t.Fatalf("%s from %s to %s: %v", w.kinds[id], from, to, err)
	}
	if err != nil {
		return
	}
	w.x[id] = to
	w.remember(id, from, to, sealed)
}

func (w *walker) remember(id int64, from, to State, c Change) {
	x, err := w.Exchange(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	switch {
	case to == Sealed && from == Accepted:
		stream := x.Bank + x.Stream
		if want := max(w.sealed[stream], w.skipped) + 1; x.Seq != want {
			w.t.Fatalf("number %d instead of %d", x.Seq, want)
		}
		w.sealed[stream] = x.Seq
	case to == Sealed:
		delete(w.intents, id) // a person sends it once more
	case to == Sending:
		if was, ok := w.intents[id]; ok && was != c.TempName {
			w.t.Fatalf("second intent %s after %s", c.TempName, was)
		}
		w.intents[id] = c.TempName
	}
}

func (w *walker) receive() {
	w.n++
	i := Incoming{
		Bank: w.bank(), Name: "f.zip", Claimed: fmt.Sprint(w.n), SHA256: sum(fmt.Sprint(rapid.IntRange(0, w.n).Draw(w.t, "file"))), Size: 9,
	}
	var id int64
	var known bool
	w.must(func(tx *Tx) (err error) {
		id, known, err = tx.Receive(i)
		return err
	})
	if _, seen := w.incoming[id]; seen != known {
		w.t.Fatalf("file %d: known %v, seen %v", id, known, seen)
	}
	if !known {
		w.incoming[id] = ""
	}
}

func (w *walker) settle() {
	if len(w.incoming) == 0 {
		return
	}
	id := rapid.Int64Range(1, int64(len(w.incoming))).Draw(w.t, "incoming")
	s := Settlement{
		Verdict: "valid", Kind: "report", ExternalKey: fmt.Sprint("e", rapid.IntRange(0, 9).Draw(w.t, "key")),
		ContentSHA256: sum(fmt.Sprint("c", rapid.IntRange(0, 9).Draw(w.t, "content"))),
		Outcome:       rapid.SampledFrom([]string{"matched", "quarantined", "incomplete", "orphan"}).Draw(w.t, "outcome"),
	}
	if x, ok := w.exchange(); ok {
		s.ExchangeID = x
	}
	if err := w.do(func(tx *Tx) error { return tx.Settle(id, s) }); err == nil {
		if w.incoming[id] != "" {
			w.t.Fatalf("incoming %d was settled twice", id)
		}
		w.incoming[id] = s.Outcome
	}
	for _, f := range []func(*Tx) error{
		func(tx *Tx) error { return tx.Hand(id) },
		func(tx *Tx) error { return tx.Clean(id) },
	} {
		if err := w.do(f); err != nil && !errors.Is(err, ErrStale) {
			w.t.Fatal(err)
		}
	}
}

func (w *walker) reopenFile() {
	if len(w.incoming) == 0 {
		return
	}
	id := rapid.Int64Range(1, int64(len(w.incoming))).Draw(w.t, "incoming")
	err := w.do(func(tx *Tx) error { return tx.Reopen(id, "x") })
	outcome := w.incoming[id]
	if aside := outcome == "quarantined" || outcome == "orphan"; aside != (err == nil) {
		w.t.Fatalf("reopen of %q: %v", outcome, err)
	}
	if err == nil {
		w.incoming[id] = ""
	}
}

func (w *walker) rest() {
	w.must(func(tx *Tx) error {
		bank := w.bank()
		visit, err := tx.BeginVisit(bank, "s")
		if err != nil {
			return err
		}
		if _, err := tx.TakeSlot(bank, fmt.Sprint(w.n/3), w.clock.now()); err != nil {
			return err
		}
		return errors.Join(
			tx.EndVisit(visit, VisitOutcome{Outcome: "ok", Sent: w.n}),
			tx.Act(Act{Act: "resolve", Bank: bank, Reason: "x"}),
			tx.Note("note.x", bank, 0, nil),
			tx.Keys([]Key{{What: "k", Subject: fmt.Sprint(w.n), NotAfter: w.clock.now()}}),
			tx.Banks([]BankRow{{BIC: bank, Name: fmt.Sprint(w.n)}}),
		)
	})
}

func (w *walker) reopenBook() {
	if err := w.Close(); err != nil {
		w.t.Fatal(err)
	}
	b, err := Open(context.Background(), w.path, w.options())
	if err != nil {
		w.t.Fatal(err)
	}
	w.Book = b
}

// adopt takes the book for one restored from a copy.
func (w *walker) adopt() {
	w.must(func(tx *Tx) error { return tx.Adopt("restored", 1, map[int64]string{1: sum("lost")}) })
	w.skipped += adoptionSkip
	for stream := range w.sealed {
		w.sealed[stream] += adoptionSkip
	}
	for id, s := range w.x {
		if slices.Contains([]State{Accepted, Held, Sealed, Sending, Ambiguous}, s) {
			w.x[id] = Suspect
		}
	}
}

// check is what must hold between any two steps.
func (w *walker) check() {
	open := 0
	for id, s := range w.x {
		if s.Open() && w.kinds[id] != "receipt" {
			open++
		}
	}
	n, err := w.OpenDocuments(context.Background(), nil)
	if n != open || err != nil {
		w.t.Fatalf("%d open documents, want %d, %v", n, open, err)
	}
	seq, _, err := w.Head(context.Background())
	if seq < w.events || err != nil {
		w.t.Fatalf("head went from %d to %d, %v", w.events, seq, err)
	}
	w.events = seq
}

// TestRandomWalk: whatever is done, in any order, with closures that fail and
// books that are closed between, the events alone make the same tables.
func TestRandomWalk(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := flag.Set("rapid.checks", "40"); err != nil { // each walk makes and proves a journal of its own
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		w := &walker{
			desk: &desk{clock: newClock(), path: filepath.Join(dir, fmt.Sprint(n, ".db"))}, t: rt,
			x: map[int64]State{}, kinds: map[int64]string{}, sealed: map[string]int64{}, intents: map[int64]string{},
			incoming: map[int64]string{},
		}
		b, err := Create(context.Background(), w.path, w.options())
		if err != nil {
			rt.Fatal(err)
		}
		w.Book = b
		defer func() {
			if err := w.Close(); err != nil {
				rt.Error(err)
			}
		}()
		steps := []func(){w.accept, w.accept, w.refuse, w.advance, w.advance, w.advance, w.advance, w.receive, w.settle, w.reopenFile, w.rest, w.adopt}
		for range rapid.IntRange(10, 120).Draw(rt, "steps") {
			w.clock.add(time.Duration(rapid.IntRange(-1, 3_600_000).Draw(rt, "pause")) * time.Millisecond)
			rapid.SampledFrom(steps).Draw(rt, "step")()
			w.check()
		}
		if rapid.Bool().Draw(rt, "reopen") {
			w.reopenBook()
			w.accept()
		}
		r, err := Verify(context.Background(), w.path, VerifyOptions{Temp: dir})
		if err != nil || !r.OK {
			rt.Fatalf("journal does not verify: %+v, %v", r, err)
		}
	})
}
