package formats

import (
	"bankconnector/formats/block"
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

// Kind is KindAnswer.
func (a *Answer) Kind() Kind { return KindAnswer }

// Key is the ExternalKey.
func (a *Answer) Key() string { return a.ExternalKey }

func (a *Answer) shape(j *block.Judge) shape {
	return shape{
		Parts: []part{
			block.One("ExternalKey", &a.ExternalKey, check.Key(60)).With(check.Unmixed),
			block.One("RequestInternalKey", &a.RequestInternalKey, check.ID),
			block.One("IpInternalKey", &a.IpInternalKey, check.ID),
			j.Day("DocDate", &a.DocDate).Required(),
			block.Coded("AnswerType", &a.AnswerType, 1, 1, 2, 5),
			block.One("AuthorName", &a.AuthorName, check.Text(1000)),
			block.One("AuthorBIK", &a.AuthorBIK, check.Digits(9)),
			block.One("AuthorINN", &a.AuthorINN, check.INNForm).With(check.INN),
			block.One("AuthorKPP", &a.AuthorKPP, check.KPP),
			block.Maybe("AuthorOGRN", &a.AuthorOGRN, check.Digits(13, 15)).With(check.OGRN),
			block.Number("PageNumber", &a.PageNumber, 1, 9999),
			block.Number("PageCount", &a.PageCount, 1, 9999),
			strictxml.Blocks("AvailabilityAccData", &a.Accounts, j.AccountData),
			block.Maybe("LegalImpossibility", &a.LegalImpossibility, check.Text(4000)),
		},
		Check: func(c *cursor) { a.check(c, j) },
	}
}

func (a *Answer) check(c *cursor, j *block.Judge) {
	j.Bank(c, "AuthorBIK", a.AuthorBIK)
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
