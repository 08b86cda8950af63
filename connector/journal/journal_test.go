package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const (
	bankA = "044525225"
	bankB = "044525974"
)

// clock is a hand that tests move; safe for concurrent readers.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newClock() *clock {
	return &clock{at: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
}

func sum(s string) string {
	d := sha256.Sum256([]byte(s))
	return hex.EncodeToString(d[:])
}

// desk is an open journal in a folder of its own.
type desk struct {
	*Book
	clock *clock
	path  string
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{clock: newClock(), path: filepath.Join(t.TempDir(), "journal.db")}
	b, err := Create(t.Context(), d.path, d.options())
	if err != nil {
		t.Fatal(err)
	}
	d.Book = b
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d *desk) options() Options { return Options{Now: d.clock.now, Instance: "test"} }

func (d *desk) do(t testing.TB, fn func(*Tx) error) {
	t.Helper()
	if err := d.Write(t.Context(), "daemon", fn); err != nil {
		t.Fatal(err)
	}
}

func (d *desk) accept(t testing.TB, a Acceptance) (id int64) {
	t.Helper()
	d.do(t, func(tx *Tx) (err error) {
		id, err = tx.Accept(a)
		return err
	})
	return id
}

func (d *desk) advance(t testing.TB, id int64, from, to State, c Change) {
	t.Helper()
	d.do(t, func(tx *Tx) error { return tx.Advance(id, from, to, c) })
}

func (d *desk) exchange(t testing.TB, id int64) Exchange {
	t.Helper()
	x, err := d.Exchange(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func order(bank, key string) Acceptance {
	amount := int64(150000)
	return Acceptance{
		Bank: bank, Kind: "order", Code: "O_IP_ACT_ARREST_ACCMONEY", InternalKey: key, DocNum: "77/" + key,
		DocDate: "2026-11-22", IPNum: "1234/26/77001-ИП", Amount: &amount, SourceSHA256: sum(key),
		Sources: []Source{
			{Name: "piev_" + key + ".xml", SHA256: sum(key)}, {Name: "piev_" + key + ".xml.sig", SHA256: sum(key + "sig")},
		},
	}
}

// sealing makes the next envelope of the exchange's stream.
func sealing(t *Tx, x Exchange) (Change, error) {
	seq, previous, err := t.Last(x.Bank, x.Stream)
	prefix := map[string]string{"order": "piev", "query": "req", "receipt": "rcp"}[x.Kind]
	name := fmt.Sprintf("%s_%s.zip", prefix, x.InternalKey)
	return Change{Seq: seq + 1, Previous: previous, FileName: name, FileSHA256: sum(name), FileSize: 4096, Signer: "AB12"}, err
}

func (d *desk) seal(t testing.TB, id int64) {
	t.Helper()
	d.do(t, func(tx *Tx) error {
		x, err := tx.Exchange(id)
		if err != nil {
			return err
		}
		c, err := sealing(tx, x)
		if err != nil {
			return err
		}
		return tx.Advance(id, Accepted, Sealed, c)
	})
}

func (d *desk) verify(t testing.TB) VerifyReport {
	t.Helper()
	r, err := Verify(t.Context(), d.path, VerifyOptions{Temp: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (d *desk) proven(t testing.TB) {
	t.Helper()
	if r := d.verify(t); !r.OK {
		t.Fatalf("journal does not verify: %v", r.Problems)
	}
}

func TestJourneyOfOrder(t *testing.T) {
	d := newDesk(t)
	id := d.accept(t, order(bankA, "k1"))
	d.seal(t, id)
	d.advance(t, id, Sealed, Sending, Change{TempName: ".piev_k1.zip.1.part", Attempt: true})
	d.clock.add(time.Second)
	due := d.clock.now().Add(24 * time.Hour)
	d.advance(t, id, Sending, Delivered, Change{Evidence: "ok", DueAt: &due, Rule: "229-ФЗ ст. 70 ч. 5"})

	var in int64
	d.do(t, func(tx *Tx) (err error) {
		in, _, err = tx.Receive(Incoming{Bank: bankA, Name: "rcp_1.zip", Claimed: "u1_rcp_1.zip", SHA256: sum("rcp1"), Size: 10})
		return err
	})
	var receipt int64
	d.do(t, func(tx *Tx) (err error) {
		if err := tx.Settle(in, Settlement{
			Verdict: "valid", Kind: "receipt", ExternalKey: "r-1", ContentSHA256: sum("c1"), Outcome: "matched",
			ExchangeID: id, StateID: 2,
		}); err != nil {
			return err
		}
		if err := tx.Advance(id, Delivered, Confirmed, Change{Incoming: in}); err != nil {
			return err
		}
		receipt, err = tx.Accept(Acceptance{
			Bank: bankA, Kind: "receipt", InternalKey: "our-1", SourceSHA256: sum("our-1"), Parent: id, Incoming: in,
		})
		return err
	})
	d.do(t, func(tx *Tx) error { return errors.Join(tx.Hand(in), tx.Clean(in)) })

	x := d.exchange(t, id)
	if x.State != Confirmed || x.Seq != 1 || x.Attempts != 1 || x.ConfirmedAt == nil || *x.Amount != 150000 {
		t.Errorf("exchange is %+v", x)
	}
	r, err := d.ReceiptFor(t.Context(), in)
	if err != nil || r.ID != receipt || r.Parent != id || r.Stream != "receipts" {
		t.Errorf("receipt is %+v, %v", r, err)
	}
	if open, err := d.IncomingOpen(t.Context(), bankA); err != nil || len(open) != 0 {
		t.Errorf("open incoming files: %v, %v", open, err)
	}
	d.proven(t)
}

func TestOpenAgain(t *testing.T) {
	d := newDesk(t)
	id := d.accept(t, order(bankA, "k1"))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(t.Context(), d.path, d.options()); err == nil {
		t.Fatal("a second history was started over the first")
	}
	b, err := Open(context.WithoutCancel(t.Context()), d.path, d.options())
	if err != nil {
		t.Fatal(err)
	}
	d.Book = b
	if x := d.exchange(t, id); x.State != Accepted {
		t.Errorf("state after opening again is %s", x.State)
	}
	d.seal(t, id)
	d.proven(t)
}
