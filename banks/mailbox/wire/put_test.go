package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"bankconnector/internal/testkit"
)

// kinds are the requests on a file that the server has seen, without its path, repeated ones counted.
func kinds(h *testkit.Hostile) string {
	var said []string
	for _, r := range h.Seen() {
		kind, _, _ := strings.Cut(r, " ")
		said = append(said, kind)
	}
	return strings.Join(slices.DeleteFunc(said, func(k string) bool { return k == "init" }), " ")
}

func TestPut(t *testing.T) {
	for _, flush := range []bool{true, false} {
		for _, size := range []int{0, 1, Chunk - 1, Chunk, Chunk + 1, 3*Chunk*Window + 17} {
			t.Run(fmt.Sprintf("flush=%v/%d", flush, size), func(t *testing.T) {
				data := bytes.Repeat([]byte("0123456789abc"), size/13+1)[:size]
				h := testkit.NewHostile("/")
				w, _ := wired(t, h)
				handle, err := w.Create("/a")
				if err == nil {
					err = w.Fill(handle, data, flush)
				}
				if err != nil || !bytes.Equal(h.Get("/a"), data) {
					t.Fatalf("%d octets lie there, want %d; %v", len(h.Get("/a")), size, err)
				}
				said := kinds(h)
				writes := strings.Count(said, "write")
				want := "open" + strings.Repeat(" write", (size+Chunk-1)/Chunk)
				if flush {
					want += " fsync"
				}
				if want += " close"; said != want {
					t.Errorf("%d writes; said %.200q, want %.200q", writes, said, want)
				}
				if _, err := w.Create("/a"); !errors.Is(err, Status{Failure, "Failure"}) {
					t.Errorf("made over a file: %v", err)
				}
			})
		}
	}
}

// TestPutInOneBreath: a server that can flush gets writing, flushing and closing at once, in this order; another one is not
// told to close before it has answered every WRITE, for it may work on several at once.
func TestPutInOneBreath(t *testing.T) {
	for _, flush := range []bool{true, false} {
		t.Run(fmt.Sprintf("flush=%v", flush), func(t *testing.T) {
			h := testkit.NewHostile("/")
			var kept []*testkit.Request
			early := make(chan struct{}) // the file is closed, and no WRITE was answered
			h.On("write", func(r *testkit.Request) {
				kept = append(kept, r)
				if !flush && len(kept) == 2 {
					for _, k := range kept {
						k.Honest()
					}
					kept = nil
				}
			})
			h.On("close", func(r *testkit.Request) {
				if len(kept) > 0 {
					close(early)
				}
				for _, k := range kept {
					k.Honest()
				}
				r.Honest()
			})
			w, _ := wired(t, h)
			handle, err := w.Create("/a")
			if err == nil {
				err = w.Fill(handle, make([]byte, 2*Chunk), flush)
			}
			if err != nil {
				t.Fatal(err)
			}
			select {
			case <-early:
				if !flush {
					t.Error("it was told to close before its answers")
				}
			default:
				if flush {
					t.Error("closing waited for the answers")
				}
			}
		})
	}
}

// TestPutThatFails: the first refusal is the error, nothing more is written after it, and the file is closed.
func TestPutThatFails(t *testing.T) {
	const chunks = 3 * Window
	for _, kind := range []string{"write", "fsync", "close"} {
		t.Run(kind, func(t *testing.T) {
			h := testkit.NewHostile("/")
			asked := 0
			h.On(kind, func(r *testkit.Request) {
				if asked++; kind == "write" && asked != 2 {
					r.Honest()
					return
				}
				r.Status(Failure, "the quota of "+kind)
			})
			w, _ := wired(t, h)
			handle, err := w.Create("/a")
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Fill(handle, make([]byte, chunks*Chunk), true); !errors.Is(err, Status{Failure, "the quota of " + kind}) {
				t.Errorf("%v", err)
			}
			said := kinds(h)
			if !strings.HasSuffix(said, "close") || strings.Count(said, "close") != 1 {
				t.Errorf("not closed once: %q", said)
			}
			if n := strings.Count(said, "write"); kind == "write" && (n > 2+Window || strings.Contains(said, "fsync")) {
				t.Errorf("%d writes, and what came after the second: %.60q", n, said[len(said)-20:])
			}
		})
	}
	t.Run("answers that make no sense", func(t *testing.T) {
		h := testkit.NewHostile("/")
		h.On("write", func(r *testkit.Request) { r.Data([]byte("what?")) })
		w, _ := wired(t, h)
		handle, err := w.Create("/a")
		if err != nil {
			t.Fatal(err)
		}
		var no Status
		if err := w.Fill(handle, []byte("x"), true); err == nil || errors.As(err, &no) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v", err)
		}
		h.On("open", func(r *testkit.Request) { r.Status(0, "") })
		if _, err := w.Create("/b"); err == nil {
			t.Error("a file without a handle")
		}
	})
	t.Run("the wire ends", func(t *testing.T) {
		h := testkit.NewHostile("/")
		w, _ := wired(t, h)
		handle, err := w.Create("/a")
		if err != nil {
			t.Fatal(err)
		}
		cause := errors.New("cut")
		h.On("write", func(*testkit.Request) { w.End(cause) })
		if err := w.Fill(handle, make([]byte, chunks*Chunk), true); !errors.Is(err, cause) {
			t.Errorf("%v", err)
		}
	})
}

// TestListingDoesNotWaitForItsEnd: a folder's names are there when its last page has come, not a round trip later.
func TestListingDoesNotWaitForItsEnd(t *testing.T) {
	h := testkit.NewHostile("/")
	h.Put("/a", []byte("x"))
	kept := make(chan *testkit.Request, 1)
	h.On("close", func(r *testkit.Request) { kept <- r })
	w, c := wired(t, h)
	if items, more, err := w.Readdir(t.Context(), "/", 10); err != nil || more || len(items) != 1 {
		t.Fatalf("%+v, %t, %v", items, more, err)
	}
	(<-kept).Honest()
	if _, err := c.Lstat("/a"); err != nil {
		t.Fatal(err)
	}
}
