package formats

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func today() time.Time { return time.Date(2026, 2, 5, 10, 0, 0, 0, time.FixedZone("MSK", 3*3600)) }

func sampleBank() SampleBank {
	return SampleBank{BIC: "044525225", Name: "ПАО «Учебный банк»", INN: "7707083893", KPP: "773601001", OGRN: "1027700132195"}
}

func TestSamplesDecodeWithoutFaults(t *testing.T) {
	s := NewSampler(1, today())
	rules := Rules{Today: today(), BICs: []string{"044525225"}}
	seen := map[OrderCode]bool{}
	for _, sample := range s.Next(sampleBank(), 64) {
		d, faults := Decode(sample.XML, rules)
		if len(faults) > 0 {
			t.Fatalf("faults in a sample: %v\n%s", faults, sample.XML)
		}
		if diff := cmp.Diff(sample.Document, d); diff != "" {
			t.Errorf("decode(encode(x)) differs:\n%s", diff)
		}
		if o, ok := d.(*Order); ok {
			seen[o.DocCode] = true
			original, faults := DecodeOriginal(sample.Original, rules)
			if len(faults) > 0 {
				t.Fatalf("faults in an original: %v", faults)
			}
			if faults := original.Agrees(o); len(faults) > 0 {
				t.Errorf("original of %s: %v", o.DocCode, faults)
			}
		}
	}
	if len(seen) != 12 {
		t.Errorf("%d codes in the samples, want 12", len(seen))
	}
}
