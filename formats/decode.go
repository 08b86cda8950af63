package formats

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"bankconnector/formats/block"
	"bankconnector/formats/strictxml"
)

// Rules is what the reader of a document must know from outside of it.
type Rules struct {
	Today       time.Time // now, in the zone whose calendar counts; with the zero time every date is in the future
	Namespaces  []string  // namespaces allowed for the root besides none
	BICs        []string  // БИК codes of the bank that the document comes from or goes to; empty = not compared
	Windows1251 bool      // the encoding windows-1251 is agreed with the bank
}

// Decode reads any of the five kinds by its root element. Children may stand in any order; everything else is strict.
//
// With faults the document is nil, or (when its root was known) holds the elements that were well formed, for naming it in
// a receipt and for nothing else. All faults are told at once, except that unreadable XML ends the reading.
func Decode(data []byte, r Rules) (Document, Faults) {
	root, fault := strictxml.Parse(data, strictxml.Options{Windows1251: r.Windows1251})
	if fault != nil {
		return nil, Faults{*fault}
	}
	d := blank(root.Name)
	if d == nil {
		return nil, Faults{wrongRoot(root, "Restrictn, ExtRequest, Report, ExtResponse, DocumentStateReceipt")}
	}
	if root.Space != "" && !slices.Contains(r.Namespaces, root.Space) {
		return nil, Faults{{
			Path: "/" + root.Name, Line: root.Line, Code: StateBadSchema,
			RU: "пространство имён корня не согласовано с этим банком; уберите его или внесите в профиль банка (format.namespace)",
			EN: "the namespace of the root is not agreed with this bank; drop it or name it in the bank's profile (format.namespace)",
		}}
	}
	faults := strictxml.Read(root, d.shape(block.NewJudge(r.Today, r.BICs)))
	return d, faults
}

// blank makes an empty document for the root element, nil for an unknown one.
func blank(root string) Document {
	for _, v := range vocabularies() {
		if v.root == root {
			return v.blank()
		}
	}
	return nil
}

func wrongRoot(root *strictxml.Node, expected string) Fault {
	f := Fault{
		Path: "/" + root.Name, Line: root.Line, Code: StateBadSchema,
		RU: "корневой элемент не из этого обмена; ожидается: " + expected,
		EN: "the root element does not belong here; expected: " + expected,
	}
	if root.Name == originalRoot {
		f.RU = "это подписанный оригинал OIp; ему нужен сопровождающий документ Restrictn"
		f.EN = "this is a signed original OIp; it needs its companion Restrictn"
	}
	return f
}

// Encode writes a document in UTF-8, in the given namespace or none (""), with children in the order of the service's
// tables. The error names what Decode would refuse in its form; format-logic control is the reader's.
func Encode(d Document, namespace string) ([]byte, error) {
	for _, v := range vocabularies() {
		if v.kind != d.Kind() {
			continue
		}
		data, err := strictxml.Write(strictxml.Document{Root: v.root, Space: namespace}, d.shape(&block.Judge{}))
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", v.kind, err)
		}
		if faults := formFaults(data, v.blank()); len(faults) > 0 {
			return nil, fmt.Errorf("encode %s: %w", v.kind, faults)
		}
		return data, nil
	}
	return nil, errors.New("encode: unknown kind of document")
}

// formFaults reads what was written back and keeps the faults of form.
func formFaults(data []byte, into Document) Faults {
	root, fault := strictxml.Parse(data, strictxml.Options{})
	if fault != nil {
		return Faults{*fault}
	}
	return slices.DeleteFunc(strictxml.Read(root, into.shape(&block.Judge{})), func(f Fault) bool { return f.Code != StateBadSchema })
}
