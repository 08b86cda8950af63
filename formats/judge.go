package formats

import (
	"slices"
	"time"

	"bankconnector/formats/check"
)

// Rules is what the reader of a document must know from outside of it.
type Rules struct {
	Today       time.Time // now, in the zone whose calendar counts; with the zero time every date is in the future
	Namespaces  []string  // namespaces allowed for the root besides none
	BICs        []string  // БИК codes of the bank that the document comes from or goes to; empty = not compared
	Windows1251 bool      // the encoding windows-1251 is agreed with the bank
}

// stateWrongBank is the code of a document that names another bank.
const stateWrongBank = StateWrongAddressee

// judge holds Rules in the form that shapes use; the zero judge knows no day and no bank and serves writing.
type judge struct {
	bics            []string
	tomorrow, today Date
	oldest          Date // birth dates before it are refused
	now             time.Time
}

func newJudge(r Rules) *judge {
	return &judge{
		bics: r.BICs, now: r.Today, today: dateOf(r.Today),
		tomorrow: dateOf(r.Today.AddDate(0, 0, 1)), oldest: dateOf(r.Today.AddDate(-150, 0, 0)),
	}
}

// day declares an optional date that may not be later than tomorrow.
func (j *judge) day(name string, p *Date) part {
	return maybe(name, p, check.Date).With(func(s string) why {
		if Date(s) > j.tomorrow {
			return why{"дата позже завтрашнего дня", "the date is later than tomorrow"}
		}
		return why{}
	})
}

// born declares an optional birth date: not in the future, not older than 150 years.
func (j *judge) born(name string, p *Date) part {
	return maybe(name, p, check.Date).With(func(s string) why {
		if Date(s) > j.today || Date(s) < j.oldest {
			return why{"дата рождения в будущем или старше 150 лет", "a birth date in the future or older than 150 years"}
		}
		return why{}
	})
}

// anyDay declares an optional date without a rule of its own.
func anyDay(name string, p *Date) part { return maybe(name, p, check.Date) }

// stamp is the control of a moment: not later than a day from now.
func (j *judge) stamp(c *cursor, name string, t time.Time) {
	if t.After(j.now.AddDate(0, 0, 1)) {
		c.Add(StateBadLogic, name, why{"время позже, чем через сутки от текущего", "the time is more than a day ahead"})
	}
}

// ordered records a fault when the later date stands before the earlier one; absent dates do not count.
func ordered(c *cursor, name string, earlier, later Date) {
	if earlier != "" && later != "" && later < earlier {
		c.Add(StateBadLogic, name, why{"дата раньше даты начала", "the date is before the date it must follow"})
	}
}

// bank records a wrong addressee when the bank's БИК is not one of the bank's.
func (j *judge) bank(c *cursor, name, bic string) {
	if bic != "" && len(j.bics) > 0 && !slices.Contains(j.bics, bic) {
		c.Add(stateWrongBank, name, why{"БИК другого банка: документ не относится к этому банку",
			"the БИК of another bank: the document does not concern this bank"})
	}
}

// keyed records a wrong key digit of an account unless it agrees with one of the БИК codes; without any it cannot be told.
func keyed(c *cursor, name, account string, bics ...string) {
	var last why
	for _, bic := range bics {
		if last = check.Account(account, bic); last == (why{}) {
			return
		}
	}
	c.Add(StateBadLogic, name, last)
}

// currency records an unknown currency or one that the account is not kept in, and makes 810 into 643.
func currency(c *cursor, account string, code *string) {
	if *code == "810" {
		*code = "643"
	}
	if *code == "" {
		return
	}
	c.Add(StateBadLogic, "CurrencyCode", check.Currency(*code))
	if account != "" {
		c.Add(StateBadLogic, "CurrencyCode", check.OneCurrency(account, *code))
	}
}
