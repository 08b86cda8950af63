package formats

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// least makes the smallest order of a code that passes: the common part and what the code requires.
func least(code OrderCode) *Order {
	full := complete()
	o := &Order{
		InternalKey: full.InternalKey, DocDate: full.DocDate, DocNum: full.DocNum, DocCode: code,
		IP: Proceedings{
			InternalKey: full.IP.InternalKey, IPNum: full.IP.IPNum, DebtorType: 2, DebtorName: full.IP.DebtorName, DebtorAdr: full.IP.DebtorAdr,
			DebtorINN: full.IP.DebtorINN,
		},
	}
	account := []Data{{Account: &Account{Acc: "40817810700000000001", BicBank: "044525225"}}}
	levy := func() { o.Amount, o.Data = full.Amount, account }
	lift := func() { o.RestrDocID, o.RestrDocDate = full.RestrDocID, full.RestrDocDate }
	wage := func() { o.WageRetention = full.WageRetention }
	map[OrderCode]func(){
		"O_IP_ACT_FIND_ACCOUNT":      func() {},
		"O_IP_ACT_ARREST_ACCMONEY":   levy,
		"O_IP_ACT_ENDARREST":         lift,
		"O_IP_ACT_ENDARR_NO_CHANGE":  func() { levy(); lift() },
		"O_IP_ACT_GACCOUNT_MONEY":    levy,
		"O_IP_ACT_CURRENCY_ROUB":     levy,
		"O_IP_ACT_ENDARR_GMONEY":     func() { levy(); lift() },
		"O_IP_ACT_ENDGACCOUNT_MONEY": func() { o.RestrDocID = full.RestrDocID },
		"O_IP_ACT_EXECUTE":           func() { o.OspProperty = full.OspProperty },
		"O_IP_ACT_LIVING_WAGE":       wage,
		"O_IP_ACT_CHNG_LIVING_WAGE":  wage,
		"O_IP_ACT_END_LIVING_WAGE":   func() { wage(); o.WageRetention.BankBIK, o.WageRetention.Region = "", "" },
	}[code]()
	return o
}

// complete has every part that some code requires.
func complete() *Order {
	amount := Money(150000)
	return &Order{
		InternalKey: "45411000000001", DocDate: "2026-02-03", DocNum: "77041/26/1", Amount: &amount, RestrDocID: "45411000000009", RestrDocDate: "2025-12-01",
		IP: Proceedings{
			InternalKey: "45411000000000", IPNum: "1/25/77041-ИП", DebtorType: 2, DebtorName: "ТЕСТОВ ТЕСТ", DebtorAdr: "г. Тест", DebtorINN: "770000000082",
		},
		OspProperty: &OspProperty{
			OspCode: "77041", RecpName: "УФК", RecpAdr: "г. Тест", RecpBank: "ГУ", RecpBIK: "004525988", RecpINN: "7709576929", RecpKPP: "770901001",
		},
		WageRetention: &WageRetention{OrderLivingWageAcc: "40817810700000000001", BankName: "Банк", SDGroupPopulation: 1, BankBIK: "044525225", Region: "77"},
	}
}

// told are the paths and codes of the faults of a document that is written and read again.
func told(t *testing.T, d Document) []string {
	t.Helper()
	data, err := Encode(d, "")
	if err != nil {
		t.Fatal(err)
	}
	_, faults := Decode(data, rules())
	var got []string
	for _, f := range faults {
		if f.Code != StateBadLogic {
			t.Errorf("%s: code %d", f.Path, f.Code)
		}
		got = append(got, strings.TrimPrefix(f.Path, "/Restrictn/"))
	}
	return got
}

// TestWhatACodeRequires is the table of orders that a bank accepts: what each of the twelve codes needs, and nothing else.
func TestWhatACodeRequires(t *testing.T) {
	zero := Money(0)
	noAmount, nilAmount := func(o *Order) { o.Amount = &zero }, func(o *Order) { o.Amount = nil }
	noAccount := func(o *Order) { o.Data = nil }
	noBase, noBaseDate := func(o *Order) { o.RestrDocID = "" }, func(o *Order) { o.RestrDocDate = "" }
	noOsp, noWage := func(o *Order) { o.OspProperty = nil }, func(o *Order) { o.WageRetention = nil }
	noWageBank, noRegion := func(o *Order) { o.WageRetention.BankBIK = "" }, func(o *Order) { o.WageRetention.Region = "" }
	type lack struct {
		path string
		take func(*Order)
	}
	levy := []lack{{"Amount", noAmount}, {"Amount", nilAmount}, {"Data/accountDatum", noAccount}}
	lift := []lack{{"RestrDocId", noBase}, {"RestrDocDate", noBaseDate}}
	wage := []lack{{"WageRetention", noWage}, {"WageRetention/BankBIK", noWageBank}, {"WageRetention/Region", noRegion}}
	table := map[OrderCode][]lack{
		"O_IP_ACT_FIND_ACCOUNT":      nil,
		"O_IP_ACT_ARREST_ACCMONEY":   levy,
		"O_IP_ACT_ENDARREST":         lift,
		"O_IP_ACT_ENDARR_NO_CHANGE":  append(append([]lack{}, levy...), lift...),
		"O_IP_ACT_GACCOUNT_MONEY":    levy,
		"O_IP_ACT_CURRENCY_ROUB":     levy,
		"O_IP_ACT_ENDARR_GMONEY":     append(append([]lack{}, levy...), lift...),
		"O_IP_ACT_ENDGACCOUNT_MONEY": lift[:1],
		"O_IP_ACT_EXECUTE":           {{"OspProperty", noOsp}},
		"O_IP_ACT_LIVING_WAGE":       wage,
		"O_IP_ACT_CHNG_LIVING_WAGE":  wage,
		"O_IP_ACT_END_LIVING_WAGE":   wage[:1],
	}
	if len(OrderCodes()) != 12 || len(table) != 12 {
		t.Fatalf("%d codes, %d in the table", len(OrderCodes()), len(table))
	}
	for _, code := range OrderCodes() {
		lacks, known := table[code]
		if !known {
			t.Errorf("%s is not in the table", code)
		}
		t.Run(string(code)+"/least", func(t *testing.T) {
			if got := told(t, least(code)); got != nil {
				t.Errorf("faults at %v", got)
			}
		})
		for _, l := range lacks {
			t.Run(string(code)+"/without "+l.path, func(t *testing.T) {
				o := least(code)
				l.take(o)
				if diff := cmp.Diff([]string{l.path}, told(t, o)); diff != "" {
					t.Error(diff)
				}
			})
		}
		t.Run(string(code)+"/names", func(t *testing.T) {
			if code.Text("ru") == code.Text("en") || code.Text("ru") == string(code) {
				t.Errorf("%q, %q", code.Text("ru"), code.Text("en"))
			}
			if _, named := least(code).Base(); named != code.NeedsBase() {
				t.Errorf("NeedsBase %v", code.NeedsBase())
			}
		})
	}
}

func TestIdentificationOfTheDebtor(t *testing.T) {
	for _, tt := range []struct {
		name string
		give func(*Order)
		fine bool
	}{
		{"nothing", func(*Order) {}, false},
		{"ИНН", func(o *Order) { o.IP.DebtorINN = "770000000082" }, true},
		{"СНИЛС", func(o *Order) { o.IP.DebtorSnils = "112-233-445 95" }, true},
		{"surname and first name", func(o *Order) { o.IP.DebtorFio = &FullName{Surname: "Тестов", FirstName: "Тест"} }, true},
		{"passport and birth date", func(o *Order) {
			o.Data = []Data{{Identification: &Identification{TypeDoc: "21", SerDoc: "0000", NumDoc: "000000", BirthDate: "1990-01-01"}}}
		}, true},
		{"passport, birth date in the proceedings", func(o *Order) {
			o.IP.DebtorBirthDate = "1990-01-01"
			o.Data = []Data{{Identification: &Identification{TypeDoc: "21", SerDoc: "0000", NumDoc: "000000"}}}
		}, true},
		{"passport without birth date", func(o *Order) {
			o.Data = []Data{{Identification: &Identification{TypeDoc: "21", SerDoc: "0000", NumDoc: "000000"}}}
		}, false},
		{"passport without series", func(o *Order) {
			o.Data = []Data{{Identification: &Identification{TypeDoc: "21", NumDoc: "000000", BirthDate: "1990-01-01"}}}
		}, false},
		{"birth date alone", func(o *Order) { o.IP.DebtorBirthDate = "1990-01-01" }, false},
		{"ИНН of the identity document", func(o *Order) {
			o.Data = []Data{{Identification: &Identification{TypeDoc: "91", NumDoc: "1", INN: "500100732259"}}}
		}, true},
		{"name of the identity document", func(o *Order) {
			o.Data = []Data{{Identification: &Identification{TypeDoc: "91", NumDoc: "1", FIODoc: &FullName{Surname: "Тестов", FirstName: "Тест"}}}}
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := least("O_IP_ACT_FIND_ACCOUNT")
			o.IP.DebtorINN = ""
			tt.give(o)
			var want []string
			if !tt.fine {
				want = []string{"IP"}
			}
			if diff := cmp.Diff(want, told(t, o)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBanksOfAnOrder(t *testing.T) {
	o := document(t, KindOrder).(*Order)
	o.Data = append(o.Data, o.Data[0], Data{})
	if diff := cmp.Diff([]string{"044525225", "044525974"}, o.Banks()); diff != "" {
		t.Error(diff)
	}
}

func TestFinal(t *testing.T) {
	for answer, want := range map[int]bool{2: true, 3: true, 4: false, 5: true, 6: true, 7: true, 8: true} {
		if got := (&Report{AnswerType: answer}).Final(); got != want {
			t.Errorf("%02d: %v", answer, got)
		}
	}
}
