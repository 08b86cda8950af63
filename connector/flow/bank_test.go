package flow

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// fakeBank is a bank's server in memory: what Mailbox promises and nothing else. Faults
// are said by fault: whether the effect takes place, and the error that the caller sees.
type fakeBank struct {
	bank   *banks.Bank
	sample formats.SampleBank
	sign   *cms.Signer
	reads  formats.Rules

	mu      sync.Mutex
	to      map[string][]byte // our folder, temp names included
	from    map[string][]byte // the bank's folder
	claimed map[string][]byte
	taken   []arrival // what the bank took, in order
	seq     int
	fault   func(op string) (apply bool, err error)
}

// arrival is an envelope as the bank took it.
type arrival struct {
	name string
	data []byte
}

var errCut = errors.New("connection cut")

func (f *fakeBank) act(op string, do func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	apply, err := true, error(nil)
	if f.fault != nil {
		apply, err = f.fault(op)
	}
	if apply {
		if done := do(); err == nil {
			err = done
		}
	}
	if err == nil {
		return nil
	}
	kind := Ambiguous
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = Gone
	case errors.Is(err, fs.ErrExist):
		kind = Exists
	}
	return &Failure{Op: op, Bank: f.bank.BIC, Kind: kind, Err: err}
}

func (f *fakeBank) Upload(_ context.Context, temp, _ string, data []byte) error {
	return f.act("upload", func() error {
		if _, ok := f.to[temp]; ok {
			return fs.ErrExist
		}
		f.to[temp] = data
		return nil
	})
}

func (f *fakeBank) Publish(_ context.Context, temp, final string) error {
	return f.act("publish", func() error { return rename(f.to, f.to, temp, final) })
}

func rename(from, to map[string][]byte, old, name string) error {
	data, ok := from[old]
	if !ok {
		return fs.ErrNotExist
	}
	if _, ok := to[name]; ok {
		return fs.ErrExist
	}
	delete(from, old)
	to[name] = data
	return nil
}

func (f *fakeBank) Look(_ context.Context, temp, final string) (s Sight, err error) {
	err = f.act("look", func() error {
		if data, ok := f.to[temp]; ok {
			s.Temp = &File{Name: temp, Size: int64(len(data))}
		}
		if data, ok := f.to[final]; ok {
			s.Final = &File{Name: final, Size: int64(len(data))}
		}
		return nil
	})
	return s, err
}

func (f *fakeBank) Read(_ context.Context, final string, _ int64) (data []byte, err error) {
	err = f.act("read", func() error {
		var ok bool
		if data, ok = f.to[final]; !ok {
			return fs.ErrNotExist
		}
		return nil
	})
	return data, err
}

func (f *fakeBank) Sweep(_ context.Context, temp string) error {
	return f.act("sweep", func() error { delete(f.to, temp); return nil })
}

func (f *fakeBank) List(context.Context) (l Listing, err error) {
	err = f.act("list", func() error {
		for name, data := range f.from {
			if _, _, bad := envelope.ParseName(name); bad == nil {
				l.Files = append(l.Files, File{Name: name, Size: int64(len(data))})
			}
		}
		for name, data := range f.claimed {
			l.Claimed = append(l.Claimed, File{Name: name, Size: int64(len(data))})
		}
		return nil
	})
	return l, err
}

func (f *fakeBank) Claim(_ context.Context, name, claimed string) error {
	return f.act("claim", func() error { return rename(f.from, f.claimed, name, claimed) })
}

func (f *fakeBank) Fetch(_ context.Context, claimed string, _ int64) (data []byte, err error) {
	err = f.act("fetch", func() error {
		var ok bool
		if data, ok = f.claimed[claimed]; !ok {
			return fs.ErrNotExist
		}
		return nil
	})
	return data, err
}

func (f *fakeBank) Discard(_ context.Context, claimed string) error {
	return f.act("discard", func() error { delete(f.claimed, claimed); return nil })
}

func (f *fakeBank) Close() error { return nil }

// collect takes every finished file, as the bank's software does, and returns the new
// ones.
func (f *fakeBank) collect() []arrival {
	f.mu.Lock()
	defer f.mu.Unlock()
	var fresh []arrival
	for name, data := range f.to {
		if !strings.HasPrefix(name, ".") {
			fresh = append(fresh, arrival{name, data})
			delete(f.to, name)
		}
	}
	f.taken = append(f.taken, fresh...)
	return fresh
}

// work collects and answers: a receipt for every document, then its report or answer.
func (f *fakeBank) work(t *testing.T) {
	t.Helper()
	for _, a := range f.collect() {
		doc := f.open(t, a)
		if doc.Kind() == formats.KindReceipt {
			continue
		}
		f.leave(t, f.receipt(doc.Key(), a, formats.StateAccepted))
		for _, reply := range f.replies(doc) {
			f.leave(t, reply)
		}
	}
}

func (f *fakeBank) open(t *testing.T, a arrival) formats.Document {
	t.Helper()
	entries, err := envelope.Open(a.data, envelope.DefaultLimits())
	if err != nil {
		t.Fatalf("bank opens %s: %v", a.name, err)
	}
	stem := strings.TrimSuffix(a.name, ".zip") + ".xml"
	for _, e := range entries {
		if e.Name == stem {
			doc, faults := formats.Decode(e.Data, f.reads)
			if len(faults) > 0 {
				t.Fatalf("bank reads %s: %v", a.name, faults)
			}
			return doc
		}
	}
	t.Fatalf("no %s in %s", stem, a.name)
	return nil
}

func (f *fakeBank) receipt(key string, a arrival, state int) formats.Document {
	return &formats.Receipt{
		ReceiptID: "R" + key, ReceiptDate: startTime, DocumentKey: key,
		FileName: a.name, FileDigest: spool.Digest(a.data), StateID: state,
	}
}

// reply is the bank's report on an order.
func (f *fakeBank) reply(doc formats.Document) formats.Document { return f.replies(doc)[0] }

// replies are a report, or the pages of an answer.
func (f *fakeBank) replies(doc formats.Document) (list []formats.Document) {
	rnd := mathrand.New(mathrand.NewPCG(1, 2))
	switch d := doc.(type) {
	case *formats.Order:
		r := formats.SampleReport(d, f.sample, "X"+d.Key(), rnd, startTime)
		r.AnswerType = 3
		return append(list, r)
	case *formats.Query:
		for _, a := range formats.SampleAnswers(d, f.sample, "X"+d.Key(), rnd, startTime) {
			list = append(list, a)
		}
	}
	return list
}

// sealed is a reply as the bank puts it into an envelope.
func (f *fakeBank) sealed(t *testing.T, doc formats.Document, signers ...*cms.Signer) (string, []byte) {
	t.Helper()
	data, err := formats.Encode(doc, "")
	if err != nil {
		t.Fatalf("bank writes %s: %v", doc.Key(), err)
	}
	stem := doc.Kind().Prefix() + "_" + doc.Key()
	entries := []envelope.Entry{{Name: stem + ".xml", Data: data}}
	for _, s := range signers {
		sig, err := s.Sign(t.Context(), data, startTime)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, envelope.Entry{Name: stem + ".xml.sig", Data: sig})
	}
	file, err := envelope.Seal(entries)
	if err != nil {
		t.Fatal(err)
	}
	return stem + ".zip", file
}

func (f *fakeBank) leave(t *testing.T, doc formats.Document) {
	t.Helper()
	name, data := f.sealed(t, doc, f.sign)
	f.put(name, data)
}

func (f *fakeBank) put(name string, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.from[name] = data
}

// startTime is the clock's first reading in every test: a Monday.
var startTime = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// office is one installation with two banks, everything real but the banks' servers.
type office struct {
	*Courier
	dir   string
	banks []*fakeBank

	mu  sync.Mutex
	now time.Time
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{dir: t.TempDir(), now: startTime}
	own := newSigner(t, "service")
	for _, bic := range []string{"044525101", "044525102"} {
		o.banks = append(o.banks, newFakeBank(t, bic))
	}
	o.Courier = &Courier{
		Signer: own, SignedBy: own.Certificate().Fingerprint(),
		Verifier: func(b *banks.Bank) Verifier { return o.bank(b).policy() },
		Others: func(b *banks.Bank) (list []*banks.Bank) {
			for _, f := range o.banks {
				if f.bank.BIC != b.BIC {
					list = append(list, f.bank)
				}
			}
			return list
		},
		Dial: func(_ context.Context, b *banks.Bank) (Mailbox, error) { return o.dial(b) },
		Deadline: func(_ *banks.Bank, _ journal.State, _ string, from time.Time) (time.Time, string) {
			return from.Add(24 * time.Hour), "test"
		},
		Now: o.clock, Unique: rand.Text, Log: slog.New(slog.DiscardHandler),
	}
	o.open(t, true)
	return o
}

func newSigner(t *testing.T, name string) *cms.Signer {
	t.Helper()
	key, err := pki.GenerateKey(pki.ECDSAP256, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pki.IssueCertificate(pki.Template{
		Subject: pki.Subject{CommonName: name}, NotBefore: startTime.AddDate(-1, 0, 0), NotAfter: startTime.AddDate(1, 0, 0),
	}, key.Public(), nil, key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := cms.NewSigner(cert, key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newFakeBank(t *testing.T, bic string) *fakeBank {
	t.Helper()
	return &fakeBank{
		bank: &banks.Bank{
			BIC: banks.ID(bic), Name: "bank " + bic, State: banks.StateActive,
			Delivery: banks.Delivery{Mode: "auto", UnknownOutcome: "hold"}, Pickup: banks.Pickup{Mode: "claim"},
			Limits: banks.Limits{Parallel: 4}, Deadlines: banks.Deadlines{Warn: time.Hour},
		},
		sample: formats.SampleBank{BIC: bic}, sign: newSigner(t, bic),
		reads: formats.Rules{Today: startTime, BICs: []string{bic}},
		to:    map[string][]byte{}, from: map[string][]byte{}, claimed: map[string][]byte{},
	}
}

func (f *fakeBank) policy() *cms.Policy {
	return &cms.Policy{Signers: []cms.Pin{{Certificate: f.sign.Certificate()}}}
}

func (o *office) bank(b *banks.Bank) *fakeBank {
	for _, f := range o.banks {
		if f.bank.BIC == b.BIC {
			return f
		}
	}
	return nil
}

func (o *office) dial(b *banks.Bank) (Mailbox, error) {
	f := o.bank(b)
	if err := f.act("dial", func() error { return nil }); err != nil {
		return nil, &Failure{Op: "connect", Bank: b.BIC, Kind: Transient, Err: err}
	}
	return f, nil
}

func (o *office) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

func (o *office) pass(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(d)
}

// open opens the rooms; again after a crash.
func (o *office) open(t *testing.T, fresh bool) {
	t.Helper()
	var err error
	path := filepath.Join(o.dir, "journal.db")
	options := journal.Options{Now: o.clock, Instance: "test"}
	if fresh {
		o.Book, err = journal.Create(t.Context(), path, options)
	} else {
		o.Book, err = journal.Open(t.Context(), path, options)
	}
	must(t, err)
	t.Cleanup(func() { _ = o.Book.Close() })
	o.Store, err = spool.OpenStore(filepath.Join(o.dir, "store"))
	must(t, err)
	o.Office, err = spool.OpenOffice(filepath.Join(o.dir, "office"), 1<<20)
	must(t, err)
	o.Quarantine, err = spool.OpenQuarantine(filepath.Join(o.dir, "quarantine"))
	must(t, err)
	for _, f := range o.banks {
		must(t, o.Office.Prepare(string(f.bank.BIC)))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// submit leaves n samples for a bank and returns their keys.
func (o *office) submit(t *testing.T, f *fakeBank, n int) []formats.Sample {
	t.Helper()
	list := formats.NewSampler(int64(len(f.bank.BIC))+int64(f.bank.BIC[8]), startTime).Next(f.sample, n)
	for _, s := range list {
		must(t, o.Office.Submit(string(f.bank.BIC), s.Document.Kind().Prefix()+"_"+s.Document.Key()+".xml", s.XML))
	}
	return list
}

// visit calls on a bank and fails the test if the visit was not clean.
func (o *office) visit(t *testing.T, f *fakeBank) Outcome {
	t.Helper()
	out := o.Visit(t.Context(), f.bank, Slot{Name: "test"})
	if out.Err != nil {
		t.Fatalf("visit: %v", out.Err)
	}
	return out
}

// settle lets bank and office talk until nothing is open.
func (o *office) settle(t *testing.T, f *fakeBank) {
	t.Helper()
	for range 12 {
		o.visit(t, f)
		f.work(t)
	}
	open, err := o.Book.OpenDocuments(t.Context(), []string{string(f.bank.BIC)})
	must(t, err)
	if open != 0 {
		list, _ := o.Book.Find(t.Context(), journal.Filter{Bank: string(f.bank.BIC)})
		for _, x := range list {
			t.Logf("%s %s %s: %s %s", x.Kind, x.Code, x.InternalKey, x.State, x.Reason)
		}
		t.Fatalf("%d documents are still open", open)
	}
}

// find reads a document by its key.
func (o *office) find(t *testing.T, key string) journal.Exchange {
	t.Helper()
	x, err := o.Book.ByKey(t.Context(), "office", key)
	must(t, err)
	return x
}

// checkBooks holds the invariants of the house: what the bank took is what was sealed,
// byte for byte; every key arrived at most once; the state tables are what the events
// say.
func (o *office) checkBooks(t *testing.T) {
	t.Helper()
	for _, f := range o.banks {
		seen := map[string]bool{}
		f.collect()
		for _, a := range f.taken {
			if seen[a.name] {
				t.Errorf("bank %s got %s twice", f.bank.BIC, a.name)
			}
			seen[a.name] = true
			if err := o.Store.Check(t.Context(), spool.Digest(a.data)); err != nil {
				t.Errorf("bank %s got bytes of %s that were never sealed: %v", f.bank.BIC, a.name, err)
			}
		}
	}
	must(t, o.Book.Close())
	r, err := journal.Verify(t.Context(), filepath.Join(o.dir, "journal.db"), journal.VerifyOptions{
		Store: func(digest string) error { return o.Store.Check(t.Context(), digest) },
	})
	must(t, err)
	if !r.OK {
		t.Errorf("journal: %v", r.Problems)
	}
}

// outbox lists what the office would find for a bank.
func (o *office) outbox(t *testing.T, f *fakeBank) map[string]string {
	t.Helper()
	return folder(t, filepath.Join(o.dir, "office", "out", string(f.bank.BIC)))
}

func folder(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return files
	}
	must(t, err)
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		files[e.Name()] = string(data)
	}
	return files
}

func (o *office) quarantined(t *testing.T, f *fakeBank) string {
	t.Helper()
	var all strings.Builder
	for name, text := range folder(t, filepath.Join(o.dir, "quarantine", string(f.bank.BIC))) {
		if strings.HasSuffix(name, ".reason.json") {
			fmt.Fprintln(&all, text)
		}
	}
	return all.String()
}
