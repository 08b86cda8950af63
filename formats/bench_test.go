package formats

import (
	"fmt"
	"strings"
	"testing"
)

func BenchmarkDecodeOrder(b *testing.B) {
	data := []byte(good(b, KindOrder))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, faults := Decode(data, rules()); len(faults) > 0 {
			b.Fatal(faults)
		}
	}
}

func BenchmarkEncodeOrder(b *testing.B) {
	d := document(b, KindOrder)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Encode(d, ""); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeManifest(b *testing.B) {
	data := []byte(good(b, kindManifest))
	b.ReportAllocs()
	for b.Loop() {
		if _, faults := DecodeManifest(data); len(faults) > 0 {
			b.Fatal(faults)
		}
	}
}

func BenchmarkDecodeOriginal(b *testing.B) {
	data := []byte(good(b, kindOriginal))
	b.ReportAllocs()
	for b.Loop() {
		if _, faults := DecodeOriginal(data, rules()); len(faults) > 0 {
			b.Fatal(faults)
		}
	}
}

// accounts makes an answer of n accounts.
func accounts(tb testing.TB, n int) []byte {
	tb.Helper()
	text := good(tb, KindAnswer)
	from := strings.Index(text, "  <AvailabilityAccData>")
	to := from + strings.Index(text[from:], "</AvailabilityAccData>") + len("</AvailabilityAccData>\n")
	return []byte(text[:from] + strings.Repeat(text[from:to], n) + text[to:])
}

func BenchmarkDecodeAnswer(b *testing.B) {
	for _, n := range []int{10, 4000} {
		b.Run(fmt.Sprintf("%d accounts", n), func(b *testing.B) {
			data := accounts(b, n)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, faults := Decode(data, rules()); len(faults) > 0 {
					b.Fatal(faults)
				}
			}
		})
	}
}

func BenchmarkSampler(b *testing.B) {
	s := NewSampler(1, today())
	b.ReportAllocs()
	for b.Loop() {
		if len(s.Next(sampleBank(), 16)) != 16 {
			b.Fatal("a sample is missing")
		}
	}
}

// TestManyAccounts: one answer may hold thousands of accounts.
func TestManyAccounts(t *testing.T) {
	d, faults := Decode(accounts(t, 4000), rules())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if n := len(d.(*Answer).Accounts); n != 4001 {
		t.Errorf("%d accounts", n)
	}
}
