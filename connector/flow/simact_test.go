package flow

import (
	"errors"
	"slices"
	"strings"

	"bankconnector/banks"
	"bankconnector/connector/flow/act"
	"bankconnector/connector/journal"
)

// Acts of persons in the simulation. A person decides freely what to do, also what the
// rules refuse; but what only the bank can know, the person asks the bank and says as it is.

// sensible are the acts that a state asks for; now and then a person tries another one.
var sensible = map[journal.State][]string{
	journal.Accepted:  {act.Reject, act.Cancel},
	journal.Held:      {act.Release, act.Release, act.Reject, act.Cancel},
	journal.Sealed:    {act.Cancel},
	journal.Ambiguous: {act.Resend, act.Resolve},
	journal.Suspect:   {act.Resend, act.Resolve, act.Resolve, act.Cancel},
}

// person does one act that is drawn, on one document that is drawn.
func (w *simulation) person() {
	open := w.undecided(journal.Accepted, journal.Held, journal.Sealed, journal.Sending, journal.Ambiguous, journal.Delivered, journal.Suspect)
	if len(open) == 0 {
		return
	}
	w.decides(open[w.rnd.IntN(len(open))])
}

// settled lets persons decide about everything that nobody knows, and tells whether they did.
func (w *simulation) settled() (acted bool) {
	for _, x := range w.undecided(journal.Suspect) {
		if w.rnd.IntN(4) > 0 { // some wait for ever, and that is an end too
			w.decides(x)
			acted = true
		}
	}
	return acted
}

func (w *simulation) undecided(states ...journal.State) []journal.Exchange {
	list, err := w.Book.Find(w.t.Context(), journal.Filter{Kinds: []string{"order", "query"}, States: states})
	must(w.t, err)
	return list
}

// decides draws an act on a document and does it. It may die in the commit.
func (w *simulation) decides(x journal.Exchange) {
	acts := sensible[x.State]
	if len(acts) == 0 || w.rnd.IntN(4) == 0 {
		acts = []string{act.Release, act.Reject, act.Cancel, act.Resend, act.Resolve}
	}
	s := w.bankOf(x)
	r := w.request(s, x, acts[w.rnd.IntN(len(acts))])
	if w.happens("dies at a commit", 8) {
		w.fuse = 1
	}
	w.acts(x, r)
	w.fuse = 0
	if w.dead {
		w.restart(s.bank.BIC, w.waiting(s.bank.BIC))
		w.acts(x, r) // the person does not know, and does it again
	}
}

// request draws how an act is asked for.
func (w *simulation) request(s *simBank, x journal.Exchange, name string) act.Request {
	r := act.Request{Exchange: x.ID, Reason: "drawn", Act: name}
	if r.Act == act.Resolve {
		r.As = []string{act.AsLook, act.AsDelivered, act.AsClosed, act.AsRejected}[w.rnd.IntN(4)]
	}
	r.Confirm = w.rnd.IntN(4) > 0 && w.true(s, x, r)
	return r
}

func (w *simulation) bankOf(x journal.Exchange) *simBank {
	return w.banks[slices.IndexFunc(w.banks, func(s *simBank) bool { return string(s.bank.BIC) == x.Bank })]
}

// acts does an act at the desk.
func (w *simulation) acts(x journal.Exchange, r act.Request) {
	desk := w.desk()
	if w.without == "act" { // every bank is believed to rename in one step
		desk.Bank = func(id banks.ID) (*banks.Bank, bool) {
			b := *w.banks[slices.IndexFunc(w.banks, func(s *simBank) bool { return s.bank.BIC == id })].bank
			b.Delivery.Mode = posixRename
			return &b, true
		}
	}
	before, _ := w.Book.Latest()
	out, err := desk.Do(w.t.Context(), "ivanova", r)
	var refusal *act.Refusal
	switch after, _ := w.Book.Latest(); {
	case errors.As(err, &refusal) && after != before:
		w.accuse("%s of %s, which is %s, was refused and wrote into the journal", r.Act, x.InternalKey, x.State)
	case err != nil && refusal == nil && !w.dead:
		w.accuse("%s of %s, which is %s: %v", r.Act, x.InternalKey, x.State, err)
	}
	w.note("person: %s %s %s confirmed %v: %s, now %s, %v", x.InternalKey, r.Act, r.As, r.Confirm, x.State, out.To, err)
	if err == nil && out.Changed {
		w.said[x.InternalKey+" "+r.Act+r.As] = true
	}
}

// cancels withdraws a document in the middle of a visit.
func (w *simulation) cancels(key string) {
	x, err := w.Book.ByKey(w.t.Context(), "office", key)
	if errors.Is(err, journal.ErrNotFound) { // a receipt of ours
		return
	}
	must(w.t, err)
	w.acts(x, act.Request{Exchange: x.ID, Reason: "drawn", Act: act.Cancel})
}

// intervenes decides about a document while its bank is being visited.
func (w *simulation) intervenes(key string) {
	x, err := w.Book.ByKey(w.t.Context(), "office", key)
	if errors.Is(err, journal.ErrNotFound) {
		return
	}
	must(w.t, err)
	s := w.bankOf(x)
	if acts := sensible[x.State]; len(acts) > 0 {
		w.acts(x, w.request(s, x, acts[w.rnd.IntN(len(acts))]))
	}
}

// true tells whether a person may confirm an act: the bank has been asked, and nothing of
// ours is on its way any more.
func (w *simulation) true(s *simBank, x journal.Exchange, r act.Request) bool {
	has, refused := s.has(x.InternalKey)
	if w.without == "word" { // the person confirms without asking
		has = false
	}
	switch r.Act + r.As {
	case act.Release:
		return w.never(x.BaseKey)
	case act.Resolve + act.AsDelivered:
		return has
	case act.Resolve + act.AsRejected:
		return refused
	case act.Resolve + act.AsClosed: // on paper, whatever the bank has
		return s.open[x.InternalKey] == 0
	}
	return !has && s.open[x.InternalKey] == 0
}

// never tells that a base document will not come: the office did not leave it, or it has
// ended without being confirmed.
func (w *simulation) never(base string) bool {
	x, err := w.Book.ByKey(w.t.Context(), "office", base)
	if errors.Is(err, journal.ErrNotFound) {
		for name := range w.left {
			if strings.Contains(name, base) {
				return false
			}
		}
		return true
	}
	must(w.t, err)
	return x.State == journal.Rejected
}

// has tells whether a bank has a document, and whether it has refused it. What was written
// by half the bank throws away when it is asked.
func (s *simBank) has(key string) (has, refused bool) {
	for _, name := range sorted(s.to) {
		if subject(name) != key || strings.HasPrefix(name, ".") || strings.HasSuffix(name, doneMark) {
			continue
		}
		_, err := s.unpack(arrival{name, s.to[name]})
		_, shown := s.to[name+doneMark]
		switch {
		case err != nil && s.atOnce():
			delete(s.to, name)
		case shown || !s.marks():
			has = true
		}
	}
	return has || slices.Contains(s.took, key), s.refused[key]
}
