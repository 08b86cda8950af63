// Package state is the table of states that an outgoing document goes through,
// and the arrows between them. It stores nothing and calls no other room.
package state

import "slices"

// State is where one outgoing document stands. See [Allowed] for the arrows.
type State string

// The states of an exchange, each with what it promises.
const (
	Accepted  State = "Accepted"  // bytes are in the store, the key is ours; nothing is visible outside
	Held      State = "Held"      // as Accepted, but something must happen first; Reason says what
	Sealed    State = "Sealed"    // exact bytes, name and number of the envelope are fixed for good
	Sending   State = "Sending"   // the intent: a rename of TempName may happen at any moment from now on
	Ambiguous State = "Ambiguous" // whether the rename happened is not known
	Delivered State = "Delivered" // the final name was seen; the bank has said nothing yet
	Confirmed State = "Confirmed" // the bank's own signed receipt names our key and digest
	Answered  State = "Answered"  // the bank's report or answer is linked; more may follow
	Closed    State = "Closed"    // nothing more is expected
	Suspect   State = "Suspect"   // a deadline passed or evidence disagrees; a person decides
	Refused   State = "Refused"   // ours: it cannot go, and the office was told why
	Rejected  State = "Rejected"  // the bank's: its receipt says 90, 91, 92, 93 or the like
	Cancelled State = "Cancelled" // withdrawn before Sending, or by a person's decision from Suspect
)

// Receipt is the kind of document that no bank answers: ours to the bank.
const Receipt = "receipt"

// Allowed says whether a document of the kind may go from one state to
// another. Kind "receipt" (ours to the bank) ends with its delivery, because
// no bank answers a receipt; every other kind needs the bank's word.
//
//	Held <──> Accepted ──> Sealed ──> Sending ──> Delivered ──> Confirmed ──> Answered ⟲ ──> Closed
//	  │          │            │        │   ↑ ↓         │             │
//	  │          │            │        │ Ambiguous     ├──> Closed   │     (Delivered ──> Closed: receipts only)
//	  └──────────┴─> Refused  │        │     │         │             │
//	  └──────────┴────────────┴─> Cancelled  │         │             │
//	                                   └─────┴─────────┴─────────────┴──> Suspect
//
// When a person adopts a journal restored from a copy, Accepted, Held, Sealed,
// Sending and Ambiguous go to Suspect as well: what the lost part did with them
// is not known.
//
// The bank's signed word is proof that the file arrived, whatever we knew:
// Sending, Ambiguous, Delivered, Confirmed and Suspect go to Confirmed,
// Answered or Rejected by it. From Suspect a person (or late evidence) goes
// to Ambiguous (resolve again), Delivered, Confirmed, Answered, Rejected,
// Closed, Cancelled, or Sealed (the same bytes are sent once more under the
// same number); one that was never sealed has neither bytes nor an intent, so
// that it can only be cancelled, and handed in again, or wait for the bank. A number once given stays with its document, also when that is
// cancelled: numbers are not used twice, and the gap that the bank then sees is
// a row of the journal. Closed, Refused, Rejected and Cancelled are the end.
func Allowed(from, to State, kind string) bool {
	return slices.Contains(arrows(from, kind == Receipt), to)
}

func arrows(from State, receipt bool) []State {
	switch from {
	case Accepted:
		return []State{Held, Sealed, Refused, Suspect, Cancelled}
	case Held:
		return []State{Accepted, Refused, Suspect, Cancelled}
	case Sealed:
		return []State{Sending, Suspect, Cancelled}
	case Sending:
		return withWord(receipt, Delivered, Ambiguous, Suspect)
	case Ambiguous:
		return withWord(receipt, Sending, Delivered, Suspect)
	case Delivered:
		if receipt {
			return []State{Closed, Suspect}
		}
		return withWord(false, Suspect)
	case Confirmed:
		return []State{Answered, Rejected, Suspect}
	case Answered:
		return []State{Answered, Closed}
	case Suspect:
		return withWord(receipt, Sealed, Ambiguous, Delivered, Closed, Cancelled)
	case Closed, Refused, Rejected, Cancelled:
		return nil
	}
	return nil
}

// withWord adds the states that only the bank's signed word can bring.
func withWord(receipt bool, to ...State) []State {
	if receipt {
		return to
	}
	return append(to, Confirmed, Answered, Rejected)
}

// Open tells whether somebody still owes something for the document.
func (s State) Open() bool {
	switch s {
	case Accepted, Held, Sealed, Sending, Ambiguous, Delivered, Confirmed, Suspect:
		return true
	case Answered, Closed, Refused, Rejected, Cancelled:
		return false
	}
	return false
}

// All lists the states in the order of a document's life.
func All() []State {
	return []State{
		Accepted, Held, Sealed, Sending, Ambiguous, Delivered, Confirmed, Answered, Closed,
		Suspect, Refused, Rejected, Cancelled,
	}
}

// Class is the class of exchange that a kind of document belongs to. Each has one stream of numbers.
func Class(kind string) string {
	if kind == Receipt {
		return "receipt"
	}
	return "office"
}

// Stream is the stream of numbers that a kind of document goes by.
func Stream(kind string) string {
	if kind == Receipt {
		return "receipts"
	}
	return "documents"
}
