package flow

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"bankconnector/connector/flow/pages"
	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// query sends a query to a bank and returns it as the bank took it.
func (o *office) query(t *testing.T, f *fakeBank) *formats.Query {
	t.Helper()
	for _, s := range formats.NewSampler(3, startTime).Next(f.sample, 64) {
		q, ok := s.Document.(*formats.Query)
		if !ok {
			continue
		}
		must(t, o.Office.Submit(string(f.bank.BIC), "req_"+q.Key()+".xml", s.XML))
		o.visit(t, f)
		for _, a := range f.collect() {
			f.leave(t, f.receipt(q.Key(), a, formats.StateAccepted))
		}
		o.visit(t, f)
		return q
	}
	t.Fatal("no query among the samples")
	return nil
}

// answerPage is one page of the bank's answer to a query.
func (f *fakeBank) answerPage(q *formats.Query, key string, number, count int) *formats.Answer {
	a := f.replies(q)[0].(*formats.Answer)
	a.ExternalKey, a.PageNumber, a.PageCount = key, number, count
	return a
}

// TestPagesOfAnAnswer: pages come in any order; one that contradicts another is set aside, told to the bank and alarmed,
// and the answer is not whole before each page has come once.
func TestPagesOfAnAnswer(t *testing.T) {
	type page struct {
		number, count int
		outcome       string
	}
	for _, tt := range []struct {
		name  string
		pages []page
		state journal.State
		says  string
	}{
		{"InAnyOrder", []page{{3, 3, outcomeMatched}, {1, 3, outcomeMatched}, {2, 3, outcomeMatched}}, journal.Closed, ""},
		{"CountChanges", []page{{1, 3, outcomeMatched}, {2, 2, outcomeConflict}}, journal.Confirmed, "page 2 is of 2 pages, and page 1, which came before, of 3"},
		{"CountChangesToNone", []page{{1, 3, outcomeMatched}, {0, 0, outcomeConflict}}, journal.Confirmed, "page 1 is of 1 pages"},
		{"Doubled", []page{{1, 2, outcomeMatched}, {1, 2, outcomeConflict}}, journal.Confirmed, "page 1 of 2 came before in another file"},
		{"DoubledThenWhole", []page{{1, 2, outcomeMatched}, {1, 2, outcomeConflict}, {2, 2, outcomeMatched}}, journal.Closed, "page 1 of 2"},
		{"AnotherWholeAnswer", []page{{0, 0, outcomeMatched}, {0, 0, outcomeMatched}}, journal.Closed, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			f := o.banks[0]
			q := o.query(t, f)
			alarms := 0
			for i, p := range tt.pages {
				key := fmt.Sprintf("P-%d", i)
				f.leave(t, f.answerPage(q, key, p.number, p.count))
				o.visit(t, f)
				var outcome, reason string
				must(t, o.Book.DB().QueryRowContext(t.Context(), `SELECT outcome, reason FROM incoming WHERE external_key = ?`, key).Scan(&outcome, &reason))
				if outcome != p.outcome {
					t.Errorf("page %d is %s %q, want %s", i+1, outcome, reason, p.outcome)
				}
				if p.outcome != outcomeConflict {
					continue
				}
				if alarms++; !strings.Contains(reason, tt.says) || !strings.Contains(o.quarantined(t, f), tt.says) {
					t.Errorf("set aside for %q, want %q", reason, tt.says)
				}
			}
			o.visit(t, f)
			x := o.find(t, q.Key())
			if x.State != tt.state {
				t.Errorf("the query is %s, want %s", x.State, tt.state)
			}
			if n := countEvents(t, o, x.ID, "alarm.incoming"); n != alarms {
				t.Errorf("%d alarms, want %d", n, alarms)
			}
			for _, a := range f.collect() {
				if r, ok := f.open(t, a).(*formats.Receipt); ok && r.StateID >= formats.StateBadSignature {
					alarms--
				}
			}
			if alarms != 0 {
				t.Errorf("the bank was not told of %d pages", alarms)
			}
			o.checkBooks(t)
		})
	}
}

// TestPageThatNeverComes: the alarm at the deadline names the pages that are missing, once, and the answer may still come.
func TestPageThatNeverComes(t *testing.T) {
	o := newOffice(t)
	f := o.banks[0]
	q := o.query(t, f)
	f.leave(t, f.answerPage(q, "P-2", 2, 4))
	f.leave(t, f.answerPage(q, "P-4", 4, 4))
	o.visit(t, f)
	for range 3 {
		o.pass(25 * time.Hour)
		must(t, o.Sweep(t.Context()))
	}
	x := o.find(t, q.Key())
	events, err := o.Book.Events(t.Context(), x.ID)
	must(t, err)
	told := 0
	for _, e := range events {
		if e.Kind == "alarm.overdue" {
			if told++; !strings.Contains(string(e.Body), "of 4 pages of the answer there are missing: 1, 3") {
				t.Errorf("the alarm says %s", e.Body)
			}
		}
	}
	if told != 1 {
		t.Errorf("%d alarms, want 1", told)
	}
	f.leave(t, f.answerPage(q, "P-1", 1, 4))
	f.leave(t, f.answerPage(q, "P-3", 3, 4))
	o.visit(t, f)
	o.visit(t, f)
	if x := o.find(t, q.Key()); x.State != journal.Closed {
		t.Errorf("%s, want Closed", x.State)
	}
	o.checkBooks(t)
}

func TestMissingPages(t *testing.T) {
	var many []pages.Page
	for n := 30; n <= 9999; n++ {
		many = append(many, pages.Page{Number: n, Count: 9999})
	}
	for name, tt := range map[string]struct {
		come []pages.Page
		want string
	}{
		"None":  {nil, ""},
		"Whole": {[]pages.Page{{Number: 1, Count: 1}}, ""},
		"One":   {[]pages.Page{{Number: 2, Count: 2}}, "of 2 pages of the answer there are missing: 1"},
		"Many":  {many, "of 9999 pages of the answer there are missing: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, …"},
	} {
		if got := pages.Missing(tt.come); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
