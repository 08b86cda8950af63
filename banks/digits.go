package banks

import (
	"errors"
	"fmt"
	"strings"

	"bankconnector/banks/strict"
)

// UnmarshalText reads a БИК: nine digits beginning with 04, the class of credit organisations.
func (id *ID) UnmarshalText(text []byte) error {
	s := string(text)
	if len(s) != 9 || !digits(s) || !strings.HasPrefix(s, "04") {
		return fmt.Errorf("%s is not the BIC of a bank: nine digits beginning with 04", strict.Shown(s))
	}
	*id = ID(s)
	return nil
}

// checkINN checks the ten-digit ИНН of an organisation by its control digit.
func checkINN(s string) error {
	if len(s) != 10 || !digits(s) {
		return errors.New("not the INN of an organisation: ten digits")
	}
	sum := 0
	for i, weight := range []int{2, 4, 10, 3, 5, 9, 4, 6, 8} {
		sum += weight * int(s[i]-'0')
	}
	if sum%11%10 != int(s[9]-'0') || strings.HasPrefix(s, "00") {
		return fmt.Errorf("%s is not an INN: its check digit is wrong; look for a mistyped digit", strict.Shown(s))
	}
	return nil
}

// checkOGRN checks the thirteen-digit ОГРН of an organisation: the last digit is the number before it modulo 11,
// of which the last digit counts.
func checkOGRN(s string) error {
	if len(s) != 13 || !digits(s) {
		return errors.New("not the OGRN of an organisation: thirteen digits")
	}
	rest := 0
	for _, c := range s[:12] {
		rest = (rest*10 + int(c-'0')) % 11
	}
	if rest%10 != int(s[12]-'0') || s[0] == '0' {
		return fmt.Errorf("%s is not an OGRN: its check digit is wrong; look for a mistyped digit", strict.Shown(s))
	}
	return nil
}

// digits reports whether a text is ASCII digits only.
func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
