package flow

import (
	"errors"
	"strings"
	"testing"

	"bankconnector/connector/flow/act"
	"bankconnector/connector/flow/fate"
	"bankconnector/connector/journal"
)

// TestFoldersThatMoved: where a bank's folders lie is kept at the first visit. When one lies elsewhere nothing is read or
// left there, people hear of it once, and a person's act lets the visits go on.
func TestFoldersThatMoved(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	f.real = [2]string{"/data/to", "/data/from"}
	first := o.submit(t, f, 1)[0].Document.Key()
	o.visit(t, f)
	o.visit(t, f)
	if n := len(o.rows(t, `SELECT seq FROM operator_acts WHERE act = 'folders'`)); n != 1 {
		t.Fatalf("the folders were accepted %d times in two visits, want once", n)
	}
	f.work(t)

	f.real[1] = "/home/somebody/from"
	o.submit(t, f, 2)
	var ops []string
	f.fault = func(op string) (bool, error) { ops = append(ops, op); return true, nil }
	for range 2 {
		out := o.Visit(t.Context(), f.bank, Slot{})
		var failure *fate.Failure
		if !errors.As(out.Err, &failure) || failure.Kind != fate.Operator {
			t.Fatalf("the visit ended with %v, want a failure that stops the bank", out.Err)
		}
		for _, want := range []string{`"/home/somebody/from"`, `"/data/from"`, "bank accept 044525101 --to-bank"} {
			if !strings.Contains(out.Err.Error(), want) {
				t.Errorf("%q does not say %s", out.Err, want)
			}
		}
	}
	if said := strings.Join(ops, " "); said != "dial real dial real" {
		t.Errorf("at the bank these were done: %s", said)
	}
	if n := len(o.rows(t, `SELECT seq FROM event WHERE kind = 'alarm.folders'`)); n != 1 {
		t.Errorf("%d alarms, want 1", n)
	}
	if x := o.find(t, first); x.State != journal.Delivered {
		t.Errorf("the receipt in the strange folder was read: %s", x.State)
	}

	r := act.Request{Act: act.Folders, Bank: "044525101", ToBank: "/data/to", FromBank: "/data/wrong", Reason: "the bank has moved"}
	if _, err := o.desk().Do(t.Context(), "ivanova", r); err != nil {
		t.Fatal(err)
	}
	if out := o.Visit(t.Context(), f.bank, Slot{}); out.Err == nil {
		t.Error("another place than the one that was accepted will do")
	}
	r.FromBank = "/home/somebody/from"
	for _, changed := range []bool{true, false} {
		out, err := o.desk().Do(t.Context(), "ivanova", r)
		if err != nil || out.Changed != changed {
			t.Errorf("%+v %v, want changed %v", out, err, changed)
		}
	}
	f.fault = nil
	o.settle(t, f)

	f.bank.SFTP.FromBank, f.real[1] = "/new-from", "/data/new" // the profile names another folder: that is a person's decision
	o.visit(t, f)
	o.checkBooks(t)
}

func TestOnlyKnownBanksHaveFolders(t *testing.T) {
	o := newOffice(t)
	_, err := o.desk().Do(t.Context(), "ivanova", act.Request{Act: act.Folders, Bank: "044525999", ToBank: "/x", FromBank: "/y", Reason: "test"})
	var refusal *act.Refusal
	if !errors.As(err, &refusal) {
		t.Errorf("folders of an unknown bank: %v, want a refusal", err)
	}
	if _, err = o.desk().Do(t.Context(), "ivanova", act.Request{Act: act.Folders, Bank: "044525101", ToBank: "/x", FromBank: "/y"}); !errors.As(err, &refusal) {
		t.Errorf("without a reason: %v, want a refusal", err)
	}
}

// rows are the first column of a question to the journal.
func (o *office) rows(t *testing.T, question string) (list []string) {
	t.Helper()
	rows, err := o.Book.DB().QueryContext(t.Context(), question)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var text string
		must(t, rows.Scan(&text))
		list = append(list, text)
	}
	must(t, rows.Err())
	return list
}
