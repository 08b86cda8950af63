package wire

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
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

// faint is a context that fails the program on the goroutine that reads the second folder.
type faint struct{ context.Context }

func (c faint) Err() error {
	if strings.Contains(string(debug.Stack()), "Folders.func") {
		panic("a fault beside")
	}
	return c.Context.Err()
}

// TestFaultBesideAFolder: a fault of the program on a goroutine of its own would end the process, and with it the visits
// to every other bank; it is the caller's, who ends this one.
func TestFaultBesideAFolder(t *testing.T) {
	h := testkit.NewHostile("/", "/a", "/b")
	h.Put("/b/one", []byte("1"))
	w, _ := wired(t, h)
	defer func() {
		if p := recover(); p != "a fault beside" {
			t.Errorf("the caller got %v", p)
		}
	}()
	w.Folders(faint{t.Context()}, "/a", "/b", 10, true)
}
