package check

import (
	"strconv"
	"strings"
)

// mismatch is the reason of every failed control.
func mismatch(ru, en string) Why {
	return Why{ru + ": контрольная цифра не сходится, проверьте номер", en + ": the check digit does not agree, verify the number"}
}

// weighted sums the digits of s times the weights, which repeat when s is longer.
func weighted(s string, weights ...int) int {
	sum := 0
	for i := range len(s) {
		sum += int(s[i]-'0') * weights[i%len(weights)]
	}
	return sum
}

func digit(n int) string { return strconv.Itoa(n) }

// INNForm is the form of ИНН: 10 digits for an organisation, 12 for a person, region not 00 (DInnType).
func INNForm(s string) Why {
	if why := Digits(10, 12)(s); why != (Why{}) {
		return why
	}
	if s[:2] == "00" {
		return Why{"ИНН: кода региона 00 нет", "ИНН: there is no region 00"}
	}
	return Why{}
}

// INN is the control of ИНН (приказ ФНС on ИНН: weights mod 11 mod 10).
func INN(s string) Why {
	if n := len(s); s == "0" || (n == 10 || n == 12) && allDigits(s) && CompleteINN(s[:n-1-(n-10)/2]) == s {
		return Why{}
	}
	return mismatch("ИНН", "ИНН")
}

// CompleteINN adds the check digits: one to 9 digits, two to 10.
func CompleteINN(s string) string {
	weights := []int{3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8}
	if len(s) == 9 {
		return s + digit(weighted(s, weights[2:]...)%11%10)
	}
	s += digit(weighted(s, weights[1:]...) % 11 % 10)
	return s + digit(weighted(s, weights...)%11%10)
}

// SNILSForm is the form of СНИЛС: 11 digits, bare or as NNN-NNN-NNN NN.
func SNILSForm(s string) Why {
	if bare := BareSNILS(s); len(bare) == 11 && allDigits(bare) {
		return Why{}
	}
	return spelled(s, Why{"СНИЛС: ожидается NNN-NNN-NNN NN или 11 цифр", "СНИЛС: NNN-NNN-NNN NN or 11 digits are expected"})
}

// BareSNILS takes the separators out of a dashed СНИЛС and leaves everything else as it is.
func BareSNILS(s string) string {
	if len(s) == 14 && s[3] == '-' && s[7] == '-' && s[11] == ' ' {
		return s[:3] + s[4:7] + s[8:11] + s[12:]
	}
	return s
}

// SNILS is the control of СНИЛС; numbers up to 001-001-998 have none.
func SNILS(s string) Why {
	s = BareSNILS(s)
	if s[:9] <= "001001998" || CompleteSNILS(s[:9]) == s {
		return Why{}
	}
	return mismatch("СНИЛС", "СНИЛС")
}

// CompleteSNILS adds the two check digits to 9 digits.
func CompleteSNILS(s string) string {
	n := weighted(s, 9, 8, 7, 6, 5, 4, 3, 2, 1) % 101 % 100
	return s + digit(n/10) + digit(n%10)
}

// KPP is the form of КПП: NNNNPPXXX, PP may hold A-F, region not 00 (DKppType).
func KPP(s string) Why {
	if len(s) == 9 && allDigits(s[:4]+s[6:]) && strings.Trim(s[4:6], "0123456789ABCDEF") == "" && s[:2] != "00" {
		return Why{}
	}
	return spelled(s, Why{"КПП: ожидается 9 знаков NNNNPPXXX", "КПП: 9 characters NNNNPPXXX are expected"})
}

// OrZero lets a payment block carry 0 where a person has no such number.
func OrZero(form func(string) Why) func(string) Why {
	return func(s string) Why {
		if s == "0" {
			return Why{}
		}
		return form(s)
	}
}

// OGRN is the control of ОГРН (13 digits, mod 11) and ОГРНИП (15 digits, mod 13).
func OGRN(s string) Why {
	if CompleteOGRN(s[:len(s)-1]) == s {
		return Why{}
	}
	return mismatch("ОГРН", "ОГРН")
}

// CompleteOGRN adds the check digit to 12 or 14 digits.
func CompleteOGRN(s string) string {
	divisor, rest := len(s)-1, 0
	for i := range len(s) {
		rest = (rest*10 + int(s[i]-'0')) % divisor
	}
	return s + digit(rest%10)
}

// UIN is the control of УИН, 20 or 25 digits.
func UIN(s string) Why {
	if CompleteUIN(s[:len(s)-1]) == s {
		return Why{}
	}
	return mismatch("УИН", "УИН")
}

// CompleteUIN adds the check digit: weights 1..10, and from 3 again when the first remainder is 10.
func CompleteUIN(s string) string {
	n := weighted(s, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10) % 11
	if n == 10 {
		n = weighted(s, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2) % 11 % 10
	}
	return s + digit(n)
}
