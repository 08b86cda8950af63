package journal

import (
	"context"

	"bankconnector/connector/journal/proof"
	"bankconnector/connector/journal/record"
	"bankconnector/connector/journal/standing"
	"bankconnector/connector/journal/state"
)

// The journal's words are kept in its inner rooms, one for the states, one for
// what events say, one for the proof. Outside they have these names.
type (
	// State is where one outgoing document stands.
	State = state.State
	// Event is one line of the chain.
	Event = record.Event
	// Exchange is one outgoing document and all that became of it.
	Exchange = standing.Exchange
	// Incoming is one file taken from a bank.
	Incoming = standing.Incoming
	// Filter chooses exchanges.
	Filter = standing.Filter
	// Source is one file of a document in the content store.
	Source = record.Source
	// Fault is one reason why a document cannot go.
	Fault = record.Fault
	// Acceptance opens an exchange.
	Acceptance = record.Acceptance
	// Refusal is an office document that cannot go.
	Refusal = record.Refusal
	// Change is what goes with a step of an exchange.
	Change = record.Change
	// Settlement is what became of an incoming file.
	Settlement = record.Settlement
	// VisitOutcome is how a visit ended.
	VisitOutcome = record.VisitOutcome
	// Act is what an operator did.
	Act = record.Act
	// Key is one key or certificate with its end.
	Key = record.Key
	// BankRow names a bank for views.
	BankRow = record.BankRow
	// VerifyOptions say what Verify looks at.
	VerifyOptions = proof.Options
	// VerifyReport is what Verify found.
	VerifyReport = proof.Report
)

// The states of an exchange; package state says what each one promises.
const (
	Accepted  = state.Accepted
	Held      = state.Held
	Sealed    = state.Sealed
	Sending   = state.Sending
	Ambiguous = state.Ambiguous
	Delivered = state.Delivered
	Confirmed = state.Confirmed
	Answered  = state.Answered
	Closed    = state.Closed
	Suspect   = state.Suspect
	Refused   = state.Refused
	Rejected  = state.Rejected
	Cancelled = state.Cancelled
)

// Allowed says whether a document of the kind may go from one state to
// another; the drawing stands at [state.Allowed].
func Allowed(from, to State, kind string) bool { return state.Allowed(from, to, kind) }

// Verify proves a journal, also a copy of one or the live file, and changes
// nothing in it; see [proof.Verify].
func Verify(ctx context.Context, path string, o VerifyOptions) (VerifyReport, error) {
	return proof.Verify(ctx, path, o)
}
