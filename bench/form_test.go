package bench_test

import (
	"math"
	"testing"
)

func TestMedian(t *testing.T) {
	tests := map[string]struct {
		list []float64
		want float64
	}{
		"one":       {[]float64{4}, 4},
		"odd":       {[]float64{9, 1, 4}, 4},
		"even":      {[]float64{9, 1, 4, 6}, 5},
		"untouched": {[]float64{3, 2, 1}, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := median(tt.list); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	t.Run("nothing", func(t *testing.T) {
		if got := number(median(nil)); got != "–" {
			t.Errorf("got %q", got)
		}
	})
}

func TestNumber(t *testing.T) {
	for f, want := range map[float64]string{1234.5: "1234", 99.94: "99.9", 3.14159: "3.14", math.Inf(1): "–"} {
		if got := number(f); got != want {
			t.Errorf("%v: got %s, want %s", f, got, want)
		}
	}
}

func TestReplace(t *testing.T) {
	one := replace("# Results\n", "a", "first\n")
	two := replace(one, "b", "second\n")
	again := replace(two, "a", "third\n")
	want := "# Results\n\n<!-- begin a -->\nthird\n<!-- end a -->\n\n<!-- begin b -->\nsecond\n<!-- end b -->\n"
	if again != want {
		t.Errorf("got:\n%s", again)
	}
}

func TestStages(t *testing.T) {
	const traces = `File: bankconnector
Type: cpu
-----------+-------------------------------------------------------
      20ms   crypto/sha256.block
             bankconnector/connector/spool.Digest
             bankconnector/connector/flow.(*visit).deliver
-----------+-------------------------------------------------------
      1.50s   runtime.gcDrain
             runtime.systemstack
-----------+-------------------------------------------------------
      10ms   syscall.Syscall
             bankconnector/crypto/gost.(*PublicKey).Verify
             bankconnector/crypto/cms.(*Policy).Verify
             bankconnector/connector/flow.(*visit).judge
`
	got := stages(traces)
	want := map[string]float64{"local files": 0.02, "Go runtime": 1.5, "signatures": 0.01}
	for stage, seconds := range want {
		if math.Abs(got[stage]-seconds) > 1e-9 {
			t.Errorf("%s: got %v, want %v", stage, got[stage], seconds)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
}
