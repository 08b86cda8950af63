package letter

import (
	cryptorand "crypto/rand"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"bankconnector/crypto/cms"
	"bankconnector/crypto/pki"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

const bic, otherBIC = "044525225", "044525974"

func now() time.Time {
	return time.Date(2026, 11, 23, 12, 0, 0, 0, time.FixedZone("MSK", 3*3600))
}

func signer(t *testing.T, name string) *cms.Signer {
	t.Helper()
	key, err := pki.GenerateKey(pki.ECDSAP256, cryptorand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pki.IssueCertificate(pki.Template{
		Subject: pki.Subject{CommonName: name}, NotBefore: now().AddDate(-1, 0, 0), NotAfter: now().AddDate(1, 0, 0),
	}, key.Public(), nil, key, cryptorand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := cms.NewSigner(c, key, cryptorand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pinned(s *cms.Signer) *cms.Policy {
	return &cms.Policy{Signers: []cms.Pin{{Certificate: s.Certificate()}}}
}

// desk is the service's side, with everything a test may want to do wrong.
type desk struct {
	t       *testing.T
	service *cms.Signer
	name    string
	parts   map[string][]byte // document, original and their signatures
	m       formats.Manifest
}

func newDesk(t *testing.T, service *cms.Signer, s formats.Sample) *desk {
	t.Helper()
	d := &desk{
		t: t, service: service, parts: map[string][]byte{},
		name: s.Document.Kind().Prefix() + "_" + s.Document.Key(),
		m: formats.Manifest{
			Version: 1, Sender: Service, Recipient: bic, Stream: Stream(s.Document.Kind()), Seq: 1, CreatedAt: now().UTC(),
		},
	}
	d.parts[d.name+".xml"] = s.XML
	d.sign(d.name+".xml", service)
	if s.Original != nil {
		d.parts[d.name+".original.xml"] = s.Original
		d.sign(d.name+".original.xml", service)
	}
	return d
}

func (d *desk) sign(name string, with *cms.Signer) {
	d.t.Helper()
	sig, err := with.Sign(d.t.Context(), d.parts[name], now())
	if err != nil {
		d.t.Fatal(err)
	}
	d.parts[name+".sig"] = sig
}

// list fills the manifest and signs it.
func (d *desk) list() {
	d.t.Helper()
	d.m.Entries = nil
	for _, name := range slices.Sorted(maps.Keys(d.parts)) {
		d.m.Entries = append(d.m.Entries, formats.ManifestEntry{Name: name, SHA256: Digest(d.parts[name]), Size: int64(len(d.parts[name]))})
	}
	data, err := formats.EncodeManifest(&d.m)
	if err != nil {
		d.t.Fatal(err)
	}
	d.parts["manifest.xml"] = data
	d.sign("manifest.xml", d.service)
}

func (d *desk) pack() []byte {
	d.t.Helper()
	var entries []envelope.Entry
	for _, name := range slices.Sorted(maps.Keys(d.parts)) {
		entries = append(entries, envelope.Entry{Name: name, Data: d.parts[name]})
	}
	data, err := envelope.Seal(entries)
	if err != nil {
		d.t.Fatal(err)
	}
	return data
}

// samples returns the first order, the first query and the first receipt.
func samples(t *testing.T) map[formats.Kind]formats.Sample {
	t.Helper()
	found := map[formats.Kind]formats.Sample{}
	for _, s := range formats.NewSampler(1, now()).Next(formats.SampleBank{BIC: bic}, 8) {
		if k := s.Document.Kind(); found[k].Document == nil {
			found[k] = s
		}
	}
	r := &formats.Receipt{
		ReceiptID: "r-1", ReceiptDate: now().UTC(), DocumentKey: "x-1", FileName: "rep_x-1.zip",
		FileDigest: strings.Repeat("0", 64), StateID: formats.StateAccepted,
	}
	xml, err := formats.Encode(r, "")
	if err != nil {
		t.Fatal(err)
	}
	found[formats.KindReceipt] = formats.Sample{Document: r, XML: xml}
	return found
}

func TestOpen(t *testing.T) {
	service, stranger := signer(t, "ФССП"), signer(t, "Чужой")
	all := samples(t)
	foreign := formats.NewSampler(2, now()).Next(formats.SampleBank{BIC: otherBIC}, 2)[1]
	tests := []struct {
		name   string
		kind   formats.Kind
		before func(*desk) // changes that the manifest follows
		after  func(*desk) // changes that it does not
		state  int
		text   string
	}{
		{name: "order accepted", kind: formats.KindOrder},
		{name: "query accepted", kind: formats.KindQuery},
		{name: "receipt accepted", kind: formats.KindReceipt},
		{name: "order without original accepted", kind: formats.KindOrder, before: func(d *desk) {
			delete(d.parts, d.name+".original.xml")
			delete(d.parts, d.name+".original.xml.sig")
		}},
		{name: "two good signatures accepted", kind: formats.KindOrder, before: func(d *desk) {
			d.parts[d.name+".xml.2.sig"] = d.parts[d.name+".xml.sig"]
		}},
		{name: "second signature bad", kind: formats.KindOrder, before: func(d *desk) {
			d.parts[d.name+".xml.2.sig"] = d.parts[d.name+".original.xml.sig"]
		}, state: 90, text: ".xml.2.sig"},
		{name: "document signed by a stranger", kind: formats.KindOrder, before: func(d *desk) {
			d.sign(d.name+".xml", stranger)
		}, state: 90, text: ".xml.sig"},
		{name: "manifest signed by a stranger", kind: formats.KindOrder, after: func(d *desk) {
			d.sign("manifest.xml", stranger)
		}, state: 90, text: "manifest.xml"},
		{name: "document changed after signing", kind: formats.KindOrder, before: func(d *desk) {
			d.parts[d.name+".xml"] = append(d.parts[d.name+".xml"], '\n')
		}, state: 90},
		{name: "document without signature", kind: formats.KindOrder, before: func(d *desk) {
			delete(d.parts, d.name+".xml.sig")
		}, state: 90, text: "no signature"},
		{name: "no manifest", kind: formats.KindOrder, after: func(d *desk) { delete(d.parts, "manifest.xml") }, state: 90, text: "missing"},
		{name: "manifest without signature", kind: formats.KindOrder, after: func(d *desk) { delete(d.parts, "manifest.xml.sig") }, state: 90, text: "missing"},
		{name: "entry that the manifest does not name", kind: formats.KindOrder, after: func(d *desk) {
			d.parts["more.xml"] = []byte("<x/>")
		}, state: 90, text: "more.xml is not in"},
		{name: "entry missing", kind: formats.KindOrder, after: func(d *desk) { delete(d.parts, d.name+".original.xml") }, state: 90, text: "does not agree"},
		{name: "entry changed", kind: formats.KindOrder, after: func(d *desk) {
			d.parts[d.name+".original.xml"] = []byte("<x/>")
		}, state: 90, text: "does not agree"},
		{name: "manifest that is none", kind: formats.KindOrder, after: func(d *desk) {
			d.parts["manifest.xml"] = []byte("<Manifest/>")
			d.sign("manifest.xml", d.service)
		}, state: 91},
		{name: "addressed to another bank", kind: formats.KindOrder, before: func(d *desk) { d.m.Recipient = otherBIC }, state: 93, text: otherBIC},
		{name: "sent by a bank", kind: formats.KindOrder, before: func(d *desk) { d.m.Sender, d.m.Recipient = bic, Service }, state: 93},
		{name: "account of another bank inside", kind: formats.KindOrder, before: func(d *desk) {
			d.parts[d.name+".xml"] = foreign.XML
			d.sign(d.name+".xml", d.service)
		}, state: 93},
		{name: "not the document of its name", kind: formats.KindOrder, before: func(d *desk) {
			d.parts[d.name+".xml"] = all[formats.KindQuery].XML
			d.sign(d.name+".xml", d.service)
		}, state: 92, text: "of kind query"},
		{name: "document under another name", kind: formats.KindOrder, before: func(d *desk) {
			d.parts["piev_1.xml"], d.parts["piev_1.xml.sig"] = d.parts[d.name+".xml"], d.parts[d.name+".xml.sig"]
			delete(d.parts, d.name+".xml")
			delete(d.parts, d.name+".xml.sig")
		}, state: 91, text: "no piev_"},
		{name: "wrong stream", kind: formats.KindQuery, before: func(d *desk) { d.m.Stream = Receipts }, state: 92, text: "in stream"},
		{name: "not XML", kind: formats.KindOrder, before: func(d *desk) {
			d.parts[d.name+".xml"] = []byte("<Restrictn>")
			d.sign(d.name+".xml", d.service)
		}, state: 91},
		{name: "required elements missing", kind: formats.KindOrder, before: func(d *desk) {
			d.parts[d.name+".xml"] = []byte("<Restrictn><InternalKey>1</InternalKey></Restrictn>")
			d.sign(d.name+".xml", d.service)
		}, state: 91, text: "DocDate"},
		{name: "original of another order", kind: formats.KindOrder, before: func(d *desk) {
			d.parts[d.name+".original.xml"] = foreign.Original
		}, state: 92},
		{name: "original that is none", kind: formats.KindOrder, before: func(d *desk) {
			d.parts[d.name+".original.xml"] = []byte("<x/>")
		}, state: 91},
		{name: "original without signature", kind: formats.KindOrder, before: func(d *desk) {
			delete(d.parts, d.name+".original.xml.sig")
		}, state: 91, text: "belong together"},
		{name: "original with a query", kind: formats.KindQuery, before: func(d *desk) {
			d.parts[d.name+".original.xml"], d.parts[d.name+".original.xml.sig"] = []byte("<x/>"), []byte("x")
		}, state: 91, text: "to an order"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t, service, all[test.kind])
			if test.before != nil {
				test.before(d)
			}
			d.list()
			if test.after != nil {
				test.after(d)
			}
			r := &Reader{BIC: bic, Policy: pinned(service)}
			l, err := r.Open(d.name+".zip", d.pack(), now())
			wantState(t, err, test.state, test.text)
			if err == nil && (l.Doc.Key() != all[test.kind].Document.Key() || l.Manifest.Seq != 1 || l.Kind != test.kind) {
				t.Errorf("read %s %s, number %d", l.Kind, l.Doc.Key(), l.Manifest.Seq)
			}
		})
	}
}

func wantState(t *testing.T, err error, state int, text string) {
	t.Helper()
	var no *Refusal
	switch {
	case state == 0 && err != nil:
		t.Fatalf("refused: %v", err)
	case state == 0:
	case !errors.As(err, &no):
		t.Fatalf("got %v, want a refusal with %d", err, state)
	case no.State != state || !strings.Contains(no.Text, text):
		t.Errorf("refused with %d: %s; want %d and %q", no.State, no.Text, state, text)
	}
}

func TestOpenGarbage(t *testing.T) {
	r := &Reader{BIC: bic, Policy: pinned(signer(t, "ФССП"))}
	for name, file := range map[string]string{"not a zip": "piev_1.zip", "bad name": "piev 1.zip", "reflection": "rep_1.zip"} {
		t.Run(name+" refused", func(t *testing.T) {
			l, err := r.Open(file, []byte("PK"), now())
			wantState(t, err, 91, "")
			if l == nil || l.Doc != nil || l.Manifest != nil {
				t.Errorf("letter %+v", l)
			}
		})
	}
}

func TestOpenReflection(t *testing.T) {
	service := signer(t, "ФССП")
	order := samples(t)[formats.KindOrder]
	o, _ := order.Document.(*formats.Order)
	report := formats.SampleReport(o, formats.SampleBank{BIC: bic}, "x-1", randomless(), now())
	xml, err := formats.Encode(report, "")
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, service, formats.Sample{Document: report, XML: xml})
	d.list()
	_, err = (&Reader{BIC: bic, Policy: pinned(service)}).Open(d.name+".zip", d.pack(), now())
	wantState(t, err, 93, "sent by banks")
}

func TestRefusedLetterNamesItsDocument(t *testing.T) {
	service := signer(t, "ФССП")
	order := samples(t)[formats.KindOrder]
	d := newDesk(t, signer(t, "Чужой"), order)
	d.list()
	l, err := (&Reader{BIC: bic, Policy: pinned(service)}).Open(d.name+".zip", d.pack(), now())
	wantState(t, err, 90, "")
	if l.Doc == nil || l.Doc.Key() != order.Document.Key() || l.Manifest != nil {
		t.Errorf("letter %+v", l)
	}
}

func TestSeal(t *testing.T) {
	bank := signer(t, "Банк")
	order, _ := samples(t)[formats.KindOrder].Document.(*formats.Order)
	report := formats.SampleReport(order, formats.SampleBank{BIC: bic}, "x-1", randomless(), now())
	place := Place{Stream: Documents, Seq: 7, Previous: strings.Repeat("a", 64)}
	seal := func(t *testing.T, w *Writer) map[string][]byte {
		t.Helper()
		data, err := w.Seal(t.Context(), "rep_x-1", report, place, now().UTC())
		if err != nil {
			t.Fatal(err)
		}
		entries, err := envelope.Open(data, envelope.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		parts := map[string][]byte{}
		for _, e := range entries {
			parts[e.Name] = e.Data
		}
		return parts
	}
	t.Run("signed, listed and numbered", func(t *testing.T) {
		parts := seal(t, &Writer{Sender: bic, Signer: bank})
		for _, name := range []string{"rep_x-1.xml", "manifest.xml"} {
			if v := pinned(bank).Verify(parts[name], parts[name+".sig"], now()); !v.Valid() {
				t.Errorf("%s: %s", name, v.Text("en"))
			}
		}
		m, faults := formats.DecodeManifest(parts["manifest.xml"])
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		if m.Sender != bic || m.Recipient != Service || m.Seq != 7 || m.Previous != place.Previous || m.Stream != Documents || len(m.Entries) != 2 {
			t.Errorf("manifest %+v", m)
		}
		for _, e := range m.Entries {
			if Digest(parts[e.Name]) != e.SHA256 {
				t.Errorf("digest of %s", e.Name)
			}
		}
		doc, faults := formats.Decode(parts["rep_x-1.xml"], formats.Rules{Today: now(), BICs: []string{bic}})
		if len(faults) > 0 || doc.Key() != "x-1" {
			t.Errorf("document %v, %v", doc, faults)
		}
	})
	t.Run("without signer no signatures", func(t *testing.T) {
		parts := seal(t, &Writer{Sender: bic})
		if len(parts) != 2 || parts["rep_x-1.xml"] == nil || parts["manifest.xml"] == nil {
			t.Errorf("entries %v", slices.Sorted(maps.Keys(parts)))
		}
	})
	t.Run("document that cannot be written", func(t *testing.T) {
		w := &Writer{Sender: bic, Signer: bank}
		if _, err := w.Seal(t.Context(), "rep_x-1", &formats.Report{}, place, now()); err == nil {
			t.Error("no error")
		}
	})
}

// randomless draws the same every time.
func randomless() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
