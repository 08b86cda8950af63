package block

import (
	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

// Account is an account that an order names (accountDatum).
type Account struct {
	Acc          string
	BicBank      string
	CurrencyCode string // ОКВ, rouble is 643; "" if not given
	Amount       *Money
}

// AccountData is one account of the debtor in an answer (AvailabilityAccData).
type AccountData struct {
	ActDate         Date // day of the balance
	BicBank         string
	BankName        string
	DeptCode        string
	Acc             string
	CurrencyCode    string // ОКВ, rouble is 643
	AccountKindCode string
	StartDate       Date
	EndDate         Date
	Summa           Money // balance in the currency of the account
	SummaRub        *Money
	DateExchange    Date // day of the rate
	ArrestAmount    *Money
	SummaInfo       string
}

// AccountState is what became of one account (MvvAccountDatum).
type AccountState struct {
	Acc             string
	CurrencyCode    string // ОКВ, rouble is 643
	AccountKindCode string
	ArrestAmount    *Money // in the currency of the account
	ArrestAmountRub *Money
	State           int // ArrestRecoveryState
}

func (j *Judge) accountDatum(a *Account) shape {
	return shape{
		Parts: []part{
			One("Acc", &a.Acc, check.AccountForm),
			One("BicBank", &a.BicBank, check.Digits(9)),
			Maybe("CurrencyCode", &a.CurrencyCode, check.Digits(3)),
			Sum("Amount", &a.Amount),
		},
		Check: func(c *cursor) {
			j.Bank(c, "BicBank", a.BicBank)
			j.Key(c, "Acc", a.Acc, a.BicBank, false)
			currency(c, a.Acc, &a.CurrencyCode)
		},
	}
}

// AccountData is the shape of AvailabilityAccData.
func (j *Judge) AccountData(d *AccountData) strictxml.Shape {
	return shape{
		Parts: []part{
			j.Day("ActDate", &d.ActDate).Required(),
			One("BicBank", &d.BicBank, check.Digits(9)),
			Maybe("BankName", &d.BankName, check.Text(255)),
			Maybe("DeptCode", &d.DeptCode, check.Key(31)),
			One("Acc", &d.Acc, check.AccountForm),
			One("CurrencyCode", &d.CurrencyCode, check.Digits(3)),
			Maybe("AccountKindCode", &d.AccountKindCode, check.Digits(2)),
			j.Day("StartDate", &d.StartDate),
			Day("EndDate", &d.EndDate),
			Total("Summa", &d.Summa),
			Sum("SummaRub", &d.SummaRub),
			j.Day("DateExchange", &d.DateExchange),
			Sum("ArrestAmount", &d.ArrestAmount),
			Maybe("SummaInfo", &d.SummaInfo, check.Text(99)),
		},
		Check: func(c *cursor) {
			j.Bank(c, "BicBank", d.BicBank)
			j.Key(c, "Acc", d.Acc, d.BicBank, false)
			currency(c, d.Acc, &d.CurrencyCode)
			Ordered(c, "EndDate", d.StartDate, d.EndDate)
		},
	}
}

// AccountState is the shape of MvvAccountDatum; the key of its account is for the report to judge.
func (j *Judge) AccountState(s *AccountState) strictxml.Shape {
	return shape{
		Parts: []part{
			One("Acc", &s.Acc, check.AccountForm),
			One("CurrencyCode", &s.CurrencyCode, check.Digits(3)),
			Maybe("AccountKindCode", &s.AccountKindCode, check.Digits(2)),
			Sum("ArrestAmount", &s.ArrestAmount),
			Sum("ArrestAmountRub", &s.ArrestAmountRub),
			Coded("ArrestRecoveryState", &s.State, 1, 1, 2, 4, 6, 7, 8, 9, 11, 12, 15, 16, 18, 19, 20, 21, 30, 31, 32, 33),
		},
		Check: func(c *cursor) { currency(c, s.Acc, &s.CurrencyCode) },
	}
}
