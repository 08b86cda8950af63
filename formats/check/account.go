package check

import "strings"

// AccountForm is the form of an account: 20 digits, a letter of a clearing currency may stand in position 6.
func AccountForm(s string) Why {
	if len(s) == 20 && allDigits(s[:5]+s[6:]) && (isDigit(s[5]) || letter(s[5]) >= 0) {
		return Why{}
	}
	return spelled(s, Why{"номер счёта: ожидается 20 цифр", "account number: 20 digits are expected"})
}

// letter gives the digit that stands for a letter of position 6, or -1.
func letter(c byte) int { return strings.IndexByte("ABCEHKMPTX", c) }

// Account is the control of an account's key, position 9 (порядок ЦБ 515 от 08.09.1997). Accounts of the treasury (03...)
// and of treasury bodies (БИК 01...) follow other rules and pass.
func Account(account, bic string) Why {
	if AccountForm(account) != (Why{}) || len(bic) != 9 {
		return Why{}
	}
	if key := AccountKey(account, bic); key != 0 && key != account[8] {
		return Why{"номер счёта: ключ не сходится с БИК банка", "account number: the key does not agree with the bank's БИК"}
	}
	return Why{}
}

// AccountKey computes the key digit of a well-formed account in the bank with this БИК, whatever stands in its position 9;
// 0 (no digit) when no rule is known or the lengths are wrong.
func AccountKey(account, bic string) byte {
	if len(account) != 20 || len(bic) != 9 {
		return 0
	}
	bank := bic[6:]
	switch {
	case strings.HasPrefix(account, "03"):
		return 0
	case strings.HasPrefix(account, "30101"), strings.HasPrefix(account, "40102"), bank == "000", bank == "001", bank == "002":
		bank = "0" + bic[4:6] // an account in a unit of the Central Bank
	case strings.HasPrefix(bic, "01"):
		return 0
	}
	digits := account[:5] + account[5:8] + "0" + account[9:]
	if n := letter(account[5]); n >= 0 {
		digits = account[:5] + digit(n) + account[6:8] + "0" + account[9:]
	}
	sum := 0
	for i, c := range bank + digits {
		sum += int(c-'0') * [3]int{7, 1, 3}[i%3] % 10
	}
	return byte('0' + sum%10*3%10)
}

// Currency is the control of a currency code: it stands in ОКВ, and in positions 6-8 of the account, where the rouble is 810
// and 643 elsewhere. The account may be "".
func Currency(code, account string) Why {
	if len(code) != 3 || !strings.Contains(currencies, code+" ") {
		return Why{"кода валюты нет в ОКВ", "the currency code is not in ОКВ"}
	}
	if len(account) != 20 || letter(account[5]) >= 0 || account[5:8] == code || account[5:8] == "810" && code == "643" {
		return Why{}
	}
	return Why{"код валюты не совпадает с разрядами 6–8 номера счёта", "the currency code differs from positions 6-8 of the account number"}
}

// currencies are the numeric codes of ISO 4217 and ОКВ, with 810 of account numbers.
const currencies = "008 012 032 036 044 048 050 051 052 060 064 068 072 084 090 096 104 108 116 124 132 136 144 152 156 170 174 " +
	"188 192 203 208 214 222 230 232 238 242 262 270 292 320 324 328 332 340 344 348 352 356 360 364 368 376 388 392 398 400 404 " +
	"408 410 414 417 418 422 426 430 434 446 454 458 462 480 484 496 498 504 512 516 524 532 533 548 554 558 566 578 586 590 598 " +
	"600 604 608 634 643 646 654 682 690 694 702 704 706 710 728 748 752 756 760 764 776 780 784 788 800 807 810 818 826 834 840 " +
	"858 860 882 886 901 924 925 926 927 928 929 930 931 932 933 934 936 938 940 941 943 944 946 947 948 949 950 951 952 953 960 " +
	"967 968 969 970 971 972 973 975 976 977 978 979 980 981 984 985 986 990 "
