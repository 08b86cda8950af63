package journal

import (
	"errors"
	"testing"
	"time"
)

func TestVisits(t *testing.T) {
	d := newDesk(t)
	var id int64
	d.do(t, func(tx *Tx) (err error) {
		id, err = tx.BeginVisit(bankA, "2026-11-22#1")
		return err
	})
	d.clock.add(time.Minute)
	end := func(o VisitOutcome) error {
		return d.Write(t.Context(), "daemon", func(tx *Tx) error { return tx.EndVisit(id, o) })
	}
	if err := end(VisitOutcome{Outcome: "fine"}); err == nil {
		t.Error("an unknown outcome was taken")
	}
	if err := end(VisitOutcome{Outcome: "partial", Sent: 3, Taken: 2, Bytes: 4096, Error: "one name refused"}); err != nil {
		t.Fatal(err)
	}
	if err := end(VisitOutcome{Outcome: "ok"}); !errors.Is(err, ErrStale) {
		t.Errorf("a visit ended twice: %v", err)
	}
	var slot, started, ended, outcome, text string
	var sent, taken, size int64
	err := d.DB().QueryRowContext(t.Context(), `SELECT slot, started_at, ended_at, outcome, sent, taken, bytes, error FROM visits WHERE id = ?`, id).
		Scan(&slot, &started, &ended, &outcome, &sent, &taken, &size, &text)
	if err != nil || slot != "2026-11-22#1" || started != "2026-11-22T09:00:00.000Z" || ended != "2026-11-22T09:01:00.000Z" ||
		outcome != "partial" || sent != 3 || taken != 2 || size != 4096 || text != "one name refused" {
		t.Errorf("visit is %s %s %s %s %d %d %d %s, %v", slot, started, ended, outcome, sent, taken, size, text, err)
	}
	d.proven(t)
}

func TestSlotIsTakenOnce(t *testing.T) {
	d := newDesk(t)
	take := func(bank, slot string, at time.Time) (ok bool) {
		t.Helper()
		d.do(t, func(tx *Tx) (err error) {
			ok, err = tx.TakeSlot(bank, slot, at)
			return err
		})
		return ok
	}
	if _, _, ok, err := d.LastSlot(t.Context(), bankA); ok || err != nil {
		t.Errorf("a last slot before the first: %v, %v", ok, err)
	}
	day := time.Date(2026, 11, 22, 8, 0, 0, 0, time.FixedZone("MSK", 3*3600))
	if !take(bankA, "22#1", day) || !take(bankA, "22#2", day.Add(time.Hour)) || !take(bankB, "22#1", day.Add(2*time.Hour)) {
		t.Error("a free slot was not given")
	}
	if take(bankA, "22#1", day.Add(5*time.Hour)) {
		t.Error("a slot was given twice")
	}
	name, at, ok, err := d.LastSlot(t.Context(), bankA)
	if name != "22#2" || !at.Equal(day.Add(time.Hour)) || !ok || err != nil {
		t.Errorf("last slot is %s at %s, %v, %v", name, at, ok, err)
	}
	err = d.Write(t.Context(), "daemon", func(tx *Tx) error {
		_, err := tx.TakeSlot(bankA, "", day)
		return err
	})
	if err == nil {
		t.Error("a slot without a name was taken")
	}
	d.proven(t)
}

func TestActs(t *testing.T) {
	d := newDesk(t)
	id := d.accept(t, order(bankA, "k1"))
	act := func(a Act) error {
		return d.Write(t.Context(), "operator ivanova", func(tx *Tx) error { return tx.Act(a) })
	}
	for name, a := range map[string]Act{
		"NoReason": {Act: "release", Exchange: id}, "BlankReason": {Act: "release", Exchange: id, Reason: " \t"},
		"NoAct": {Reason: "because"}, "NoSuchExchange": {Act: "release", Exchange: id + 1, Reason: "because"},
	} {
		if err := act(a); err == nil {
			t.Errorf("%s: was recorded", name)
		}
	}
	if err := act(Act{Act: "release", Exchange: id, Reason: "письмо банка № 5"}); err != nil {
		t.Fatal(err)
	}
	var at, actor, what, bank, reason string
	var exchange int64
	err := d.DB().QueryRowContext(t.Context(), `SELECT at, actor, act, exchange, bank, reason FROM operator_acts`).
		Scan(&at, &actor, &what, &exchange, &bank, &reason)
	if err != nil || actor != "operator ivanova" || what != "release" || exchange != id || bank != bankA ||
		reason != "письмо банка № 5" || at != "2026-11-22T09:00:00.000Z" {
		t.Errorf("act is %s %s %s %d %s %s, %v", at, actor, what, exchange, bank, reason, err)
	}
	d.proven(t)
}

func TestNotes(t *testing.T) {
	d := newDesk(t)
	id := d.accept(t, order(bankA, "k1"))
	note := func(kind string, body any) error {
		return d.Write(t.Context(), "daemon", func(tx *Tx) error { return tx.Note(kind, bankA, id, body) })
	}
	for _, kind := range []string{"note.", "exchange.sealed", "", "notes.x", "Alarm.x"} {
		if err := note(kind, nil); err == nil {
			t.Errorf("%q was taken for a note", kind)
		}
	}
	if err := note("alarm.gap", struct {
		From, To int
	}{3, 5}); err != nil {
		t.Fatal(err)
	}
	if err := note("config.loaded", nil); err != nil {
		t.Fatal(err)
	}
	if err := note("note.x", make(chan int)); err == nil {
		t.Error("a body that is no JSON was taken")
	}
	events, err := d.Events(t.Context(), id)
	if err != nil || len(events) != 3 || string(events[1].Body) != `{"From":3,"To":5}` || string(events[2].Body) != "{}" {
		t.Errorf("events are %v, %v", events, err)
	}
	d.proven(t)
}

func TestListsAreReplaced(t *testing.T) {
	d := newDesk(t)
	end := d.clock.now().Add(30 * 24 * time.Hour)
	for n := 3; n >= 0; n-- {
		keys := make([]Key, n)
		banks := make([]BankRow, n)
		for i := range n {
			keys[i] = Key{Bank: bankA, What: "signing certificate", Subject: "CN=Bank", NotAfter: end}
			banks[i] = BankRow{BIC: string(rune('1' + i)), Name: "Bank", State: "active"}
		}
		d.do(t, func(tx *Tx) error { return errors.Join(tx.Keys(keys), tx.Banks(banks)) })
		if k, b := count(t, d, `SELECT count(*) FROM keys_expiring`), count(t, d, `SELECT count(*) FROM banks`); k != int64(n) || b != int64(n) {
			t.Errorf("%d keys and %d banks, want %d", k, b, n)
		}
	}
	err := d.Write(t.Context(), "daemon", func(tx *Tx) error { return tx.Banks([]BankRow{{BIC: "1"}, {BIC: "1"}}) })
	if err == nil {
		t.Error("one bank was listed twice")
	}
	d.proven(t)
}
