package journal

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAcceptKeyIsTakenOnce(t *testing.T) {
	d := newDesk(t)
	first := d.accept(t, order(bankA, "k1"))
	try := func(a Acceptance) (id int64, err error) {
		err = d.Write(t.Context(), "daemon", func(tx *Tx) (err error) {
			id, err = tx.Accept(a)
			return err
		})
		return id, err
	}
	t.Run("SameBytesDuplicate", func(t *testing.T) {
		if id, err := try(order(bankA, "k1")); !errors.Is(err, ErrDuplicate) || id != first {
			t.Errorf("got %d, %v", id, err)
		}
	})
	t.Run("OtherBytesConflict", func(t *testing.T) {
		a := order(bankA, "k1")
		a.SourceSHA256 = sum("other")
		if id, err := try(a); !errors.Is(err, ErrConflict) || id != first {
			t.Errorf("got %d, %v", id, err)
		}
	})
	t.Run("OtherBankConflict", func(t *testing.T) {
		if id, err := try(order(bankB, "k1")); !errors.Is(err, ErrConflict) || id != first {
			t.Errorf("got %d, %v", id, err)
		}
	})
	t.Run("QueryHasNoKeysOfItsOwn", func(t *testing.T) {
		a := order(bankA, "k1")
		a.Kind = "query"
		if _, err := try(a); !errors.Is(err, ErrDuplicate) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("ReceiptHasKeysOfItsOwn", func(t *testing.T) {
		a := order(bankA, "k1")
		a.Kind = "receipt"
		if _, err := try(a); err != nil {
			t.Error(err)
		}
	})
	t.Run("CancelledKeyIsFree", func(t *testing.T) {
		d.advance(t, first, Accepted, Cancelled, Change{Reason: "withdrawn"})
		second, err := try(order(bankA, "k1"))
		if err != nil || second == first {
			t.Fatalf("got %d, %v", second, err)
		}
		x, err := d.ByKey(t.Context(), "office", "k1")
		if err != nil || x.ID != second {
			t.Errorf("key belongs to %d, %v", x.ID, err)
		}
	})
	d.proven(t)
}

func TestAcceptAndWriteInOneClosureSeesIt(t *testing.T) {
	d := newDesk(t)
	d.do(t, func(tx *Tx) error {
		id, err := tx.Accept(order(bankA, "k1"))
		if err != nil {
			return err
		}
		again, err := tx.Accept(order(bankA, "k1"))
		if !errors.Is(err, ErrDuplicate) || again != id {
			t.Errorf("second time in one closure: %d, %v", again, err)
		}
		return nil // a duplicate does not spoil the closure
	})
	if n, err := d.OpenDocuments(t.Context(), nil); n != 1 || err != nil {
		t.Errorf("%d open documents, %v", n, err)
	}
}

func TestAcceptKeepsAllFields(t *testing.T) {
	d := newDesk(t)
	a := order(bankA, "k1")
	a.BaseKey = "base-0"
	id := d.accept(t, a)
	x := d.exchange(t, id)
	at := d.clock.now()
	want := Exchange{
		ID: id, Bank: bankA, Kind: "order", Code: a.Code, InternalKey: "k1", DocNum: a.DocNum, DocDate: a.DocDate,
		IPNum: a.IPNum, Amount: a.Amount, State: Accepted, Stream: "documents", BaseKey: "base-0",
		SourceSHA256: a.SourceSHA256, AcceptedAt: &at,
	}
	if diff := cmp.Diff(want, x); diff != "" {
		t.Errorf("exchange (-want +got):\n%s", diff)
	}
	sources, err := d.Sources(t.Context(), id)
	if diff := cmp.Diff(a.Sources, sources); diff != "" || err != nil {
		t.Errorf("sources (-want +got):\n%s%v", diff, err)
	}
}

func TestAcceptRefuses(t *testing.T) {
	d := newDesk(t)
	negative := int64(-1)
	for name, f := range map[string]func(*Acceptance){
		"NoBank":         func(a *Acceptance) { a.Bank = "" },
		"NoKind":         func(a *Acceptance) { a.Kind = "" },
		"NoKey":          func(a *Acceptance) { a.InternalKey = "" },
		"NoDigest":       func(a *Acceptance) { a.SourceSHA256 = "" },
		"ShortDigest":    func(a *Acceptance) { a.SourceSHA256 = "ab" },
		"NegativeAmount": func(a *Acceptance) { a.Amount = &negative },
		"HeldForNothing": func(a *Acceptance) { a.Held = true },
	} {
		t.Run(name, func(t *testing.T) {
			a := order(bankA, "k1")
			f(&a)
			err := d.Write(t.Context(), "daemon", func(tx *Tx) error {
				_, err := tx.Accept(a)
				return err
			})
			if err == nil {
				t.Error("was accepted")
			}
		})
	}
	if found, err := d.Find(t.Context(), Filter{}); len(found) != 0 || err != nil {
		t.Errorf("left behind: %v, %v", found, err)
	}
}

func TestRefuse(t *testing.T) {
	d := newDesk(t)
	live := d.accept(t, order(bankA, "k1"))
	refuse := func(r Refusal) (id int64) {
		d.do(t, func(tx *Tx) (err error) {
			id, err = tx.Refuse(r)
			return err
		})
		return id
	}
	r := Refusal{
		Bank: bankA, Kind: "order", InternalKey: "k1", SourceSHA256: sum("bad"), Reason: "bad-schema",
		Faults: []Fault{{Path: "/Restrictn/DocDate", Code: 91, Text: "no such day: 2026-02-30 <&>"}},
	}
	first := refuse(r)
	second := refuse(r)
	unread := refuse(Refusal{Bank: bankB, Reason: "not-xml"})
	for _, id := range []int64{first, second, unread} {
		if x := d.exchange(t, id); x.State != Refused || x.ClosedAt == nil || x.Reason == "" {
			t.Errorf("exchange %d is %+v", id, x)
		}
	}
	if x, err := d.ByKey(t.Context(), "office", "k1"); err != nil || x.ID != live {
		t.Errorf("key belongs to %d, %v", x.ID, err)
	}
	events, err := d.Events(t.Context(), first)
	if err != nil || len(events) != 1 {
		t.Fatalf("events are %v, %v", events, err)
	}
	want := `{"state":"Refused","class":"office","bank":"044525225","kind":"order","internal_key":"k1","source_sha256":"` +
		sum("bad") + `","reason":"bad-schema","stream":"documents","faults":[{"path":"/Restrictn/DocDate","code":91,"text":"no such day: 2026-02-30 <&>"}]}`
	if got := string(events[0].Body); got != want {
		t.Errorf("body is\n%s\nwant\n%s", got, want)
	}
	if n, err := d.OpenDocuments(t.Context(), []string{bankA, bankB}); n != 1 || err != nil {
		t.Errorf("%d open documents, %v", n, err)
	}
	d.proven(t)
}

func TestFind(t *testing.T) {
	d := newDesk(t)
	o1 := d.bring(t, "order", "o1", Delivered)
	q1 := d.bring(t, "query", "q1", Accepted)
	r1 := d.bring(t, "receipt", "r1", Accepted)
	d.clock.add(3600e9)
	later := d.clock.now()
	o2 := d.accept(t, order(bankB, "o2"))
	for name, c := range map[string]struct {
		filter Filter
		want   []int64
	}{
		"All":           {Filter{}, []int64{o1, q1, r1, o2}},
		"Bank":          {Filter{Bank: bankB}, []int64{o2}},
		"Kinds":         {Filter{Kinds: []string{"order", "query"}}, []int64{o1, q1, o2}},
		"States":        {Filter{States: []State{Accepted, Sealed}}, []int64{q1, r1, o2}},
		"BankAndStates": {Filter{Bank: bankA, States: []State{Accepted}}, []int64{q1, r1}},
		"Key":           {Filter{Key: "q1"}, []int64{q1}},
		"Since":         {Filter{Since: later}, []int64{o2}},
		"Until":         {Filter{Until: later}, []int64{o1, q1, r1}},
		"AfterID":       {Filter{AfterID: q1}, []int64{r1, o2}},
		"Limit":         {Filter{Limit: 2}, []int64{o1, q1}},
		"Nothing":       {Filter{Bank: "000000000"}, nil},
		"QuotedKey":     {Filter{Key: "'; DROP TABLE event; --"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := d.Find(t.Context(), c.filter)
			if err != nil {
				t.Fatal(err)
			}
			var ids []int64
			for _, x := range found {
				ids = append(ids, x.ID)
			}
			if diff := cmp.Diff(c.want, ids); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotFound(t *testing.T) {
	d := newDesk(t)
	for name, read := range map[string]func() error{
		"Exchange":   func() error { _, err := d.Exchange(t.Context(), 7); return err },
		"ByKey":      func() error { _, err := d.ByKey(t.Context(), "office", "x"); return err },
		"Incoming":   func() error { _, err := d.Incoming(t.Context(), 7); return err },
		"IncomingBy": func() error { _, err := d.IncomingBy(t.Context(), bankA, "x"); return err },
		"ReceiptFor": func() error { _, err := d.ReceiptFor(t.Context(), 7); return err },
		"Attempt":    func() error { return d.Write(t.Context(), "d", func(tx *Tx) error { return tx.Attempt(7, "x") }) },
		"Settle": func() error {
			return d.Write(t.Context(), "d", func(tx *Tx) error { return tx.Settle(7, Settlement{Outcome: "orphan"}) })
		},
		"Hand": func() error { return d.Write(t.Context(), "d", func(tx *Tx) error { return tx.Hand(7) }) },
		"EndVisit": func() error {
			return d.Write(t.Context(), "d", func(tx *Tx) error { return tx.EndVisit(7, VisitOutcome{}) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := read(); !errors.Is(err, ErrNotFound) {
				t.Errorf("got %v", err)
			}
		})
	}
}
