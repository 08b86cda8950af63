// Package invent makes up persons, organisations, accounts and payment details that exist nowhere but pass every control.
//
// It serves samples, demonstrations and tests, and calls only the rooms block and check. Equal random numbers give equal
// inventions.
package invent

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"bankconnector/formats/block"
	"bankconnector/formats/check"
)

// Inventor draws from its random numbers. It is not safe for concurrent use.
type Inventor struct{ *rand.Rand }

// Pick draws one of the words that blanks divide.
func (v Inventor) Pick(words string) string {
	list := strings.Fields(words)
	return list[v.IntN(len(list))]
}

// Digits gives n random digits, the first not zero.
func (v Inventor) Digits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789"[v.IntN(10)]
	}
	if b[0] == '0' {
		b[0] = '1'
	}
	return string(b)
}

// Unit is a bailiffs' unit: code RRDDD, name, city.
type Unit struct{ Code, Name, City string }

// Unit picks a unit.
func (v Inventor) Unit() Unit {
	all := []Unit{
		{"77041", "ОСП по Примерному району ГУФССП России по г. Москве", "г. Москва"},
		{"78012", "Образцовое РОСП ГУФССП России по Санкт-Петербургу", "г. Санкт-Петербург"},
		{"66007", "Учебное РОСП г. Екатеринбурга", "г. Екатеринбург"},
		{"54010", "ОСП по Пробному району г. Новосибирска", "г. Новосибирск"},
		{"16008", "РОСП № 8 г. Казани", "г. Казань"},
		{"23033", "ОСП по Условному округу г. Краснодара", "г. Краснодар"},
	}
	return all[v.IntN(len(all))]
}

// Person invents a man's or a woman's name.
func (v Inventor) Person() block.FullName {
	surname := v.Pick("Образцов Примеров Учебнов Пробнов Условнов Шаблонов Опытов Макетов Черновиков Эталонов Тестов Набросков")
	if v.IntN(2) == 0 {
		return block.FullName{
			Surname: surname, FirstName: v.Pick("Иван Пётр Алексей Сергей Дмитрий Николай Андрей Михаил Егор Тимур"),
			Patronymic: v.Pick("Иванович Петрович Алексеевич Сергеевич Дмитриевич Николаевич Андреевич Михайлович"),
		}
	}
	return block.FullName{
		Surname: surname + "а", FirstName: v.Pick("Анна Мария Елена Ольга Наталья Татьяна Ирина Светлана Юлия Алина"),
		Patronymic: v.Pick("Ивановна Петровна Алексеевна Сергеевна Дмитриевна Николаевна Андреевна Михайловна"),
	}
}

func (v Inventor) address(city string) string {
	return fmt.Sprintf("%s, %s, ул. %s, д. %d, кв. %d", v.Digits(6), city,
		v.Pick("Примерная Образцовая Учебная Пробная Условная Опытная Макетная"), 1+v.IntN(120), 1+v.IntN(200))
}

// debtor invents the debtor of proceedings: a natural person, a sole trader or a legal entity, with papers.
func (v Inventor) debtor(kind int, u Unit, today time.Time) (block.Proceedings, *block.Identification) {
	ip := block.Proceedings{DebtorType: kind, DebtorAdr: v.address(u.City)}
	region := u.Code[:2]
	if kind == 1 {
		ip.DebtorName = fmt.Sprintf("ООО «%s-%d»", v.Pick("Образец Пример Макет Шаблон Эталон Опыт"), 1+v.IntN(999))
		ip.DebtorINN = check.CompleteINN(region + v.Digits(7))
		ip.DebtorKPP = region + "0101001"
		ip.DebtorOGRN = check.CompleteOGRN("1" + fmt.Sprintf("%02d", 3+v.IntN(20)) + region + v.Digits(7))
		return ip, nil
	}
	name := v.Person()
	birth := today.AddDate(-20-v.IntN(50), -v.IntN(12), -v.IntN(28))
	snils := check.CompleteSNILS(v.Digits(9))
	ip.DebtorFio = &name
	ip.DebtorName = strings.ToUpper(name.Surname + " " + name.FirstName + " " + name.Patronymic)
	ip.DebtorINN = check.CompleteINN(region + v.Digits(8))
	ip.DebtorSnils = snils[:3] + "-" + snils[3:6] + "-" + snils[6:9] + " " + snils[9:]
	ip.DebtorBirthDate = block.DateOf(birth)
	ip.DebtorBirthPlace = u.City
	if kind == 3 {
		ip.DebtorOGRN = check.CompleteOGRN("3" + fmt.Sprintf("%02d", 5+v.IntN(20)) + region + v.Digits(9))
	}
	return ip, &block.Identification{
		TypeDoc: "21", SerDoc: region + fmt.Sprintf("%02d", v.IntN(25)), NumDoc: v.Digits(6), BirthDate: block.DateOf(birth), INN: ip.DebtorINN,
		FIODoc: &name,
	}
}

// Proceedings invents proceedings with this key against a debtor of the kind (1 legal entity, 2 person, 3 sole trader), and
// the identity document of a person.
func (v Inventor) Proceedings(key string, kind int, today time.Time) (block.Proceedings, *block.Identification) {
	u := v.Unit()
	ip, identity := v.debtor(kind, u, today)
	opened := today.AddDate(0, -1-v.IntN(10), 0)
	debt := v.Money(500, 900_000)
	ip.InternalKey = key
	ip.IPNum = fmt.Sprintf("%d/%s/%s-ИП", 1+v.IntN(999_999), opened.Format("06"), u.Code)
	ip.IPDate = block.DateOf(opened)
	ip.IDType = "4"
	ip.IDNum = fmt.Sprintf("2-%d/%s", 1+v.IntN(9999), opened.Format("2006"))
	ip.IDDate = block.DateOf(opened.AddDate(0, -2, 0))
	ip.IDSum, ip.IPDebt = &debt, &debt
	return ip, identity
}
