package formats

import (
	"fmt"
	"slices"

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

// AccountState is what became of one account (MvvAccountDatum).
type AccountState struct {
	Acc             string
	CurrencyCode    string // ОКВ, rouble is 643
	AccountKindCode string
	ArrestAmount    *Money // in the currency of the account
	ArrestAmountRub *Money
	State           int // ArrestRecoveryState
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

func (r *Report) shape(j *judge) shape {
	order := strictxml.One("RestrictnInternalKey", strictxml.Text(&r.RestrictnInternalKey, check.ID))
	order.Also = "RestrctnInternalKey" // spelt so in a bank-side source
	return shape{
		Parts: []part{
			one("ExternalKey", &r.ExternalKey, check.Key(60)).With(check.Unmixed),
			j.day("DocDate", &r.DocDate).Required(),
			order,
			maybe("DocType", &r.DocType, check.Code(31)),
			coded("RestrictionAnswerType", &r.AnswerType, 2, 2, 3, 4, 5, 6, 7, 8),
			one("IpInternalKey", &r.IpInternalKey, check.ID),
			maybe("DeloNum", &r.DeloNum, check.Key(25)),
			maybe("AuthorName", &r.AuthorName, check.Text(1000)),
			maybe("AuthorBIK", &r.AuthorBIK, check.Digits(9)),
			maybe("ORGN", &r.OGRN, check.Digits(13, 15)).With(check.OGRN),
			maybe("INN", &r.INN, check.INNForm).With(check.INN),
			maybe("KPP", &r.KPP, check.KPP),
			maybe("RestrDocNumber", &r.RestrDocNumber, check.Key(25)),
			j.day("RestrDocDate", &r.RestrDocDate),
			maybe("LegalImpossibility", &r.LegalImpossibility, check.Text(4000)),
			number("ReportNumber", &r.ReportNumber, 1, 9999),
			strictxml.Wrapped("DetMvvAccountDatum", "MvvAccountDatum", &r.Accounts, accountState),
		},
		Check: func(c *cursor) {
			j.bank(c, "AuthorBIK", r.AuthorBIK)
			bics := append(slices.Clone(j.bics), r.AuthorBIK)
			for i, s := range r.Accounts {
				keyed(c, fmt.Sprintf("DetMvvAccountDatum/MvvAccountDatum[%d]/Acc", i+1), s.Acc, bics...)
			}
		},
	}
}

func accountState(s *AccountState) shape {
	return shape{
		Parts: []part{
			one("Acc", &s.Acc, check.AccountForm),
			one("CurrencyCode", &s.CurrencyCode, check.Digits(3)),
			maybe("AccountKindCode", &s.AccountKindCode, check.Digits(2)),
			money("ArrestAmount", &s.ArrestAmount),
			money("ArrestAmountRub", &s.ArrestAmountRub),
			coded("ArrestRecoveryState", &s.State, 1, 1, 2, 4, 6, 7, 8, 9, 11, 12, 15, 16, 18, 19, 20, 21, 30, 31, 32, 33),
		},
		Check: func(c *cursor) { currency(c, s.Acc, &s.CurrencyCode) },
	}
}
