package flow

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/act"
	"bankconnector/connector/flow/waiting"
	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// desk is where a person acts on the documents of this office.
func (o *office) desk() *act.Desk {
	return &act.Desk{
		Book: o.Book, Office: o.Office, Deadline: o.Deadline, Now: o.clock,
		Approvals: func(string) int { return 1 },
		Bank: func(id banks.ID) (*banks.Bank, bool) {
			for _, f := range o.banks {
				if f.bank.BIC == id {
					return f.bank, true
				}
			}
			return nil, false
		},
	}
}

// do does an act that must be done.
func (o *office) do(t *testing.T, x journal.Exchange, r act.Request) act.Outcome {
	t.Helper()
	r.Exchange, r.Reason = x.ID, "by telephone"
	out, err := o.desk().Do(t.Context(), "ivanova", r)
	if err != nil {
		t.Fatalf("%s of a document in %s: %v", r.Act, x.State, err)
	}
	return out
}

// refused wants the rules to forbid an act, in words that hold says, and nothing changed.
func (o *office) refused(t *testing.T, x journal.Exchange, r act.Request, says string) {
	t.Helper()
	r.Exchange, r.Reason = x.ID, "by telephone"
	before, _, err := o.Book.Head(t.Context())
	must(t, err)
	_, err = o.desk().Do(t.Context(), "ivanova", r)
	var refusal *act.Refusal
	if !errors.As(err, &refusal) || !strings.Contains(refusal.EN, says) || refusal.RU == "" {
		t.Errorf("%s of a document in %s: %v, want it refused: %s", r.Act, x.State, err, says)
	}
	if after, _, _ := o.Book.Head(t.Context()); after != before {
		t.Errorf("the refused %s wrote into the journal", r.Act)
	}
}

// stranded brings a document to Suspect: the rename was cut before it happened.
func stranded(t *testing.T, o *office, f *fakeBank) journal.Exchange {
	t.Helper()
	key := o.submit(t, f, 1)[0].Document.Key()
	f.fault = func(op string) (bool, error) { return op != "publish", map[bool]error{true: errCut}[op == "publish"] }
	o.Visit(t.Context(), f.bank, Slot{})
	f.fault = nil
	o.visit(t, f)
	o.pass(25 * time.Hour)
	f.reads.Today = o.clock()
	must(t, o.Sweep(t.Context()))
	x := o.find(t, key)
	if x.State != journal.Suspect {
		t.Fatalf("%s, want Suspect", x.State)
	}
	return x
}

func TestPersonSendsOnceMore(t *testing.T) {
	t.Run("NotWithoutProofOrWord", func(t *testing.T) {
		o := newOffice(t)
		x := stranded(t, o, o.banks[0])
		o.refused(t, x, act.Request{Act: act.Resend}, "repeat with --confirm")
	})
	t.Run("TheBankDoesNotHaveIt", func(t *testing.T) {
		o := newOffice(t)
		f := o.banks[0]
		x := stranded(t, o, f)
		o.do(t, x, act.Request{Act: act.Resend, Confirm: true})
		if out := o.do(t, x, act.Request{Act: act.Resend, Confirm: true}); out.Changed {
			t.Error("the repeat of an act changed something")
		}
		o.visit(t, f)
		now := o.find(t, x.InternalKey)
		if now.State != journal.Delivered || now.Resends != 1 || now.Seq != x.Seq || now.FileSHA256 != x.FileSHA256 || now.TempName == x.TempName {
			t.Errorf("after the resend: %+v", now)
		}
		for name := range f.to {
			if name == x.TempName {
				t.Error("the first temporary file is still there: a late rename could show it")
			}
		}
		o.settle(t, f)
		o.checkBooks(t)
	})
	t.Run("TheSameRenameWhereItCannotDouble", func(t *testing.T) {
		o := newOffice(t)
		f := o.banks[0]
		f.bank.Delivery.Mode = "posix-rename"
		x := stranded(t, o, f)
		o.do(t, x, act.Request{Act: act.Resend})
		o.visit(t, f)
		now := o.find(t, x.InternalKey)
		if now.State != journal.Delivered || now.TempName != x.TempName || now.Resends != 0 {
			t.Errorf("after the resend: %s from %s, want Delivered from %s", now.State, now.TempName, x.TempName)
		}
		o.settle(t, f)
		o.checkBooks(t)
	})
	t.Run("NotWhatTheBankHasConfirmed", func(t *testing.T) {
		o := newOffice(t)
		f := o.banks[0]
		doc, sent := exchangeOne(t, o, f)
		o.refused(t, o.find(t, doc.Key()), act.Request{Act: act.Resend, Confirm: true}, "receipt is waited for")
		f.leave(t, f.receipt(doc.Key(), sent, formats.StateAccepted))
		o.visit(t, f)
		o.refused(t, o.find(t, doc.Key()), act.Request{Act: act.Resend, Confirm: true}, "nothing is left to decide")
	})
}

func TestPersonResolves(t *testing.T) {
	for _, tt := range []struct {
		as   string
		want journal.State
	}{{act.AsLook, journal.Ambiguous}, {act.AsDelivered, journal.Delivered}, {act.AsClosed, journal.Closed}, {act.AsRejected, journal.Rejected}} {
		t.Run(tt.as, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			x := stranded(t, o, o.banks[0])
			if tt.as != act.AsLook {
				o.refused(t, x, act.Request{Act: act.Resolve, As: tt.as}, "only the bank can know")
			}
			o.do(t, x, act.Request{Act: act.Resolve, As: tt.as, Confirm: tt.as != act.AsLook})
			now := o.find(t, x.InternalKey)
			if now.State != tt.want {
				t.Errorf("%s, want %s", now.State, tt.want)
			}
			if now.State.Open() && !now.DueAt.After(o.clock()) {
				t.Errorf("%s with the deadline %v, which has passed: it would fall silent", now.State, now.DueAt)
			}
			o.checkBooks(t)
		})
	}
	t.Run("LookFindsWhatWasLate", func(t *testing.T) {
		o := newOffice(t)
		f := o.banks[0]
		x := stranded(t, o, f)
		must(t, rename(f.to, f.to, x.TempName, x.FileName))
		o.do(t, x, act.Request{Act: act.Resolve, As: act.AsLook})
		o.visit(t, f)
		if now := o.find(t, x.InternalKey); now.State != journal.Delivered {
			t.Errorf("%s, want Delivered", now.State)
		}
		o.settle(t, f)
		o.checkBooks(t)
	})
}

func TestPersonWithdraws(t *testing.T) {
	notice := func(t *testing.T, o *office, f *fakeBank, name string) string {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(o.dir, "office", "out", string(f.bank.BIC), name))
		must(t, err)
		return string(data)
	}
	for _, tt := range []struct {
		name, act string
		bring     func(t *testing.T, o *office, f *fakeBank) journal.Exchange
		want      journal.State
	}{
		{"RejectAccepted", act.Reject, accepted, journal.Refused},
		{"CancelAccepted", act.Cancel, accepted, journal.Cancelled},
		{"CancelSealed", act.Cancel, func(t *testing.T, o *office, f *fakeBank) journal.Exchange {
			t.Helper()
			key := o.submit(t, f, 1)[0].Document.Key()
			f.fault = func(op string) (bool, error) { return op != "upload", map[bool]error{true: errCut}[op == "upload"] }
			o.Visit(t.Context(), f.bank, Slot{})
			f.fault = nil
			return o.find(t, key)
		}, journal.Cancelled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			f := o.banks[0]
			x := tt.bring(t, o, f)
			o.do(t, x, act.Request{Act: tt.act})
			file := filepath.Join(o.dir, "office", "out", string(f.bank.BIC), "notsent_"+x.InternalKey+".xml")
			must(t, os.Remove(file)) // as if the process had been killed before it was written
			if out := o.do(t, x, act.Request{Act: tt.act}); out.Changed || out.To != tt.want {
				t.Errorf("again: %+v", out)
			}
			if text := notice(t, o, f, "notsent_"+x.InternalKey+".xml"); !strings.Contains(text, "by telephone") {
				t.Errorf("the office reads %s", text)
			}
			o.visit(t, f)
			if got := f.collect(); len(got) != 0 {
				t.Errorf("%d files went out", len(got))
			}
			o.checkBooks(t)
		})
	}
	t.Run("SuspectNeedsAWord", func(t *testing.T) {
		o := newOffice(t)
		f := o.banks[0]
		x := stranded(t, o, f)
		o.refused(t, x, act.Request{Act: act.Cancel}, "the bank may have it")
		o.do(t, x, act.Request{Act: act.Cancel, Confirm: true})
		if text := notice(t, o, f, "cancelled_"+x.InternalKey+".xml"); strings.Contains(text, "Не отправлен") {
			t.Errorf("the office reads that it was not sent, which nobody knows: %s", text)
		}
	})
	t.Run("DeliveredCannot", func(t *testing.T) {
		o := newOffice(t)
		doc, _ := exchangeOne(t, o, o.banks[0])
		for _, name := range []string{act.Cancel, act.Reject, act.Release, act.Resolve} {
			o.refused(t, o.find(t, doc.Key()), act.Request{Act: name, As: act.AsLook, Confirm: true}, "not possible")
		}
	})
}

func accepted(t *testing.T, o *office, f *fakeBank) journal.Exchange {
	t.Helper()
	key := o.submit(t, f, 1)[0].Document.Key()
	must(t, o.Accept(t.Context(), f.bank))
	return o.find(t, key)
}

func TestPersonReleases(t *testing.T) {
	t.Run("BaseUnknown", func(t *testing.T) {
		o := newOffice(t)
		f := o.banks[0]
		lift := o.submitLift(t, f)
		o.visit(t, f)
		x := o.find(t, lift.Key())
		o.refused(t, x, act.Request{Act: act.Release}, "outside this program")
		o.do(t, x, act.Request{Act: act.Release, Confirm: true})
		o.visit(t, f)
		if got := f.collect(); len(got) != 1 {
			t.Errorf("%d files went out, want the lifting", len(got))
		}
		o.checkBooks(t)
	})
	t.Run("BaseOnItsWay", func(t *testing.T) {
		o := newOffice(t)
		f := o.banks[0]
		o.submit(t, f, 16)
		o.visit(t, f)
		x := mustFind(t, o, journal.Filter{States: []journal.State{journal.Held}})[0]
		o.refused(t, x, act.Request{Act: act.Release, Confirm: true}, "overtake")
	})
	t.Run("BaseRefusedByTheBank", func(t *testing.T) {
		o := newOffice(t)
		f := o.banks[0]
		o.submit(t, f, 16)
		o.visit(t, f)
		for _, a := range f.collect() {
			f.leave(t, f.receipt(f.open(t, a).Key(), a, formats.StateBadLogic))
		}
		o.visit(t, f)
		x := mustFind(t, o, journal.Filter{States: []journal.State{journal.Held}})[0]
		o.do(t, x, act.Request{Act: act.Release, Confirm: true})
	})
}

func TestTwoPersons(t *testing.T) {
	o := newOffice(t)
	x := stranded(t, o, o.banks[0])
	d := o.desk()
	d.Approvals = func(string) int { return 2 }
	r := act.Request{Act: act.Resend, Exchange: x.ID, Reason: "by telephone", Confirm: true}
	out, err := d.Do(t.Context(), "ivanova", r)
	if err != nil || !out.Waits || o.find(t, x.InternalKey).State != journal.Suspect {
		t.Fatalf("the first person: %+v, %v", out, err)
	}
	var refusal *act.Refusal
	if _, err := d.Do(t.Context(), "ivanova", r); !errors.As(err, &refusal) {
		t.Errorf("the same person again: %v, want it refused", err)
	}
	if out, err := d.Do(t.Context(), "petrov", act.Request{Act: act.Cancel, Exchange: x.ID, Reason: "no", Confirm: true}); err != nil || !out.Waits {
		t.Errorf("another act counts as approval: %+v, %v", out, err)
	}
	if out, err := d.Do(t.Context(), "petrov", r); err != nil || out.To != journal.Sealed {
		t.Errorf("the second person: %+v, %v", out, err)
	}
	acts, err := o.Book.DB().QueryContext(t.Context(), `SELECT actor, act FROM operator_acts WHERE act <> 'folders'`)
	must(t, err)
	defer acts.Close()
	var told []string
	for acts.Next() {
		var actor, name string
		must(t, acts.Scan(&actor, &name))
		told = append(told, actor+" "+name)
	}
	must(t, acts.Err())
	if got := strings.Join(told, ", "); got != "ivanova resend.proposed, petrov cancel.proposed, petrov resend" {
		t.Errorf("the journal tells %s", got)
	}
	o.checkBooks(t)
}

// TestActsKeepToTheTable asks for every act in every state: whatever is decided is an arrow
// of the journal's table, a refusal has words, and nothing that the bank may be taking just
// now is touched.
func TestActsKeepToTheTable(t *testing.T) {
	for _, s := range journal.States() {
		for _, r := range requests() {
			for _, gate := range []waiting.Gate{{}, {Held: true}, {Held: true, Free: true}} {
				for _, kind := range []string{"order auto", "receipt auto", "order posix-rename", "order "} {
					kind, mode, _ := strings.Cut(kind, " ")
					at := time.Unix(0, 0)
					c := act.Case{Exchange: journal.Exchange{State: s, Kind: kind, SealedAt: &at, TempName: "t"}, Gate: gate, Mode: mode}
					step, refusal := act.Decide(c, r)
					if refusal != nil {
						if refusal.EN == "" || refusal.RU == "" {
							t.Errorf("%+v in %s: refused without words", r, s)
						}
						continue
					}
					if len(step.Through) > 0 && (s == journal.Sending || s == journal.Delivered || s == journal.Confirmed) {
						t.Errorf("%+v moves a document in %s", r, s)
					}
					from := s
					for _, to := range step.Through {
						if !journal.Allowed(from, to, kind) {
							t.Errorf("%+v in %s: %s -> %s is no arrow", r, s, from, to)
						}
						from = to
					}
				}
			}
		}
	}
}

func requests() (list []act.Request) {
	for _, name := range []string{act.Release, act.Reject, act.Cancel, act.Resend} {
		list = append(list, act.Request{Act: name}, act.Request{Act: name, Confirm: true})
	}
	for _, as := range []string{act.AsLook, act.AsDelivered, act.AsClosed, act.AsRejected} {
		list = append(list, act.Request{Act: act.Resolve, As: as}, act.Request{Act: act.Resolve, As: as, Confirm: true})
	}
	return list
}
