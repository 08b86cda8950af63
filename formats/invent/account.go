package invent

import (
	"time"

	"bankconnector/formats/block"
	"bankconnector/formats/check"
)

// Account invents an account in the bank with a right key; currency as accounts write it (810 for the rouble).
func (v Inventor) Account(bic string, kind int, currency string) string {
	balance := map[int]string{1: "40702", 2: "40817", 3: "40802"}[kind]
	a := []byte(balance + currency + "0" + v.Digits(11))
	if key := check.AccountKey(string(a), bic); key != 0 {
		a[8] = key
	}
	return string(a)
}

// Money draws a sum between two sums in roubles.
func (v Inventor) Money(least, most int) block.Money {
	return block.Money(100*least + v.IntN(100*(most-least)))
}

// Payment is the deposit account of the unit with the treasury.
func (v Inventor) Payment(u string, sum block.Money) *block.Payment {
	corr := []byte("40102810045370000003")
	corr[8] = check.AccountKey(string(corr), "004525988")
	return &block.Payment{
		RecpName: "УФК по г. Москве (ОСП " + u + ", л/с 05731А00000)", Oktmo: "45382000", RecpInn: "7709576929", RecpKpp: "770901001",
		RecpCnt: "03212643000000017300", RecpBankCorAcc: string(corr), RecpBank: "ГУ Банка России по ЦФО//УФК по г. Москве", RecpBIK: "004525988",
		SupplierBillID: check.CompleteUIN("322" + u + v.Digits(16)), RecpKBK: "32211606000016000140", PayOffSum: &sum,
	}
}

// Osp are the same details as a unit gives them in OspProperty.
func (v Inventor) Osp(u string) *block.OspProperty {
	p := v.Payment(u, 1)
	return &block.OspProperty{
		OspCode: u, RecpName: p.RecpName, RecpAdr: "105066, г. Москва, ул. Образцовая, д. 1", RecpBank: p.RecpBank,
		RecpBIK: p.RecpBIK, RecpINN: p.RecpInn, RecpKPP: p.RecpKpp,
	}
}

// Balance invents an account of an answer: of a debtor of the kind, in the bank of this name.
func (v Inventor) Balance(kind int, bic, bank string, today time.Time) block.AccountData {
	d := block.AccountData{
		ActDate: block.DateOf(today), BicBank: bic, BankName: bank, CurrencyCode: v.Pick("643 643 643 643 840 978"), AccountKindCode: "02",
		StartDate: block.DateOf(today.AddDate(-1-v.IntN(9), -v.IntN(12), 0)), Summa: v.Money(0, 300_000),
	}
	rubles := d.Summa
	d.Acc = v.Account(bic, kind, d.CurrencyCode)
	if d.CurrencyCode == "643" {
		d.Acc = v.Account(bic, kind, "810")
	} else {
		rubles, d.DateExchange = d.Summa*90, d.ActDate
	}
	d.SummaRub = &rubles
	return d
}
