package flow

import (
	"testing"

	"bankconnector/connector/flow/fate"
	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// TestReceiptForAReceiptInDoubt: what became of our own receipt is not known, and the bank acknowledges or refuses it. No
// arrow of the table leads from there; the file changes nothing, and above all does not end the process.
func TestReceiptForAReceiptInDoubt(t *testing.T) {
	for name, state := range map[string]int{"Accepted": formats.StateAccepted, "Refused": formats.StateBadSchema, "Duplicate": formats.StateDuplicate} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			f := o.banks[0]
			o.submit(t, f, 1)
			o.visit(t, f)
			f.work(t)
			f.fault = func(op string) (bool, error) { return op != "publish", map[bool]error{true: errCut}[op == "publish"] }
			o.Visit(t.Context(), f.bank, Slot{})
			f.fault = nil
			doubtful := mustFind(t, o, journal.Filter{Kinds: []string{"receipt"}, States: []journal.State{journal.Sending}})
			if len(doubtful) == 0 {
				t.Fatal("no receipt of ours is in doubt")
			}
			ours := doubtful[0]
			f.leave(t, &formats.Receipt{
				ReceiptID: "R1", ReceiptDate: o.clock(), DocumentKey: ours.InternalKey, FileName: ours.FileName, FileDigest: ours.FileSHA256, StateID: state,
			})
			for range 2 {
				if out := o.Visit(t.Context(), f.bank, Slot{}); fate.Of(out.Err) == fate.Broken {
					t.Fatalf("the bank's file ends the process: %v", out.Err)
				}
			}
			if in := onlyIncoming(t, o, formats.KindReceipt.Prefix()+"_R1.zip"); in.Outcome != outcomeMatched {
				t.Errorf("the bank's file is %s: %s", in.Outcome, in.Reason)
			}
			o.checkBooks(t)
		})
	}
}
