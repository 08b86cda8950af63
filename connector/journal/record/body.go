package record

import (
	"time"

	"bankconnector/connector/journal/standing"
	"bankconnector/connector/journal/state"
)

// Source is one file of a document in the content store.
type Source = standing.Source

// Fault is one reason why a document cannot go.
type Fault struct {
	Path string `json:"path,omitempty"`
	Code int    `json:"code"`
	Text string `json:"text"`
}

// Acceptance opens an exchange. Kinds "order" and "query" come from the
// office and go by stream "documents"; "receipt" is ours to the bank and goes
// by stream "receipts".
type Acceptance struct {
	Bank         string   `json:"bank"`
	Kind         string   `json:"kind"`
	Code         string   `json:"code,omitempty"`
	InternalKey  string   `json:"internal_key,omitempty"`
	DocNum       string   `json:"doc_num,omitempty"`
	DocDate      string   `json:"doc_date,omitempty"`
	IPNum        string   `json:"ip_num,omitempty"`
	Amount       *int64   `json:"amount,omitempty"` // kopecks
	BaseKey      string   `json:"base_key,omitempty"`
	SourceSHA256 string   `json:"source_sha256,omitempty"` // the office's file in the store
	Sources      []Source `json:"sources,omitempty"`
	Held         bool     `json:"-"`
	Reason       string   `json:"reason,omitempty"`   // why it is held
	Parent       int64    `json:"parent,omitempty"`   // exchange that a receipt of ours belongs to
	Incoming     int64    `json:"incoming,omitempty"` // incoming file that a receipt of ours answers
	Stream       string   `json:"stream,omitempty"`   // "" = by kind

	DueAt  *time.Time `json:"due_at,omitempty"`  // until when it must be on its way
	WarnAt *time.Time `json:"warn_at,omitempty"` // from when on view overdue shows it; nil = DueAt
	Rule   string     `json:"rule,omitempty"`    // what DueAt comes from
}

// Refusal is an office document that cannot go; known as far as it could be read.
type Refusal struct {
	Bank, Kind, Code, InternalKey, DocNum, DocDate, IPNum string

	Amount       *int64
	BaseKey      string
	SourceSHA256 string
	Sources      []Source
	Reason       string // machine-readable, required
	Faults       []Fault
}

// Change is what goes with a step of an exchange. Empty fields leave what is
// there.
type Change struct {
	Reason     string     `json:"reason,omitempty"`
	Seq        int64      `json:"seq,omitempty"`         // to Sealed: the stream's next number
	Previous   string     `json:"previous,omitempty"`    // to Sealed: SHA-256 of the stream's last envelope, "" for the first
	FileName   string     `json:"file_name,omitempty"`   // to Sealed: final name at the bank
	FileSHA256 string     `json:"file_sha256,omitempty"` // to Sealed: of the envelope
	FileSize   int64      `json:"file_size,omitempty"`
	Signer     string     `json:"signer,omitempty"`
	TempName   string     `json:"temp_name,omitempty"` // to Sending: the only name a rename may start from
	Evidence   string     `json:"evidence,omitempty"`
	Incoming   int64      `json:"incoming,omitempty"` // incoming file that brought the step
	AnswerCode string     `json:"answer_code,omitempty"`
	DueAt      *time.Time `json:"due_at,omitempty"`  // legal deadline of what comes next
	WarnAt     *time.Time `json:"warn_at,omitempty"` // from when on view overdue shows it; nil = DueAt
	Rule       string     `json:"rule,omitempty"`    // law that DueAt comes from
	Attempt    bool       `json:"attempt,omitempty"` // counts as a try
}

// Opened is the body of "exchange.opened".
type Opened struct {
	State state.State `json:"state"`
	Class string      `json:"class"` // "office" or "receipt"
	Acceptance
	Faults []Fault `json:"faults,omitempty"`
}

// Moved is the body of "exchange.<state>".
type Moved struct {
	Class string      `json:"class"`
	From  state.State `json:"from"`
	To    state.State `json:"to"`
	Change
}

// Attempted is the body of "exchange.attempted".
type Attempted struct {
	Error string `json:"error"`
}

// Settlement is what became of an incoming file.
type Settlement struct {
	Verdict       string `json:"verdict,omitempty"` // of the signature
	Code          string `json:"code,omitempty"`    // refusal code
	Signer        string `json:"signer,omitempty"`  // certificate fingerprint and subject
	Kind          string `json:"kind,omitempty"`
	ExternalKey   string `json:"external_key,omitempty"`
	ContentSHA256 string `json:"content_sha256,omitempty"` // of what was signed
	// Outcome is "matched", "duplicate", "conflict", "orphan", "quarantined", "incomplete" or "misdirected".
	Outcome    string `json:"outcome"`
	Reason     string `json:"reason,omitempty"`
	ExchangeID int64  `json:"exchange_id,omitempty"`
	StateID    int    `json:"state_id,omitempty"` // of a receipt
	// Page and Pages are of an answer that comes in several: which one it is, of how many.
	Page  int `json:"page,omitempty"`
	Pages int `json:"pages,omitempty"`

	// Where the bank's own signed manifest places the envelope; Seq 0 = it says nothing, or is not to be believed.
	Stream   string `json:"stream,omitempty"`
	Seq      int64  `json:"seq,omitempty"`
	Previous string `json:"previous,omitempty"` // SHA-256 of the envelope before it, as the bank says
}

// Received is the body of "incoming.received" and "incoming.repeated".
type Received struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	Claimed string `json:"claimed,omitempty"`
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
}

// Settled is the body of "incoming.settled", and of "incoming.held", where nothing but the
// verdict and its reason is known yet.
type Settled struct {
	ID int64 `json:"id"`
	Settlement
}

// Touched is the body of "incoming.handed", "incoming.cleaned" and "incoming.reopened".
type Touched struct {
	ID     int64  `json:"id"`
	Reason string `json:"reason,omitempty"`
}

// VisitOutcome is how a visit ended.
type VisitOutcome struct {
	Outcome string `json:"outcome"` // "ok", "partial", "failed" or "skipped"
	Sent    int    `json:"sent"`
	Taken   int    `json:"taken"`
	Bytes   int64  `json:"bytes"`
	Error   string `json:"error,omitempty"`
}

// Act is what an operator did; who he is comes from Write's actor.
type Act struct {
	Act      string `json:"act"`
	Exchange int64  `json:"exchange,omitempty"`
	Bank     string `json:"bank,omitempty"` // "" = the bank of Exchange
	Reason   string `json:"reason"`

	As        string `json:"as,omitempty"`        // what he says became of the document
	Confirmed bool   `json:"confirmed,omitempty"` // he confirms what only the bank can know
	With      string `json:"with,omitempty"`      // who had proposed the same, where two must agree

	Config  string   `json:"config,omitempty"`  // of an approval: SHA-256 over the changes, one a line
	Changes []string `json:"changes,omitempty"` // what of the configuration is approved
}

// Key is one key or certificate with its end, for view keys_expiring.
type Key struct {
	Bank     string    `json:"bank,omitempty"` // "" = ours
	What     string    `json:"what"`
	Subject  string    `json:"subject"`
	NotAfter time.Time `json:"not_after"`
}

// BankRow names a bank for views.
type BankRow struct {
	BIC   string `json:"bic"`
	Name  string `json:"name"`
	State string `json:"state,omitempty"`
	Route string `json:"route,omitempty"` // what makes its mailbox that bank's; a change of it is approved by persons
}

// Visited is the body of "visit.begun" and, with the outcome, of "visit.ended".
type Visited struct {
	ID   int64  `json:"id"`
	Slot string `json:"slot,omitempty"`
	*VisitOutcome
}

// Taken is the body of "slot.taken".
type Taken struct {
	Slot string `json:"slot"`
	At   string `json:"at"`
}

// Listed is the body of "keys.listed" and "banks.listed": all there are now.
type Listed struct {
	Keys  []Key     `json:"keys,omitempty"`
	Banks []BankRow `json:"banks,omitempty"`
}

// Adoption is the body of "book.adopted": a person took a journal that was restored from
// a copy for the one to go on with.
type Adoption struct {
	Reason string `json:"reason"`
	Kept   int64  `json:"kept,omitempty"` // newest event that a point known outside confirms
	// Lost are the newest points known outside, number and hash, that this journal does not pass through.
	Lost map[int64]string `json:"lost,omitempty"`
	// Skip is how many numbers of envelopes every stream leaves out: those that the lost part of the journal may
	// have used. No number is ever used twice.
	Skip int64 `json:"skip"`
	// Suspects counts the documents whose fate is unknown since: they were not yet delivered in this journal.
	Suspects int64 `json:"suspects"`
}

// Archived is the body of "book.archived": the events of a closed month lie in a file of
// their own from here on. It is written before any of them leaves the table. "book.retired"
// says it once more when the file is to be removed, before it is.
type Archived struct {
	File   string `json:"file"`  // name in the folder of archives
	Month  string `json:"month"` // of the events, "2026-01", UTC
	First  int64  `json:"first"` // numbers of the first and last event in it
	Last   int64  `json:"last"`
	FromAt string `json:"from_at"` // and their times
	ToAt   string `json:"to_at"`
	Prev   string `json:"prev"`   // hash of the event before the first: the head of the archive before
	Head   string `json:"head"`   // hash of the last event: what the journal goes on from
	SHA256 string `json:"sha256"` // of the file
	Size   int64  `json:"size"`   // octets
	Reason string `json:"reason"` // the rule, or what a person said

	// State is the file that says what the tables were after the last event, where this is the newest archive that is
	// retired: with it, and the events that are left, the tables can still be proven.
	State       string `json:"state,omitempty"`
	StateSHA256 string `json:"state_sha256,omitempty"`
	StateSize   int64  `json:"state_size,omitempty"`
}

// Discarded is the body of "store.discarded".
type Discarded = standing.Discarded
