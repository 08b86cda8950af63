package flow

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
// Nothing leaves Sending but by what Look saw on a connection made after the doubt, or
// by the bank's own signed word.

import (
	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// Words of a bank's profile that decide something here.
const (
	modeMarker       = "marker"   // delivery.mode: the data under its name, then a marker
	modeDirect       = "direct"   // delivery.mode: written under its final name at once
	reissue          = "reissue"  // delivery.unknown_outcome
	pickupLeave      = "leave"    // pickup.mode
	manifestRequired = "required" // format.manifest
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

// answerable tells whether a report or an answer finds its document in this state.
func answerable(s journal.State) bool { return awaiting(s) || reached(s) }

// final tells whether a reply with this code ends the exchange. An order executed in
// part (04) goes on until the sum is reached (229-ФЗ ст. 70 ч. 9, ст. 81 ч. 5).
func final(kind, answerCode string) bool {
	return kind == string(formats.KindQuery) || answerCode != "04"
}

// finding is what Look's two names mean for a document in doubt.
type finding string

const (
	foundFinal   finding = "final seen"      // renamed
	foundNothing finding = "inferred"        // renamed and taken: nothing else removes the temp
	foundBoth    finding = "both seen"       // link and unlink cut in half
	foundTemp    finding = "only temp seen"  // not renamed, or not yet, or taken between link and unlink
	foundStrange finding = "other size seen" // not ours, or damaged
)

// judge reads a sight for an envelope of size bytes. In marker mode the temp name is the
// data under its final name, which stays, and the final name is an empty marker.
func judge(mode string, s Sight, size int64) finding {
	marker := mode == modeMarker
	switch {
	case s.Temp != nil && s.Temp.Size != size, !marker && s.Final != nil && s.Final.Size != size:
		return foundStrange
	case marker && s.Final != nil, s.Temp == nil && s.Final != nil:
		return foundFinal
	case s.Final != nil:
		return foundBoth
	case s.Temp != nil:
		return foundTemp
	default:
		return foundNothing
	}
}
