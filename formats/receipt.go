package formats

import (
	"strings"
	"time"

	"bankconnector/formats/block"
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
	StateWrongAddressee = strictxml.CodeAddressee
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

// Fit makes texts that come from what the receipt is about fit its form: what is too long is cut, a path that is none
// becomes the whole document, a key that is none is left out. Whatever a document holds, there is a receipt for it.
func (r *Receipt) Fit() {
	r.StateText = fit(r.StateText, 1000)
	if check.Key(60)(r.DocumentKey) != (why{}) {
		r.DocumentKey = ""
	}
	for i := range r.Errors {
		e := &r.Errors[i]
		if e.Text = fit(e.Text, 1000); e.Text == "" {
			e.Text = "?"
		}
		if e.Path = fit(e.Path, 500); check.Key(500)(e.Path) != (why{}) {
			e.Path = "/"
		}
	}
}

// fit cuts a text to so many characters, without those that XML cannot hold, and without blanks around it.
func fit(text string, most int) string {
	clean := strings.TrimSpace(strings.Map(func(c rune) rune {
		if c < ' ' && c != '\n' && c != '\t' || c == 0xFFFE || c == 0xFFFF {
			return -1
		}
		return c
	}, strings.ToValidUTF8(text, "?")))
	runes := []rune(clean)
	return strings.TrimSpace(string(runes[:min(len(runes), most)]))
}

// Kind is KindReceipt.
func (r *Receipt) Kind() Kind { return KindReceipt }

// Key is the ReceiptId.
func (r *Receipt) Key() string { return r.ReceiptID }

func (r *Receipt) shape(j *block.Judge) shape {
	return shape{
		Parts: []part{
			block.One("ReceiptId", &r.ReceiptID, check.Key(60)).With(check.Unmixed),
			block.Moment("ReceiptDate", &r.ReceiptDate),
			block.Maybe("DocumentKey", &r.DocumentKey, check.Key(60)),
			block.Maybe("PackId", &r.PackID, check.Key(40)),
			block.Maybe("FileName", &r.FileName, check.Key(255)),
			block.Maybe("FileDigest", &r.FileDigest, check.Hex(64)),
			block.Coded("StateId", &r.StateID, 2, StateDelivered, StateAccepted, StateBadSignature, StateBadSchema, StateBadLogic,
				StateWrongAddressee, StateDuplicate, StateNoBase, StateInternal),
			block.Maybe("StateText", &r.StateText, check.Text(1000)),
			strictxml.Blocks("Errors", &r.Errors, receiptError),
		},
		Check: func(c *cursor) {
			j.Stamp(c, "ReceiptDate", r.ReceiptDate)
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
		block.Maybe("Path", &e.Path, check.Key(500)),
		block.Number("Code", &e.Code, 1, 99).Required(),
		block.One("Text", &e.Text, check.Text(1000)),
	}}
}
