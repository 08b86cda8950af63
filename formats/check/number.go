package check

import "strings"

// Proceedings is the control of the number of enforcement proceedings: n/yy/CCNNN-ИП (-СД joined by debtor, -СВ by
// claimant), or the old n/yy/dd/rr; n has 1 to 7 digits.
func Proceedings(s string) Why {
	parts := strings.Split(s, "/")
	if len(parts) >= 3 && shaped(parts[0], 1, 7) && shaped(parts[1], 2, 2) {
		unit, kind, current := strings.Cut(parts[2], "-")
		switch {
		case len(parts) == 4 && shaped(parts[2], 2, 2) && shaped(parts[3], 2, 2):
			return Why{}
		case len(parts) == 3 && current && shaped(unit, 5, 5) && (kind == "ИП" || kind == "СД" || kind == "СВ"):
			return Why{}
		}
	}
	if first(s, isLatin) >= 0 {
		return Why{"номер ИП: латинская буква вместо похожей кириллической", "proceedings number: a Latin letter in place of a Cyrillic look-alike"}
	}
	return Why{"номер ИП: ожидается n/гг/ННННН-ИП (-СД, -СВ) или n/гг/дд/рр", "proceedings number: n/yy/NNNNN-ИП (-СД, -СВ) or n/yy/dd/rr is expected"}
}

// Order is the control of the number of an order: NN/RRDDD, NN/YY/RRDDD or RRDDD/YY/NN.
func Order(s string) Why {
	parts := strings.Split(s, "/")
	last := len(parts) - 1
	switch {
	case last == 1 && shaped(parts[0], 1, 19) && shaped(parts[1], 5, 5),
		last == 2 && shaped(parts[0], 1, 16) && shaped(parts[1], 2, 2) && shaped(parts[2], 5, 5),
		last == 2 && shaped(parts[0], 5, 5) && shaped(parts[1], 2, 2) && shaped(parts[2], 1, 16):
		return Why{}
	}
	return spelled(s, Why{"номер постановления: ожидается NN/RRDDD, NN/ГГ/RRDDD или RRDDD/ГГ/NN", "order number: NN/RRDDD, NN/YY/RRDDD or RRDDD/YY/NN is expected"})
}

func shaped(s string, least, most int) bool {
	return len(s) >= least && len(s) <= most && allDigits(s)
}

// Barcode is the control of a bar code against the key of its order: what stands before «-» must be the key; the nine
// digits of NNNNNNNNN/RRDD must end the key. Characters are those of Code 39.
func Barcode(s, key string) Why {
	if strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ -.$/+%") != "" {
		return spelled(s, Why{"штрихкод: знак вне набора Code 39", "bar code: a character outside of Code 39"})
	}
	other := Why{"штрихкод не соответствует ключу постановления", "the bar code does not agree with the key of the order"}
	if before, _, dashed := strings.Cut(s, "-"); dashed && before != key {
		return other
	}
	if len(s) == 14 && s[9] == '/' && allDigits(s[:9]+s[10:]) && !strings.HasSuffix("00000000"+key, s[:9]) {
		return other
	}
	return Why{}
}
