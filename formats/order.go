package formats

import (
	"slices"

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

// Data is one block of facts on the debtor or one account.
type Data struct {
	Identification *Identification
	Account        *Account
}

// Identification is the debtor's identity document (IdentificationData).
type Identification struct {
	TypeDoc   string // 21 passport of a citizen of РФ, ...
	SerDoc    string
	NumDoc    string
	BirthDate Date
	INN       string
	FIODoc    *FullName
}

// FullName is a person's name.
type FullName struct{ Surname, FirstName, Patronymic string }

// Account is an account that an order names (accountDatum).
type Account struct {
	Acc          string
	BicBank      string
	CurrencyCode string // ОКВ, rouble is 643; "" if not given
	Amount       *Money
}

// OspProperty are a recipient's details of the bailiffs' unit.
type OspProperty struct{ OspCode, RecpName, RecpAdr, RecpBank, RecpBIK, RecpINN, RecpKPP string }

// WageRetention says on which account the living wage is kept (229-ФЗ ст. 69 ч. 5.1).
type WageRetention struct {
	OrderLivingWageAcc string
	BankName           string
	SDGroupPopulation  int // social group of the population, 1..9
	BankBIK            string
	Region             string
}

// Payment is where a levy is paid to (IdPaymentPropertiesId).
type Payment struct {
	RecpName, Oktmo, RecpInn, RecpKpp, RecpCnt, RecpBankCorAcc, RecpAccount, RecpBank, RecpBIK, SupplierBillID, RecpKBK string
	PayOffSum                                                                                                           *Money
}

func (o *Order) shape(j *judge) shape {
	return shape{
		Parts: []part{
			one("InternalKey", &o.InternalKey, check.ID),
			j.day("DocDate", &o.DocDate).Required(),
			one("DocNum", &o.DocNum, check.Key(25)).With(check.Order),
			one("DocCode", &o.DocCode, check.OneOf(codeNames()...)),
			anyDay("StartDate", &o.StartDate),
			anyDay("FinDate", &o.FinDate),
			money("Amount", &o.Amount),
			maybe("Barcode", &o.Barcode, check.Key(44)),
			maybe("RestrDocId", &o.RestrDocID, check.ID),
			maybe("RestrDocNumber", &o.RestrDocNumber, check.Key(25)).With(check.Order),
			j.day("RestrDocDate", &o.RestrDocDate),
			number("Priority", &o.Priority, 1, 4),
			maybe("DebtText", &o.DebtText, check.Text(200)),
			maybe("SPIFio", &o.SPIFio, check.Text(200)),
			maybe("SPIPost", &o.SPIPost, check.Text(200)),
			maybe("SPIPhone", &o.SPIPhone, check.Text(50)),
			strictxml.Block("IP", &o.IP, j.proceedings),
			strictxml.Blocks("Data", &o.Data, j.data),
			strictxml.MaybeBlock("OspProperty", &o.OspProperty, j.osp),
			strictxml.MaybeBlock("WageRetention", &o.WageRetention, j.wage),
			strictxml.MaybeBlock("IdPaymentPropertiesId", &o.Payment, j.payment),
		},
		Check: func(c *cursor) { o.check(c) },
	}
}

func (j *judge) data(d *Data) shape {
	return shape{
		Parts: []part{
			strictxml.MaybeBlock("IdentificationData", &d.Identification, j.identification),
			strictxml.MaybeBlock("accountDatum", &d.Account, j.accountDatum),
		},
		Check: func(c *cursor) {
			if d.Identification == nil && d.Account == nil && !c.Faulty("") {
				c.Add(StateBadLogic, "", why{"блок Data пуст", "the Data block is empty"})
			}
		},
	}
}

func (j *judge) identification(d *Identification) shape {
	return shape{Parts: []part{
		one("TypeDoc", &d.TypeDoc, check.OneOf("10", "12", "14", "15", "20", "21", "91")),
		maybe("SerDoc", &d.SerDoc, check.Key(20)),
		one("NumDoc", &d.NumDoc, check.Key(25)),
		j.born("birthDate", &d.BirthDate),
		maybe("INN", &d.INN, check.INNForm).With(check.INN),
		strictxml.MaybeBlock("FIODoc", &d.FIODoc, fullName),
	}}
}

func fullName(n *FullName) shape {
	return shape{Parts: []part{
		one("Surname", &n.Surname, check.Text(100)),
		one("FirstName", &n.FirstName, check.Text(100)),
		maybe("Patronymic", &n.Patronymic, check.Text(100)),
	}}
}

func (j *judge) accountDatum(a *Account) shape {
	return shape{
		Parts: []part{
			one("Acc", &a.Acc, check.AccountForm),
			one("BicBank", &a.BicBank, check.Digits(9)),
			maybe("CurrencyCode", &a.CurrencyCode, check.Digits(3)),
			money("Amount", &a.Amount),
		},
		Check: func(c *cursor) {
			j.bank(c, "BicBank", a.BicBank)
			keyed(c, "Acc", a.Acc, a.BicBank)
			currency(c, a.Acc, &a.CurrencyCode)
		},
	}
}

func (j *judge) osp(p *OspProperty) shape {
	return shape{Parts: []part{
		one("OspCode", &p.OspCode, check.Digits(5)),
		one("RecpName", &p.RecpName, check.Text(160)),
		one("RecpAdr", &p.RecpAdr, check.Text(200)),
		one("RecpBank", &p.RecpBank, check.Text(255)),
		one("RecpBIK", &p.RecpBIK, check.Digits(9)),
		one("RecpINN", &p.RecpINN, check.INNForm).With(check.INN),
		one("RecpKPP", &p.RecpKPP, check.KPP),
	}}
}

func (j *judge) wage(w *WageRetention) shape {
	return shape{
		Parts: []part{
			one("OrderLivingWageAcc", &w.OrderLivingWageAcc, check.AccountForm),
			one("BankName", &w.BankName, check.Text(255)),
			number("SDGroupPopulation", &w.SDGroupPopulation, 1, 9).Required(),
			maybe("BankBIK", &w.BankBIK, check.Digits(9)),
			maybe("Region", &w.Region, check.Text(100)),
		},
		Check: func(c *cursor) {
			j.bank(c, "BankBIK", w.BankBIK)
			bics := []string{w.BankBIK}
			if w.BankBIK == "" {
				bics = j.bics
			}
			keyed(c, "OrderLivingWageAcc", w.OrderLivingWageAcc, bics...)
		},
	}
}

func (j *judge) payment(p *Payment) shape {
	return shape{
		Parts: []part{
			one("RecpName", &p.RecpName, check.Text(160)),
			maybe("Oktmo", &p.Oktmo, check.Digits(8, 11)),
			one("RecpInn", &p.RecpInn, check.OrZero(check.INNForm)).With(check.INN),
			one("RecpKpp", &p.RecpKpp, check.OrZero(check.KPP)),
			one("RecpCnt", &p.RecpCnt, check.AccountForm),
			maybe("RecpBankCorAcc", &p.RecpBankCorAcc, check.AccountForm),
			maybe("RecpAccount", &p.RecpAccount, check.Digits(11, 16)),
			one("RecpBank", &p.RecpBank, check.Text(255)),
			one("RecpBIK", &p.RecpBIK, check.Digits(9)),
			maybe("SupplierBillID", &p.SupplierBillID, check.Digits(20, 25)).With(check.UIN),
			maybe("RecpKBK", &p.RecpKBK, check.Digits(20)),
			money("PayOffSum", &p.PayOffSum),
		},
		Check: func(c *cursor) {
			keyed(c, "RecpCnt", p.RecpCnt, p.RecpBIK)
			keyed(c, "RecpBankCorAcc", p.RecpBankCorAcc, p.RecpBIK)
		},
	}
}
