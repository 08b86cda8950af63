package flow

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"bankconnector/connector/flow/act"
	"bankconnector/connector/flow/rule"
	"bankconnector/connector/journal"
	"bankconnector/connector/spool"
	"bankconnector/formats"
)

// check holds what happened against the promise.
func (w *simulation) check() {
	t := w.t
	whole, err := w.Book.Find(t.Context(), journal.Filter{})
	must(t, err)
	var all []journal.Exchange
	for _, x := range whole {
		if x.Kind != string(formats.KindReceipt) {
			all = append(all, x)
		} else if x.State != journal.Closed { // one of ours that did not go out
			w.checkAlarm(x)
		}
	}
	at := map[string]int{}
	for i, x := range all { // the one that has its key now, or the last that had
		if known, ok := at[x.InternalKey]; x.State != journal.Refused && (!ok || all[known].State == journal.Cancelled) {
			at[x.InternalKey] = i
		}
	}
	w.exchanges = len(at)
	for _, s := range w.banks {
		taken := w.checkTaken(s, all, at)
		outbox := w.outboxOf(s)
		w.checkReplies(s, all, at, outbox)
		w.checkEnd(s, all, outbox)
		n := 0
		for _, x := range all {
			if x.Bank == string(s.bank.BIC) && x.State != journal.Refused {
				n++
				w.checkDocument(s, x, all, at, taken)
			}
		}
		if n == 0 || len(s.claimed) > 0 || len(s.from) > 0 && s.bank.Pickup.Mode != rule.Leave {
			w.accuse("bank %s: %d documents in the journal, %d files left claimed and %d unclaimed", s.bank.BIC, n, len(s.claimed), len(s.from))
		}
	}
	if w.seed%4 == 0 || len(w.wrong) > 0 { // a proof costs as much as the visits that it is about
		w.wrong = append(w.wrong, w.verify(t)...)
	}
}

// checkTaken looks at what a bank took, and returns the place of each document in that.
func (w *simulation) checkTaken(s *simBank, all []journal.Exchange, at map[string]int) map[string]int {
	for _, a := range s.taken {
		if err := w.Store.Check(w.t.Context(), spool.Digest(a.data)); err != nil {
			w.accuse("a part: bank %s took bytes of %s that were never sealed: %v", s.bank.BIC, a.name, err)
		}
	}
	taken := map[string]int{}
	for i, key := range s.took {
		if first, twice := taken[key]; twice {
			w.accuse("doubled: bank %s took %s at %d and %d", s.bank.BIC, key, first, i)
		}
		taken[key] = i
		if x, ok := at[key]; !ok || all[x].Bank != string(s.bank.BIC) {
			w.accuse("misdirected: bank %s took %s, which the office left for another", s.bank.BIC, key)
		}
	}
	return taken
}

// outboxOf lists what the office finds from a bank.
func (w *simulation) outboxOf(s *simBank) map[string]bool {
	entries, err := os.ReadDir(w.out(s.bank.BIC))
	must(w.t, err)
	outbox := map[string]bool{}
	for _, e := range entries {
		outbox[e.Name()] = true
	}
	return outbox
}

// checkEnd holds that everything is done: no visit finds work, no file of the bank is half
// dealt with, and the office was told of each document that will not go.
func (w *simulation) checkEnd(s *simBank, all []journal.Exchange, outbox map[string]bool) {
	if s.rest.Err != nil || s.rest.Sent > 0 || s.rest.Taken > 0 {
		w.accuse("restless: days after all was done, a visit to bank %s sent %d, took %d: %v", s.bank.BIC, s.rest.Sent, s.rest.Taken, s.rest.Err)
	}
	open, err := w.Book.IncomingOpen(w.t.Context(), string(s.bank.BIC))
	must(w.t, err)
	for _, in := range open {
		w.accuse("unfinished: %s of bank %s is %q, handed over %v, removed %v", in.Name, s.bank.BIC, in.Outcome, in.HandedAt, in.CleanedAt)
	}
	for _, x := range all {
		gone := x.State == journal.Refused || x.State == journal.Cancelled
		if gone && x.Bank == string(s.bank.BIC) && !outbox["notsent_"+x.InternalKey+".xml"] && !outbox["cancelled_"+x.InternalKey+".xml"] {
			w.accuse("silence: %s is %s, and the office was not told", x.InternalKey, x.State)
		}
	}
}

// checkReplies finds every reply of a bank in the office's outbox.
func (w *simulation) checkReplies(s *simBank, all []journal.Exchange, at map[string]int, outbox map[string]bool) {
	for _, key := range s.took {
		for _, name := range w.done[key] {
			x, known := at[key]
			if outbox[strings.TrimSuffix(name, ".zip")+".json"] || !known {
				continue
			}
			// A bank that first refuses and then replies contradicts itself: a person decides.
			if all[x].State != journal.Rejected || !strings.Contains(w.quarantined(w.t, s.fakeBank), name) {
				w.accuse("lost: reply %s of bank %s never reached the office", name, s.bank.BIC)
			}
		}
	}
}

func (w *simulation) checkDocument(s *simBank, x journal.Exchange, all []journal.Exchange, at, taken map[string]int) {
	place, arrived := taken[x.InternalKey]
	settled := w.said[x.BaseKey+" "+act.Resolve+act.AsClosed] || w.said[x.InternalKey+" "+act.Release] // outside, as a person says
	if base, ok := taken[x.BaseKey]; arrived && x.BaseKey != "" && (ok && base > place || !ok && !settled) {
		w.accuse("overtaken: bank %s took %s before its base %s", s.bank.BIC, x.InternalKey, x.BaseKey)
	}
	if all[at[x.InternalKey]].ID != x.ID { // cancelled, and left anew by the office
		return
	}
	switch x.State {
	case journal.Cancelled:
		if arrived {
			w.accuse("misdirected: %s was cancelled before it was sent, and bank %s took it", x.InternalKey, s.bank.BIC)
		}
	case journal.Confirmed, journal.Answered, journal.Closed, journal.Rejected:
		if !arrived && !w.said[x.InternalKey+" "+act.Resolve+act.AsClosed] {
			w.accuse("lost: %s is %s and bank %s never had it", x.InternalKey, x.State, s.bank.BIC)
		}
	case journal.Held:
		if base, ok := at[x.BaseKey]; ok && all[base].Bank == x.Bank && rule.Released(all[base].State) {
			w.accuse("%s is held, and its base is %s", x.InternalKey, all[base].State)
		}
	case journal.Suspect:
		w.checkAlarm(x)
	case journal.Accepted, journal.Sealed, journal.Sending, journal.Ambiguous, journal.Delivered, journal.Refused:
		w.accuse("%s is still %s (%s): nobody was told", x.InternalKey, x.State, x.Reason)
	}
	if x.DueAt != nil && x.State.Open() && x.DueAt.Before(w.clock()) {
		w.checkAlarm(x)
	}
}

// checkAlarm holds that somebody was told of a document in time: at the first sweep after
// its deadline at the latest.
func (w *simulation) checkAlarm(x journal.Exchange) {
	events, err := w.Book.Events(w.t.Context(), x.ID)
	must(w.t, err)
	from := 1 // what was told before a person decided is no answer to what came of that
	for i, e := range events {
		if e.Kind == "operator.acted" {
			from = i
		}
	}
	told := slices.IndexFunc(events[from:], func(e journal.Event) bool { return strings.HasPrefix(e.Kind, "alarm.") })
	if told += from; told < from {
		w.accuse("silence: %s is %s, was due %s, and no alarm was raised", x.InternalKey, x.State, x.DueAt)
		return
	}
	if x.DueAt == nil {
		return
	}
	at := slices.IndexFunc(w.sweeps, func(s time.Time) bool { return !s.Before(*x.DueAt) })
	if at >= 0 && events[told].At.After(w.sweeps[at]) {
		w.accuse("silence: %s was due %s, looked at %s, and alarmed only at %s", x.InternalKey, x.DueAt, w.sweeps[at], events[told].At)
	}
}

// tally counts what the worlds of one run went through.
type tally struct {
	exchanges, wrong int
	fired            map[string]int
	pairs            map[[2]string]bool
}

func (s *tally) add(w *simulation) {
	if s.fired == nil {
		s.fired, s.pairs = map[string]int{}, map[[2]string]bool{}
	}
	s.exchanges += w.exchanges
	s.wrong += len(w.wrong)
	for key, list := range w.fired {
		for i, f := range list {
			s.fired[f]++
			if key == "" {
				continue
			}
			for _, g := range list[:i] {
				s.pairs[[2]string{min(f, g), max(f, g)}] = true
			}
		}
	}
}

// report says what a run went through, and adds a line to the file SIM_REPORT. A long run
// in which a fault never came about would not have tried it.
func (s *tally) report(t *testing.T, from, worlds int64) {
	t.Helper()
	all := slices.Concat(ownFaults(), bankFaults(), officeFaults())
	faults := 0
	for _, n := range s.fired {
		faults += n
	}
	line := fmt.Sprintf("seeds %d-%d worlds %d exchanges %d faults %d kinds %d pairs %d violations %d",
		from, from+worlds-1, worlds, s.exchanges, faults, len(s.fired), len(s.pairs), s.wrong)
	t.Log(line)
	if worlds >= 400 {
		for _, f := range all {
			if s.fired[f] == 0 {
				t.Errorf("%d worlds, and never %q", worlds, f)
			}
		}
	}
	path := os.Getenv("SIM_REPORT")
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	_, err = fmt.Fprintln(f, line)
	must(t, err)
	must(t, f.Close())
}
