package flow

import (
	"errors"
	"testing"

	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// TestReceiveOnly: a journal put back from a copy takes what comes and lets nothing out, not
// a document, not a receipt, not a rename once more; a reply to what the lost part sent waits
// for a person, and is judged when he has decided.
func TestReceiveOnly(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	f.bank.Delivery.UnknownOutcome = "reissue"
	doc, sent := exchangeOne(t, o, f)
	// One document in doubt, one in the office's inbox, one that is sealed and not uploaded.
	second := o.submitSample(t, f, 5)
	f.fault = func(op string) (bool, error) { return op != "publish", map[bool]error{true: errCut}[op == "publish"] }
	o.Visit(t.Context(), f.bank, Slot{})
	third := o.submitSample(t, f, 6)
	f.fault = func(op string) (bool, error) { return op != "upload", map[bool]error{true: errCut}[op == "upload"] }
	o.Visit(t.Context(), f.bank, Slot{})
	f.fault = func(op string) (bool, error) {
		switch op {
		case "upload", "publish", "sweep":
			t.Errorf("%s by a journal that may only receive", op)
		}
		return true, nil
	}
	before := map[string]journal.State{second: o.find(t, second).State, third: o.find(t, third).State}
	o.Receive = errors.New("put back from a copy")
	fourth := o.submitSample(t, f, 7)
	f.leave(t, f.receipt(doc.Key(), sent, formats.StateAccepted))
	f.leave(t, f.receipt("9999", arrival{"piev_9999.zip", []byte("lost")}, formats.StateAccepted))
	for range 2 {
		o.visit(t, f)
		must(t, o.Accept(t.Context(), f.bank))
	}
	if x := o.find(t, doc.Key()); x.State != journal.Confirmed {
		t.Errorf("after the bank's receipt: %s, want Confirmed", x.State)
	}
	for key, state := range before {
		if x := o.find(t, key); x.State != state {
			t.Errorf("%s went from %s to %s", key, state, x.State)
		}
	}
	if _, err := o.Book.ByKey(t.Context(), "office", fourth); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a document of the office was taken in: %v", err)
	}
	held, err := o.Book.IncomingHeld(t.Context(), string(f.bank.BIC))
	must(t, err)
	if len(held) != 1 {
		t.Fatalf("%d replies are held, want the one to the lost document", len(held))
	}
	var visits int
	must(t, o.Book.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM visits WHERE outcome = 'partial' AND error LIKE '%copy%'`).Scan(&visits))
	if visits != 2 {
		t.Errorf("%d visits say that they only received, want 2", visits)
	}
	o.Receive, f.fault = nil, nil
	o.visit(t, f)
	if in, err := o.Book.Incoming(t.Context(), held[0].ID); err != nil || in.Outcome != outcomeOrphan {
		t.Errorf("after the decision the reply is %q, %v, want it an orphan", in.Outcome, err)
	}
	if x := o.find(t, fourth); x.State == "" {
		t.Error("after the decision the office's document was not taken in")
	}
	o.checkBooks(t)
}

// submitSample leaves one document that goes by itself, another for each n, and returns its key.
func (o *office) submitSample(t *testing.T, f *fakeBank, n int64) string {
	t.Helper()
	for _, s := range formats.NewSampler(n*1000, startTime).Next(f.sample, 8) {
		if d, ok := s.Document.(*formats.Order); ok {
			if base, _ := d.Base(); base != "" {
				continue
			}
		}
		must(t, o.Office.Submit(string(f.bank.BIC), s.Document.Kind().Prefix()+"_"+s.Document.Key()+".xml", s.XML))
		return s.Document.Key()
	}
	t.Fatal("no sample goes by itself")
	return ""
}
