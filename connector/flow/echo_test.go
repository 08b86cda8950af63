package flow

import (
	"bytes"
	"strings"
	"testing"

	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// TestFaultsThatAReceiptCannotSay: whatever a bank writes, our receipt about it can be written. A signed
// document with names too long or too odd for a receipt must not stop the program, at every start anew.
func TestFaultsThatAReceiptCannotSay(t *testing.T) {
	long := strings.Repeat("a", 1500)
	for name, spoil := range map[string]func([]byte) []byte{
		"LongElement":  func(xml []byte) []byte { return inside(xml, "<"+long+"/>") },
		"DeepElements": func(xml []byte) []byte { return inside(xml, nested(24, long[:90])) },
		"LongAttribute": func(xml []byte) []byte {
			at := bytes.Index(xml, []byte("ExternalKey")) + len("ExternalKey")
			return append(append(bytes.Clone(xml[:at]), " "+long+`="x"`...), xml[at:]...)
		},
		"ManyFaults": func(xml []byte) []byte { return inside(xml, strings.Repeat("<x/>", 3000)) },
		"LongValue":  func(xml []byte) []byte { return inside(xml, "<ExternalKey>"+long+"</ExternalKey>") },
		"OddName":    func(xml []byte) []byte { return inside(xml, "<\u00b7x\u0300 y=\"\u200d\"/>") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			f := o.banks[0]
			doc, sent := exchangeOne(t, o, f)
			file, whole := f.sealed(t, f.reply(doc), f.sign)
			entries, err := envelope.Open(whole, envelope.DefaultLimits())
			must(t, err)
			xml := spoil(bytes.Clone(entries[0].Data))
			sig, err := f.sign.Sign(t.Context(), xml, startTime)
			must(t, err)
			data, err := envelope.Seal([]envelope.Entry{{Name: entries[0].Name, Data: xml}, {Name: entries[0].Name + ".sig", Data: sig}})
			must(t, err)
			f.put(file, data)
			o.visit(t, f)
			if in := onlyIncoming(t, o, file); in.Outcome != outcomeQuarantined {
				t.Errorf("outcome %q %q, want quarantined", in.Outcome, in.Reason)
			}
			checkReceipt(t, f, spoolDigest(data), formats.StateBadSchema)
			f.leave(t, f.receipt(doc.Key(), sent, formats.StateAccepted))
			o.visit(t, f)
			o.checkBooks(t)
		})
	}
}

// inside puts a text before the end tag of the root.
func inside(xml []byte, text string) []byte {
	at := bytes.LastIndex(xml, []byte("</"))
	return append(append(bytes.Clone(xml[:at]), text...), xml[at:]...)
}

func nested(depth int, name string) string {
	return strings.Repeat("<"+name+">", depth) + strings.Repeat("</"+name+">", depth)
}

// TestFaultsThatANoticeCannotSay is the same of a document of the office and the notice why it was not sent.
func TestFaultsThatANoticeCannotSay(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	sample := formats.NewSampler(5, startTime).Next(f.sample, 1)[0]
	key := sample.Document.Key()
	must(t, o.Office.Submit(string(f.bank.BIC), "piev_"+key+".xml", inside(sample.XML, "<"+strings.Repeat("a", 1500)+"/>")))
	o.visit(t, f)
	if out := o.outbox(t, f); !strings.Contains(out["notsent_"+key+".xml"], "<Errors>") {
		t.Errorf("the office was not told why: %v", out)
	}
	o.checkBooks(t)
}
