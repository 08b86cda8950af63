package rule

import (
	"fmt"

	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// Lifting is a document that takes its base back: an arrest or a levy.
type Lifting struct {
	Key    string
	Part   bool   // of its Amount only
	Amount *int64 // kopecks that it takes back; nil: it does not say
}

// LiftingOf tells what a document with this code takes back; ok is false for one that takes nothing.
func LiftingOf(key, code string, amount *int64) (l Lifting, ok bool) {
	c := formats.OrderCode(code)
	ok, part := c.Lifts()
	if c.Levies() {
		amount = nil // the levy's: a debt that grew since the arrest is levied whole
	}
	return Lifting{Key: key, Part: part, Amount: amount}, ok
}

// Lifts tells whether a lifting in this state counts: one that the bank or we have ended takes nothing back.
func Lifts(s journal.State) bool {
	return s != journal.Refused && s != journal.Rejected && s != journal.Cancelled
}

// Lift decides about a lifting of a base for arrested kopecks (nil: it names no sum), after others that came before it.
//
// More than was arrested cannot be released (229-ФЗ ст. 81): it is refused, for one of the two sums is wrong, and the
// bank would have to guess which. Liftings in part are lawful as often as the debt shrinks (ст. 81 ч. 4: what is arrested
// in excess is released at once), so they go while their sum stays within the arrest. A whole lifting may come before or
// after them: documents of one moment reach the bank in any order, and whatever is left is released. A second whole one,
// and a part that brings the sum above the arrest, wait for a person: the bank would answer 06, nothing to lift, and
// perhaps it was the first one that named the wrong base.
func Lift(base string, arrested *int64, before []Lifting, l Lifting) (refused, held string) {
	if arrested != nil && l.Amount != nil && *l.Amount > *arrested {
		return fmt.Sprintf("it lifts %s of base document %s, which is for %s", roubles(*l.Amount), base, roubles(*arrested)), ""
	}
	sum := int64(0)
	for _, b := range before {
		if !b.Part && !l.Part {
			return "", fmt.Sprintf("base document %s is lifted whole by document %s already: a person releases, rejects or cancels this one", base, b.Key)
		}
		if b.Part && b.Amount != nil {
			sum += *b.Amount
		}
	}
	if l.Part && l.Amount != nil && arrested != nil && sum+*l.Amount > *arrested {
		return "", fmt.Sprintf("with this one %s of base document %s would be lifted, which is for %s: a person releases, rejects or cancels it",
			roubles(sum+*l.Amount), base, roubles(*arrested))
	}
	return "", ""
}

func roubles(kopecks int64) string { return fmt.Sprintf("%d.%02d", kopecks/100, kopecks%100) }
