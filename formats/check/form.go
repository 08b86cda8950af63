// Package check holds the forms and check digits of Russian requisites: БИК, account, ИНН, СНИЛС, ОГРН, КПП, УИН, and the
// numbers of enforcement proceedings. A form says how a value is written; a control says whether its digits agree.
//
// Nothing here repeats a value in its reason: most of them are personal data. The package calls no other room.
package check

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Why is the reason why a value is refused, in Russian and English; the zero Why means that the value is right.
type Why = struct{ RU, EN string }

// Text is the form of free text: 1 to most characters, not only blanks.
func Text(most int) func(string) Why {
	return func(s string) Why {
		if strings.TrimSpace(s) == "" {
			return Why{"значение пусто; уберите элемент или заполните его", "the value is empty; drop the element or fill it in"}
		}
		if len(s) > most && utf8.RuneCountInString(s) > most {
			n := strconv.Itoa(most)
			return Why{"значение длиннее " + n + " знаков", "the value is longer than " + n + " characters"}
		}
		return Why{}
	}
}

// Key is the form of numbers and keys that people and programs compare: 1 to most characters on one line, no blank at
// either end, no invisible characters.
func Key(most int) func(string) Why {
	text := Text(most)
	return func(s string) Why {
		if why := text(s); why != (Why{}) {
			return why
		}
		if strings.TrimSpace(s) != s {
			return edges()
		}
		for _, r := range s {
			if r < ' ' || r >= 0x7F && r < 0xA1 || r >= 0x2000 && r <= 0x200F || r >= 0x2028 && r <= 0x202F || r >= 0x2060 && r <= 0x206F || r == 0xFEFF || r == 0xAD {
				return Why{"в номере невидимый знак или неразрывный пробел", "the number holds an invisible character or a no-break space"}
			}
		}
		return Why{}
	}
}

// Unmixed is a control of keys: Latin and Cyrillic letters in one key are look-alikes until proved otherwise.
func Unmixed(s string) Why {
	if first(s, isLatin) >= 0 && first(s, isCyrillic) >= 0 {
		return Why{"в ключе смешаны латинские и кириллические буквы", "the key mixes Latin and Cyrillic letters"}
	}
	return Why{}
}

// Code is the form of a code word such as O_IP_ACT_ENDARREST: 1 to most of A-Z, 0-9 and _.
func Code(most int) func(string) Why {
	return func(s string) Why {
		for i := range len(s) {
			if c := s[i]; !isDigit(c) && (c < 'A' || c > 'Z') && c != '_' {
				return spelled(s, Why{"код пишется заглавными латинскими буквами, цифрами и _", "a code is written in Latin capitals, digits and _"})
			}
		}
		if s == "" || len(s) > most {
			return Why{"код пуст или длиннее допустимого", "the code is empty or too long"}
		}
		return Why{}
	}
}

// OneOf is the form of a code from a list.
func OneOf(codes ...string) func(string) Why {
	return func(s string) Why {
		for _, code := range codes {
			if code == s {
				return Why{}
			}
		}
		list := strings.Join(codes, ", ")
		if len(list) > 80 {
			list = strconv.Itoa(len(codes))
			return spelled(s, Why{"кода нет в списке из " + list + " допустимых", "the code is not in the list of " + list})
		}
		return spelled(s, Why{"кода нет в списке: " + list, "the code is not in the list: " + list})
	}
}

// Digits is the form of a value of decimal digits, as many as one of the lengths says.
func Digits(lengths ...int) func(string) Why {
	return func(s string) Why {
		for _, n := range lengths {
			if len(s) == n && allDigits(s) {
				return Why{}
			}
		}
		names := make([]string, len(lengths))
		for i, n := range lengths {
			names[i] = strconv.Itoa(n)
		}
		return spelled(s, Why{"ожидается цифр: " + strings.Join(names, " или "), "digits expected: " + strings.Join(names, " or ")})
	}
}

// Hex is the form of a digest: n lower-case hexadecimal digits.
func Hex(n int) func(string) Why {
	return func(s string) Why {
		if len(s) == n && strings.Trim(s, "0123456789abcdef") == "" {
			return Why{}
		}
		count := strconv.Itoa(n)
		return spelled(s, Why{"ожидается " + count + " шестнадцатеричных цифр в нижнем регистре", count + " lower-case hexadecimal digits are expected"})
	}
}

// ID is the form of a key of the bailiffs' system: a positive int64 without leading zeros (DIdType).
func ID(s string) Why {
	if allDigits(s) && s != "" && s[0] != '0' {
		if _, err := strconv.ParseInt(s, 10, 64); err == nil {
			return Why{}
		}
	}
	return spelled(s, Why{"ключ АИС: целое от 1 до 9223372036854775807 без ведущих нулей", "a system key: a whole number from 1 to 9223372036854775807 without leading zeros"})
}

// Date is the form of a date: YYYY-MM-DD, a day of the calendar from 1900-01-01 to 2100-01-01 (DDateType).
func Date(s string) Why {
	if len(s) == 10 && s[4] == '-' && s[7] == '-' && allDigits(s[:4]) && allDigits(s[5:7]) && allDigits(s[8:]) && s >= "1900-01-01" && s <= "2100-01-01" {
		year, month, day := number(s[:4]), number(s[5:7]), number(s[8:])
		if m := time.Month(month); m >= 1 && m <= 12 && day >= 1 && day <= time.Date(year, m+1, 0, 0, 0, 0, 0, time.UTC).Day() {
			return Why{}
		}
	}
	return spelled(s, Why{"ожидается дата ГГГГ-ММ-ДД от 1900-01-01 до 2100-01-01", "a date YYYY-MM-DD from 1900-01-01 to 2100-01-01 is expected"})
}

// number is the value of a few digits.
func number(digits string) (n int) {
	for _, c := range []byte(digits) {
		n = n*10 + int(c-'0')
	}
	return n
}

// spelled finds the usual causes of a wrong code: blanks at the ends, letters of the other alphabet.
func spelled(s string, otherwise Why) Why {
	if strings.TrimSpace(s) != s {
		return edges()
	}
	if first(s, isCyrillic) >= 0 {
		return Why{"кириллическая буква вместо похожей латинской: " + otherwise.RU, "a Cyrillic letter in place of a Latin look-alike: " + otherwise.EN}
	}
	return otherwise
}

func edges() Why {
	return Why{"пробел в начале или в конце значения", "a blank at the start or the end of the value"}
}

func first(s string, is func(rune) bool) int { return strings.IndexFunc(s, is) }

func isLatin(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' }

func isCyrillic(r rune) bool { return r >= 0x400 && r <= 0x52F }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}
