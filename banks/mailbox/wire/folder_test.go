package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"bankconnector/internal/testkit"
)

// TestFolders: two folders are read at once, or one after the other where the server may hold one open only, be that
// known before or found out by its refusal.
func TestFolders(t *testing.T) {
	for _, atOnce := range []bool{true, false} {
		for _, most := range []int{1, 2} {
			t.Run(fmt.Sprintf("AtOnce=%v/ServerHolds%d", atOnce, most), func(t *testing.T) {
				h := testkit.NewHostile("/", "/a", "/b")
				h.Put("/a/one", []byte("1"))
				h.Put("/b/two", []byte("22"))
				open, largest := 0, 0
				h.On("opendir", func(r *testkit.Request) {
					if open >= most {
						r.Status(4, "too many")
						return
					}
					open++
					largest = max(largest, open)
					r.Honest()
				})
				h.On("close", func(r *testkit.Request) {
					open--
					r.Honest()
				})
				w, _ := wired(t, h)
				a, b := w.Folders(t.Context(), "/a", "/b", 10, atOnce)
				if err := errors.Join(a.Err, b.Err); err != nil || len(a.Items) != 1 || a.Items[0].Name != "one" || len(b.Items) != 1 || b.Items[0].Name != "two" {
					t.Errorf("%+v, %+v", a, b)
				}
				if refusals := strings.Count(fmt.Sprint(h.Seen()), "opendir") - 2; !atOnce && (largest > 1 || refusals > 0) {
					t.Errorf("%d were open, %d refused: %q", largest, refusals, h.Seen())
				}
			})
		}
	}
}
