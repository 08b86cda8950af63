package flow

import (
	"testing"

	"bankconnector/connector/flow/fate"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// TestTwoRepliesUnderOneName: a bank names its file as it likes, and so it may name two of them alike, for two documents.
// The office, which has not come for the first one yet, gets both, and the process goes on.
func TestTwoRepliesUnderOneName(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	o.submit(t, f, 6)
	o.visit(t, f)
	left := 0
	for _, a := range f.collect() {
		doc, ok := f.open(t, a).(*formats.Order)
		if !ok || left == 2 {
			continue
		}
		left++
		data, err := formats.Encode(f.reply(doc), "")
		must(t, err)
		sig, err := f.sign.Sign(t.Context(), data, startTime)
		must(t, err)
		stem := formats.KindReport.Prefix() + "_1"
		file, err := envelope.Seal([]envelope.Entry{{Name: stem + ".xml", Data: data}, {Name: stem + ".xml.sig", Data: sig}})
		must(t, err)
		f.put(stem+".zip", file)
		if out := o.Visit(t.Context(), f.bank, Slot{}); fate.Of(out.Err) == fate.Broken {
			t.Fatalf("reply %d ends the process: %v", left, out.Err)
		}
	}
	if got := o.outbox(t, f); left != 2 || len(got) != 6 {
		t.Errorf("%d replies, and the office has %d files, want 6", left, len(got))
	}
	o.checkBooks(t)
}
