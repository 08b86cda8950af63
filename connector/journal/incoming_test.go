package journal

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func (d *desk) receive(t *testing.T, bank, text string) (id int64) {
	t.Helper()
	d.do(t, func(tx *Tx) (err error) {
		id, _, err = tx.Receive(Incoming{
			Bank: bank, Name: text + ".zip", Claimed: "u_" + text + ".zip", SHA256: sum(bank + text), Size: int64(len(text)),
		})
		return err
	})
	return id
}

func (d *desk) settle(t *testing.T, id int64, s Settlement) error {
	t.Helper()
	return d.Write(t.Context(), "daemon", func(tx *Tx) error { return tx.Settle(id, s) })
}

func matched(x int64, key, content string) Settlement {
	return Settlement{
		Verdict: "valid", Signer: "AB12 CN=Bank", Kind: "report", ExternalKey: key, ContentSHA256: sum(content),
		Outcome: "matched", ExchangeID: x,
	}
}

func TestReceive(t *testing.T) {
	d := newDesk(t)
	first := d.receive(t, bankA, "rep_1")
	again := func(bank, text string) (id int64, known bool) {
		d.do(t, func(tx *Tx) (err error) {
			id, known, err = tx.Receive(Incoming{Bank: bank, Name: "other.zip", SHA256: sum(bank + text), Size: 5})
			return err
		})
		return id, known
	}
	if id, known := again(bankA, "rep_1"); id != first || !known {
		t.Errorf("same bytes again: %d, %v", id, known)
	}
	if i, err := d.Incoming(t.Context(), first); err != nil || i.Repeats != 1 || i.Name != "rep_1.zip" {
		t.Errorf("incoming is %+v, %v", i, err)
	}
	second := d.receive(t, bankB, "rep_1")
	if second == first {
		t.Error("the file of one bank was taken for another's")
	}
	cut := d.receive(t, bankA, "cut")
	if err := d.settle(t, cut, Settlement{Outcome: "incomplete", Reason: "truncated"}); err != nil {
		t.Fatal(err)
	}
	if id, known := again(bankA, "cut"); id == cut || known {
		t.Errorf("after an incomplete file: %d, %v", id, known)
	}
	for name, i := range map[string]Incoming{
		"NoBank":   {Name: "a", SHA256: sum("a")},
		"NoName":   {Bank: bankA, SHA256: sum("a")},
		"NoDigest": {Bank: bankA, Name: "a"},
		"Negative": {Bank: bankA, Name: "a", SHA256: sum("a"), Size: -1},
	} {
		err := d.Write(t.Context(), "daemon", func(tx *Tx) error {
			_, _, err := tx.Receive(i)
			return err
		})
		if err == nil {
			t.Errorf("%s: was received", name)
		}
	}
	d.proven(t)
}

func TestSettleOnce(t *testing.T) {
	d := newDesk(t)
	x := d.bring(t, "order", "k1", Delivered)
	id := d.receive(t, bankA, "rep_1")
	if err := d.settle(t, id, matched(x, "e1", "c1")); err != nil {
		t.Fatal(err)
	}
	if err := d.settle(t, id, matched(x, "e1", "c1")); !errors.Is(err, ErrStale) {
		t.Errorf("a second settlement gives %v", err)
	}
	at := d.clock.now()
	want := Incoming{
		ID: id, Bank: bankA, Name: "rep_1.zip", Claimed: "u_rep_1.zip", SHA256: sum(bankA + "rep_1"), Size: 5, ReceivedAt: at,
		Verdict: "valid", Signer: "AB12 CN=Bank", Kind: "report", ExternalKey: "e1", ContentSHA256: sum("c1"),
		Outcome: "matched", ExchangeID: x, SettledAt: &at, LastEvent: 7,
	}
	got, err := d.IncomingBy(t.Context(), bankA, "e1")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("(-want +got):\n%s%v", diff, err)
	}
	d.proven(t)
}

func TestSettleIsUniqueAmongMatched(t *testing.T) {
	d := newDesk(t)
	x := d.bring(t, "order", "k1", Delivered)
	if err := d.settle(t, d.receive(t, bankA, "first"), matched(x, "e1", "c1")); err != nil {
		t.Fatal(err)
	}
	other := d.accept(t, order(bankB, "k2"))
	receipt := matched(x, "e1", "c5")
	receipt.Kind = "receipt"
	orphan := matched(0, "e1", "c1")
	orphan.Outcome = "duplicate"
	for name, c := range map[string]struct {
		bank string
		s    Settlement
		want error
	}{
		"SameContentDuplicate":        {bankA, matched(x, "e1", "c1"), ErrDuplicate},
		"SameContentOtherKeyTooIs":    {bankA, matched(x, "e9", "c1"), ErrDuplicate},
		"SameKeyOtherContentConflict": {bankA, matched(x, "e1", "c2"), ErrConflict},
		"SameKeyOtherKindMatched":     {bankA, receipt, nil},
		"OtherBankMatched":            {bankB, matched(other, "e1", "c1"), nil},
		"OtherOutcomeTaken":           {bankA, orphan, nil},
	} {
		t.Run(name, func(t *testing.T) {
			id := d.receive(t, c.bank, name)
			if err := d.settle(t, id, c.s); !errors.Is(err, c.want) {
				t.Fatalf("got %v", err)
			}
			if c.want == nil {
				return
			}
			outcome := map[error]string{ErrDuplicate: "duplicate", ErrConflict: "conflict"}[c.want]
			if err := d.settle(t, id, Settlement{Outcome: outcome}); err != nil {
				t.Errorf("settle as %s after it: %v", outcome, err)
			}
		})
	}
	d.proven(t)
}

func TestSettleRefuses(t *testing.T) {
	d := newDesk(t)
	x := d.bring(t, "order", "k1", Delivered)
	id := d.receive(t, bankB, "file")
	for name, s := range map[string]Settlement{
		"ExchangeOfOtherBank": matched(x, "e1", "c1"),
		"NoSuchExchange":      matched(x+1, "e1", "c1"),
		"UnknownOutcome":      {Outcome: "fine"},
		"NoOutcome":           {},
		"ContentNotDigest":    {Outcome: "matched", ContentSHA256: "c1"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := d.settle(t, id, s); err == nil {
				t.Error("was settled")
			}
		})
	}
	if i, err := d.Incoming(t.Context(), id); err != nil || i.Outcome != "" {
		t.Errorf("incoming is %+v, %v", i, err)
	}
}

func TestIncomingOpen(t *testing.T) {
	d := newDesk(t)
	x := d.bring(t, "order", "k1", Delivered)
	open := func() (names []string) {
		t.Helper()
		list, err := d.IncomingOpen(t.Context(), bankA)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range list {
			names = append(names, i.Name)
		}
		return names
	}
	wants := func(names ...string) {
		t.Helper()
		if diff := cmp.Diff(names, open()); diff != "" {
			t.Errorf("open files (-want +got):\n%s", diff)
		}
	}
	touch := func(f func(tx *Tx, id int64) error, id int64) error {
		return d.Write(t.Context(), "daemon", func(tx *Tx) error { return f(tx, id) })
	}
	good, bad, cut := d.receive(t, bankA, "good"), d.receive(t, bankA, "bad"), d.receive(t, bankA, "cut")
	d.receive(t, bankB, "other bank's")
	wants("good.zip", "bad.zip", "cut.zip")
	if err := touch((*Tx).Hand, good); !errors.Is(err, ErrStale) {
		t.Errorf("handed over before it was settled: %v", err)
	}
	for id, s := range map[int64]Settlement{
		good: matched(x, "e1", "c1"), bad: {Outcome: "quarantined", Code: "bad-signature"}, cut: {Outcome: "incomplete"},
	} {
		if err := d.settle(t, id, s); err != nil {
			t.Fatal(err)
		}
	}
	wants("good.zip", "bad.zip")
	if err := touch((*Tx).Hand, good); err != nil {
		t.Fatal(err)
	}
	if err := touch((*Tx).Hand, good); !errors.Is(err, ErrStale) {
		t.Errorf("handed over twice: %v", err)
	}
	wants("good.zip", "bad.zip")
	for _, id := range []int64{good, bad} {
		if err := touch((*Tx).Clean, id); err != nil {
			t.Fatal(err)
		}
	}
	wants()
	again := func(tx *Tx, id int64) error { return tx.Reopen(id, "new certificate of the bank") }
	if err := touch(again, good); !errors.Is(err, ErrStale) {
		t.Errorf("a matched file was opened again: %v", err)
	}
	if err := touch(again, bad); err != nil {
		t.Fatal(err)
	}
	wants("bad.zip")
	if err := d.settle(t, bad, matched(x, "e2", "c2")); err != nil {
		t.Fatal(err)
	}
	wants("bad.zip") // cleaned long ago, but matched now and not handed over
	if err := touch((*Tx).Hand, bad); err != nil {
		t.Fatal(err)
	}
	wants()
	d.proven(t)
}

func TestReceiptForNewest(t *testing.T) {
	d := newDesk(t)
	x := d.bring(t, "order", "k1", Delivered)
	in := d.receive(t, bankA, "rep")
	var last int64
	for _, key := range []string{"r1", "r2"} {
		last = d.accept(t, Acceptance{
			Bank: bankA, Kind: "receipt", InternalKey: key, SourceSHA256: sum(key), Parent: x, Incoming: in,
		})
	}
	if r, err := d.ReceiptFor(t.Context(), in); err != nil || r.ID != last || r.Incoming != in {
		t.Errorf("receipt is %+v, %v", r, err)
	}
}

func TestOverdue(t *testing.T) {
	d := newDesk(t)
	now := d.clock.now()
	keys := map[string]time.Duration{"late": -time.Hour, "later": -2 * time.Hour, "early": time.Hour}
	ids := map[string]int64{}
	for key, off := range keys {
		ids[key] = d.bring(t, "order", key, Sending)
		due, warn := now.Add(off), now.Add(off-2*time.Hour)
		d.advance(t, ids[key], Sending, Delivered, Change{DueAt: &due, WarnAt: &warn, Rule: "rule"})
	}
	answered := d.bring(t, "order", "answered", Sending)
	due := now.Add(-time.Hour)
	d.advance(t, answered, Sending, Answered, Change{DueAt: &due})
	list, err := d.Overdue(t.Context(), time.Time{}, now)
	if err != nil || len(list) != 2 || list[0] != ids["later"] || list[1] != ids["late"] {
		t.Errorf("overdue are %v, %v", list, err)
	}
	if list, err := d.Overdue(t.Context(), time.Time{}, now.Add(time.Hour)); err != nil || len(list) != 3 {
		t.Errorf("an hour later: %v, %v", list, err)
	}
	if list, err := d.Overdue(t.Context(), now, now.Add(time.Hour)); err != nil || len(list) != 1 || list[0] != ids["early"] {
		t.Errorf("in that hour: %v, %v", list, err)
	}
}
