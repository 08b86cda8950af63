package formats

import (
	"fmt"
	"slices"
	"strings"

	"bankconnector/formats/block"
	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

// Original is what the connector reads of a signed original of an order (OIp). The file itself is carried untouched.
type Original struct {
	ID               string // key in the bailiffs' system, that of the order
	DocType          OrderCode
	DocName          string
	Barcode          string
	DivVksp          string // unit RRDDD
	DivName          string
	DivAdr           string
	DocDate          Date
	AdjudicationText string
	SPIPost          string
	DebtorType       int
	DbtrName         string
	DbtrInn          string
	IpNo             string
	Amount           *Money
	ResolutionText   string
}

const originalRoot = "OIp"

// originalSpaces are the namespaces of originals; the first is written.
func originalSpaces() []string {
	return []string{"http://www.fssprus.ru/namespace/order/2017/2", "http://www.fssp.gov.ru/namespace/order_fssp/2022/1"}
}

// shape reads the key fields and passes over the rest, whose schema is not public. A real order carries DocType and DocName
// a second time, for another document; the first pair is its own.
func (o *Original) shape() shape {
	again := func(p part) part { p.Twice = true; return p }
	return shape{Open: true, Parts: []part{
		block.One("Id", &o.ID, check.ID),
		again(block.One("DocType", &o.DocType, check.Code(31))),
		again(block.Maybe("DocName", &o.DocName, check.Text(1000))),
		block.Maybe("Barcode", &o.Barcode, check.Key(44)),
		block.Maybe("DivVksp", &o.DivVksp, check.Digits(5)),
		block.Maybe("DivName", &o.DivName, check.Text(1000)),
		block.Maybe("DivAdr", &o.DivAdr, check.Text(200)),
		block.Day("DocDate", &o.DocDate).Required(),
		block.Maybe("AdjudicationText", &o.AdjudicationText, check.Text(1<<20)),
		block.Maybe("SPIPost", &o.SPIPost, check.Text(200)),
		strictxml.Maybe("DebtorType", strictxml.Number(&o.DebtorType, strictxml.Range[int]{Among: []int{1, 2, 3, 1700}})),
		block.Maybe("DbtrName", &o.DbtrName, check.Text(1000)),
		block.Maybe("DbtrInn", &o.DbtrInn, check.INNForm),
		block.Maybe("IpNo", &o.IpNo, check.Key(25)),
		block.Sum("Amount", &o.Amount),
		block.Maybe("ResolutionText", &o.ResolutionText, check.Text(1<<20)),
	}}
}

// DecodeOriginal reads the key fields of a signed original. Its XML must be as strict as every other, its namespace one of
// the service's; elements that the connector does not use are passed over.
func DecodeOriginal(data []byte, r Rules) (*Original, Faults) {
	root, fault := strictxml.Parse(data, strictxml.Options{Windows1251: r.Windows1251})
	if fault != nil {
		return nil, Faults{*fault}
	}
	if root.Name != originalRoot || !slices.Contains(originalSpaces(), root.Space) {
		return nil, Faults{wrongRootOriginal(root)}
	}
	o := new(Original)
	faults := strictxml.Read(root, o.shape())
	return o, faults
}

func wrongRootOriginal(root *strictxml.Node) Fault {
	return Fault{
		Path: "/" + root.Name, Line: root.Line, Code: StateBadSchema,
		RU: "это не подписанный оригинал: ожидается корень OIp в пространстве имён " + originalSpaces()[0],
		EN: "not a signed original: root OIp in namespace " + originalSpaces()[0] + " is expected",
	}
}

// EncodeOriginal writes an original, for samples and tests only: real originals are carried as they came.
func EncodeOriginal(o *Original) ([]byte, error) {
	data, err := strictxml.Write(strictxml.Document{Root: originalRoot, Space: originalSpaces()[0], Prefix: "fssp"}, o.shape())
	if err != nil {
		return nil, fmt.Errorf("encode original: %w", err)
	}
	return data, nil
}

// Agrees compares the key fields of the original with its companion: a difference means that one of them is not of this
// order (code 92). Fields that the original leaves out are not compared; its accounts stand only in its free text.
func (o *Original) Agrees(with *Order) Faults {
	var faults Faults
	differ := func(name string, same bool) {
		if !same {
			faults = append(faults, Fault{
				Path: "/" + originalRoot + "/" + name, Code: StateBadLogic,
				RU: "подписанный оригинал расходится с сопровождающим документом Restrictn",
				EN: "the signed original differs from its companion Restrictn",
			})
		}
	}
	differ("Id", o.ID == with.InternalKey)
	differ("DocType", o.DocType == with.DocCode)
	differ("DocDate", o.DocDate == with.DocDate)
	differ("Barcode", o.Barcode == "" || with.Barcode == "" || o.Barcode == with.Barcode)
	differ("IpNo", o.IpNo == "" || o.IpNo == with.IP.IPNum)
	differ("DbtrInn", o.DbtrInn == "" || with.IP.DebtorINN == "" || o.DbtrInn == with.IP.DebtorINN)
	differ("Amount", o.Amount == nil || with.Amount != nil && *o.Amount == *with.Amount)
	named := accountsIn(o.AdjudicationText + " " + o.ResolutionText)
	for i, d := range with.Data {
		if d.Account != nil && len(named) > 0 {
			differ(fmt.Sprintf("ResolutionText (Data[%d])", i+1), slices.Contains(named, d.Account.Acc))
		}
	}
	return faults
}

// accountsIn finds the clients' accounts that a text names (405..408, 42x); other long numbers of such a text are УИН, КБК
// and accounts of the treasury.
func accountsIn(text string) []string {
	words := strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	return slices.DeleteFunc(words, func(w string) bool {
		return len(w) != 20 || w[:2] != "42" && (w[:2] != "40" || w[2] < '5' || w[2] > '8')
	})
}

// IsOriginal says whether the file means to be a signed original: its first element is OIp. It judges nothing else, so a
// broken original is still told from a document.
func IsOriginal(data []byte) bool { return strictxml.RootName(data) == originalRoot }
