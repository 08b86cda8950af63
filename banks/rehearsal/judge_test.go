package rehearsal

import (
	"encoding/json"
	"strings"
	"testing"

	"bankconnector/banks/rehearsal/letter"
	"bankconnector/formats"
)

func TestJudgement(t *testing.T) {
	tests := []struct {
		name    string
		do      func(w *world) parcel // delivers what goes before, returns the last one
		verdict string
		reason  string
		double  bool
	}{
		{"first order accepted", func(w *world) parcel { return w.parcels(first, 1)[0] }, "accepted", "", false},
		{"signature of the document broken", func(w *world) parcel {
			s := w.sampler.Next(formats.SampleBank{BIC: first}, 1)[0]
			own := w.service
			w.service = newSigner(t, "ecdsa-p256", "Чужой")
			defer func() { w.service = own }()
			return w.seal(first, s)
		}, "90", "manifest.xml", false},
		{"addressed to another bank", func(w *world) parcel {
			s := w.sampler.Next(formats.SampleBank{BIC: first}, 1)[0]
			return w.seal(first, s, func(m *formats.Manifest) { m.Recipient = second })
		}, "93", second, false},
		{"order for another bank", func(w *world) parcel {
			return w.seal(first, w.sampler.Next(formats.SampleBank{BIC: second}, 2)[1])
		}, "93", "", false},
		{"not a ZIP", func(w *world) parcel {
			p := w.parcels(first, 1)[0]
			p.data = []byte("<html>")
			return p
		}, "91", "open envelope", false},
		{"larger than any envelope", func(w *world) parcel {
			p := w.parcels(first, 1)[0]
			p.data = append(p.data, make([]byte, 17<<20)...)
			return p
		}, "91", "open envelope: limit", false},
		{"delivered twice", func(w *world) parcel {
			p := w.parcels(first, 1)[0]
			w.deliver(first, p)
			w.settle()
			return p
		}, "94", "accepted before", true},
		{"sealed twice", func(w *world) parcel {
			s := w.sampler.Next(formats.SampleBank{BIC: first}, 1)[0]
			w.deliver(first, w.seal(first, s))
			w.settle()
			return w.seal(first, s)
		}, "94", "accepted before", true},
		{"refused, then sent well", func(w *world) parcel {
			s := w.sampler.Next(formats.SampleBank{BIC: first}, 1)[0]
			w.deliver(first, w.seal(first, s, func(m *formats.Manifest) { m.Recipient = second }))
			w.settle()
			return w.seal(first, s)
		}, "accepted", "", true},
		{"number used twice", func(w *world) parcel {
			w.deliver(first, w.parcels(first, 1)...)
			w.settle()
			delete(w.places, first+letter.Documents)
			return w.parcels(first, 1)[0]
		}, "92", "used before", false},
		{"previous digest wrong", func(w *world) parcel {
			w.deliver(first, w.parcels(first, 1)...)
			w.settle()
			s := w.sampler.Next(formats.SampleBank{BIC: first}, 1)[0]
			return w.seal(first, s, func(m *formats.Manifest) { m.Previous = strings.Repeat("0", 64) })
		}, "92", "another envelope before it", false},
		{"gap is no fault", func(w *world) parcel {
			list := w.parcels(first, 2)
			return list[1]
		}, "accepted", "", false},
		{"lifting before its arrest", func(w *world) parcel { return w.parcels(first, 9)[8] }, "95", "base document", false},
		{"lifting after its arrest", func(w *world) parcel {
			list := w.parcels(first, 9)
			w.deliver(first, list[:8]...)
			w.settle()
			return list[8]
		}, "accepted", "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, first).start()
			w.t = t
			p := test.do(w)
			w.deliver(first, p)
			w.settle()
			lines := w.ledger(first, "received.jsonl")
			line := lines[len(lines)-1]
			if line.Verdict != test.verdict || !strings.Contains(line.Reason, test.reason) || line.Duplicate != test.double {
				t.Errorf("line %+v, want verdict %s and reason %q", line, test.verdict, test.reason)
			}
			if !strings.HasPrefix(test.reason, "open envelope") && line.InternalKey != p.doc.Key() {
				t.Errorf("key %q, want %q", line.InternalKey, p.doc.Key())
			}
			w.checkReceipt(line, p)
		})
	}
}

// checkReceipt finds the receipt to a line, and no business reply to a refused one.
func (w *world) checkReceipt(line Received, p parcel) {
	w.t.Helper()
	want := map[string]int{"accepted": 2, "90": 90, "91": 91, "92": 92, "93": 93, "94": 94, "95": 95}[line.Verdict]
	receipts, others := 0, 0
	for _, r := range w.replies(line.bic(w)) {
		d := r.receipt()
		switch {
		case d == nil && r.answers() == p.doc.Key():
			others++
		case d != nil && d.FileDigest == line.SHA256 && strings.HasSuffix(d.ReceiptID, "-"+arrivalText(line)):
			receipts++
			if d.StateID != want || d.FileName != p.name || d.DocumentKey != line.InternalKey || (want > 2) != (len(d.Errors) > 0) {
				w.t.Errorf("receipt %+v, want state %d", d, want)
			}
		}
	}
	if receipts != 1 {
		w.t.Errorf("%d receipts, want 1", receipts)
	}
	if line.Verdict != "accepted" && !line.Duplicate && others > 0 {
		w.t.Errorf("%d replies to a refused document", others)
	}
}

func (r Received) bic(w *world) string { return w.bics[0] }

func arrivalText(line Received) string {
	text, _ := json.Marshal(line.Arrival)
	return string(text)
}

func TestReceiptsOfTheService(t *testing.T) {
	w := newWorld(t, first).start()
	w.deliver(first, w.parcels(first, 1)...)
	w.settle()
	var report reply
	for _, r := range w.replies(first) {
		if r.receipt() == nil {
			report = r
		}
	}
	receipt := func(id, key, digest string, state int) parcel {
		file := report.name
		if key == "no-such-report" {
			file = "rep_no-such-report.zip"
		}
		d := &formats.Receipt{
			ReceiptID: id, ReceiptDate: today().UTC(), DocumentKey: key, FileName: file, FileDigest: digest, StateID: state,
		}
		xml, err := formats.Encode(d, "")
		if err != nil {
			t.Fatal(err)
		}
		return w.seal(first, formats.Sample{Document: d, XML: xml})
	}
	before := len(w.replies(first))
	w.deliver(first,
		receipt("r-1", report.doc.Key(), report.digest, formats.StateAccepted),
		receipt("r-2", "no-such-report", report.digest, formats.StateAccepted),
		receipt("r-3", report.doc.Key(), strings.Repeat("0", 64), formats.StateAccepted),
		receipt("r-4", "", report.digest, formats.StateBadSignature),
	)
	w.settle()
	lines := w.ledger(first, "receipts.jsonl")
	if len(lines) != 4 {
		t.Fatalf("%d lines, want 4", len(lines))
	}
	for i, want := range []Received{
		{InternalKey: report.doc.Key(), Verdict: "accepted"},
		{InternalKey: "no-such-report", Verdict: "95"},
		{InternalKey: report.doc.Key(), Verdict: "92", Duplicate: true},
		{Verdict: "accepted", State: formats.StateBadSignature},
	} {
		got := lines[i]
		if got.InternalKey != want.InternalKey || got.Verdict != want.Verdict || got.Duplicate != want.Duplicate || got.State != max(want.State, formats.StateAccepted) || got.Kind != "receipt" {
			t.Errorf("line %+v, want %+v", got, want)
		}
	}
	if n := len(w.ledger(first, "received.jsonl")); n != 1 {
		t.Errorf("%d lines in received.jsonl, want 1", n)
	}
	if n := len(w.replies(first)); n != before {
		t.Errorf("receipts were answered: %d replies, %d before", n, before)
	}
}
