package invent

import (
	"math/rand/v2"
	"testing"
	"time"

	"bankconnector/formats/block"
	"bankconnector/formats/check"
	"bankconnector/formats/strictxml"
)

// passes writes an invention as a block of a document and reads it back with all controls on.
func passes[T any](t *testing.T, name string, p *T, shape func(j *block.Judge) func(*T) strictxml.Shape, bic string) {
	t.Helper()
	now := time.Date(2026, 2, 5, 12, 0, 0, 0, time.UTC)
	whole := func(into *T, j *block.Judge) strictxml.Shape {
		return strictxml.Shape{Parts: []strictxml.Part{strictxml.Block("Block", into, shape(j))}}
	}
	data, err := strictxml.Write(strictxml.Document{Root: "Test"}, whole(p, &block.Judge{}))
	if err != nil {
		t.Fatal(err)
	}
	root, fault := strictxml.Parse(data, strictxml.Options{})
	if fault != nil {
		t.Fatal(*fault)
	}
	if faults := strictxml.Read(root, whole(new(T), block.NewJudge(now, []string{bic}))); len(faults) > 0 {
		t.Fatalf("%s: %v\n%s", name, faults, data)
	}
}

func TestInventionsPassAllControls(t *testing.T) {
	v := Inventor{Rand: rand.New(rand.NewPCG(1, 2))}
	today := time.Date(2026, 2, 5, 12, 0, 0, 0, time.UTC)
	surnames := map[string]bool{}
	for i := range 3000 {
		kind := 1 + i%3
		ip, identity := v.Proceedings("45411000000001", kind, today)
		passes(t, "proceedings", &ip, func(j *block.Judge) func(*block.Proceedings) strictxml.Shape { return j.Proceedings }, "044525225")
		if (identity == nil) != (kind == 1) || ip.DebtorType != kind {
			t.Fatalf("kind %d: %+v", kind, ip)
		}
		if identity != nil {
			surnames[identity.FIODoc.Surname] = true
			passes(t, "identity", &block.Data{Identification: identity}, func(j *block.Judge) func(*block.Data) strictxml.Shape { return j.Data }, "044525225")
		}
		account := v.Balance(kind, "044525225", "Банк", today)
		passes(t, "balance", &account, func(j *block.Judge) func(*block.AccountData) strictxml.Shape { return j.AccountData }, "044525225")
		payment := v.Payment(v.Unit().Code, v.Money(1, 1000))
		passes(t, "payment", payment, func(j *block.Judge) func(*block.Payment) strictxml.Shape { return j.Payment }, "044525225")
		osp := v.Osp(v.Unit().Code)
		passes(t, "details of a unit", osp, func(j *block.Judge) func(*block.OspProperty) strictxml.Shape { return j.Osp }, "044525225")
	}
	if len(surnames) < 20 {
		t.Errorf("only %d surnames", len(surnames))
	}
}

func TestAccountsOfEveryBank(t *testing.T) {
	v := Inventor{Rand: rand.New(rand.NewPCG(1, 2))}
	for range 3000 {
		bic := "04" + v.Digits(7)
		for kind := 1; kind <= 3; kind++ {
			account := v.Account(bic, kind, "810")
			if why := check.AccountForm(account); why.EN != "" {
				t.Fatalf("%s: %s", account, why.EN)
			}
			if why := check.Account(account, bic); why.EN != "" {
				t.Fatalf("%s in %s: %s", account, bic, why.EN)
			}
		}
	}
}

func TestDigits(t *testing.T) {
	v := Inventor{Rand: rand.New(rand.NewPCG(1, 2))}
	for range 100 {
		if d := v.Digits(5); len(d) != 5 || d[0] == '0' {
			t.Fatalf("digits %q", d)
		}
	}
	if m := v.Money(500, 501); m < 50000 || m >= 50100 {
		t.Errorf("money %s", m)
	}
}
