// Package standing is what the tables of current state say about a document and
// about a file, as Go values. It opens sqlite and state only.
package standing

import (
	"fmt"
	"time"

	"bankconnector/connector/journal/sqlite"
	"bankconnector/connector/journal/state"
)

// Exchange is one outgoing document and all that became of it. Times are UTC;
// nil = not yet. DeliveredAt is no later than the bank's first word about it.
type Exchange struct {
	ID           int64       `json:"id"`
	Bank         string      `json:"bank"`
	Kind         string      `json:"kind"`
	Code         string      `json:"code,omitempty"`
	InternalKey  string      `json:"internal_key"`
	DocNum       string      `json:"doc_num,omitempty"`
	DocDate      string      `json:"doc_date,omitempty"`
	IPNum        string      `json:"ip_num,omitempty"`
	Amount       *int64      `json:"amount,omitempty"` // kopecks
	State        state.State `json:"state"`
	Reason       string      `json:"reason,omitempty"`
	Stream       string      `json:"stream"`
	Seq          int64       `json:"seq,omitempty"` // 0 before Sealed
	Previous     string      `json:"previous,omitempty"`
	BaseKey      string      `json:"base_key,omitempty"`
	SourceSHA256 string      `json:"source_sha256"`
	FileName     string      `json:"file_name,omitempty"`
	FileSHA256   string      `json:"file_sha256,omitempty"`
	FileSize     int64       `json:"file_size,omitempty"`
	Signer       string      `json:"signer,omitempty"`
	TempName     string      `json:"temp_name,omitempty"`
	Evidence     string      `json:"evidence,omitempty"`
	AnswerCode   string      `json:"answer_code,omitempty"`
	Attempts     int         `json:"attempts,omitempty"`
	Resends      int         `json:"resends,omitempty"`  // how often a person sent it once more
	Parent       int64       `json:"parent,omitempty"`   // exchange that a receipt of ours belongs to
	Incoming     int64       `json:"incoming,omitempty"` // incoming file that a receipt of ours answers
	AcceptedAt   *time.Time  `json:"accepted_at"`
	SealedAt     *time.Time  `json:"sealed_at,omitempty"`
	SendingAt    *time.Time  `json:"sending_at,omitempty"`
	DeliveredAt  *time.Time  `json:"delivered_at,omitempty"`
	ConfirmedAt  *time.Time  `json:"confirmed_at,omitempty"`
	AnsweredAt   *time.Time  `json:"answered_at,omitempty"`
	ClosedAt     *time.Time  `json:"closed_at,omitempty"`
	DueAt        *time.Time  `json:"due_at,omitempty"`
	Rule         string      `json:"rule,omitempty"` // law that DueAt comes from
}

// ExchangeColumns are the columns of table exchange, in the order that ReadExchange takes them.
const ExchangeColumns = `id, bank, kind, code, internal_key, doc_num, doc_date, ip_num, amount, state, reason, stream,
	seq, previous, base_key, source_sha256, file_name, file_sha256, file_size, signer, temp_name, evidence, answer_code,
	attempts, resends, parent, incoming, accepted_at, sealed_at, sending_at, delivered_at, confirmed_at, answered_at,
	closed_at, due_at, rule`

// ReadExchange takes a row of ExchangeColumns.
func ReadExchange(f sqlite.Fields) (Exchange, error) {
	x := Exchange{
		ID: f.Num(0), Bank: f.Str(1), Kind: f.Str(2), Code: f.Str(3), InternalKey: f.Str(4), DocNum: f.Str(5),
		DocDate: f.Str(6), IPNum: f.Str(7), State: state.State(f.Str(9)), Reason: f.Str(10), Stream: f.Str(11), Seq: f.Num(12),
		Previous: f.Str(13), BaseKey: f.Str(14), SourceSHA256: f.Str(15), FileName: f.Str(16), FileSHA256: f.Str(17),
		FileSize: f.Num(18), Signer: f.Str(19), TempName: f.Str(20), Evidence: f.Str(21), AnswerCode: f.Str(22),
		Attempts: int(f.Num(23)), Resends: int(f.Num(24)), Parent: f.Num(25), Incoming: f.Num(26), Rule: f.Str(35),
	}
	if f[8] != nil {
		amount := f.Num(8)
		x.Amount = &amount
	}
	for i, at := range []**time.Time{
		&x.AcceptedAt, &x.SealedAt, &x.SendingAt, &x.DeliveredAt, &x.ConfirmedAt, &x.AnsweredAt, &x.ClosedAt, &x.DueAt,
	} {
		if err := f.Moment(27+i, at); err != nil {
			return x, fmt.Errorf("exchange %d: %w", x.ID, err)
		}
	}
	return x, nil
}
