package block

import (
	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

// Data is one block of facts on the debtor or one account.
type Data struct {
	Identification *Identification
	Account        *Account
}

// Identification is the debtor's identity document (IdentificationData).
type Identification struct {
	TypeDoc   string // 21 passport of a citizen of РФ, ...
	SerDoc    string
	NumDoc    string
	BirthDate Date
	INN       string
	FIODoc    *FullName
}

// FullName is a person's name.
type FullName struct{ Surname, FirstName, Patronymic string }

// Data is the shape of a Data block.
func (j *Judge) Data(d *Data) strictxml.Shape {
	return shape{
		Parts: []part{
			strictxml.MaybeBlock("IdentificationData", &d.Identification, j.identification),
			strictxml.MaybeBlock("accountDatum", &d.Account, j.accountDatum),
		},
		Check: func(c *cursor) {
			if d.Identification == nil && d.Account == nil && !c.Faulty("") {
				c.Add(strictxml.CodeLogic, "", why{"блок Data пуст", "the Data block is empty"})
			}
		},
	}
}

func (j *Judge) identification(d *Identification) shape {
	return shape{Parts: []part{
		One("TypeDoc", &d.TypeDoc, check.OneOf("10", "12", "14", "15", "20", "21", "91")),
		Maybe("SerDoc", &d.SerDoc, check.Key(20)),
		One("NumDoc", &d.NumDoc, check.Key(25)),
		j.Born("birthDate", &d.BirthDate),
		Maybe("INN", &d.INN, check.INNForm).With(check.INN),
		strictxml.MaybeBlock("FIODoc", &d.FIODoc, fullName),
	}}
}

func fullName(n *FullName) shape {
	return shape{Parts: []part{
		One("Surname", &n.Surname, check.Text(100)),
		One("FirstName", &n.FirstName, check.Text(100)),
		Maybe("Patronymic", &n.Patronymic, check.Text(100)),
	}}
}

// QueryData is the shape of a Data block that identifies the debtor; a query names no account.
func (j *Judge) QueryData(d *Data) strictxml.Shape {
	return shape{Parts: []part{strictxml.MaybeBlock("IdentificationData", &d.Identification, j.identification).Required()}}
}
