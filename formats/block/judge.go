package block

import (
	"slices"
	"time"

	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

// Judge is what blocks must know from outside of the document. The zero Judge serves writing: it knows no day and no bank.
type Judge struct {
	now             time.Time
	bics            []string
	tomorrow, today Date
	oldest          Date // birth dates before it are refused
}

// NewJudge makes a Judge for now, in the zone whose calendar counts, and the bank's БИК codes (none = not compared).
func NewJudge(now time.Time, bics []string) *Judge {
	return &Judge{
		now: now, bics: bics, today: DateOf(now), tomorrow: DateOf(now.AddDate(0, 0, 1)), oldest: DateOf(now.AddDate(-150, 0, 0)),
	}
}

// Day declares an optional date that may not be later than tomorrow.
func (j *Judge) Day(name string, p *Date) strictxml.Part {
	return Day(name, p).With(func(s string) why {
		if Date(s) > j.tomorrow {
			return why{"дата позже завтрашнего дня", "the date is later than tomorrow"}
		}
		return why{}
	})
}

// Born declares an optional birth date: not in the future, not older than 150 years.
func (j *Judge) Born(name string, p *Date) strictxml.Part {
	return Day(name, p).With(func(s string) why {
		if Date(s) > j.today || Date(s) < j.oldest {
			return why{"дата рождения в будущем или старше 150 лет", "a birth date in the future or older than 150 years"}
		}
		return why{}
	})
}

// Stamp records a moment that is more than a day ahead.
func (j *Judge) Stamp(c *strictxml.Cursor, child string, t time.Time) {
	if t.After(j.now.AddDate(0, 0, 1)) {
		c.Add(strictxml.CodeLogic, child, why{"время позже, чем через сутки от текущего", "the time is more than a day ahead"})
	}
}

// Bank records a wrong addressee (93) when the БИК is not one of the bank's.
func (j *Judge) Bank(c *strictxml.Cursor, child, bic string) {
	if bic != "" && len(j.bics) > 0 && !slices.Contains(j.bics, bic) {
		c.Add(strictxml.CodeAddressee, child, why{
			"БИК другого банка: документ не относится к этому банку", "the БИК of another bank: the document does not concern this bank",
		})
	}
}

// Key records a wrong key digit of an account that is kept in the bank with this БИК. When the document names none (""), or
// head is true (the БИК may be that of the head office), the bank's own БИК codes will do as well.
func (j *Judge) Key(c *strictxml.Cursor, child, account, bic string, head bool) {
	var last why
	if bic != "" {
		if last = check.Account(account, bic); last == (why{}) {
			return
		}
	}
	if bic == "" || head {
		for _, own := range j.bics {
			if last = check.Account(account, own); last == (why{}) {
				return
			}
		}
	}
	c.Add(strictxml.CodeLogic, child, last)
}

// currency makes 810 into 643, and records an unknown currency or one that the account is not kept in.
func currency(c *cursor, account string, code *string) {
	if *code == "810" {
		*code = "643"
	}
	if *code != "" {
		c.Add(strictxml.CodeLogic, "CurrencyCode", check.Currency(*code, account))
	}
}
