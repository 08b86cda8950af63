package flow

import (
	"strings"
	"testing"

	"bankconnector/connector/flow/rule"
)

// The model of the pick-up: the bank writes a reply, later another one (or the first one
// again) under the same name; the client may be cut off and its requests be carried out
// late. The client's decisions are those of package rule.

// Contents of the bank's file: two replies, each perhaps only half written.
const (
	firstPart uint8 = iota + 1
	firstWhole
	secondPart
	secondWhole
)

// What the client is at, with one file at a time.
const (
	resting uint8 = iota
	claimSent
	claimDone
	fetched  // content holds what was read
	recorded // its bytes are in the journal, unjudged
	discardNext
	discardSent
	discardDone
)

// entry is one line of the journal about a file; it survives.
type entry struct {
	content uint8
	settled uint8
	cleaned uint8
}

// mail is one state of the model.
type mail struct {
	name    uint8    // content under the bank's name
	written uint8    // replies that the bank has begun: 1, 2; 3: the first one again
	claimed [3]uint8 // contents under names of ours
	used    uint8    // names of ours so far
	book    [3]entry
	effect  [2]uint8 // how often each reply had its effect
	told    uint8    // an alarm was raised about an unreadable file

	at, slot, content uint8
	online, cuts      uint8
	claims, discards  [3]uint8 // late requests, by slot; without rule R6 discards[0] is of the bank's name
}

type post struct {
	rules rulebook
	emit  func(string, int, mail)
}

func whichReply(content uint8) int { return int(content-1) / 2 }

func half(content uint8) bool { return content == firstPart || content == secondPart }

func (p *post) next(w mail) {
	p.writes(w)
	p.late(w)
	if w.online == 0 {
		w.online = 1
		p.emit("reconnected", -1, w)
		return
	}
	p.client(w)
	p.remote(w)
	if w.cuts > 0 {
		w.cuts--
		w.online = 0
		switch w.at {
		case claimSent:
			w.claims[w.slot]++
		case discardSent:
			w.discards[w.slot]++
		}
		w.at, w.content, w.slot = resting, 0, 0
		p.emit("cut off", -1, w)
	}
}

// writes: the bank never overwrites a reply of its own that still lies there.
func (p *post) writes(was mail) {
	if was.name == absent && was.written < 3 {
		w := was
		w.written++
		w.name = map[uint8]uint8{1: firstPart, 2: secondPart, 3: firstWhole}[w.written]
		p.emit("bank writes a reply", int(w.written), w)
	}
	if half(was.name) {
		w := was
		w.name++
		p.emit("bank writes the rest", 0, w)
	}
	for i, c := range was.claimed {
		if half(c) {
			w := was
			w.claimed[i]++
			p.emit("bank writes the rest into the claimed file", i, w)
		}
	}
}

func (p *post) late(was mail) {
	for i := range was.claims {
		if was.claims[i] > 0 {
			w := was
			w.claims[i]--
			if w.name != absent && w.claimed[i] == absent {
				w.claimed[i], w.name = w.name, absent
			}
			p.emit("late claim carried out", i, w)
		}
		if was.discards[i] > 0 {
			w := was
			w.discards[i]--
			p.remove(&w, i)
			p.emit("late removal carried out", i, w)
		}
	}
}

func (p *post) remove(w *mail, slot int) {
	if p.rules.claim {
		w.claimed[slot] = absent
	} else {
		w.name = absent
	}
}

func (p *post) client(w mail) {
	i := w.slot
	switch w.at {
	case resting:
		p.look(w)
	case claimDone:
		p.fetch(w, i)
	case fetched:
		for _, e := range w.book {
			if e.content == w.content && !half(w.content) { // the journal knows these bytes
				w.at = discardNext
				p.emit("known bytes", int(i), w)
				return
			}
		}
		w.book[i] = entry{content: w.content}
		w.at = recorded
		p.emit("recorded", int(i), w)
	case recorded:
		p.settle(w, i)
	case discardNext:
		w.at = resting
		if rule.Discards("claim", true, w.book[i].content != 0 || w.content != 0) {
			w.at = discardSent
		}
		p.emit("removal sent", int(i), w)
	case discardDone:
		w.book[i].cleaned = 1
		w.at, w.content = resting, 0
		p.emit("removal committed", int(i), w)
	}
}

// look is resume, then the listing: recorded files first, then what is claimed, then new.
func (p *post) look(w mail) {
	for i, e := range w.book {
		n := w
		n.slot, n.content = uint8(i), e.content
		switch {
		case e.content != 0 && e.settled == 0:
			n.at = recorded
			p.emit("resumed", i, n)
			return
		case e.settled == 1 && e.cleaned == 0 && !half(e.content):
			n.at = discardNext
			p.emit("resumed", i, n)
			return
		}
	}
	for i, c := range w.claimed {
		if c == absent || !p.rules.claim {
			continue
		}
		e := w.book[i]
		for _, late := range []bool{false, true} {
			g := rule.Glance{Claimed: true, Taken: e.content != 0, Incomplete: half(e.content), Grown: e.content != c, OutOfTime: late}
			if late && !g.Incomplete || !g.Fetch("claim") {
				continue
			}
			if late && !g.Grown {
				w.told = 1 // judged for the last time: quarantine and alarm
			}
			p.fetch(w, uint8(i))
		}
	}
	if w.name == absent || int(w.used) == len(w.claimed) {
		return
	}
	g := rule.Glance{}
	if !g.Fetch("claim") {
		return
	}
	w.slot = w.used
	if p.rules.claim && g.Claims("claim") {
		w.used++
		w.at = claimSent
		p.emit("claim sent", int(w.slot), w)
		return
	}
	w.slot = 0
	if !half(w.name) {
		w.book[0].cleaned = 0
		w.content, w.at = w.name, fetched
		p.emit("fetched under the bank's name", 0, w)
	}
}

func (p *post) fetch(w mail, i uint8) {
	w.slot, w.content, w.at = i, w.claimed[i], fetched
	if w.content == absent {
		w.at = resting
	}
	p.emit("fetched", int(i), w)
}

// settle is one transaction: the judgement and its effect.
func (p *post) settle(w mail, i uint8) {
	e := &w.book[i]
	e.settled = 1
	w.at = discardNext
	if half(e.content) {
		if w.told == 0 {
			w.at = resting // incomplete: the file stays
		} else {
			e.cleaned = 0
		}
		p.emit("settled: cut short", int(i), w)
		return
	}
	w.effect[whichReply(e.content)]++
	p.emit("settled", int(i), w)
}

func (p *post) remote(w mail) {
	switch w.at {
	case claimSent:
		w.at = resting // vanished: refused
		if w.name != absent {
			w.claimed[w.slot], w.name, w.at = w.name, absent, claimDone
		}
		p.emit("server claims", int(w.slot), w)
	case discardSent:
		p.remove(&w, int(w.slot))
		w.at = discardDone
		p.emit("server removes", int(w.slot), w)
	}
}

func (p *post) violation(w *mail) string {
	if w.effect[0] > 1 || w.effect[1] > 1 {
		return "doubled: a reply had its effect twice"
	}
	for reply := range 2 {
		if int(w.written) <= reply || w.effect[reply] > 0 || w.told > 0 {
			continue
		}
		lies := w.name != absent && whichReply(w.name) == reply
		for i, c := range w.claimed {
			lies = lies || c != absent && whichReply(c) == reply
			lies = lies || w.book[i].content != 0 && !half(w.book[i].content) && whichReply(w.book[i].content) == reply
		}
		if lies || (w.content != 0 && w.at == fetched && whichReply(w.content) == reply) {
			continue
		}
		return "lost: a reply lies nowhere and had no effect"
	}
	return ""
}

func (p *post) stuck(w *mail) string {
	if w.told == 0 && int(w.used) < len(w.claimed) && (w.effect[0] == 0 || w.effect[1] == 0) {
		return "lost in silence: a reply waits and nobody takes it"
	}
	return ""
}

func (p *post) explore(cuts uint8) result {
	return explore(mail{online: 1, cuts: cuts}, func(w mail, emit func(string, int, mail)) {
		p.emit = emit
		p.next(w)
	}, p.violation, p.stuck, 5_000_000)
}

func TestModelOfPickup(t *testing.T) {
	t.Run("NothingLostNothingDoubled", func(t *testing.T) {
		r := (&post{rules: allRules()}).explore(3)
		t.Logf("%d states, %d moves", r.states, r.moves)
		if r.violation != "" {
			t.Errorf("%s, after\n\t%s", r.violation, strings.Join(r.trace, "\n\t"))
		}
	})
	t.Run("R6DeletingTheBanksNameLosesAReply", func(t *testing.T) {
		rules := allRules()
		rules.claim = false
		r := (&post{rules: rules}).explore(1)
		if !strings.Contains(r.violation, "lost") {
			t.Fatalf("%d states: violation %q, want a reply lost", r.states, r.violation)
		}
		t.Logf("%s, after\n\t%s", r.violation, strings.Join(r.trace, "\n\t"))
	})
}
