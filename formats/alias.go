package formats

import (
	"bankconnector/formats/block"
	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

type (
	// Fault is one thing that is wrong with a document: path, line, code (90..99), sentence in Russian and English.
	Fault = strictxml.Fault
	// Faults are all faults of a document, in the order of its lines; Code gives the StateId of the receipt.
	Faults = strictxml.Faults
	// Money is a sum in kopecks.
	Money = block.Money
	// Date is a day as documents write it, YYYY-MM-DD, "" for none.
	Date = block.Date
	// Proceedings are the enforcement proceedings and their debtor.
	Proceedings = block.Proceedings
	// FullName is a person's name.
	FullName = block.FullName
	// Data is one block of facts on the debtor or one account.
	Data = block.Data
	// Identification is the debtor's identity document.
	Identification = block.Identification
	// Account is an account that an order names.
	Account = block.Account
	// AccountData is one account of an answer.
	AccountData = block.AccountData
	// AccountState is what became of one account of an order.
	AccountState = block.AccountState
	// OspProperty are a recipient's details of the bailiffs' unit.
	OspProperty = block.OspProperty
	// WageRetention says on which account the living wage is kept.
	WageRetention = block.WageRetention
	// Payment is where a levy is paid to.
	Payment = block.Payment
)

type (
	part   = strictxml.Part
	shape  = strictxml.Shape
	cursor = strictxml.Cursor
	why    = check.Why
)

// ParseMoney reads a sum as documents write it, such as 1500.00; no sign, exponent, comma or third decimal.
func ParseMoney(s string) (Money, error) { return block.ParseMoney(s) }

// ParseDate reads a date from 1900-01-01 to 2100-01-01.
func ParseDate(s string) (Date, error) { return block.ParseDate(s) }
