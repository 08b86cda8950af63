package flow

import (
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/reading"
	"bankconnector/connector/journal"
	"bankconnector/crypto/cms"
)

// stale is a policy whose CRL is out of date until it is fresh.
type stale struct {
	*cms.Policy
	fresh *bool
}

func (s stale) Verify(content, sig []byte, at time.Time) cms.Verdict {
	v := s.Policy.Verify(content, sig, at)
	if v.Valid() && !*s.fresh {
		v.Status, v.Code = cms.Unchecked, "crl-stale"
	}
	return v
}

// TestReplyIsHeldUntilTheListIsFresh: nobody can tell whether the signer is revoked, so the reply neither counts nor is
// refused; a fresh CRL decides, without the bank sending again.
func TestReplyIsHeldUntilTheListIsFresh(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	fresh := false
	o.Verifier = func(b *banks.Bank) reading.Verifier { return stale{o.bank(b).policy(), &fresh} }
	key := o.submit(t, f, 1)[0].Document.Key()
	o.visit(t, f)
	f.work(t)
	for range 3 {
		o.visit(t, f)
		o.pass(2 * time.Hour)
	}
	wait, err := o.Book.IncomingHeld(t.Context(), string(f.bank.BIC))
	if err != nil || len(wait) == 0 || wait[0].Code != "crl-stale" || wait[0].Verdict != "unchecked" || wait[0].Reason == "" {
		t.Errorf("%v held, %+v", err, wait)
	}
	var n int
	if err := o.Book.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM event WHERE kind = 'alarm.unchecked'`).Scan(&n); err != nil || n != len(wait) {
		t.Errorf("%d alarms for %d held files in three visits, want one each", n, len(wait))
	}
	if x := o.find(t, key); x.State != journal.Delivered {
		t.Errorf("%s on the word of a signer who may be revoked", x.State)
	}
	if q := o.quarantined(t, f); q != "" {
		t.Errorf("quarantined: %s", q)
	}
	fresh = true
	o.visit(t, f)
	if x := o.find(t, key); x.State != journal.Answered && x.State != journal.Confirmed && x.State != journal.Closed {
		t.Errorf("still %s although the list is fresh", x.State)
	}
	if wait, err := o.Book.IncomingHeld(t.Context(), string(f.bank.BIC)); err != nil || len(wait) > 0 {
		t.Errorf("%v still held, %+v", err, wait)
	}
	o.settle(t, f)
	o.checkBooks(t)
}
