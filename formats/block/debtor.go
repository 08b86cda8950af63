package block

import (
	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

// Proceedings are the enforcement proceedings and their debtor (IP).
type Proceedings struct {
	InternalKey      string
	IPNum            string
	DebtorType       int // 1 legal entity, 2 natural person, 3 sole trader
	DebtorName       string
	DebtorAdr        string
	DebtorINN        string
	DebtorSnils      string // NNN-NNN-NNN NN
	DebtorFio        *FullName
	IPDate           Date
	IDType           string // kind of the enforcement document, 1..18
	IDNum            string
	IDDate           Date
	IDSum            *Money
	IPDebt           *Money
	DebtorKPP        string
	DebtorOGRN       string
	DebtorBirthDate  Date
	DebtorBirthPlace string
}

// Proceedings is the shape of IP.
func (j *Judge) Proceedings(p *Proceedings) strictxml.Shape {
	return shape{
		Parts: []part{
			One("InternalKey", &p.InternalKey, check.ID),
			One("IPNum", &p.IPNum, check.Key(25)).With(check.Proceedings),
			Coded("DebtorType", &p.DebtorType, 1, 1, 2, 3),
			One("DebtorName", &p.DebtorName, check.Text(1000)),
			One("DebtorAdr", &p.DebtorAdr, check.Text(200)),
			Maybe("DebtorINN", &p.DebtorINN, check.INNForm).With(check.INN),
			strictxml.Maybe("DebtorSnils", snils{&p.DebtorSnils}).With(check.SNILS),
			strictxml.MaybeBlock("DebtorFio", &p.DebtorFio, fullName),
			j.Day("IPDate", &p.IPDate),
			Maybe("IDType", &p.IDType, check.OneOf("1", "2", "3", "4", "5", "6", "7", "8", "10", "11", "12", "13", "16", "17", "18")),
			Maybe("IDNum", &p.IDNum, check.Key(25)),
			j.Day("IDDate", &p.IDDate),
			Sum("IDSum", &p.IDSum),
			Sum("IPDebt", &p.IPDebt),
			Maybe("DebtorKPP", &p.DebtorKPP, check.KPP),
			Maybe("DebtorOGRN", &p.DebtorOGRN, check.Digits(13, 15)).With(check.OGRN),
			j.Born("DebtorBirthDate", &p.DebtorBirthDate),
			Maybe("DebtorBirthPlace", &p.DebtorBirthPlace, check.Text(200)),
		},
		Check: func(c *cursor) {
			if p.DebtorINN != "" && p.DebtorType != 0 && (len(p.DebtorINN) == 10) != (p.DebtorType == 1) {
				c.Add(strictxml.CodeLogic, "DebtorINN", why{
					"ИНН организации состоит из 10 цифр, ИНН человека из 12",
					"the ИНН of an organisation has 10 digits, that of a person 12",
				})
			}
		},
	}
}

// snils is kept and written dashed, and read dashed or bare.
type snils struct{ p *string }

func (v snils) Read(s string) why {
	if w := check.SNILSForm(s); w != (why{}) {
		return w
	}
	b := check.BareSNILS(s)
	*v.p = b[:3] + "-" + b[3:6] + "-" + b[6:9] + " " + b[9:]
	return why{}
}

func (v snils) Write() (string, bool) { return *v.p, *v.p != "" }

// Identified records a fault unless one full set identifies the debtor: ИНН; СНИЛС; series, number and birth date of the
// identity document; surname and first name. A bank answers 05 otherwise.
func Identified(c *strictxml.Cursor, ip *Proceedings, data []Data) {
	found := ip.DebtorINN != "" || ip.DebtorSnils != "" || ip.DebtorFio != nil
	for _, d := range data {
		if i := d.Identification; i != nil {
			birth := i.BirthDate != "" || ip.DebtorBirthDate != ""
			found = found || i.INN != "" || i.FIODoc != nil || i.SerDoc != "" && i.NumDoc != "" && birth
		}
	}
	if !found && !c.Faulty("IP") && !c.Faulty("Data") {
		c.Add(strictxml.CodeLogic, "IP", why{
			"должник не определён: нужен ИНН, или СНИЛС, или паспорт с датой рождения, или фамилия с именем",
			"the debtor is not identified: give ИНН, or СНИЛС, or passport with birth date, or surname with first name",
		})
	}
}
