package lifting

import (
	"fmt"

	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// lift is a document that takes its base back: an arrest or a levy.
type lift struct {
	key    string
	part   bool   // of its amount only
	amount *int64 // kopecks that it takes back; nil: it does not say
}

// of tells what a document with this code takes back; ok is false for one that takes nothing.
func of(key, code string, amount *int64) (l lift, ok bool) {
	c := formats.OrderCode(code)
	ok, part := c.Lifts()
	if c.Levies() {
		amount = nil // the levy's: a debt that grew since the arrest is levied whole
	}
	return lift{key: key, part: part, amount: amount}, ok
}

// counts tells whether a lifting in this state counts: one that the bank or we have ended takes nothing back.
func counts(s journal.State) bool {
	return s != journal.Refused && s != journal.Rejected && s != journal.Cancelled
}

// decide decides about a lifting of a base for arrested kopecks (nil: it names no sum), after others that came before it.
//
// More than was arrested cannot be released (229-ФЗ ст. 81): it is refused, for one of the two sums is wrong, and the
// bank would have to guess which. Liftings in part are lawful as often as the debt shrinks (ст. 81 ч. 4: what is arrested
// in excess is released at once), so they go while their sum stays within the arrest. A whole lifting may come before or
// after them: documents of one moment reach the bank in any order, and whatever is left is released. A second whole one,
// and a part that brings the sum above the arrest, wait for a person: the bank would answer 06, nothing to lift, and
// perhaps it was the first one that named the wrong base.
func decide(base string, arrested *int64, before []lift, l lift) (refused *formats.Fault, held string) {
	if arrested != nil && l.amount != nil && *l.amount > *arrested {
		return &formats.Fault{
			Path: "/Restrictn/Amount", Code: formats.StateBadLogic,
			EN: fmt.Sprintf("it lifts %s of base document %s, which is for %s", roubles(*l.amount), base, roubles(*arrested)),
			RU: fmt.Sprintf("снимается %s по основному документу %s, а он на сумму %s", roubles(*l.amount), base, roubles(*arrested)),
		}, ""
	}
	sum := int64(0)
	for _, b := range before {
		if !b.part && !l.part {
			return nil, fmt.Sprintf("base document %s is lifted whole by document %s already: a person releases, rejects or cancels this one", base, b.key)
		}
		if b.part && b.amount != nil {
			sum += *b.amount
		}
	}
	if l.part && l.amount != nil && arrested != nil && sum+*l.amount > *arrested {
		return nil, fmt.Sprintf("with this one %s of base document %s would be lifted, which is for %s: a person releases, rejects or cancels it",
			roubles(sum+*l.amount), base, roubles(*arrested))
	}
	return nil, ""
}

func roubles(kopecks int64) string { return fmt.Sprintf("%d.%02d", kopecks/100, kopecks%100) }
