package rule

import (
	"bankconnector/connector/journal"
	"bankconnector/formats"
)

// Sight is what a look at the bank's folder showed; a nil size means that the name was
// absent.
type Sight struct{ Temp, Final *int64 }

// Finding is what the two names mean for a document in doubt.
type Finding string

// The findings. Their words stand in the journal as evidence.
const (
	FoundFinal   Finding = "final seen"      // renamed
	FoundNothing Finding = "inferred"        // renamed and taken: nothing else removes the temp
	foundBoth    Finding = "both seen"       // link and unlink cut in half
	foundTemp    Finding = "only temp seen"  // not renamed, or not yet, or taken between link and unlink
	foundStrange Finding = "other size seen" // not ours, or damaged
	foundUnseen  Finding = "not to be seen"  // a drop box
)

// Find reads a sight for an envelope of size octets. In marker mode the temp name is the
// data under its final name, which stays, and the final name is an empty marker.
func Find(mode string, s Sight, size int64) Finding {
	marked := mode == marker
	switch {
	case mode == blind:
		return foundUnseen
	case s.Temp != nil && *s.Temp != size, !marked && s.Final != nil && *s.Final != size:
		return foundStrange
	case marked && s.Final != nil, s.Temp == nil && s.Final != nil:
		return FoundFinal
	case s.Final != nil:
		return foundBoth
	case s.Temp != nil:
		return foundTemp
	default:
		return FoundNothing
	}
}

// Bytes is what reading the final name back showed.
type Bytes int

// The outcomes of a read-back.
const (
	Unread  Bytes = iota // not tried yet
	Ours                 // the sealed bytes
	Foreign              // other bytes
	Taken                // the name vanished between the look and the read
)

// Step is what comes next for a document in doubt.
type Step int

// The steps.
const (
	ReadBack  Step = iota + 1 // read the final name, then ask again
	Deliver                   // commit Delivered
	SweepTemp                 // remove the temp, then commit Delivered
	Rename                    // journal a further intent for the same temp, then send the same rename
	Doubt                     // commit To, with Why
)

// Next is a step with what it needs.
type Next struct {
	Step Step
	To   journal.State // of Doubt: Ambiguous or Suspect
	Why  string        // of Doubt
}

// Resolve decides what to do about a document in doubt, from what was seen on a
// connection made after the doubt. No step makes another temp, and only Rename sends
// anything: at most the same rename again.
func Resolve(mode, unknownOutcome string, found Finding, read Bytes) Next {
	switch found {
	case FoundFinal, foundBoth:
		return recognised(mode, found, read)
	case FoundNothing:
		return vanished(mode)
	case foundTemp:
		// Only a bank that refuses a second document with the same key may be sent the same
		// rename again: link and unlink may have been cut after the bank took the final name.
		// Without a rename (marker, direct) a late request could follow the second one.
		if unknownOutcome == Reissue && mode != marker && mode != direct {
			return Next{Step: Rename}
		}
		return Next{Step: Doubt, To: journal.Ambiguous, Why: "the temp name is there, the final name is not"}
	case foundUnseen: // whatever is done now could be the second time
		return Next{Step: Doubt, To: journal.Ambiguous, Why: "nobody can look into the bank's drop box: only its receipt tells whether the document is there"}
	case foundStrange:
	}
	return Next{Step: Doubt, To: journal.Suspect, Why: "a file of another size stands under our name"}
}

// recognised: something stands under the final name; only our bytes prove our delivery.
func recognised(mode string, found Finding, read Bytes) Next {
	switch {
	case read == Unread:
		return Next{Step: ReadBack}
	case read == Foreign:
		return Next{Step: Doubt, To: journal.Suspect, Why: "the file under our name holds other bytes"}
	case found == foundBoth: // the temp is a second name of the same bytes
		return Next{Step: SweepTemp}
	case read == Taken:
		return vanished(mode)
	default:
		return Next{Step: Deliver}
	}
}

// vanished: neither name is there. With a rename the only way is that the bank took the
// file; if its housekeeping removed the temp instead, no receipt will come, and the
// deadline makes it Suspect. In direct mode nothing was perhaps ever written, so nobody
// knows.
func vanished(mode string) Next {
	if mode == direct {
		return Next{Step: Doubt, To: journal.Ambiguous, Why: "nothing stands under the final name: taken, or never written"}
	}
	return Next{Step: Deliver}
}

// Effect is what the bank's word does to an exchange.
type Effect struct {
	Through []journal.State // the states that it goes through; empty: it stays
	Note    string          // kind of the event to write besides; "": none
	Why     string          // sentence for the note
}

// Acknowledge decides what the bank's receipt does: a document in state s, which got a
// receipt with this StateId after renames intents of ours.
func Acknowledge(s journal.State, stateID, renames int) Effect {
	switch {
	case stateID == formats.StateDelivered || stateID == formats.StateAccepted:
		if awaiting(s) {
			return Effect{Through: []journal.State{journal.Confirmed}}
		}
		return Effect{}
	case stateID == formats.StateInternal:
		return Effect{Note: "alarm.receipt", Why: "the bank reports an internal error"}
	case stateID == formats.StateDuplicate:
		return calledDuplicate(s, renames)
	case reached(s):
		return Effect{Note: "alarm.receipt", Why: "a refusal came after the bank had accepted the document: a person decides"}
	default:
		return Effect{Through: []journal.State{journal.Rejected}, Note: "alarm.rejected", Why: "the bank refuses the document"}
	}
}

// calledDuplicate: the bank has this key already. After a second rename of ours that is
// proof that the first copy arrived, and its receipt is on the way; without one somebody
// else used our key.
func calledDuplicate(s journal.State, renames int) Effect {
	if reached(s) || renames > 1 {
		return Effect{Note: "note.receipt.duplicate", Why: "the first copy is there"}
	}
	e := Effect{Note: "alarm.receipt", Why: "the bank calls this a duplicate, and we sent it once"}
	if s != journal.Suspect {
		e.Through = []journal.State{journal.Suspect}
	}
	return e
}

// Reply decides what a report or a whole answer does. The bank's signed reply that names
// our key acknowledges the document too, when its receipt is late or lost.
func Reply(s journal.State) Effect {
	switch {
	case awaiting(s):
		return Effect{Through: []journal.State{journal.Confirmed, journal.Answered}}
	case s == journal.Closed:
		return Effect{Note: "note.reply.later", Why: "a further reply after the exchange was closed"}
	default:
		return Effect{Through: []journal.State{journal.Answered}}
	}
}
