package formats

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sampleBanks have БИК codes of every rule of account keys, and requisites given or invented.
func sampleBanks() []SampleBank {
	return []SampleBank{
		sampleBank(), {BIC: "044525974"}, {BIC: "049805746", Name: "Банк"}, {BIC: "044525000"}, {BIC: "044030001"}, {BIC: "018073401"}, {BIC: "000000000"},
	}
}

func TestSamplesPass(t *testing.T) {
	s := NewSampler(1, today())
	keys := map[string]bool{}
	for _, bank := range sampleBanks() {
		r := Rules{Today: today(), BICs: []string{bank.BIC}}
		seen, queries, earlier := map[OrderCode]bool{}, 0, map[string]*Order{}
		samples := append(s.Next(bank, 16), s.Next(bank, 48)...)
		if len(samples) != 64 {
			t.Fatalf("%s: %d samples", bank.BIC, len(samples))
		}
		for i, sample := range samples {
			d, faults := Decode(sample.XML, r)
			if len(faults) > 0 {
				t.Fatalf("faults in a sample: %v\n%s", faults, sample.XML)
			}
			if diff := cmp.Diff(sample.Document, d); diff != "" {
				t.Errorf("the document is not what is written:\n%s", diff)
			}
			if keys[d.Key()] {
				t.Errorf("key %s is doubled", d.Key())
			}
			keys[d.Key()] = true
			order, isOrder := d.(*Order)
			if !isOrder {
				queries++
				if sample.Original != nil {
					t.Error("a query with an original")
				}
				continue
			}
			checkOrder(t, sample, order, earlier, r)
			earlier[order.InternalKey] = order
			if i < 16 {
				seen[order.DocCode] = true
			}
		}
		if len(seen) != 12 || queries != 16 {
			t.Errorf("%s: %d codes in the first 16, %d queries of 64", bank.BIC, len(seen), queries)
		}
	}
}

// checkOrder holds a sample order against its original and its base, which must stand before it.
func checkOrder(t *testing.T, sample Sample, o *Order, earlier map[string]*Order, r Rules) {
	t.Helper()
	original, faults := DecodeOriginal(sample.Original, r)
	if len(faults) > 0 {
		t.Fatalf("faults in an original: %v\n%s", faults, sample.Original)
	}
	if faults := original.Agrees(o); len(faults) > 0 {
		t.Errorf("original of %s: %v", o.DocCode, faults)
	}
	key, named := o.Base()
	if o.DocCode.NeedsBase() && !named {
		t.Errorf("%s names no base", o.DocCode)
	}
	if !named {
		return
	}
	base := earlier[key]
	if base == nil {
		t.Fatalf("%s refers to %s, which did not come before", o.DocCode, key)
	}
	if base.DocNum != o.RestrDocNumber || base.DocDate != o.RestrDocDate {
		t.Errorf("%s names its base %s of %s, which is %s of %s", o.DocCode, o.RestrDocNumber, o.RestrDocDate, base.DocNum, base.DocDate)
	}
	if diff := cmp.Diff(base.IP, o.IP); diff != "" {
		t.Errorf("%s is against another debtor than its base:\n%s", o.DocCode, diff)
	}
	if len(base.Banks()) > 0 && base.Data[0].Account.Acc != o.Data[0].Account.Acc {
		t.Errorf("%s is on another account than its base", o.DocCode)
	}
	if base.Amount != nil && o.Amount != nil && *o.Amount > *base.Amount {
		t.Errorf("%s is over %s, its base over %s", o.DocCode, o.Amount, base.Amount)
	}
}

func TestSamplerRepeatsItself(t *testing.T) {
	make16 := func(seed int64) []byte {
		var all []byte
		s := NewSampler(seed, today())
		for _, bank := range sampleBanks()[:2] {
			for _, sample := range s.Next(bank, 16) {
				all = append(append(all, sample.XML...), sample.Original...)
			}
		}
		return all
	}
	if !bytes.Equal(make16(7), make16(7)) {
		t.Error("one seed, two results")
	}
	if bytes.Equal(make16(7), make16(8)) {
		t.Error("two seeds, one result")
	}
}

func TestKeysOfSeedsDiffer(t *testing.T) {
	keys := map[string]int64{}
	for _, seed := range []int64{0, 1, 2, 89, 90, 8099, 8100, 8101, 809_999, -1, 1 << 40} {
		s := NewSampler(seed, today())
		for _, sample := range s.Next(sampleBank(), 40) {
			key := sample.Document.Key()
			if other, taken := keys[key]; taken {
				t.Fatalf("seeds %d and %d both made %s", other, seed, key)
			}
			if len(key) != 14 || key[4] != '1' {
				t.Errorf("key %s has not the shape of the bailiffs' system", key)
			}
			keys[key] = seed
		}
	}
}

func TestFewSamples(t *testing.T) {
	for n := range 20 {
		if got := NewSampler(3, today()).Next(sampleBank(), n); len(got) != n {
			t.Errorf("%d samples, want %d", len(got), n)
		}
	}
	for _, bic := range []string{"", "04452522", "04452522x"} {
		if got := NewSampler(3, today()).Next(SampleBank{BIC: bic}, 4); got != nil {
			t.Errorf("samples for БИК %q", bic)
		}
	}
}

func TestSampleReports(t *testing.T) {
	results, statesSeen := map[int]int{}, map[int]bool{}
	for _, bank := range sampleBanks() {
		r := Rules{Today: today(), BICs: []string{bank.BIC}}
		rnd := rand.New(rand.NewPCG(1, 2))
		for _, sample := range NewSampler(5, today()).Next(bank, 320) {
			o, isOrder := sample.Document.(*Order)
			if !isOrder {
				continue
			}
			report := SampleReport(o, bank, "R-"+o.InternalKey, rnd, today())
			data, err := Encode(report, "")
			if err != nil {
				t.Fatal(err)
			}
			d, faults := Decode(data, r)
			if len(faults) > 0 {
				t.Fatalf("faults in a report: %v\n%s", faults, data)
			}
			if diff := cmp.Diff(Document(report), d); diff != "" {
				t.Error(diff)
			}
			if report.RestrictnInternalKey != o.InternalKey || report.IpInternalKey != o.IP.InternalKey || report.ExternalKey != "R-"+o.InternalKey {
				t.Errorf("report on another order: %+v", report)
			}
			results[report.AnswerType]++
			for _, a := range report.Accounts {
				statesSeen[a.State] = true
			}
		}
	}
	for _, result := range []int{3, 4, 6, 7} {
		if results[result] == 0 {
			t.Errorf("result %02d was never drawn: %v", result, results)
		}
	}
	for _, state := range []int{6, 7, 8, 9, 11, 15, 19} {
		if !statesSeen[state] {
			t.Errorf("state %d was never drawn", state)
		}
	}
}

func TestSampleAnswers(t *testing.T) {
	found, nothing, paged := 0, 0, 0
	for _, bank := range sampleBanks() {
		r := Rules{Today: today(), BICs: []string{bank.BIC}}
		rnd := rand.New(rand.NewPCG(1, 2))
		for _, sample := range NewSampler(5, today()).Next(bank, 320) {
			q, isQuery := sample.Document.(*Query)
			if !isQuery {
				continue
			}
			answers := SampleAnswers(q, bank, "A-"+q.InternalKey, rnd, today())
			var keys []string
			for i, answer := range answers {
				data, err := Encode(answer, "")
				if err != nil {
					t.Fatal(err)
				}
				d, faults := Decode(data, r)
				if len(faults) > 0 {
					t.Fatalf("faults in an answer: %v\n%s", faults, data)
				}
				if diff := cmp.Diff(Document(answer), d); diff != "" {
					t.Error(diff)
				}
				if answer.RequestInternalKey != q.InternalKey || slices.Contains(keys, answer.ExternalKey) {
					t.Errorf("answer %+v", answer)
				}
				keys = append(keys, answer.ExternalKey)
				if len(answers) > 1 && (answer.PageNumber != i+1 || answer.PageCount != len(answers)) {
					t.Errorf("page %d of %d is marked %d of %d", i+1, len(answers), answer.PageNumber, answer.PageCount)
				}
			}
			switch {
			case len(answers) > 1:
				paged++
			case answers[0].AnswerType == 1:
				nothing++
			default:
				found++
			}
		}
	}
	if found == 0 || nothing == 0 || paged == 0 {
		t.Errorf("found %d, nothing %d, paged %d", found, nothing, paged)
	}
}
