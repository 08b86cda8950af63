package flow

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestCourierAfterAnother: a configuration that is loaded anew brings a courier of its own while a visit of the old one is
// under way. The two do not get in each other's way at that bank, and what people were told is not told again.
func TestCourierAfterAnother(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	stray := filepath.Join(o.dir, "office", "in", "044525999")
	must(t, os.MkdirAll(stray, 0o750))
	must(t, os.WriteFile(filepath.Join(stray, "piev_1.xml"), []byte("<x/>"), 0o600))
	o.Known = func(folder string) bool { return folder != "044525999" }
	must(t, o.Sweep(t.Context()))
	next := &Courier{
		Book: o.Book, Store: o.Store, Office: o.Office, Quarantine: o.Quarantine, Dial: o.Dial, Signer: o.Signer, SignedBy: o.SignedBy,
		Verifier: o.Verifier, Others: o.Others, Known: o.Known, Deadline: o.Deadline, Now: o.Now, Unique: o.Unique, Log: o.Log,
	}
	next.After(o.Courier)
	o.submit(t, f, 1)
	var late string
	f.fault = func(op string) (bool, error) {
		if op == "list" && late == "" {
			late = o.submit(t, f, 2)[1].Document.Key()
			if err := next.Accept(t.Context(), f.bank); err != nil {
				t.Errorf("the new courier's intake beside the visit: %v", err)
			}
			if _, err := o.Book.ByKey(t.Context(), "office", late); err == nil {
				t.Error("the new courier took a document in beside the old one's visit")
			}
			if out := next.Visit(t.Context(), f.bank, Slot{}); !errors.Is(out.Err, ErrBusy) {
				t.Errorf("a second visit beside the first: %v", out.Err)
			}
		}
		return true, nil
	}
	o.visit(t, f)
	f.fault = nil
	must(t, next.Accept(t.Context(), f.bank))
	o.find(t, late)
	must(t, next.Sweep(t.Context()))
	if told := o.alarms(t, "alarm.office.unknown"); len(told) != 1 {
		t.Errorf("people were told %d times of the same documents: %v", len(told), told)
	}
	o.Courier = next
	o.settle(t, f)
	o.checkBooks(t)
}
