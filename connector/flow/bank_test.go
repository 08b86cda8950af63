package flow

import (
	"context"
	"errors"
	"io/fs"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"testing"

	"bankconnector/banks"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/flow/rule"
	"bankconnector/connector/spool"
	"bankconnector/crypto/cms"
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
	real    [2]string // where the folders really lie
	fault   func(op string) (apply bool, err error)
}

// arrival is an envelope as the bank took it.
type arrival struct {
	name string
	data []byte
}

var (
	errCut     = errors.New("connection cut")
	errChanged = errors.New("the file has another size")
)

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
	kind := fate.Ambiguous
	switch {
	case errors.Is(err, errChanged):
		kind = fate.Changed
	case errors.Is(err, fs.ErrNotExist):
		kind = fate.Gone
	case errors.Is(err, fs.ErrExist):
		kind = fate.Exists
	}
	return &fate.Failure{Op: op, Bank: f.bank.BIC, Kind: kind, Err: err}
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

func (f *fakeBank) Leftovers(context.Context) (temps []File, err error) {
	err = f.act("leftovers", func() error {
		for name, data := range f.to {
			if strings.HasPrefix(name, ".") {
				temps = append(temps, File{Name: name, Size: int64(len(data))})
			}
		}
		return nil
	})
	return temps, err
}

func (f *fakeBank) RealPaths(context.Context) (toBank, fromBank string, err error) {
	err = f.act("real", func() error { toBank, fromBank = f.real[0], f.real[1]; return nil })
	return toBank, fromBank, err
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

func (f *fakeBank) Fetch(_ context.Context, claimed string, size int64) (data []byte, err error) {
	err = f.act("fetch", func() error {
		files := f.claimed
		if f.bank.Pickup.Mode == rule.Leave {
			files = f.from
		}
		var ok bool
		if data, ok = files[claimed]; !ok {
			return fs.ErrNotExist
		}
		if int64(len(data)) != size {
			return errChanged
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
