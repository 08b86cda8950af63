package formats

import (
	"fmt"

	"bankconnector/formats/block"
	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

// Report is a bank's notice of execution of an order (Report; 229-ФЗ ст. 70 ч. 5, ст. 81 ч. 3).
type Report struct {
	ExternalKey          string
	DocDate              Date
	RestrictnInternalKey string // key of the order
	DocType              string // code of the order, "" if not given
	AnswerType           int    // RestrictionAnswerType: 2 absent, 3 in full, 4 in part, 5 not accepted, 6 no base, 7 no debtor, 8 done before
	IpInternalKey        string
	DeloNum              string
	AuthorName           string
	AuthorBIK            string
	OGRN                 string // the wire spells it ORGN
	INN                  string
	KPP                  string
	RestrDocNumber       string
	RestrDocDate         Date
	LegalImpossibility   string
	ReportNumber         int // 2 and up for later notices on the same order, 0 if not given
	Accounts             []AccountState
}

// Kind is KindReport.
func (r *Report) Kind() Kind { return KindReport }

// Key is the ExternalKey.
func (r *Report) Key() string { return r.ExternalKey }

// Final says that no further report on the order is due; after "executed in part" (04) the bank goes on (229-ФЗ ст. 70 ч. 9).
func (r *Report) Final() bool { return r.AnswerType != answerInPart }

// Codes of RestrictionAnswerType that the samples use.
const (
	answerAbsent = 2
	answerInFull = 3
	answerInPart = 4
	answerNoBase = 6
	answerNoOne  = 7
)

func (r *Report) shape(j *block.Judge) shape {
	order := strictxml.One("RestrictnInternalKey", strictxml.Text(&r.RestrictnInternalKey, check.ID))
	order.Also = "RestrctnInternalKey" // spelt so in a bank-side source
	return shape{
		Parts: []part{
			block.One("ExternalKey", &r.ExternalKey, check.Key(60)).With(check.Unmixed),
			j.Day("DocDate", &r.DocDate).Required(),
			order,
			block.Maybe("DocType", &r.DocType, check.Code(31)),
			block.Coded("RestrictionAnswerType", &r.AnswerType, 2, 2, 3, 4, 5, 6, 7, 8),
			block.One("IpInternalKey", &r.IpInternalKey, check.ID),
			block.Maybe("DeloNum", &r.DeloNum, check.Key(25)),
			block.Maybe("AuthorName", &r.AuthorName, check.Text(1000)),
			block.Maybe("AuthorBIK", &r.AuthorBIK, check.Digits(9)),
			block.Maybe("ORGN", &r.OGRN, check.Digits(13, 15)).With(check.OGRN),
			block.Maybe("INN", &r.INN, check.INNForm).With(check.INN),
			block.Maybe("KPP", &r.KPP, check.KPP),
			block.Maybe("RestrDocNumber", &r.RestrDocNumber, check.Key(25)),
			j.Day("RestrDocDate", &r.RestrDocDate),
			block.Maybe("LegalImpossibility", &r.LegalImpossibility, check.Text(4000)),
			block.Number("ReportNumber", &r.ReportNumber, 1, 9999),
			strictxml.Wrapped("DetMvvAccountDatum", "MvvAccountDatum", &r.Accounts, j.AccountState),
		},
		Check: func(c *cursor) {
			j.Bank(c, "AuthorBIK", r.AuthorBIK)
			for i, s := range r.Accounts {
				j.Key(c, fmt.Sprintf("DetMvvAccountDatum/MvvAccountDatum[%d]/Acc", i+1), s.Acc, r.AuthorBIK, true)
			}
		},
	}
}
