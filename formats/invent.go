package formats

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"bankconnector/formats/check"
)

// inventor makes persons, organisations and numbers that exist nowhere, with right check digits.
type inventor struct{ *rand.Rand }

func (v inventor) pick(words string) string {
	list := strings.Fields(words)
	return list[v.IntN(len(list))]
}

// digits gives n random digits, the first not zero.
func (v inventor) digits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + v.IntN(10))
	}
	if b[0] == '0' {
		b[0] = '1'
	}
	return string(b)
}

// unit is a bailiffs' unit: code RRDDD, name, city.
type unit struct{ code, name, city string }

func (v inventor) unit() unit {
	all := []unit{
		{"77041", "ОСП по Примерному району ГУФССП России по г. Москве", "г. Москва"},
		{"78012", "Образцовое РОСП ГУФССП России по Санкт-Петербургу", "г. Санкт-Петербург"},
		{"66007", "Учебное РОСП г. Екатеринбурга", "г. Екатеринбург"},
		{"54010", "ОСП по Пробному району г. Новосибирска", "г. Новосибирск"},
		{"16008", "РОСП № 8 г. Казани", "г. Казань"},
		{"23033", "ОСП по Условному округу г. Краснодара", "г. Краснодар"},
	}
	return all[v.IntN(len(all))]
}

// person invents a man's or a woman's name.
func (v inventor) person() FullName {
	surname := v.pick("Образцов Примеров Учебнов Пробнов Условнов Шаблонов Опытов Макетов Черновиков Эталонов Тестов Набросков")
	if v.IntN(2) == 0 {
		return FullName{
			surname, v.pick("Иван Пётр Алексей Сергей Дмитрий Николай Андрей Михаил Егор Тимур"),
			v.pick("Иванович Петрович Алексеевич Сергеевич Дмитриевич Николаевич Андреевич Михайлович"),
		}
	}
	return FullName{
		surname + "а", v.pick("Анна Мария Елена Ольга Наталья Татьяна Ирина Светлана Юлия Алина"),
		v.pick("Ивановна Петровна Алексеевна Сергеевна Дмитриевна Николаевна Андреевна Михайловна"),
	}
}

func (v inventor) address(city string) string {
	return fmt.Sprintf("%s, %s, ул. %s, д. %d, кв. %d", v.digits(6), city,
		v.pick("Примерная Образцовая Учебная Пробная Условная Опытная Макетная"), 1+v.IntN(120), 1+v.IntN(200))
}

// debtor invents the debtor of proceedings: a natural person, a sole trader or a legal entity, with papers.
func (v inventor) debtor(kind int, u unit, today time.Time) (Proceedings, *Identification) {
	ip := Proceedings{DebtorType: kind, DebtorAdr: v.address(u.city)}
	region := u.code[:2]
	if kind == 1 {
		ip.DebtorName = fmt.Sprintf("ООО «%s-%d»", v.pick("Образец Пример Макет Шаблон Эталон Опыт"), 1+v.IntN(999))
		ip.DebtorINN = check.CompleteINN(region + v.digits(7))
		ip.DebtorKPP = region + "0101001"
		ip.DebtorOGRN = check.CompleteOGRN("1" + fmt.Sprintf("%02d", 3+v.IntN(20)) + region + v.digits(7))
		return ip, nil
	}
	name := v.person()
	birth := today.AddDate(-20-v.IntN(50), -v.IntN(12), -v.IntN(28))
	snils := check.CompleteSNILS(v.digits(9))
	ip.DebtorFio = &name
	ip.DebtorName = strings.ToUpper(name.Surname + " " + name.FirstName + " " + name.Patronymic)
	ip.DebtorINN = check.CompleteINN(region + v.digits(8))
	ip.DebtorSnils = snils[:3] + "-" + snils[3:6] + "-" + snils[6:9] + " " + snils[9:]
	ip.DebtorBirthDate = dateOf(birth)
	ip.DebtorBirthPlace = u.city
	if kind == 3 {
		ip.DebtorOGRN = check.CompleteOGRN("3" + fmt.Sprintf("%02d", 5+v.IntN(20)) + region + v.digits(9))
	}
	return ip, &Identification{
		TypeDoc: "21", SerDoc: region + fmt.Sprintf("%02d", v.IntN(25)), NumDoc: v.digits(6), BirthDate: dateOf(birth), INN: ip.DebtorINN,
		FIODoc: &name,
	}
}

// account invents an account in the bank with a right key; currency as accounts write it (810 for the rouble).
func (v inventor) account(bic string, kind int, currency string) string {
	balance := map[int]string{1: "40702", 2: "40817", 3: "40802"}[kind]
	a := []byte(balance + currency + "0" + v.digits(11))
	if key := check.AccountKey(string(a), bic); key != 0 {
		a[8] = key
	}
	return string(a)
}

func (v inventor) money(least, most int) Money {
	return Money(100*least + v.IntN(100*(most-least)))
}
