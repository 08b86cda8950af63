package flow

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/claim"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/journal"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

func TestEveryDocumentIsAnswered(t *testing.T) {
	o := newOffice(t)
	for _, f := range o.banks {
		want := 0
		for _, s := range o.submit(t, f, 32) {
			want += 3 * (1 + len(f.replies(s.Document))) // receipt and replies: document, signature, verdict each
		}
		o.settle(t, f)
		if got := len(o.outbox(t, f)); got != want {
			t.Errorf("bank %s: %d files for the office, want %d", f.bank.BIC, got, want)
		}
	}
	o.checkBooks(t)
}

func TestBadOrderIsRefusedAndTheOthersGo(t *testing.T) {
	good := formats.NewSampler(77, startTime).Next(formats.SampleBank{BIC: "044525101"}, 1)[0]
	stranger := formats.NewSampler(78, startTime).Next(formats.SampleBank{BIC: "044525999"}, 2)[1]
	for _, tt := range []struct {
		name, file, data string
		state            int
		says             string
	}{
		{"OtherBanksAccount", "piev_1.xml", string(stranger.XML), formats.StateWrongAddressee, "BicBank"},
		{"Malformed", "piev_2.xml", "<Restrictn><InternalKey>1</InternalKey>", formats.StateBadSchema, ""},
		{"Empty", "piev_3.xml", "", formats.StateBadSchema, ""},
		{"NotXML", "piev_4.xml", "<html>502 Bad Gateway</html>", formats.StateBadSchema, ""},
		{"DoubledElement", "piev_5.xml", strings.Replace(string(good.XML), "<DocDate>", "<DocDate>2026-11-23</DocDate><DocDate>", 1), formats.StateBadSchema, "DocDate"},
		{"NoZIP", "piev_6.zip", "PK\x03\x04 but not really", formats.StateBadSchema, "ZIP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			f, other := o.banks[0], o.banks[1]
			must(t, o.Office.Submit(string(f.bank.BIC), tt.file, []byte(tt.data)))
			sent := o.submit(t, f, 3)
			o.submit(t, other, 3)
			o.settle(t, f)
			o.settle(t, other)

			refused, err := o.Book.Find(t.Context(), journal.Filter{States: []journal.State{journal.Refused}})
			must(t, err)
			if len(refused) != 1 || refused[0].Bank != string(f.bank.BIC) || refused[0].Reason == "" {
				t.Fatalf("refused: %+v, want one with a reason", refused)
			}
			notice := ""
			for name, text := range o.outbox(t, f) {
				if strings.HasPrefix(name, "notsent_") {
					notice = text
				}
			}
			doc, faults := formats.Decode([]byte(notice), formats.Rules{Today: startTime})
			r, ok := doc.(*formats.Receipt)
			if !ok || len(faults) > 0 {
				t.Fatalf("notice for the office: %v\n%s", faults, notice)
			}
			if r.StateID != tt.state || len(r.Errors) == 0 || !strings.Contains(notice, tt.says) {
				t.Errorf("notice: state %d, %d errors, want %d and %q\n%s", r.StateID, len(r.Errors), tt.state, tt.says, notice)
			}
			if q := o.quarantined(t, f); !strings.Contains(q, tt.file) {
				t.Errorf("quarantine does not hold %s: %s", tt.file, q)
			}
			for _, s := range sent {
				if x := o.find(t, s.Document.Key()); x.AnsweredAt == nil {
					t.Errorf("good document %s is %s", x.InternalKey, x.State)
				}
			}
			o.checkBooks(t)
		})
	}
}

func TestOriginalWithoutARightfulSignatureIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		by   seal
		want journal.State
	}{
		{"Rightful", "bailiff", journal.Delivered},
		{"SomebodyElse", "passer-by", journal.Refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.Officials = seal("bailiff")
			f := o.banks[0]
			s := formats.NewSampler(5, startTime).Next(f.sample, 1)[0]
			data, err := envelope.Seal([]envelope.Entry{
				{Name: "order.xml", Data: s.XML}, {Name: "oip.xml", Data: s.Original}, {Name: "oip.xml.sig", Data: tt.by.over(s.Original)},
			})
			must(t, err)
			must(t, o.Office.Submit(string(f.bank.BIC), "order.zip", data))
			o.visit(t, f)
			if x := mustFind(t, o, journal.Filter{})[0]; x.State != tt.want {
				t.Errorf("%s %q, want %s", x.State, x.Reason, tt.want)
			}
			o.checkBooks(t)
		})
	}
}

func TestLiftWhoseBaseWentToAnotherBankWaits(t *testing.T) {
	o := newOffice(t)
	f, other := o.banks[0], o.banks[1]
	base := o.submit(t, other, 1)[0].Document.Key()
	o.settle(t, other)
	var lift *formats.Order
	for _, s := range formats.NewSampler(9, startTime).Next(f.sample, 16) {
		if d, ok := s.Document.(*formats.Order); ok && d.DocCode == "O_IP_ACT_ENDARREST" {
			lift = d
		}
	}
	lift.RestrDocID = base
	data, err := formats.Encode(lift, "")
	must(t, err)
	must(t, o.Office.Submit(string(f.bank.BIC), "lift.xml", data))
	for range 2 {
		o.visit(t, f)
	}
	if x := o.find(t, lift.Key()); x.State != journal.Held || !strings.Contains(x.Reason, string(other.bank.BIC)) {
		t.Errorf("%s %q, want Held, naming the bank of its base", x.State, x.Reason)
	}
	o.checkBooks(t)
}

func TestOversizedFileIsSetAsideUnread(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	must(t, o.Office.Submit(string(f.bank.BIC), "big.xml", []byte(strings.Repeat("x", 1<<20+1))))
	o.submit(t, f, 1)
	o.settle(t, f)
	refused := mustFind(t, o, journal.Filter{States: []journal.State{journal.Refused}})
	if len(refused) != 1 || !strings.Contains(refused[0].Reason, "too large") {
		t.Errorf("refused: %+v, want one that is too large", refused)
	}
	o.checkBooks(t)
}

func TestKnownDocumentFromTheOffice(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	s := o.submit(t, f, 1)[0]
	o.settle(t, f)
	name := "piev_" + s.Document.Key()
	t.Run("SameBytesAreDropped", func(t *testing.T) {
		must(t, o.Office.Submit(string(f.bank.BIC), name+"-again.xml", s.XML))
		o.settle(t, f)
		list, err := o.Book.Find(t.Context(), journal.Filter{Kinds: []string{"order", "query"}})
		must(t, err)
		if len(list) != 1 {
			t.Errorf("%d exchanges, want 1", len(list))
		}
	})
	t.Run("OtherContentIsRefused", func(t *testing.T) {
		changed := strings.Replace(string(s.XML), "</DebtorAdr>", " 2</DebtorAdr>", 1)
		must(t, o.Office.Submit(string(f.bank.BIC), name+"-other.xml", []byte(changed)))
		o.settle(t, f)
		list, err := o.Book.Find(t.Context(), journal.Filter{States: []journal.State{journal.Refused}})
		must(t, err)
		if len(list) != 1 || !strings.Contains(list[0].Reason, "other content") {
			t.Errorf("refused: %+v, want one for other content", list)
		}
	})
	o.checkBooks(t)
}

// exchangeOne delivers one order and returns it with the envelope that the bank took.
func exchangeOne(t *testing.T, o *office, f *fakeBank) (formats.Document, arrival) {
	t.Helper()
	o.submit(t, f, 1)
	o.visit(t, f)
	got := f.collect()
	if len(got) != 1 {
		t.Fatalf("the bank got %d files, want 1", len(got))
	}
	return f.open(t, got[0]), got[0]
}

func TestReplyThatIsSetAside(t *testing.T) {
	for _, tt := range []struct {
		name    string
		leave   func(t *testing.T, o *office, f *fakeBank, doc formats.Document) (string, []byte)
		outcome string
		says    string
		receipt int // state of our receipt; 0: none
	}{
		{"Unsigned", func(t *testing.T, _ *office, f *fakeBank, doc formats.Document) (string, []byte) {
			return f.sealed(t, f.reply(doc))
		}, outcomeQuarantined, "without its signature", formats.StateBadSignature},
		{"SignedByAnotherBank", func(t *testing.T, o *office, f *fakeBank, doc formats.Document) (string, []byte) {
			return f.sealed(t, f.reply(doc), o.banks[1].sign)
		}, outcomeMisdirected, "044525102", formats.StateWrongAddressee},
		{"SignedByAStranger", func(t *testing.T, _ *office, f *fakeBank, doc formats.Document) (string, []byte) {
			return f.sealed(t, f.reply(doc), newSigner(t, "stranger"))
		}, outcomeQuarantined, "", formats.StateBadSignature},
		{"SpeaksForAnotherBank", func(t *testing.T, _ *office, f *fakeBank, doc formats.Document) (string, []byte) {
			r := f.reply(doc).(*formats.Report)
			r.AuthorBIK = "044525102"
			return f.sealed(t, r, f.sign)
		}, outcomeMisdirected, "AuthorBIK", formats.StateWrongAddressee},
		{"AnswersNothing", func(t *testing.T, _ *office, f *fakeBank, doc formats.Document) (string, []byte) {
			r := f.reply(doc).(*formats.Report)
			r.RestrictnInternalKey = "99999999999999"
			return f.sealed(t, r, f.sign)
		}, outcomeOrphan, "99999999999999", formats.StateBadLogic},
		{"OlderThanItsOrder", func(t *testing.T, _ *office, f *fakeBank, doc formats.Document) (string, []byte) {
			r := f.reply(doc).(*formats.Report)
			r.DocDate = "2020-01-09"
			return f.sealed(t, r, f.sign)
		}, outcomeQuarantined, "2020-01-09", formats.StateBadLogic},
		{"DatedAhead", func(t *testing.T, _ *office, f *fakeBank, doc formats.Document) (string, []byte) {
			r := f.reply(doc).(*formats.Report)
			r.DocDate = "2026-11-24"
			return f.sealed(t, r, f.sign)
		}, outcomeQuarantined, "2026-11-24", formats.StateBadLogic},
		{"TwoDocumentsInOneEnvelope", func(t *testing.T, _ *office, f *fakeBank, doc formats.Document) (string, []byte) {
			name, data := f.sealed(t, f.reply(doc), f.sign)
			entries, err := envelope.Open(data, envelope.DefaultLimits())
			must(t, err)
			data, err = envelope.Seal(append(entries, envelope.Entry{Name: "rep_2.xml", Data: entries[0].Data}))
			must(t, err)
			return name, data
		}, outcomeQuarantined, "has no place in it", formats.StateBadSchema},
		{"ReceiptForOtherBytes", func(t *testing.T, _ *office, f *fakeBank, doc formats.Document) (string, []byte) {
			return f.sealed(t, f.receipt(doc.Key(), arrival{"piev_" + doc.Key() + ".zip", []byte("x")}, formats.StateAccepted), f.sign)
		}, outcomeQuarantined, "digest", 0},
		{"OurOwnOrderReflected", func(t *testing.T, _ *office, f *fakeBank, doc formats.Document) (string, []byte) {
			return f.sealed(t, doc, f.sign)
		}, outcomeQuarantined, "reflected", formats.StateBadLogic},
		{"NotZIP", func(_ *testing.T, _ *office, _ *fakeBank, doc formats.Document) (string, []byte) {
			return "rep_X" + doc.Key() + ".zip", []byte("<html>error</html>")
		}, outcomeQuarantined, "", formats.StateBadSchema},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			f := o.banks[0]
			doc, sent := exchangeOne(t, o, f)
			name, data := tt.leave(t, o, f, doc)
			f.put(name, data)
			o.visit(t, f)

			in := onlyIncoming(t, o, name)
			if in.Outcome != tt.outcome || !strings.Contains(in.Reason, tt.says) {
				t.Errorf("outcome %q %q, want %q and %q", in.Outcome, in.Reason, tt.outcome, tt.says)
			}
			if x := o.find(t, doc.Key()); x.State != journal.Delivered {
				t.Errorf("the order is %s, want it untouched", x.State)
			}
			if q := o.quarantined(t, f); !strings.Contains(q, name) {
				t.Errorf("quarantine does not hold %s: %s", name, q)
			}
			checkReceipt(t, f, spoolDigest(data), tt.receipt)
			// The right reply still finds its order.
			f.leave(t, f.receipt(doc.Key(), sent, formats.StateAccepted))
			f.leave(t, f.reply(doc))
			o.visit(t, f)
			if x := o.find(t, doc.Key()); x.AnsweredAt == nil {
				t.Errorf("after the right reply the order is %s", x.State)
			}
			o.checkBooks(t)
		})
	}
}

// checkReceipt looks for our receipt on a file of the bank.
func checkReceipt(t *testing.T, f *fakeBank, digest string, state int) {
	t.Helper()
	for _, a := range f.collect() {
		r, ok := f.open(t, a).(*formats.Receipt)
		if !ok || r.FileDigest != digest {
			continue
		}
		if r.StateID != state {
			t.Errorf("our receipt says %d, want %d", r.StateID, state)
		}
		return
	}
	if state != 0 {
		t.Errorf("no receipt of ours, want one with state %d", state)
	}
}

// onlyIncoming is the newest line of the journal about a file.
func onlyIncoming(t *testing.T, o *office, name string) journal.Incoming {
	t.Helper()
	list := mustIncoming(t, o, name)
	return list[len(list)-1]
}

func mustIncoming(t *testing.T, o *office, name string) (list []journal.Incoming) {
	t.Helper()
	rows, err := o.Book.DB().QueryContext(t.Context(), `SELECT id FROM incoming WHERE name = ? ORDER BY id`, name)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var id int64
		must(t, rows.Scan(&id))
		in, err := o.Book.Incoming(t.Context(), id)
		must(t, err)
		list = append(list, in)
	}
	if len(list) == 0 {
		t.Fatalf("%s is not in the journal: %v", name, rows.Err())
	}
	return list
}

func TestHalfWrittenReplyIsReadAgain(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	doc, sent := exchangeOne(t, o, f)
	f.leave(t, f.receipt(doc.Key(), sent, formats.StateAccepted))
	name, whole := f.sealed(t, f.reply(doc), f.sign)
	f.put(name, whole[:len(whole)*2/3])
	o.visit(t, f)
	if in := onlyIncoming(t, o, name); in.Outcome != outcomeIncomplete {
		t.Fatalf("outcome %q %q, want incomplete", in.Outcome, in.Reason)
	}
	for claimed := range f.claimed { // the bank's program still has the file open and goes on writing
		f.claimed[claimed] = whole
	}
	o.visit(t, f)
	if x := o.find(t, doc.Key()); x.AnsweredAt == nil {
		t.Errorf("after the whole file came the order is %s", x.State)
	}
	o.checkBooks(t)
}

func TestReplyThatStaysHalfWrittenIsSetAside(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	doc, _ := exchangeOne(t, o, f)
	name, whole := f.sealed(t, f.reply(doc), f.sign)
	f.put(name, whole[:len(whole)/2])
	for range 5 { // visits close together spend nothing of its time, and fill no journal
		o.visit(t, f)
	}
	if rows := mustIncoming(t, o, name); len(rows) != 1 || rows[0].Outcome != outcomeIncomplete {
		t.Fatalf("after some visits: %+v, want one incomplete", rows)
	}
	o.pass(claim.IncompleteTime + time.Minute)
	o.visit(t, f)
	if in := onlyIncoming(t, o, name); in.Outcome != outcomeQuarantined {
		t.Errorf("outcome %q, want quarantined after an hour", in.Outcome)
	}
	if len(f.claimed) != 0 {
		t.Errorf("the file still lies at the bank: %d", len(f.claimed))
	}
	o.checkBooks(t)
}

// TestIntakeThatIsCutShort: what the office left is taken in beside the first visits only for a moment. Wherever that
// ends, the visit goes on, and every document is taken in once.
func TestIntakeThatIsCutShort(t *testing.T) {
	const documents = 20
	ended := 0
	for cut := 1; cut <= documents; cut++ {
		o := newOffice(t)
		f := o.banks[0]
		list := o.submit(t, f, documents)
		brief, stop := context.WithCancel(t.Context())
		unique, names := o.Unique, atomic.Int64{}
		o.Unique = func() string { // asked for every file that is taken
			if names.Add(1) == int64(cut) {
				stop()
			}
			return unique()
		}
		if err := o.Accept(brief, f.bank); err != nil {
			if ended++; fate.Of(err) != fate.Transient {
				t.Fatalf("cut at file %d: %v", cut, err)
			}
		}
		stop()
		o.Unique = unique
		o.visit(t, f)
		for _, s := range list {
			if x := o.find(t, s.Document.Key()); x.State == journal.Refused {
				t.Errorf("cut at file %d: %s is %s", cut, x.InternalKey, x.State)
			}
		}
		all, err := o.Book.Find(t.Context(), journal.Filter{Kinds: []string{"order", "query"}})
		must(t, err)
		if len(all) != documents {
			t.Errorf("cut at file %d: %d documents in the journal, want %d", cut, len(all), documents)
		}
		o.checkBooks(t)
	}
	if ended == 0 {
		t.Error("it was never cut")
	}
}

// TestReplyFinishedAfterItsTime: the bank ends its file between the last look and the removal, and we
// died in between. What was not read is not removed.
func TestReplyFinishedAfterItsTime(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	doc, sent := exchangeOne(t, o, f)
	f.leave(t, f.receipt(doc.Key(), sent, formats.StateAccepted))
	name, whole := f.sealed(t, f.reply(doc), f.sign)
	f.put(name, whole[:len(whole)/2])
	o.visit(t, f)
	o.pass(claim.IncompleteTime + time.Minute)
	f.fault = func(op string) (bool, error) { // the visit ends when the file is in quarantine and not removed yet
		if op == "discard" {
			return false, errCut
		}
		return true, nil
	}
	if out := o.Visit(t.Context(), f.bank, Slot{Name: "test"}); out.Err == nil {
		t.Fatal("the visit was cut off and ended well")
	}
	f.fault = nil
	for claimed := range f.claimed {
		f.claimed[claimed] = whole
	}
	o.visit(t, f)
	if x := o.find(t, doc.Key()); x.AnsweredAt == nil {
		t.Errorf("the reply was finished and the order is %s", x.State)
	}
	if len(f.claimed) != 0 {
		t.Errorf("%d files still lie at the bank", len(f.claimed))
	}
	o.checkBooks(t)
}

// TestReplyAboveTheLimit: a file too large is told once and left alone, and keeps nothing else from us.
func TestReplyAboveTheLimit(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	f.bank.Limits.FileSize = 64 << 10
	doc, sent := exchangeOne(t, o, f)
	f.leave(t, f.receipt(doc.Key(), sent, formats.StateAccepted))
	f.put("rep_giant.zip", make([]byte, 64<<10+1))
	f.leave(t, f.reply(doc))
	for range 3 {
		o.visit(t, f) // none of them fails
	}
	if x := o.find(t, doc.Key()); x.AnsweredAt == nil {
		t.Errorf("beside the giant the order is %s", x.State)
	}
	if _, there := f.from["rep_giant.zip"]; !there {
		t.Error("the giant was taken")
	}
	var alarms int
	must(t, o.Book.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM event WHERE kind = 'alarm.large'`).Scan(&alarms))
	if alarms != 1 {
		t.Errorf("%d alarms, want 1", alarms)
	}
	o.checkBooks(t)
}

func TestBankThatIsDown(t *testing.T) {
	o := newOffice(t)
	down, up := o.banks[0], o.banks[1]
	down.fault = func(op string) (bool, error) { return false, errors.New("connection refused") }
	o.submit(t, down, 3)
	o.submit(t, up, 3)
	var out [2]Outcome
	var visits sync.WaitGroup
	for i, b := range []*banks.Bank{down.bank, up.bank} {
		visits.Go(func() { out[i] = o.Visit(t.Context(), b, Slot{Name: "test"}) })
	}
	visits.Wait()
	if out[0].Err == nil || fate.Of(out[0].Err) != fate.Transient {
		t.Errorf("visit to the bank that is down: %v, want a transient failure", out[0].Err)
	}
	if out[1].Err != nil || out[1].Sent == 0 {
		t.Errorf("visit to the other bank: sent %d, %v", out[1].Sent, out[1].Err)
	}
	for _, x := range mustFind(t, o, journal.Filter{Bank: string(down.bank.BIC)}) {
		if x.State != journal.Accepted && x.State != journal.Held {
			t.Errorf("document %s is %s", x.InternalKey, x.State)
		}
	}
	down.fault = nil
	o.settle(t, down)
	o.settle(t, up)
	o.checkBooks(t)
}

func mustFind(t *testing.T, o *office, f journal.Filter) []journal.Exchange {
	t.Helper()
	list, err := o.Book.Find(t.Context(), f)
	must(t, err)
	if len(list) == 0 {
		t.Fatal("nothing found")
	}
	return list
}

func TestSameBytesInTwoMailboxesAreSettledInBoth(t *testing.T) {
	o := newOffice(t)
	f, other := o.banks[0], o.banks[1]
	doc, _ := exchangeOne(t, o, f)
	name, data := f.sealed(t, f.reply(doc), f.sign)
	other.put(name, data)
	o.visit(t, other)
	if in := onlyIncoming(t, o, name); in.Outcome != outcomeMisdirected {
		t.Fatalf("in the mailbox of another bank: %q %q, want misdirected", in.Outcome, in.Reason)
	}
	f.put(name, data)
	o.visit(t, f)
	if x := o.find(t, doc.Key()); x.AnsweredAt == nil {
		t.Errorf("the order is %s: its reply came too late to the right mailbox", x.State)
	}
	o.checkBooks(t)
}

func TestTempOfAnInterruptedUploadIsSweptAway(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	key := o.submit(t, f, 1)[0].Document.Key()
	f.fault = func(op string) (bool, error) { return true, map[bool]error{true: errCut}[op == "upload"] }
	o.Visit(t.Context(), f.bank, Slot{})
	f.fault = nil
	foreign := ".piev_1.zip.someone.part"
	f.to[foreign] = []byte("not of a document that waits here")
	if len(f.to) != 2 {
		t.Fatalf("%d files at the bank, want the temp of the interrupted upload and a foreign one", len(f.to))
	}
	o.visit(t, f)
	if x := o.find(t, key); x.State != journal.Delivered {
		t.Errorf("%s, want Delivered", x.State)
	}
	for name := range f.to {
		if name != foreign && name != o.find(t, key).FileName {
			t.Errorf("%s is left at the bank", name)
		}
	}
	if _, ok := f.to[foreign]; !ok {
		t.Error("a temp file that no document of ours waits for was removed")
	}
	delete(f.to, foreign)
	o.checkBooks(t)
}
