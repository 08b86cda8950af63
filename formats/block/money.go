// Package block holds what the documents of the exchange are made of: money, dates, and the blocks that several documents
// share, such as proceedings with their debtor, accounts and payment details, each with its form and its control.
//
// A block knows its own rules; what a whole document must say is the document's affair. The package calls only the rooms
// strictxml (form of XML) and check (digits).
package block

import (
	"fmt"
	"strconv"
	"strings"

	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

type (
	part   = strictxml.Part
	shape  = strictxml.Shape
	cursor = strictxml.Cursor
	why    = check.Why
)

// Money is a sum in kopecks (hundredths of the currency it stands with).
type Money int64

// String gives the decimal text with two digits after the point, such as 1500.00.
func (m Money) String() string {
	sign, v := "", int64(m)
	if v < 0 {
		sign = "-"
	}
	whole, rest := v/100, v%100
	return fmt.Sprintf("%s%d.%02d", sign, max(whole, -whole), max(rest, -rest))
}

// ParseMoney reads a sum as documents write it: no sign, no exponent, up to 13 digits without leading zeros, and at most
// two digits after a point (DMoneyType). A comma, a third decimal or a blank is an error.
func ParseMoney(s string) (Money, error) {
	whole, fraction, pointed := strings.Cut(s, ".")
	bad := whole == "" || len(whole) > 13 || whole[0] == '0' && len(whole) > 1 || pointed && fraction == "" || len(fraction) > 2
	for _, c := range whole + fraction {
		bad = bad || c < '0' || c > '9'
	}
	if bad {
		return 0, fmt.Errorf("parse money: not a decimal of up to 13 digits with up to 2 after a point")
	}
	kopecks, err := strconv.ParseInt(whole+(fraction + "00")[:2], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("parse money: %w", err)
	}
	return Money(kopecks), nil
}

// moneyValue is a sum in a document.
type moneyValue struct{ p *Money }

func (m moneyValue) Read(s string) why {
	v, err := ParseMoney(s)
	if err != nil {
		return why{
			"сумма: ожидается число без знака, до 13 цифр и до 2 знаков после точки, например 1500.00",
			"sum: an unsigned number of up to 13 digits and up to 2 after a point is expected, such as 1500.00",
		}
	}
	*m.p = v
	return why{}
}

func (m moneyValue) Write() (string, bool) { return m.p.String(), true }

// maybeMoney is a sum that may be absent.
type maybeMoney struct{ p **Money }

func (m maybeMoney) Read(s string) why {
	v := new(Money)
	*m.p = v
	return moneyValue{v}.Read(s)
}

func (m maybeMoney) Write() (string, bool) {
	if *m.p == nil {
		return "", false
	}
	return (*m.p).String(), true
}

// Sum declares an optional sum.
func Sum(name string, p **Money) strictxml.Part { return strictxml.Maybe(name, maybeMoney{p}) }

// Total declares a required sum.
func Total(name string, p *Money) strictxml.Part { return strictxml.One(name, moneyValue{p}) }
