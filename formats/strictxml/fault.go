package strictxml

import (
	"fmt"
	"strings"
)

// CodeSchema is the code of a fault of form: XML itself, structure, cardinality, type of a value (StateId 91).
const CodeSchema = 91

// CodeLogic is the code of a fault of format-logic control: check digits, dates, blocks that a code needs (StateId 92).
const CodeLogic = 92

// CodeAddressee is the code of a document that names another bank (StateId 93).
const CodeAddressee = 93

// maxFaults bounds the list of one document: after so many the rest helps nobody.
const maxFaults = 100

// Why is the reason why a value is refused, in Russian and English; the zero Why means that the value is right.
type Why = struct{ RU, EN string }

// Fault is one thing that is wrong with a document.
type Fault struct {
	Path string // place, such as /Restrictn/Data[2]/accountDatum/Acc; repeatable elements carry an index from 1
	Line int    // line of the element, or of the element that misses it; 0 when no file was read
	Code int    // 90..99, the StateId of the receipt
	RU   string // sentence in Russian, without personal data
	EN   string // the same in English
}

// Faults are all faults of a document in the order of its lines. It is an error when it is not empty.
type Faults []Fault

// Error lists all faults in English, one per line.
func (f Faults) Error() string {
	var b strings.Builder
	for i, one := range f {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s (line %d, code %d): %s", one.Path, one.Line, one.Code, one.EN)
	}
	return b.String()
}

// Code is the code of the whole document: 0 without faults, else the first in the order of a receiver's checks,
// which is form (91), addressee (93), format-logic control (92), then any other.
func (f Faults) Code() int {
	for _, code := range []int{CodeSchema, CodeAddressee, CodeLogic} {
		for _, one := range f {
			if one.Code == code {
				return code
			}
		}
	}
	if len(f) > 0 {
		return f[0].Code
	}
	return 0
}
