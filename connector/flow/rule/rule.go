// Package rule decides what happens next to a document: what a sight of the bank's folder
// means, what a receipt or a reply does to an exchange, what must wait, what may be taken
// away at the bank. Every decision is a pure function of what is known, so that the model
// check of package flow drives the very functions that production runs.
//
// It acts on nothing. It may call journal for the names of the states and formats for the
// codes of receipts.
package rule

// The states of an exchange, the journal's table of arrows seen from here:
//
//	Accepted ─> Sealed ─> Sending ─> Delivered ─> Confirmed ─> Answered ─> Closed
//	   │  └> Held           │            └─> Suspect (deadline passed: alarm, a person decides)
//	   └─> Refused          └─> Ambiguous ─> Delivered | Sending (the same rename) | Suspect
//	   └─> Cancelled (only before Sending)      Delivered ─> Rejected (the bank's receipt 90..95)
//
// What is true in each state:
//
//	state      our disk              journal                         bank's server
//	Accepted   document in the store key, digest, addressee          nothing
//	Held       as Accepted           and why it waits                nothing
//	Sealed     envelope in the store seq, digest, final name         perhaps a temp file that no rename will name
//	Sending    as Sealed             the one temp name (the intent)  temp or final or, once taken, neither
//	Ambiguous  as Sealed             as Sending                      temp seen, final not: renamed or not, nobody knows
//	Delivered  as Sealed             how we know                     final was there
//	Confirmed  and the bank's receipt  whose it is                   the bank has it and said so
//	Answered   and the report/answer whose it is, the code           the bank acted
//	Closed     as Answered           our receipt went out            it has our receipt
//
// Nothing leaves Sending but by what Look saw on a connection made after the doubt, by
// the bank's own signed word, or by its deadline.

import (
	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// Words of a bank's profile that decide something here.
const (
	marker  = "marker"  // delivery.mode: the data under its name, then a marker
	direct  = "direct"  // delivery.mode: written under its final name at once
	blind   = "blind"   // delivery.mode: as direct, into a drop box that nobody can look into
	Reissue = "reissue" // delivery.unknown_outcome: the same rename may be sent again
	Leave   = "leave"   // pickup.mode: the bank's files stay where they are
)

// reached tells whether the bank has acknowledged a document in this state.
func reached(s journal.State) bool {
	return s == journal.Confirmed || s == journal.Answered || s == journal.Closed
}

// awaiting tells whether a document in this state may still get its first sign of life
// from the bank. A receipt may be faster than our own commit of Delivered.
func awaiting(s journal.State) bool {
	return s == journal.Sending || s == journal.Ambiguous || s == journal.Delivered || s == journal.Suspect
}

// Answerable tells whether a report or an answer finds its document in this state.
func Answerable(s journal.State) bool { return awaiting(s) || reached(s) }

// Final tells whether a reply with this code ends the exchange. An order executed in
// part (04) goes on until the sum is reached (229-ФЗ ст. 70 ч. 9, ст. 81 ч. 5).
func Final(kind, answerCode string) bool {
	return kind == string(formats.KindQuery) || answerCode != "04"
}

// Released tells whether a document may go whose base document is in this state. A
// lifting that overtakes its arrest leaves the account frozen, and a bank takes files in
// any order, so the bank must have acknowledged the base first: delivered is not enough.
func Released(base journal.State) bool { return reached(base) }

// Overdue is the state of a document whose deadline passed, and whether people must hear
// of it. One that was never sent stays where it is, for it may still go. One in Sending
// stays there, because nobody has looked yet and the next connection will; one that the
// bank has acknowledged stays Confirmed, for what waits for it may go all the same.
func Overdue(s journal.State) (to journal.State, alarm bool) {
	switch s {
	case journal.Ambiguous, journal.Delivered:
		return journal.Suspect, true
	case journal.Accepted, journal.Held, journal.Sealed, journal.Sending, journal.Confirmed:
		return s, true
	case journal.Answered, journal.Closed, journal.Suspect, journal.Refused, journal.Rejected, journal.Cancelled:
	}
	return s, false
}
