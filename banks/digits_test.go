package banks

import "testing"

// TestB20CheckDigitsFindEverySlipOfOneDigit changes each digit of true numbers into each other one.
func TestB20CheckDigitsFindEverySlipOfOneDigit(t *testing.T) {
	for _, v := range []struct {
		name    string
		check   func(string) error
		numbers []string
	}{
		{"INN", checkINN, []string{"7707083893", "7709576929", "7702070139", "7728168971"}},
		{"OGRN", checkOGRN, []string{"1027700132195", "1047796859791", "1027739609391"}},
	} {
		t.Run(v.name, func(t *testing.T) {
			missed, tried := 0, 0
			for _, number := range v.numbers {
				if err := v.check(number); err != nil {
					t.Errorf("%s is refused: %v", number, err)
				}
				for i := range number {
					for d := byte('0'); d <= '9'; d++ {
						if d == number[i] {
							continue
						}
						tried++
						if v.check(number[:i]+string(d)+number[i+1:]) == nil {
							missed++
						}
					}
				}
				for i := range len(number) - 1 {
					if number[i] != number[i+1] && v.check(number[:i]+string(number[i+1])+string(number[i])+number[i+2:]) == nil {
						t.Errorf("%s with digits %d and %d exchanged is accepted", number, i, i+1)
					}
				}
			}
			if missed > 0 {
				t.Errorf("%d of %d slips are missed", missed, tried)
			}
			for _, bad := range []string{"", "1", v.numbers[0] + "0", "x" + v.numbers[0][1:], "-" + v.numbers[0][1:], " " + v.numbers[0][1:], "٧" + v.numbers[0][2:]} {
				if v.check(bad) == nil {
					t.Errorf("%q is accepted", bad)
				}
			}
		})
	}
}

func TestB20BIC(t *testing.T) {
	for text, good := range map[string]bool{
		"044525225": true, "043601607": true, "040000000": true,
		"": false, "04452522": false, "0445252255": false, "014525225": false, "004525225": false, "144525225": false,
		"04452522x": false, "04452522٥": false, " 44525225": false, "044525225\n": false,
	} {
		var id ID
		if err := id.UnmarshalText([]byte(text)); (err == nil) != good || good && string(id) != text {
			t.Errorf("%q: %q, %v", text, id, err)
		}
	}
}

func TestHostNames(t *testing.T) {
	for text, good := range map[string]bool{
		"sftp.bank.example": true, "sftp.bank.example.": true, "SFTP-1.bank.example": true, "host_1": true, "10.0.0.1": true, "2001:db8::1": true, "xn--80abwho.xn--p1ai": true,
		"": false, ".": false, "a..b": false, "-a.b": false, "a-.b": false, "10.0.0.300": false, "10.0.0": false, "fe80::1%eth0": false, "bank.example:22": false,
		"user@bank.example": false, "bank example": false, "bank/example": false, "банк.рф": false, "[2001:db8::1]": false, "*.bank.example": false,
		"a23456789012345678901234567890123456789012345678901234567890123.b": true, "a234567890123456789012345678901234567890123456789012345678901234.b": false,
	} {
		if hostname(text) != good {
			t.Errorf("%q: %t", text, !good)
		}
	}
}
