package block

import (
	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

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

// Osp is the shape of OspProperty; a unit that gives details gives all of them.
func (j *Judge) Osp(p *OspProperty) strictxml.Shape {
	return shape{Parts: []part{
		One("OspCode", &p.OspCode, check.Digits(5)),
		One("RecpName", &p.RecpName, check.Text(160)),
		One("RecpAdr", &p.RecpAdr, check.Text(200)),
		One("RecpBank", &p.RecpBank, check.Text(255)),
		One("RecpBIK", &p.RecpBIK, check.Digits(9)),
		One("RecpINN", &p.RecpINN, check.INNForm).With(check.INN),
		One("RecpKPP", &p.RecpKPP, check.KPP),
	}}
}

// Wage is the shape of WageRetention.
func (j *Judge) Wage(w *WageRetention) strictxml.Shape {
	return shape{
		Parts: []part{
			One("OrderLivingWageAcc", &w.OrderLivingWageAcc, check.AccountForm),
			One("BankName", &w.BankName, check.Text(255)),
			Number("SDGroupPopulation", &w.SDGroupPopulation, 1, 9).Required(),
			Maybe("BankBIK", &w.BankBIK, check.Digits(9)),
			Maybe("Region", &w.Region, check.Text(100)),
		},
		Check: func(c *cursor) {
			j.Bank(c, "BankBIK", w.BankBIK)
			j.Key(c, "OrderLivingWageAcc", w.OrderLivingWageAcc, w.BankBIK, false)
		},
	}
}

// Payment is the shape of IdPaymentPropertiesId.
func (j *Judge) Payment(p *Payment) strictxml.Shape {
	return shape{
		Parts: []part{
			One("RecpName", &p.RecpName, check.Text(160)),
			Maybe("Oktmo", &p.Oktmo, check.Digits(8, 11)),
			One("RecpInn", &p.RecpInn, check.OrZero(check.INNForm)).With(check.INN),
			One("RecpKpp", &p.RecpKpp, check.OrZero(check.KPP)),
			One("RecpCnt", &p.RecpCnt, check.AccountForm),
			Maybe("RecpBankCorAcc", &p.RecpBankCorAcc, check.AccountForm),
			Maybe("RecpAccount", &p.RecpAccount, check.Digits(11, 16)),
			One("RecpBank", &p.RecpBank, check.Text(255)),
			One("RecpBIK", &p.RecpBIK, check.Digits(9)),
			Maybe("SupplierBillID", &p.SupplierBillID, check.Digits(20, 25)).With(check.UIN),
			Maybe("RecpKBK", &p.RecpKBK, check.Digits(20)),
			Sum("PayOffSum", &p.PayOffSum),
		},
		Check: func(c *cursor) {
			j.Key(c, "RecpCnt", p.RecpCnt, p.RecpBIK, false)
			j.Key(c, "RecpBankCorAcc", p.RecpBankCorAcc, p.RecpBIK, false)
		},
	}
}
