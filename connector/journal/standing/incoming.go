package standing

import (
	"fmt"
	"time"

	"bankconnector/connector/journal/sqlite"
)

// IncomingLeft is the condition that something of a file is left to do: it is received but not settled, matched
// but not handed over, settled but not cleaned. An incomplete one is fetched again. An index has the same words.
const IncomingLeft = `outcome <> 'incomplete' AND (cleaned_at IS NULL OR outcome = '' OR (outcome = 'matched' AND handed_at IS NULL))`

// Incoming is one file taken from a bank.
type Incoming struct {
	ID            int64      `json:"id"`
	Bank          string     `json:"bank"` // whose connection it came by, not what it says
	Name          string     `json:"name"`
	Claimed       string     `json:"claimed,omitempty"` // our unique name for it at the bank
	SHA256        string     `json:"sha256"`
	Size          int64      `json:"size"`
	ReceivedAt    time.Time  `json:"received_at"`
	Repeats       int        `json:"repeats,omitempty"` // how often the same bytes came again
	Verdict       string     `json:"verdict,omitempty"`
	Code          string     `json:"code,omitempty"`
	Signer        string     `json:"signer,omitempty"`
	Kind          string     `json:"kind,omitempty"`
	ExternalKey   string     `json:"external_key,omitempty"`
	ContentSHA256 string     `json:"content_sha256,omitempty"`
	Outcome       string     `json:"outcome,omitempty"` // "" until settled
	Reason        string     `json:"reason,omitempty"`
	ExchangeID    int64      `json:"exchange_id,omitempty"`
	StateID       int        `json:"state_id,omitempty"`
	SettledAt     *time.Time `json:"settled_at,omitempty"`
	HandedAt      *time.Time `json:"handed_at,omitempty"`
	CleanedAt     *time.Time `json:"cleaned_at,omitempty"`
	LastEvent     int64      `json:"-"` // number of the last event about it
}

// IncomingColumns are the columns of table arrival, in the order that ReadIncoming takes them.
const IncomingColumns = `id, bank, name, claimed, sha256, size, repeats, verdict, code, signer, kind, external_key,
	content_sha256, outcome, reason, exchange, state_id, received_at, settled_at, handed_at, cleaned_at, last_event`

// ReadIncoming takes a row of IncomingColumns.
func ReadIncoming(f sqlite.Fields) (Incoming, error) {
	i := Incoming{
		ID: f.Num(0), Bank: f.Str(1), Name: f.Str(2), Claimed: f.Str(3), SHA256: f.Str(4), Size: f.Num(5),
		Repeats: int(f.Num(6)), Verdict: f.Str(7), Code: f.Str(8), Signer: f.Str(9), Kind: f.Str(10),
		ExternalKey: f.Str(11), ContentSHA256: f.Str(12), Outcome: f.Str(13), Reason: f.Str(14), ExchangeID: f.Num(15),
		StateID: int(f.Num(16)), LastEvent: f.Num(21),
	}
	var receivedAt *time.Time
	for n, at := range []**time.Time{&receivedAt, &i.SettledAt, &i.HandedAt, &i.CleanedAt} {
		if err := f.Moment(17+n, at); err != nil {
			return i, fmt.Errorf("incoming %d: %w", i.ID, err)
		}
	}
	i.ReceivedAt = *receivedAt
	return i, nil
}
