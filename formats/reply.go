package formats

import (
	"fmt"
	"math/rand/v2"
	"time"

	"bankconnector/formats/block"
	"bankconnector/formats/invent"
)

// SampleReport invents the bank's notice of execution of the order, drawn by rnd: mostly executed in full, at times in part,
// without the debtor, or without the base document. It decodes with the bank's БИК without faults.
func SampleReport(o *Order, bank SampleBank, externalKey string, rnd *rand.Rand, today time.Time) *Report {
	bank = bank.complete()
	r := &Report{
		ExternalKey: externalKey, DocDate: block.DateOf(today), RestrictnInternalKey: o.InternalKey, DocType: string(o.DocCode),
		AnswerType: answerInFull, IpInternalKey: o.IP.InternalKey, DeloNum: o.IP.IPNum, AuthorName: bank.Name, AuthorBIK: bank.BIC,
		OGRN: bank.OGRN, INN: bank.INN, KPP: bank.KPP, RestrDocNumber: o.DocNum, RestrDocDate: o.DocDate,
	}
	full, part := states(o.DocCode)
	state := full
	switch n := rnd.IntN(20); {
	case n == 0:
		r.AnswerType, r.LegalImpossibility = answerNoOne, "Должник клиентом банка не является"
		return r
	case n == 1 && o.DocCode.NeedsBase():
		r.AnswerType, r.LegalImpossibility = answerNoBase, "Ограничение, подлежащее снятию, не налагалось"
		return r
	case n < 4 && part != 0:
		r.AnswerType, state = answerInPart, part
	}
	if full == 0 {
		return r
	}
	r.Accounts = accountStatesOf(o, bank, invent.Inventor{Rand: rnd}, state)
	return r
}

// states are the codes of an account when an order with this code was executed in full, and in part (0 = none).
func states(c OrderCode) (full, part int) {
	s := map[OrderCode][2]int{
		findAccount: {7, 15}, arrestMoney: {7, 15}, levyMoney: {8, 6}, levyCurrency: {8, 6}, liftAndLevy: {8, 6},
		endArrest: {9, 0}, endArrestPart: {19, 0}, endLevy: {11, 0},
	}[c]
	return s[0], s[1]
}

// accountStatesOf gives the accounts that the order names, or one that the search found.
func accountStatesOf(o *Order, bank SampleBank, v invent.Inventor, state int) []AccountState {
	var named []Account
	for _, d := range o.Data {
		if d.Account != nil {
			named = append(named, *d.Account)
		}
	}
	if len(named) == 0 {
		named = []Account{{Acc: v.Account(bank.BIC, max(o.IP.DebtorType, 1), "810"), CurrencyCode: "643"}}
	}
	all := make([]AccountState, 0, len(named))
	for _, a := range named {
		s := AccountState{Acc: a.Acc, CurrencyCode: a.CurrencyCode, AccountKindCode: "02", State: state}
		if s.CurrencyCode == "" {
			s.CurrencyCode = a.Acc[5:8]
		}
		if o.Amount != nil {
			sum := *o.Amount
			if state == 6 || state == 15 {
				sum = sum * Money(1+v.IntN(9)) / 10
			}
			s.ArrestAmount, s.ArrestAmountRub = &sum, &sum
		}
		if s.CurrencyCode != "643" && s.ArrestAmount != nil {
			converted := *s.ArrestAmount / 90
			s.ArrestAmount = &converted
		}
		all = append(all, s)
	}
	return all
}

// SampleAnswers invents the bank's answer to the query, drawn by rnd: accounts found or none, at times cut in pages, whose
// keys are externalKey, externalKey-2, externalKey-3. They decode with the bank's БИК without faults.
func SampleAnswers(q *Query, bank SampleBank, externalKey string, rnd *rand.Rand, today time.Time) []*Answer {
	bank = bank.complete()
	v := invent.Inventor{Rand: rnd}
	pages := 1
	if v.IntN(8) == 0 {
		pages = 2 + v.IntN(2)
	}
	found := v.IntN(4) > 0 || pages > 1
	answers := make([]*Answer, 0, pages)
	for page := 1; page <= pages; page++ {
		a := &Answer{
			ExternalKey: externalKey, RequestInternalKey: q.InternalKey, IpInternalKey: q.IP.InternalKey, DocDate: block.DateOf(today),
			AnswerType: 1, AuthorName: bank.Name, AuthorBIK: bank.BIC, AuthorINN: bank.INN, AuthorKPP: bank.KPP, AuthorOGRN: bank.OGRN,
		}
		if pages > 1 {
			a.PageNumber, a.PageCount = page, pages
		}
		if page > 1 {
			a.ExternalKey = fmt.Sprintf("%s-%d", externalKey, page)
		}
		if found {
			a.AnswerType = 2
			for range 1 + v.IntN(4) {
				a.Accounts = append(a.Accounts, v.Balance(max(q.IP.DebtorType, 1), bank.BIC, bank.Name, today))
			}
		}
		answers = append(answers, a)
	}
	return answers
}
