package sieve

import (
	"strings"
	"testing"

	"bankconnector/banks/mailbox/wire"
)

// B77-B85: names as they may come, and what they are.
func TestGrammars(t *testing.T) {
	long := strings.Repeat("x", 64)
	tests := []struct {
		name                 string
		final, temp, claimed bool
	}{
		{"piev_1.zip", true, false, true},
		{"rep_A-z-0.zip", true, false, true},
		{"rcp_" + long + ".zip", true, false, true},
		{"rcp_" + long + "x.zip", false, false, true},
		{".piev_1.zip.a1.part", false, true, false},
		{".piev_1.zip.0f3c-1.part", false, true, false},
		{".piev_1.zip..part", false, false, false},
		{".piev_1.zip.a.b.part", false, false, false},
		{".bankconnector-check-abc.part", false, false, false},
		{"piev_1.zip.part", false, false, true},
		{"7c1e_rep_1.zip", false, false, true},
		{"", false, false, false},
		{".", false, false, false},
		{"..", false, false, false},
		{"/", false, false, false},
		{"../piev_1.zip", false, false, false},
		{"piev_1.zip/", false, false, false},
		{"piev_1.zip\n", false, false, false},
		{"piev_1.zip\x00", false, false, false},
		{"piev_1.zip ", false, false, false},
		{"piev_1.ZIP", false, false, true},
		{"PIEV_1.zip", false, false, true},
		{"piеv_1.zip", false, false, false}, // Cyrillic
		{"piev_\u202e1.zip", false, false, false},
		{"piev_1\u0301.zip", false, false, false},
		{"-piev_1.zip", false, false, false},
		{"con", false, false, true},
		{"a:b", false, false, false},
		{`a\b`, false, false, false},
		{strings.Repeat("a", 200), false, false, true},
		{strings.Repeat("a", 201), false, false, false},
	}
	for _, c := range tests {
		if Final(c.name) != c.final || Temp(c.name) != c.temp || Claimed(c.name) != c.claimed {
			t.Errorf("%q: final %t, temp %t, claimed %t", c.name, Final(c.name), Temp(c.name), Claimed(c.name))
		}
	}
}

func TestOnlyAHundredStrangeNamesAreKept(t *testing.T) {
	var s Strange
	for range 1000 {
		s.Add(strings.Repeat("\x1b", 100_000))
	}
	if s.Count != 1000 || len(s.Names) != 100 || len(s.Names[0]) > 700 {
		t.Fatalf("%d counted, %d kept of %d octets", s.Count, len(s.Names), len(s.Names[0]))
	}
}

// FuzzGrammars: no name is of two kinds that must not meet, and none leaves its folder.
func FuzzGrammars(f *testing.F) {
	for _, n := range []string{"piev_1.zip", ".piev_1.zip.a.part", "7c_rep_1.zip", "..", "a/b", "piev_1.zip\n"} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if !Final(name) && !Temp(name) && !Claimed(name) {
			return
		}
		if Temp(name) && (Final(name) || Claimed(name)) {
			t.Fatalf("%q is a temporary name and more", name)
		}
		if strings.ContainsAny(name, "/\\\x00\r\n :") || name == "." || name == ".." || len(name) > 200 {
			t.Fatalf("%q passes", name)
		}
		good, err := Regular([]wire.Item{{Name: name, Typed: true, Mode: 0o100644}}, Final, nil, new(Strange))
		if err != nil || (len(good) == 1) != Final(name) {
			t.Fatalf("%q: %+v, %v", name, good, err)
		}
	})
}
