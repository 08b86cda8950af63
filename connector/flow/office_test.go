package flow

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/reading"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
	"bankconnector/formats"
)

// startTime is the clock's first reading in every test: a Monday.
var startTime = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// office is one installation with two banks, everything real but the banks' servers.
type office struct {
	*Courier
	dir   string
	banks []*fakeBank

	mu   sync.Mutex
	now  time.Time
	tick func() // called by every commit; may be nil
}

func newOffice(t *testing.T) *office {
	t.Helper()
	return newOfficeIn(t, t.TempDir(), nil)
}

func newOfficeIn(t *testing.T, dir string, tick func()) *office {
	t.Helper()
	o := &office{dir: dir, now: startTime, tick: tick}
	own := newSigner(t, "service")
	for _, bic := range []string{"044525101", "044525102"} {
		o.banks = append(o.banks, newFakeBank(t, bic))
	}
	o.Courier = &Courier{
		Signer: own, SignedBy: own.Certificate().Fingerprint(),
		Verifier: func(b *banks.Bank) reading.Verifier { return o.bank(b).policy() },
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
		return nil, &fate.Failure{Op: "connect", Bank: b.BIC, Kind: fate.Transient, Err: err}
	}
	return f, nil
}

func (o *office) clock() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

// stamp is the journal's clock.
func (o *office) stamp() time.Time {
	if o.tick != nil {
		o.tick()
	}
	return o.clock()
}

func (o *office) pass(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now = o.now.Add(d)
}

// open opens the rooms; again after a crash.
func (o *office) open(t *testing.T, fresh bool) {
	t.Helper()
	path := filepath.Join(o.dir, "journal.db")
	if fresh {
		empty, err := emptyJournal()
		must(t, err)
		must(t, os.WriteFile(path, empty, 0o600))
	}
	book, err := journal.Open(t.Context(), path, journal.Options{Now: o.stamp, Instance: "test"})
	must(t, err)
	o.Book = book
	t.Cleanup(func() { _ = book.Close() })
	store, err := spool.OpenStore(filepath.Join(o.dir, "store"))
	must(t, err)
	t.Cleanup(func() { _ = store.Close() })
	o.Store = store
	o.Office, err = spool.OpenOffice(filepath.Join(o.dir, "office"), 1<<20)
	must(t, err)
	o.Quarantine, err = spool.OpenQuarantine(filepath.Join(o.dir, "quarantine"))
	must(t, err)
	for _, f := range o.banks {
		must(t, o.Office.Prepare(string(f.bank.BIC)))
	}
}

// emptyJournal is a journal as it is created, made once: hundreds of tests begin with one.
var emptyJournal = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "journal-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays is in the temporary folder
	path := filepath.Join(dir, "journal.db")
	book, err := journal.Create(context.Background(), path, journal.Options{
		Now: func() time.Time { return startTime }, Instance: "test",
	})
	if err != nil {
		return nil, err
	}
	if err := book.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

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
func (o *office) visit(t *testing.T, f *fakeBank) {
	t.Helper()
	if out := o.Visit(t.Context(), f.bank, Slot{Name: "test"}); out.Err != nil {
		t.Fatalf("visit: %v", out.Err)
	}
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
	for _, problem := range o.verify(t) {
		t.Error(problem)
	}
}

// verify closes the journal and tells what an auditor would find in it.
func (o *office) verify(t *testing.T) (problems []string) {
	t.Helper()
	must(t, o.Book.Close())
	r, err := journal.Verify(t.Context(), filepath.Join(o.dir, "journal.db"), journal.VerifyOptions{
		Store: func(digest string) error { return o.Store.Check(t.Context(), digest) },
	})
	must(t, err)
	if !r.OK {
		problems = append(problems, fmt.Sprintf("journal: %v", r.Problems))
	}
	return problems
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
