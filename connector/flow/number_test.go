package flow

import (
	"slices"
	"strings"
	"testing"
	"time"

	"bankconnector/connector/flow/reading"
	"bankconnector/connector/flow/waiting"
	"bankconnector/connector/spool"
	"bankconnector/formats"
	"bankconnector/formats/envelope"
)

// numbered leaves a document in an envelope with a signed manifest and returns the digest of it.
func (f *fakeBank) numbered(t *testing.T, doc formats.Document, seq int64, previous string) string {
	t.Helper()
	name, bare := f.sealed(t, doc, f.sign)
	entries, err := envelope.Open(bare, envelope.DefaultLimits())
	must(t, err)
	m := &formats.Manifest{
		Version: 1, Sender: string(f.bank.BIC), Recipient: reading.Service, Stream: "documents", Seq: seq,
		CreatedAt: startTime, Previous: previous,
	}
	for _, e := range entries {
		m.Entries = append(m.Entries, formats.ManifestEntry{Name: e.Name, SHA256: spool.Digest(e.Data), Size: int64(len(e.Data))})
	}
	data, err := formats.EncodeManifest(m)
	must(t, err)
	sig, err := f.sign.Sign(t.Context(), data, startTime)
	must(t, err)
	file, err := envelope.Seal(append(entries, envelope.Entry{Name: "manifest.xml", Data: data}, envelope.Entry{Name: "manifest.xml.sig", Data: sig}))
	must(t, err)
	f.put(name, file)
	return spool.Digest(file)
}

// alarms lists the reasons of one kind of alarm.
func (o *office) alarms(t *testing.T, kind string) (out []string) {
	t.Helper()
	rows, err := o.Book.DB().QueryContext(t.Context(), `SELECT json_extract(body, '$.reason') FROM event WHERE kind = ? ORDER BY seq`, kind)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var text string
		must(t, rows.Scan(&text))
		out = append(out, text)
	}
	must(t, rows.Err())
	return out
}

// delivered brings n orders to a bank and returns the bank's replies to them.
func delivered(t *testing.T, o *office, f *fakeBank, n int) (replies []formats.Document) {
	t.Helper()
	o.submit(t, f, 8)
	o.visit(t, f)
	for _, a := range f.collect() {
		if list := f.replies(f.open(t, a)); len(list) == 1 && len(replies) < n {
			replies = append(replies, list...)
		}
	}
	if len(replies) < n {
		t.Fatalf("%d replies, want %d", len(replies), n)
	}
	return replies
}

// TestGapInABanksNumbers: a number that is missing for longer than an hour is alarmed once,
// across a restart too, and one that comes late closes the gap.
func TestGapInABanksNumbers(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	replies := delivered(t, o, f, 4)
	first := f.numbered(t, replies[0], 1, "")
	missing := strings.Repeat("ab", 32)
	f.numbered(t, replies[2], 4, missing)
	o.visit(t, f)
	o.pass(time.Hour)
	must(t, o.Sweep(t.Context()))
	if got := o.alarms(t, "alarm.gap"); len(got) != 0 {
		t.Fatalf("within the hour: %v", got)
	}
	o.pass(time.Second)
	must(t, o.Sweep(t.Context()))
	must(t, o.Sweep(t.Context()))
	must(t, o.Book.Close()) // a restart must not repeat it
	o.memory = waiting.Memory{}
	o.open(t, false)
	o.pass(time.Hour)
	must(t, o.Sweep(t.Context()))
	got := o.alarms(t, "alarm.gap")
	if len(got) != 1 || !strings.Contains(got[0], "numbers 2 to 3") || !strings.Contains(got[0], string(f.bank.BIC)) {
		t.Fatalf("alarms %v, want one of the numbers 2 to 3", got)
	}
	f.numbered(t, replies[1], 2, first)
	o.visit(t, f)
	var left int
	must(t, o.Book.DB().QueryRowContext(t.Context(), `SELECT first * 10 + last FROM gaps`).Scan(&left))
	if left != 33 {
		t.Errorf("after number 2 came late: %d, want 3 to 3", left)
	}
	o.pass(2 * time.Hour)
	must(t, o.Sweep(t.Context()))
	if got := o.alarms(t, "alarm.gap"); len(got) != 1 {
		t.Errorf("alarms %v, want no second one for the rest", got)
	}
	if got := o.alarms(t, "alarm.number"); len(got) != 0 {
		t.Errorf("alarms %v of numbers that are right", got)
	}
	o.checkBooks(t)
}

// TestNumbersThatContradict: a number on two documents, and an envelope that names another one
// before it than came, are alarmed at once, whichever of the two comes first; the same document
// under its old number is not.
func TestNumbersThatContradict(t *testing.T) {
	other := strings.Repeat("ab", 32)
	for _, tt := range []struct {
		name  string
		leave func(t *testing.T, f *fakeBank, replies []formats.Document)
		want  []string
	}{
		{"Doubled", func(t *testing.T, f *fakeBank, replies []formats.Document) {
			t.Helper()
			f.numbered(t, replies[1], 1, "")
		}, []string{"number 1 stands on two documents"}},
		{"SameDocumentPackedAnew", func(t *testing.T, f *fakeBank, replies []formats.Document) {
			t.Helper()
			f.numbered(t, replies[0], 1, "")
		}, nil},
		{"AnotherBefore", func(t *testing.T, f *fakeBank, replies []formats.Document) {
			t.Helper()
			f.numbered(t, replies[1], 2, other)
		}, []string{"number 2 names abababab"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			f := o.banks[0]
			replies := delivered(t, o, f, 2)
			f.numbered(t, replies[0], 1, "")
			o.visit(t, f)
			tt.leave(t, f, replies)
			o.visit(t, f)
			checkAlarms(t, o, tt.want)
			o.checkBooks(t)
		})
	}
	t.Run("AnotherBeforeThatComesLate", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		f := o.banks[0]
		replies := delivered(t, o, f, 2)
		f.numbered(t, replies[1], 2, other)
		o.visit(t, f)
		f.numbered(t, replies[0], 1, "")
		o.visit(t, f)
		checkAlarms(t, o, []string{"number 2 names abababab"})
		o.checkBooks(t)
	})
}

func checkAlarms(t *testing.T, o *office, want []string) {
	t.Helper()
	got := o.alarms(t, "alarm.number")
	if !slices.EqualFunc(got, want, func(is, wanted string) bool { return strings.Contains(is, wanted) }) {
		t.Errorf("alarms %v, want %v", got, want)
	}
	var answered int
	must(t, o.Book.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM incoming WHERE outcome IN ('matched', 'duplicate') AND seq > 0`).Scan(&answered))
	if answered < 2 {
		t.Errorf("%d replies count, want both: their signatures hold", answered)
	}
}

// TestNumberOfAForgedManifestIsNone: what is not signed by the bank says nothing of its numbers.
func TestNumberOfAForgedManifestIsNone(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	replies := delivered(t, o, f, 1)
	own := f.sign
	f.sign = newSigner(t, "stranger")
	f.numbered(t, replies[0], 7, strings.Repeat("ab", 32))
	f.sign = own
	o.visit(t, f)
	var n int
	must(t, o.Book.DB().QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM incoming WHERE seq IS NOT NULL) + (SELECT count(*) FROM gaps)`).Scan(&n))
	if n != 0 {
		t.Error("a stranger moved the bank's numbers")
	}
	o.checkBooks(t)
}
