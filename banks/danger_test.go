package banks

import "testing"

// TestDangerousDelivery: what the file's check allows and what can still double an order is
// said, and nothing else is.
func TestDangerousDelivery(t *testing.T) {
	for _, mode := range []string{"auto", "posix-rename", "rename", "marker", "direct", "blind"} {
		for _, policy := range []string{"hold", "reissue"} {
			d := Delivery{Mode: mode, UnknownOutcome: policy}
			want := policy == "reissue" && (mode == "auto" || mode == "rename")
			if got := d.Danger() != ""; got != want {
				t.Errorf("%s with %s: danger told %t, want %t", mode, policy, got, want)
			}
		}
	}
}
