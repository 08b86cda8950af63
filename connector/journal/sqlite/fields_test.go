package sqlite

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestStampIsTheLayout: what is written and read by hand is what package time writes and
// reads, letter for letter, errors included.
func TestStampIsTheLayout(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		at := time.Unix(rnd.Int64N(400_000_000_000)-100_000_000_000, rnd.Int64N(1e9)).In(time.FixedZone("", rnd.IntN(50_000)))
		text := Stamp(at)
		if want := at.UTC().Format(stampLayout); text != want {
			t.Fatalf("%v is written %s, want %s", at, text, want)
		}
		spoilt := []byte(text)
		spoilt[rnd.IntN(len(spoilt))] = "0123456789-:TZ. /a"[rnd.IntN(18)]
		for _, s := range []string{text, string(spoilt), text + "0", text[1:]} {
			got, err := Time(s)
			want, wantErr := time.Parse(stampLayout, s)
			if got != want || (err == nil) != (wantErr == nil) {
				t.Fatalf("%q is read as %v, %v, want %v, %v", s, got, err, want, wantErr)
			}
		}
	}
}

func BenchmarkStamp(b *testing.B) {
	at := time.Date(2026, 11, 23, 9, 1, 2, 3e6, time.UTC)
	b.Run("Stamp", func(b *testing.B) {
		for b.Loop() {
			Stamp(at)
		}
	})
	text := Stamp(at)
	b.Run("Time", func(b *testing.B) {
		for b.Loop() {
			if _, err := Time(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Format", func(b *testing.B) {
		for b.Loop() {
			_ = at.UTC().Format(stampLayout)
		}
	})
	b.Run("Parse", func(b *testing.B) {
		for b.Loop() {
			if _, err := time.Parse(stampLayout, text); err != nil {
				b.Fatal(err)
			}
		}
	})
}
