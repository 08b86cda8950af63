package formats

import (
	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

// Answer is a bank's answer to a Query, or one page of it (ExtResponse).
type Answer struct {
	ExternalKey        string
	RequestInternalKey string
	IpInternalKey      string
	DocDate            Date
	AnswerType         int // 1 nothing found, 2 found, 5 query not accepted
	AuthorName         string
	AuthorBIK          string
	AuthorINN          string
	AuthorKPP          string
	AuthorOGRN         string
	PageNumber         int // from 1; 0 when the answer has one page
	PageCount          int
	Accounts           []AccountData
	LegalImpossibility string
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

// Kind is KindAnswer.
func (a *Answer) Kind() Kind { return KindAnswer }

// Key is the ExternalKey.
func (a *Answer) Key() string { return a.ExternalKey }

func (a *Answer) shape(j *judge) shape {
	return shape{
		Parts: []part{
			one("ExternalKey", &a.ExternalKey, check.Key(60)).With(check.Unmixed),
			one("RequestInternalKey", &a.RequestInternalKey, check.ID),
			one("IpInternalKey", &a.IpInternalKey, check.ID),
			j.day("DocDate", &a.DocDate).Required(),
			coded("AnswerType", &a.AnswerType, 1, 1, 2, 5),
			one("AuthorName", &a.AuthorName, check.Text(1000)),
			one("AuthorBIK", &a.AuthorBIK, check.Digits(9)),
			one("AuthorINN", &a.AuthorINN, check.INNForm).With(check.INN),
			one("AuthorKPP", &a.AuthorKPP, check.KPP),
			maybe("AuthorOGRN", &a.AuthorOGRN, check.Digits(13, 15)).With(check.OGRN),
			number("PageNumber", &a.PageNumber, 1, 9999),
			number("PageCount", &a.PageCount, 1, 9999),
			strictxml.Blocks("AvailabilityAccData", &a.Accounts, j.accountData),
			maybe("LegalImpossibility", &a.LegalImpossibility, check.Text(4000)),
		},
		Check: func(c *cursor) { a.check(c, j) },
	}
}

func (a *Answer) check(c *cursor, j *judge) {
	j.bank(c, "AuthorBIK", a.AuthorBIK)
	if a.PageNumber > a.PageCount || a.PageNumber == 0 && a.PageCount > 0 {
		c.Add(StateBadLogic, "PageNumber", why{"номер страницы и число страниц не согласованы", "page number and page count do not agree"})
	}
	switch n := len(a.Accounts); {
	case a.AnswerType == 2 && n == 0:
		c.Need("AvailabilityAccData", why{"тип ответа 2 (найдены счета)", "answer type 2 (accounts found)"})
	case a.AnswerType == 1 && n > 0:
		c.Add(StateBadLogic, "AnswerType", why{"тип ответа 1 (счетов нет), но счета перечислены", "answer type 1 (nothing found), yet accounts are listed"})
	}
}

func (j *judge) accountData(d *AccountData) shape {
	return shape{
		Parts: []part{
			j.day("ActDate", &d.ActDate).Required(),
			one("BicBank", &d.BicBank, check.Digits(9)),
			maybe("BankName", &d.BankName, check.Text(255)),
			maybe("DeptCode", &d.DeptCode, check.Key(31)),
			one("Acc", &d.Acc, check.AccountForm),
			one("CurrencyCode", &d.CurrencyCode, check.Digits(3)),
			maybe("AccountKindCode", &d.AccountKindCode, check.Digits(2)),
			j.day("StartDate", &d.StartDate),
			anyDay("EndDate", &d.EndDate),
			strictxml.One("Summa", moneyValue{&d.Summa}),
			money("SummaRub", &d.SummaRub),
			j.day("DateExchange", &d.DateExchange),
			money("ArrestAmount", &d.ArrestAmount),
			maybe("SummaInfo", &d.SummaInfo, check.Text(99)),
		},
		Check: func(c *cursor) {
			j.bank(c, "BicBank", d.BicBank)
			keyed(c, "Acc", d.Acc, d.BicBank)
			currency(c, d.Acc, &d.CurrencyCode)
			ordered(c, "EndDate", d.StartDate, d.EndDate)
		},
	}
}
