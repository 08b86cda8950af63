package journal

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestView(t *testing.T) {
	d := newDesk(t)
	id := d.bring(t, "order", "k1", Sealed)
	v, err := View(t.Context(), d.path)
	if err != nil {
		t.Fatal(err)
	}
	called := false
	if err := v.Write(t.Context(), "x", func(*Tx) error { called = true; return nil }); err == nil || called {
		t.Errorf("a view was written: %v", err)
	}
	d.advance(t, id, Sealed, Sending, Change{TempName: "t"})
	if x, err := v.Exchange(t.Context(), id); err != nil || x.State != Sending {
		t.Errorf("the view shows %+v, %v", x, err)
	}
	if _, err := v.DB().ExecContext(t.Context(), `DELETE FROM exchange`); err == nil {
		t.Error("the view's pool can write")
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("AtRest", func(t *testing.T) {
		v, err := View(t.Context(), d.path)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		if x, err := v.Exchange(t.Context(), id); err != nil || x.State != Sending {
			t.Errorf("the view shows %+v, %v", x, err)
		}
	})
	t.Run("NoFileRefused", func(t *testing.T) {
		if _, err := View(t.Context(), d.path+"x"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("NoJournalRefused", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "empty.db")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := View(t.Context(), path); err == nil {
			t.Error("an empty file was shown")
		}
	})
}

func TestLast(t *testing.T) {
	d := newDesk(t)
	if seq, previous, err := d.Last(t.Context(), bankA, "documents"); seq != 0 || previous != "" || err != nil {
		t.Errorf("before the first: %d, %q, %v", seq, previous, err)
	}
	d.bring(t, "order", "k1", Sealed)
	d.bring(t, "order", "k2", Sealed)
	if seq, previous, err := d.Last(t.Context(), bankA, "documents"); seq != 2 || previous != sum("piev_k2.zip") || err != nil {
		t.Errorf("after two: %d, %q, %v", seq, previous, err)
	}
}

func TestIncomingClaimed(t *testing.T) {
	d := newDesk(t)
	receive := func(bank, claimed, content string) (id int64) {
		d.do(t, func(tx *Tx) (err error) {
			id, _, err = tx.Receive(Incoming{Bank: bank, Name: "n.zip", Claimed: claimed, SHA256: sum(content), Size: 1})
			return err
		})
		return id
	}
	first := receive(bankA, "c1", "half")
	if err := d.settle(t, first, Settlement{Outcome: "incomplete"}); err != nil {
		t.Fatal(err)
	}
	second := receive(bankA, "c1", "whole")
	receive(bankA, "c2", "other")
	receive(bankB, "c1", "other bank")
	receive(bankA, "", "left where it lay")
	list, err := d.IncomingClaimed(t.Context(), bankA, "c1")
	if err != nil || len(list) != 2 || list[0].ID != first || list[1].ID != second {
		t.Errorf("files are %+v, %v", list, err)
	}
	if list, err := d.IncomingClaimed(t.Context(), bankA, ""); err != nil || len(list) != 0 {
		t.Errorf("files without a name are %+v, %v", list, err)
	}
}

func TestEventsOfThisCommitToo(t *testing.T) {
	d := newDesk(t)
	x := d.bring(t, "query", "k1", Delivered)
	page1, page2, other := d.receive(t, bankA, "p1"), d.receive(t, bankA, "p2"), d.receive(t, bankA, "bad")
	answer := func(key string) Settlement {
		s := matched(x, key, key)
		s.Kind = "answer"
		return s
	}
	if err := d.settle(t, page1, answer("e1")); err != nil {
		t.Fatal(err)
	}
	if err := d.settle(t, other, Settlement{Outcome: "quarantined", Kind: "answer", ExchangeID: x}); err != nil {
		t.Fatal(err)
	}
	d.do(t, func(tx *Tx) error {
		if err := tx.Settle(page2, answer("e2")); err != nil {
			return err
		}
		if list, err := tx.Events(x, "incoming.settled"); len(list) != 3 || err != nil {
			t.Errorf("%d files were settled, %v", len(list), err)
		}
		if list, err := tx.Events(x, "incoming.held"); len(list) != 0 || err != nil {
			t.Errorf("%d files were held, %v", len(list), err)
		}
		return nil
	})
}

func TestStates(t *testing.T) {
	list := States()
	if len(list) != 13 || list[0] != Accepted || !slices.Contains(list, Cancelled) {
		t.Errorf("states are %v", list)
	}
	list[0] = "changed"
	if States()[0] != Accepted {
		t.Error("a caller can change the list for all")
	}
}

func TestBackup(t *testing.T) {
	d := newDesk(t)
	d.bring(t, "order", "k1", Confirmed)
	seq, hash, err := d.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	into := filepath.Join(t.TempDir(), "it's a copy.db")
	if err := d.Backup(t.Context(), into); err != nil {
		t.Fatal(err)
	}
	d.bring(t, "order", "k2", Confirmed)
	r, err := Verify(t.Context(), into, VerifyOptions{Temp: t.TempDir(), Checkpoints: maps.All(map[int64]string{seq: hash})})
	if err != nil || !r.OK || r.Events != seq {
		t.Errorf("the copy: %+v, %v", r, err)
	}
	if info, err := os.Stat(into); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the copy is %v, %v", info.Mode(), err)
	}
	if err := d.Backup(t.Context(), into); !errors.Is(err, os.ErrExist) {
		t.Errorf("a copy was written over another: %v", err)
	}
	if err := d.Backup(t.Context(), filepath.Join(into, "no folder")); err == nil {
		t.Error("a copy was written nowhere")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Backup(ctx, into+"2"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	d.clock.add(24 * time.Hour)
	o, err := Open(t.Context(), into, d.options())
	if err != nil {
		t.Fatalf("the copy cannot be put back in place: %v", err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

// TestClosedJournalIsOneFile: after an orderly end the file alone is whole.
func TestClosedJournalIsOneFile(t *testing.T) {
	d := newDesk(t)
	d.bring(t, "order", "k1", Confirmed)
	seq, hash, err := d.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(d.path)
	if err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(t.TempDir(), "alone.db")
	if err := os.WriteFile(alone, data, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Verify(t.Context(), alone, VerifyOptions{Temp: t.TempDir(), Checkpoints: maps.All(map[int64]string{seq: hash})})
	if err != nil || !r.OK || r.Head != hash {
		t.Errorf("report is %+v, %v", r, err)
	}
}
