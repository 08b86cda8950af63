package check

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// right says that every value passes the rule, wrong that none does.
func right(t *testing.T, rule func(string) Why, values ...string) {
	t.Helper()
	for _, v := range values {
		if why := rule(v); why != (Why{}) {
			t.Errorf("%q is refused: %s", v, why.EN)
		}
	}
}

func wrong(t *testing.T, rule func(string) Why, values ...string) {
	t.Helper()
	for _, v := range values {
		switch why := rule(v); {
		case why == (Why{}):
			t.Errorf("%q passes", v)
		case why.RU == "" || why.EN == "":
			t.Errorf("%q is refused without a sentence in both languages: %+v", v, why)
		}
	}
}

func TestAccountKeys(t *testing.T) {
	for _, tt := range []struct{ name, bic, account string }{
		{"bank, example of the rule", "049805746", "40602810700000000025"},
		{"unit of the Central Bank, example of the rule", "049805000", "30101810800000000746"},
		{"person, roubles", "044525225", "40817810700000000001"},
		{"organisation, dollars", "044525974", "40702840700000000017"},
		{"person, euro", "044525187", "40817978300000000005"},
		{"correspondent account of a bank", "044525225", "30101810400000000225"},
		{"single treasury account", "004525988", "40102810545370000003"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			right(t, AccountForm, tt.account)
			right(t, func(a string) Why { return Account(a, tt.bic) }, tt.account)
			for d := byte('0'); d <= '9'; d++ {
				other := tt.account[:8] + string(rune(d)) + tt.account[9:]
				if pass := Account(other, tt.bic) == (Why{}); pass != (other == tt.account) {
					t.Errorf("key digit %c: pass = %v", d, pass)
				}
				if key := AccountKey(other, tt.bic); key != tt.account[8] {
					t.Errorf("key computed with %c in place is %c", d, key)
				}
			}
		})
	}
	t.Run("key of the third example is 9", func(t *testing.T) {
		if key := AccountKey("40702810000000000025", "000000512"); key != '9' {
			t.Errorf("key = %c", key)
		}
	})
	t.Run("letter of a clearing currency counts as its digit", func(t *testing.T) {
		for i, c := range "ABCEHKMPTX" {
			lettered, plain := "40702"+string(c)+"10000000000025", "40702"+string(rune('0'+i))+"10000000000025"
			if AccountKey(lettered, "044525225") != AccountKey(plain, "044525225") {
				t.Errorf("letter %c is not %d", c, i)
			}
		}
	})
	t.Run("treasury is not judged by the bank's rule", func(t *testing.T) {
		right(t, func(a string) Why { return Account(a, "004525988") }, "03212643000000017300", "03212643100000017300")
		right(t, func(a string) Why { return Account(a, "012345678") }, "40501810000000000001", "40501810100000000001")
	})
	t.Run("nothing to judge", func(t *testing.T) {
		right(t, func(a string) Why { return Account(a, "") }, "40817810700000000001")
		right(t, func(a string) Why { return Account(a, "044525225") }, "", "4081781070000000000")
	})
}

func TestCheckDigits(t *testing.T) {
	for _, tt := range []struct {
		name    string
		control func(string) Why
		values  []string
	}{
		{"ИНН", INN, []string{"7707083893", "7709576929", "500100732259", "770000000082", "0"}},
		{"СНИЛС", SNILS, []string{"11223344595", "08765430300", "112-233-445 95", "00100199800"}},
		{"ОГРН", OGRN, []string{"1027700132195", "1047796859791", "304500116000157"}},
		{"УИН", UIN, []string{"32277000000000123454", "32250000000000000019", "03164012071014010015"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			right(t, tt.control, tt.values...)
			for _, v := range tt.values {
				if len(v) < 10 || v == "00100199800" {
					continue
				}
				last := v[len(v)-1]
				for d := byte('0'); d <= '9'; d++ {
					if d != last {
						wrong(t, tt.control, v[:len(v)-1]+string(rune(d)))
					}
				}
			}
		})
	}
	t.Run("СНИЛС with remainder 100 ends with 00", func(t *testing.T) {
		if got := CompleteSNILS("087654303"); got != "08765430300" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("УИН of 25 digits is completed and passes", func(t *testing.T) {
		right(t, UIN, CompleteUIN("322770410000000000000001"))
	})
	t.Run("ИНН of a person fails on each of its two digits", func(t *testing.T) {
		wrong(t, INN, "500100732249", "500100732258")
	})
}

func TestForms(t *testing.T) {
	for _, tt := range []struct {
		name      string
		rule      func(string) Why
		good, bad []string
	}{
		{
			"id", ID,
			[]string{"1", "45411000000001", "9223372036854775807"},
			[]string{"", "0", "-1", "+1", "01", "9223372036854775808", "92233720368547758070", "1.0", "1e3", " 1", "1 ", "1\u00a0", "１"},
		},
		{
			"date", Date,
			[]string{"1900-01-01", "2024-02-29", "2100-01-01"},
			[]string{"", "2026-02-31", "2025-02-29", "1899-12-31", "2100-01-02", "0001-01-01", "9999-12-31", "2026-2-3", "03.02.2026", "2026-02-03Z", " 2026-02-03", "2026-13-01", "+026-02-03"},
		},
		{
			"account", AccountForm,
			[]string{"40817810700000000001", "40817A10700000000001"},
			[]string{"", "4081781070000000000", "408178107000000000011", "4081781070000000000O", "40817А10700000000001", "40817D10700000000001", "40817810 00000000001", "40817810700000000001\u00a0"},
		},
		{"digits", Digits(9), []string{"044525225"}, []string{"", "04452522", "0445252255", "04452522О", "04452522 "}},
		{"inn", INNForm, []string{"7707083893", "500100732259"}, []string{"", "0", "00770838931", "0007083893", "770708389", "77070838933", "77070838а3"}},
		{"snils", SNILSForm, []string{"11223344595", "112-233-445 95"}, []string{"", "112-233-44595", "112 233 445 95", "1122334459", "112-233-445-95", "112-233-44А 95"}},
		{"kpp", KPP, []string{"770001001", "7700A1001", "7700FF001"}, []string{"", "0", "000001001", "7700G1001", "77000100", "7700а1001", "7700011001"}},
		{"kpp or zero", OrZero(KPP), []string{"0", "770001001"}, []string{"", "00"}},
		{"code", Code(31), []string{"O_IP_ACT_EXECUTE"}, []string{"", "О_IP_ACT_EXECUTE", "o_ip", "A B", strings.Repeat("A", 32)}},
		{"list", OneOf("09", "10"), []string{"09", "10"}, []string{"", "9", "09 ", "1О"}},
		{"hex", Hex(4), []string{"00af"}, []string{"", "00AF", "00a", "00afa", "00аf", "00ag"}},
		{"text", Text(5), []string{"a", " a ", "абвгд", "a\nb"}, []string{"", " ", "\n\t", "\u00a0", "абвгде"}},
		{"key", Key(5), []string{"a", "a b", "№ 7/а"}, []string{"", " a", "a ", "a\u00a0b", "a\nb", "a\u202eb", "a\u200bb", "abcdef", "a\u0085b", "\ufeffa"}},
		{"unmixed", Unmixed, []string{"BANK-1", "БАНК-1", "123"}, []string{"ВANK-1", "BАНК"}},
		{"currency", func(s string) Why { return Currency(s, "") }, []string{"643", "810", "840", "156"}, []string{"000", "999", "64", "43 ", "3 8"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			right(t, tt.rule, tt.good...)
			wrong(t, tt.rule, tt.bad...)
		})
	}
	t.Run("currency of the account", func(t *testing.T) {
		roubles := func(c string) Why { return Currency(c, "40817810700000000001") }
		right(t, roubles, "643", "810")
		wrong(t, roubles, "840")
		right(t, func(c string) Why { return Currency(c, "40702840700000000017") }, "840")
		right(t, func(c string) Why { return Currency(c, "40702A40700000000017") }, "840")
		wrong(t, func(c string) Why { return Currency(c, "40702840700000000017") }, "643")
	})
}

func TestNumbers(t *testing.T) {
	for _, tt := range []struct {
		name      string
		rule      func(string) Why
		good, bad []string
	}{
		{
			"proceedings", Proceedings,
			[]string{"1/25/77041-ИП", "1234567/26/77041-СД", "5/26/77041-СВ", "3214578/21/69025-ИП", "12/11/41/77"},
			[]string{"", "12345678/25/77041-ИП", "1/2025/77041-ИП", "1/25/7704-ИП", "1/25/77041", "1/25/77041-ип", "1/25/77041-CД", "1/25/77041-ИП/1", "1/25/41/777", "/25/77041-ИП", "а/25/77041-ИП"},
		},
		{
			"order", Order,
			[]string{"1/77041", "12/26/77041", "77041/26/1", "77001/24/123456"},
			[]string{"", "77041", "1/7704", "12/2026/77041", "77041/26/", "77041/26/1-А", "77О41/26/1", "77041\\26\\1"},
		},
		{
			"bar code", func(s string) Why { return Barcode(s, "45411000000001") },
			[]string{"000000001/7741", "45411000000001-ABC", "45411000000001-", "ANYTHING 1.%", "00000001/7741"},
			[]string{"000000002/7741", "45411000000002-1", "-1", "АБВ", "abc", "000000001/774А"},
		},
		{"bar code of a short key", func(s string) Why { return Barcode(s, "12") }, []string{"000000012/7741"}, []string{"000000112/7741"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			right(t, tt.rule, tt.good...)
			wrong(t, tt.rule, tt.bad...)
		})
	}
	t.Run("a look-alike is named", func(t *testing.T) {
		for got, want := range map[string]string{
			Proceedings("1/25/77041-CД").EN:        "Latin letter",
			Digits(9)("04452522О").EN:              "Cyrillic letter",
			ID("1 ").EN:                            "blank at the start or the end",
			Code(31)("О_IP_ACT_EXECUTE").EN:        "Cyrillic letter",
			AccountForm("40817А10700000000001").EN: "Cyrillic letter",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%q does not say %q", got, want)
			}
		}
	})
}

// TestDateIsTheCalendar: a date is one exactly when package time finds it in the calendar.
func TestDateIsTheCalendar(t *testing.T) {
	for year := 1899; year <= 2101; year++ {
		for month := 0; month <= 13; month++ {
			for day := 0; day <= 32; day++ {
				s := fmt.Sprintf("%04d-%02d-%02d", year, month, day)
				_, err := time.Parse(time.DateOnly, s)
				want := err == nil && s >= "1900-01-01" && s <= "2100-01-01"
				if got := Date(s) == (Why{}); got != want {
					t.Fatalf("%s is a date: %v, want %v", s, got, want)
				}
			}
		}
	}
	for _, s := range []string{"2026-1 -01", "2026-0a-01", "2026-01-+1", "2026/01-01", "2026-01-1", ""} {
		if Date(s) == (Why{}) {
			t.Errorf("%q is taken for a date", s)
		}
	}
}

func BenchmarkDate(b *testing.B) {
	for b.Loop() {
		if Date("2026-11-22") != (Why{}) {
			b.Fatal("no date")
		}
	}
}
