package block

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMoney(t *testing.T) {
	for text, want := range map[string]Money{
		"0": 0, "0.0": 0, "0.00": 0, "0.07": 7, "0.7": 70, "7": 700, "1500.00": 150000, "1500.5": 150050, "9999999999999.99": 999999999999999,
	} {
		if got, err := ParseMoney(text); err != nil || got != want {
			t.Errorf("ParseMoney(%q) = %d, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", ".", "-1", "+1", "1e9", "1,5", "NaN", "Inf", "1.234", "10000000000000", "1 000", " 1", "1 ", "1.", ".5", "01", "00", "0x1", "1_000", "١", "1.5.0", "1-", "1\u00a0",
	} {
		if got, err := ParseMoney(text); err == nil {
			t.Errorf("ParseMoney(%q) = %d", text, got)
		}
	}
	for m, want := range map[Money]string{0: "0.00", 5: "0.05", -5: "-0.05", -150050: "-1500.50", 999999999999999: "9999999999999.99", -9223372036854775808: "-92233720368547758.08"} {
		if got := m.String(); got != want {
			t.Errorf("%d is written %q, want %q", int64(m), got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		m := Money(rapid.Int64Range(0, 999999999999999).Draw(t, "kopecks"))
		if back, err := ParseMoney(m.String()); err != nil || back != m {
			t.Fatalf("%d became %d: %v", m, back, err)
		}
	})
}

func TestDates(t *testing.T) {
	msk := time.FixedZone("MSK", 3*3600)
	d, err := ParseDate("2026-02-05")
	if err != nil {
		t.Fatal(err)
	}
	at, err := d.Time(msk)
	if err != nil || !at.Equal(time.Date(2026, 2, 5, 0, 0, 0, 0, msk)) || DateOf(at) != d || DateOf(at.UTC()) != "2026-02-04" {
		t.Errorf("time %v, %v", at, err)
	}
	if !d.After("2026-02-04") || d.After(d) || !d.Before("2026-02-06") || d.Before(d) || d.IsZero() || !Date("").IsZero() || !d.After("") {
		t.Error("dates compare wrongly")
	}
	for _, text := range []string{"", "2026-02-30", "05.02.2026", "2026-02-05T00:00:00Z", "1899-12-31", "2100-01-02"} {
		if _, err := ParseDate(text); err == nil {
			t.Errorf("ParseDate(%q) passes", text)
		}
	}
	if _, err := Date("").Time(msk); err == nil {
		t.Error("no date has a time")
	}
	rapid.Check(t, func(t *rapid.T) {
		day := time.Unix(rapid.Int64Range(-2208988800, 4102444800).Draw(t, "second"), 0).UTC()
		if back, err := ParseDate(string(DateOf(day))); err != nil || back != DateOf(day) {
			t.Fatalf("%v: %v", day, err)
		}
	})
}

func TestMoments(t *testing.T) {
	read := func(text string) (time.Time, bool) {
		var at time.Time
		why := moment{&at}.Read(text)
		return at, why.EN == ""
	}
	want := time.Date(2026, 2, 5, 7, 0, 0, 0, time.UTC)
	for _, text := range []string{"2026-02-05T07:00:00Z", "2026-02-05T10:00:00+03:00", "2026-02-05T07:00:00.000Z", "2026-02-04T23:00:00-08:00"} {
		if at, ok := read(text); !ok || !at.Equal(want) || at.Location() != time.UTC {
			t.Errorf("%s: %v, %v", text, at, ok)
		}
	}
	for _, text := range []string{
		"", "2026-02-05", "2026-02-05T07:00:00", "2026-02-05 07:00:00Z", "2026-02-05T7:00:00Z", "2026-02-05T07:00:00,5Z", "2026-02-05T07:00Z", "2026-02-30T07:00:00Z",
		"2026-02-05T24:00:01Z", "2026-02-05T07:00:60Z", "1899-12-31T23:59:59Z", "2100-12-31T23:59:59-01:00", "2026-02-05T07:00:00+15:00", "2026-02-05t07:00:00z", "2026-02-05T07:00:00+0300",
	} {
		if at, ok := read(text); ok {
			t.Errorf("%q is read as %v", text, at)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-2208988800, 4102444800).Draw(t, "second"), rapid.Int64Range(0, 999999999).Draw(t, "nano")).UTC()
		text, set := moment{&at}.Write()
		if back, ok := read(text); !set || !ok || !back.Equal(at) {
			t.Fatalf("%v became %v by %s", at, back, text)
		}
	})
}
