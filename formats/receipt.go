package formats

import (
	"time"

	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

// Codes of StateId. 90, 91, 92, 94 are the service's; 1, 2, 93, 95, 99 fill its gaps.
const (
	StateDelivered      = 1
	StateAccepted       = 2
	StateBadSignature   = 90
	StateBadSchema      = strictxml.CodeSchema
	StateBadLogic       = strictxml.CodeLogic
	StateWrongAddressee = 93
	StateDuplicate      = 94
	StateNoBase         = 95
	StateInternal       = 99
)

// Receipt tells what became of one received file (DocumentStateReceipt). A receipt itself gets none.
type Receipt struct {
	ReceiptID   string
	ReceiptDate time.Time // UTC
	DocumentKey string    // InternalKey or ExternalKey; "" when it was not readable
	PackID      string
	FileName    string
	FileDigest  string // sha256 hex of the envelope file
	StateID     int
	StateText   string
	Errors      []ReceiptError
}

// ReceiptError is one fault that the receiver found.
type ReceiptError struct {
	Path string
	Code int
	Text string
}

// Kind is KindReceipt.
func (r *Receipt) Kind() Kind { return KindReceipt }

// Key is the ReceiptId.
func (r *Receipt) Key() string { return r.ReceiptID }

func (r *Receipt) shape(j *judge) shape {
	return shape{
		Parts: []part{
			one("ReceiptId", &r.ReceiptID, check.Key(60)).With(check.Unmixed),
			strictxml.One("ReceiptDate", moment{&r.ReceiptDate}),
			maybe("DocumentKey", &r.DocumentKey, check.Key(60)),
			maybe("PackId", &r.PackID, check.Key(40)),
			maybe("FileName", &r.FileName, check.Key(255)),
			maybe("FileDigest", &r.FileDigest, check.Hex(64)),
			coded("StateId", &r.StateID, 2, StateDelivered, StateAccepted, StateBadSignature, StateBadSchema, StateBadLogic,
				StateWrongAddressee, StateDuplicate, StateNoBase, StateInternal),
			maybe("StateText", &r.StateText, check.Text(1000)),
			strictxml.Blocks("Errors", &r.Errors, receiptError),
		},
		Check: func(c *cursor) {
			j.stamp(c, "ReceiptDate", r.ReceiptDate)
			if r.StateID != StateDelivered && r.StateID != StateAccepted {
				return
			}
			reason := why{"положительная квитанция называет документ и файл", "a positive receipt names document and file"}
			for _, named := range [][2]string{{"DocumentKey", r.DocumentKey}, {"FileName", r.FileName}, {"FileDigest", r.FileDigest}} {
				if named[1] == "" {
					c.Need(named[0], reason)
				}
			}
		},
	}
}

func receiptError(e *ReceiptError) shape {
	return shape{Parts: []part{
		maybe("Path", &e.Path, check.Key(500)),
		number("Code", &e.Code, 1, 99).Required(),
		one("Text", &e.Text, check.Text(1000)),
	}}
}
