package formats

import (
	"slices"

	"bankconnector/formats/block"
	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

// Order is a bailiff's order to a bank (Restrictn): the machine-readable companion of the signed original.
type Order struct {
	InternalKey    string // key in the bailiffs' system; duplicates are found by it
	DocDate        Date
	DocNum         string
	DocCode        OrderCode
	StartDate      Date // validity, may be absent
	FinDate        Date
	Amount         *Money // nil when the order names no sum
	Barcode        string // protects from executing the paper twin
	RestrDocID     string // key of the base document, "" if none
	RestrDocNumber string
	RestrDocDate   Date
	Priority       int    // 1..4 (229-ФЗ ст. 111), 0 if not given
	DebtText       string // essence of the debt
	SPIFio         string // bailiff
	SPIPost        string
	SPIPhone       string
	IP             Proceedings
	Data           []Data
	OspProperty    *OspProperty
	WageRetention  *WageRetention
	Payment        *Payment
}

// Kind is KindOrder.
func (o *Order) Kind() Kind { return KindOrder }

// Key is the InternalKey.
func (o *Order) Key() string { return o.InternalKey }

// Base is the key of the base document (the arrest that a lifting lifts), if the order names one.
func (o *Order) Base() (key string, ok bool) { return o.RestrDocID, o.RestrDocID != "" }

// Banks are the БИК codes that the order's accounts name, each once.
func (o *Order) Banks() []string {
	var bics []string
	for _, d := range o.Data {
		if d.Account != nil && !slices.Contains(bics, d.Account.BicBank) {
			bics = append(bics, d.Account.BicBank)
		}
	}
	return bics
}

func (o *Order) shape(j *block.Judge) shape {
	return shape{
		Parts: []part{
			block.One("InternalKey", &o.InternalKey, check.ID),
			j.Day("DocDate", &o.DocDate).Required(),
			block.One("DocNum", &o.DocNum, check.Key(25)).With(check.Order),
			block.One("DocCode", &o.DocCode, check.OneOf(codeNames()...)),
			block.Day("StartDate", &o.StartDate),
			block.Day("FinDate", &o.FinDate),
			block.Sum("Amount", &o.Amount),
			block.Maybe("Barcode", &o.Barcode, check.Key(44)),
			block.Maybe("RestrDocId", &o.RestrDocID, check.ID),
			block.Maybe("RestrDocNumber", &o.RestrDocNumber, check.Key(25)).With(check.Order),
			j.Day("RestrDocDate", &o.RestrDocDate),
			block.Number("Priority", &o.Priority, 1, 4),
			block.Maybe("DebtText", &o.DebtText, check.Text(200)),
			block.Maybe("SPIFio", &o.SPIFio, check.Text(200)),
			block.Maybe("SPIPost", &o.SPIPost, check.Text(200)),
			block.Maybe("SPIPhone", &o.SPIPhone, check.Text(50)),
			strictxml.Block("IP", &o.IP, j.Proceedings),
			strictxml.Blocks("Data", &o.Data, j.Data),
			strictxml.MaybeBlock("OspProperty", &o.OspProperty, j.Osp),
			strictxml.MaybeBlock("WageRetention", &o.WageRetention, j.Wage),
			strictxml.MaybeBlock("IdPaymentPropertiesId", &o.Payment, j.Payment),
		},
		Check: func(c *cursor) { o.check(c) },
	}
}
