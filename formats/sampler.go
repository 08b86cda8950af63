package formats

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"bankconnector/formats/block"
	"bankconnector/formats/check"
	"bankconnector/formats/invent"
)

// SampleBank is the bank that samples are made for. BIC has 9 digits; the other fields may be empty and are invented then.
type SampleBank struct{ BIC, Name, INN, KPP, OGRN string }

// complete fills empty fields with requisites that pass their controls.
func (b SampleBank) complete() SampleBank {
	tail := b.BIC[2:]
	if b.Name == "" {
		b.Name = "Учебный банк " + b.BIC
	}
	if b.INN == "" {
		b.INN = check.CompleteINN("77" + tail)
	}
	if b.KPP == "" {
		b.KPP = "770001001"
	}
	if b.OGRN == "" {
		b.OGRN = check.CompleteOGRN("10277" + tail)
	}
	return b
}

// Sample is one document of the office: XML as it is left in the inbox, and for orders the bailiff's original.
type Sample struct {
	Document Document
	XML      []byte
	Original []byte // nil for queries
}

// Sampler invents documents. The same seed, day and calls give the same documents; keys differ within one Sampler and
// between Samplers whose seeds differ modulo 810,000. It is not safe for concurrent use.
type Sampler struct {
	v     invent.Inventor
	today time.Time
	slot  uint64 // keys of this seed begin with it
	count int64
	banks map[string]*line
}

// line is what one bank got so far: its place in the cycle and the orders that later ones refer to.
type line struct {
	bank  SampleBank
	place int
	bases map[OrderCode]*Order
}

// NewSampler makes a Sampler whose documents are dated today.
func NewSampler(seed int64, today time.Time) *Sampler {
	return &Sampler{
		v:     invent.Inventor{Rand: rand.New(rand.NewPCG(uint64(seed), 229))}, //nolint:gosec // samples must be repeatable, nothing here is secret
		today: today, slot: uint64(seed) % 810_000, banks: map[string]*line{},  //nolint:gosec // any seed will do
	}
}

// cycle is the order of a bank's samples, bases before what refers to them; "" is a query, every fourth document.
func cycle() []OrderCode {
	return []OrderCode{
		findAccount, arrestMoney, levyMoney, "", livingWage, levyCurrency, newDetails, "",
		endArrestPart, liftAndLevy, endLevy, "", endArrest, newLivingWage, endLivingWage, "",
	}
}

// baseOf is the code of the order that an order with this code refers to.
func baseOf(c OrderCode) OrderCode {
	return map[OrderCode]OrderCode{
		endArrestPart: arrestMoney, endArrest: arrestMoney, liftAndLevy: findAccount, endLevy: levyMoney,
		newLivingWage: livingWage, endLivingWage: livingWage,
	}[c]
}

// Next invents the bank's next n documents. Sixteen in a row hold all 12 codes and four queries. Lifts, cancels and changes
// name an earlier order of the same bank, with its debtor and account. It returns nil when the BIC has not 9 digits.
func (s *Sampler) Next(b SampleBank, n int) []Sample {
	if check.Digits(9)(b.BIC) != (why{}) || n <= 0 {
		return nil
	}
	l := s.banks[b.BIC]
	if l == nil {
		l = &line{bank: b.complete(), bases: map[OrderCode]*Order{}}
		s.banks[b.BIC] = l
	}
	samples := make([]Sample, 0, n)
	for range n {
		code := cycle()[l.place%len(cycle())]
		l.place++
		if sample, err := s.sample(l, code); err == nil {
			samples = append(samples, sample)
		}
	}
	return samples
}

func (s *Sampler) sample(l *line, code OrderCode) (Sample, error) {
	if code == "" {
		q := s.query()
		data, err := Encode(q, "")
		return Sample{Document: q, XML: data}, err
	}
	o := s.order(l, code)
	l.bases[code] = o
	data, err := Encode(o, "")
	if err != nil {
		return Sample{}, err
	}
	original, err := EncodeOriginal(originalOf(o))
	return Sample{Document: o, XML: data, Original: original}, err
}

// key gives the next key in the shape of the bailiffs' system: region, department, 1, nine-digit counter.
func (s *Sampler) key() string {
	s.count++
	return fmt.Sprintf("%02d%02d1%09d", 10+s.slot%90, 10+s.slot/90%90, int64(s.slot/8100)*10_000_000+s.count%10_000_000) //nolint:gosec // below 810,000
}

// order invents an order: a new matter, or the next step of an earlier one.
func (s *Sampler) order(l *line, code OrderCode) *Order {
	o := &Order{InternalKey: s.key(), DocDate: block.DateOf(s.today), DocCode: code, Priority: 3, SPIPost: "Судебный пристав-исполнитель"}
	bailiff := s.v.Person()
	o.SPIFio = bailiff.Surname + " " + bailiff.FirstName + " " + bailiff.Patronymic
	o.SPIPhone = "+7(495)" + s.v.Digits(7)
	base := l.bases[baseOf(code)]
	if base == nil {
		s.matter(l, o)
	} else {
		o.IP, o.Data, o.Amount, o.WageRetention, o.Payment = base.IP, base.Data, base.Amount, base.WageRetention, base.Payment
		o.RestrDocID, o.RestrDocNumber, o.RestrDocDate = base.InternalKey, base.DocNum, base.DocDate
	}
	u := unitOf(o.IP)
	o.DocNum = fmt.Sprintf("%s/%s/%d", u, s.today.Format("06"), s.count)
	o.Barcode = o.InternalKey[5:] + "/" + u[:2] + u[3:]
	s.terms(l, o, u)
	return o
}

// matter invents debtor, account and sum of a new case.
func (s *Sampler) matter(l *line, o *Order) {
	kind := 1 + s.v.IntN(3)
	if o.DocCode == livingWage {
		kind = 2
	}
	ip, identity := s.v.Proceedings(s.key(), kind, s.today)
	o.IP, o.Amount, o.DebtText = ip, ip.IPDebt, "Взыскание задолженности"
	acc := Account{Acc: s.v.Account(l.bank.BIC, kind, "810"), BicBank: l.bank.BIC, CurrencyCode: "643"}
	if o.DocCode == levyCurrency {
		acc.CurrencyCode = s.v.Pick("840 978 156")
		acc.Acc = s.v.Account(l.bank.BIC, kind, acc.CurrencyCode)
	}
	switch {
	case o.DocCode != findAccount:
		o.Data = []Data{{Identification: identity, Account: &acc}}
	case identity != nil:
		o.Data = []Data{{Identification: identity}}
	}
}

// terms adds what the code needs and takes away what does not belong to it.
func (s *Sampler) terms(l *line, o *Order, u string) {
	needs := o.DocCode.rule().needs
	switch {
	case o.DocCode == endArrestPart:
		half := max(*o.Amount/2, 1)
		o.Amount = &half
	case o.DocCode == liftAndLevy:
		s.found(l, o)
	case o.DocCode != findAccount && needs&needAmount == 0:
		o.Amount, o.Payment = nil, nil
	}
	if needs&needWage != 0 {
		o.WageRetention = &WageRetention{
			OrderLivingWageAcc: o.Data[0].Account.Acc, BankName: l.bank.Name, SDGroupPopulation: 1 + s.v.IntN(3), BankBIK: l.bank.BIC, Region: u[:2],
		}
		if needs&needWageBank == 0 {
			o.WageRetention.BankBIK, o.WageRetention.Region = "", ""
		}
	}
	if needs&needAmount != 0 && o.DocCode != arrestMoney && o.DocCode != endArrestPart {
		o.Payment = s.v.Payment(u, *o.Amount)
	}
	if needs&needOsp != 0 {
		o.OspProperty = s.v.Osp(u)
	}
}

// found gives a levy after a search the account that the bank found.
func (s *Sampler) found(l *line, o *Order) {
	acc := &Account{Acc: s.v.Account(l.bank.BIC, o.IP.DebtorType, "810"), BicBank: l.bank.BIC, CurrencyCode: "643"}
	d := Data{Account: acc}
	if len(o.Data) > 0 {
		d.Identification = o.Data[0].Identification
	}
	o.Data = []Data{d}
}

// query invents an account query against a new debtor.
func (s *Sampler) query() *Query {
	ip, identity := s.v.Proceedings(s.key(), 1+s.v.IntN(3), s.today)
	bailiff, u := s.v.Person(), unitOf(ip)
	q := &Query{
		InternalKey: s.key(), PackID: s.key(), PackDate: block.DateOf(s.today), DocDate: block.DateOf(s.today), DocCode: queryCode,
		AnsDate: block.DateOf(s.today.AddDate(0, 0, 11)), KindData: []string{"09"}, SPIPost: "Судебный пристав-исполнитель",
		SPIFio: bailiff.Surname + " " + bailiff.FirstName + " " + bailiff.Patronymic, OspCode: u, IP: ip,
	}
	q.DocNum = fmt.Sprintf("%s/%s/%d", u, s.today.Format("06"), s.count)
	q.PackNumber = strconv.FormatInt(s.count, 10)
	if identity != nil {
		q.Data = []Data{{Identification: identity}}
	}
	if s.v.IntN(4) == 0 {
		q.PeriodStart, q.PeriodEnd = block.DateOf(s.today.AddDate(0, -6, 0)), block.DateOf(s.today)
	}
	return q
}

// unitOf is the code of the unit that the number of proceedings names, n/yy/NNNNN-ИП.
func unitOf(ip Proceedings) string { return strings.Split(ip.IPNum, "/")[2][:5] }

// originalOf writes the order as its bailiff signed it.
func originalOf(o *Order) *Original {
	text := "Рассмотрев материалы исполнительного производства " + o.IP.IPNum + ", установил: требования не исполнены."
	if len(o.Data) > 0 && o.Data[0].Account != nil {
		text += " Счёт должника № " + o.Data[0].Account.Acc + ", БИК " + o.Data[0].Account.BicBank + "."
	}
	return &Original{
		ID: o.InternalKey, DocType: o.DocCode, DocName: "Постановление: " + o.DocCode.Text("ru"), Barcode: o.Barcode, DivVksp: o.DocNum[:5],
		DivName: "Отделение судебных приставов", DivAdr: "105066, Россия, г. Москва, ул. Образцовая, д. 1", DocDate: o.DocDate,
		AdjudicationText: text, SPIPost: o.SPIPost, DebtorType: o.IP.DebtorType, DbtrName: o.IP.DebtorName, DbtrInn: o.IP.DebtorINN,
		IpNo: o.IP.IPNum, Amount: o.Amount, ResolutionText: "Постановил: " + o.DocCode.Text("ru") + ".",
	}
}
