package formats

import (
	"bankconnector/formats/block"
	"bankconnector/formats/check"
)

// OrderCode says what an order does, such as O_IP_ACT_ARREST_ACCMONEY.
type OrderCode string

// The twelve codes that a bank accepts.
const (
	findAccount   OrderCode = "O_IP_ACT_FIND_ACCOUNT"
	arrestMoney   OrderCode = "O_IP_ACT_ARREST_ACCMONEY"
	endArrest     OrderCode = "O_IP_ACT_ENDARREST"
	endArrestPart OrderCode = "O_IP_ACT_ENDARR_NO_CHANGE"
	levyMoney     OrderCode = "O_IP_ACT_GACCOUNT_MONEY"
	levyCurrency  OrderCode = "O_IP_ACT_CURRENCY_ROUB"
	liftAndLevy   OrderCode = "O_IP_ACT_ENDARR_GMONEY"
	endLevy       OrderCode = "O_IP_ACT_ENDGACCOUNT_MONEY"
	newDetails    OrderCode = "O_IP_ACT_EXECUTE"
	livingWage    OrderCode = "O_IP_ACT_LIVING_WAGE"
	newLivingWage OrderCode = "O_IP_ACT_CHNG_LIVING_WAGE"
	endLivingWage OrderCode = "O_IP_ACT_END_LIVING_WAGE"
)

// need is what a code requires beyond the common part.
type need uint8

const (
	needAmount need = 1 << iota
	needAccount
	needBase
	needBaseDate
	needOsp
	needWage
	needWageBank
)

// rule joins a code with its needs and its name.
type rule struct {
	code   OrderCode
	needs  need
	ru, en string
}

func orderRules() []rule {
	return []rule{
		{findAccount, 0, "розыск счетов и наложение ареста", "search of accounts and arrest"},
		{arrestMoney, needAmount | needAccount, "арест денежных средств на счёте", "arrest of money on an account"},
		{endArrest, needBase | needBaseDate, "снятие ареста", "lifting of an arrest"},
		{endArrestPart, needAmount | needAccount | needBase | needBaseDate, "снятие ареста в части", "lifting of an arrest in part"},
		{levyMoney, needAmount | needAccount, "обращение взыскания на денежные средства", "levy on money"},
		{levyCurrency, needAmount | needAccount, "обращение взыскания на валюту при долге в рублях", "levy on foreign currency for a debt in roubles"},
		{liftAndLevy, needAmount | needAccount | needBase | needBaseDate, "снятие ареста и обращение взыскания", "lifting of an arrest and levy"},
		{endLevy, needBase, "отмена обращения взыскания", "cancelling of a levy"},
		{newDetails, needOsp, "изменение реквизитов получателя", "new details of the recipient"},
		{livingWage, needWage | needWageBank, "сохранение прожиточного минимума", "keeping of the living wage"},
		{newLivingWage, needWage | needWageBank, "изменение сохранения прожиточного минимума", "change of the living wage order"},
		{endLivingWage, needWage, "прекращение сохранения прожиточного минимума", "end of the living wage order"},
	}
}

// OrderCodes are the twelve codes that a bank accepts, in the order of the service's table.
func OrderCodes() []OrderCode {
	rules := orderRules()
	codes := make([]OrderCode, len(rules))
	for i, r := range rules {
		codes[i] = r.code
	}
	return codes
}

func codeNames() []string {
	rules := orderRules()
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = string(r.code)
	}
	return names
}

// Lifts tells whether an order takes a base document back: an arrest or a levy, whole or, in part, by its own Amount.
//
// That O_IP_ACT_ENDARR_NO_CHANGE lifts in part is read from what it requires, Amount and account; no public text says it.
// The Amount of O_IP_ACT_ENDARR_GMONEY is the levy's.
func (c OrderCode) Lifts() (lifts, part bool) {
	part = c == endArrestPart
	return part || c == endArrest || c == liftAndLevy || c == endLevy, part
}

// Levies tells whether the Amount of a lifting is that of a levy which begins with it.
func (c OrderCode) Levies() bool { return c == liftAndLevy }

func (c OrderCode) rule() rule {
	for _, r := range orderRules() {
		if r.code == c {
			return r
		}
	}
	return rule{code: c, ru: string(c), en: string(c)}
}

// Text names what the code orders, in Russian ("ru") or English.
func (c OrderCode) Text(lang string) string {
	if lang == "ru" {
		return c.rule().ru
	}
	return c.rule().en
}

// NeedsBase says that an order with this code acts on an earlier one and must name it.
func (c OrderCode) NeedsBase() bool { return c.rule().needs&needBase != 0 }

// check is the control of what several elements of an order say together.
func (o *Order) check(c *cursor) {
	block.Ordered(c, "FinDate", o.StartDate, o.FinDate)
	if o.DocDate != "" && o.RestrDocDate > o.DocDate {
		c.Add(StateBadLogic, "RestrDocDate", why{"документ-основание датирован позже постановления", "the base document is dated after the order"})
	}
	if o.Barcode != "" && o.InternalKey != "" {
		c.Add(StateBadLogic, "Barcode", check.Barcode(o.Barcode, o.InternalKey))
	}
	if o.RestrDocID != "" && o.RestrDocID == o.InternalKey {
		c.Add(StateBadLogic, "RestrDocId", why{"постановление ссылается на себя как на основание", "the order names itself as its base"})
	}
	block.Identified(c, &o.IP, o.Data)
	if o.DocCode != "" {
		o.required(c)
	}
}

// required records what the code needs and the order lacks (table of codes, the rows above).
func (o *Order) required(c *cursor) {
	r := o.DocCode.rule()
	reason := why{"код " + string(r.code) + " (" + r.ru + ")", "code " + string(r.code) + " (" + r.en + ")"}
	absent := func(n need, missing bool, child string) {
		if r.needs&n != 0 && missing {
			c.Need(child, reason)
		}
	}
	absent(needAmount, o.Amount == nil, "Amount")
	if r.needs&needAmount != 0 && o.Amount != nil && *o.Amount == 0 {
		c.Add(StateBadLogic, "Amount", why{"сумма должна быть больше нуля: " + reason.RU, "the sum must be above zero: " + reason.EN})
	}
	absent(needAccount, len(o.Banks()) == 0, "Data/accountDatum")
	absent(needBase, o.RestrDocID == "", "RestrDocId")
	absent(needBaseDate, o.RestrDocDate == "", "RestrDocDate")
	absent(needOsp, o.OspProperty == nil, "OspProperty")
	absent(needWage, o.WageRetention == nil, "WageRetention")
	if w := o.WageRetention; w != nil {
		absent(needWageBank, w.BankBIK == "", "WageRetention/BankBIK")
		absent(needWageBank, w.Region == "", "WageRetention/Region")
	}
}
