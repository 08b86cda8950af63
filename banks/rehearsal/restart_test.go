package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bankconnector/formats"
)

var errKilled = errors.New("killed")

// visible returns the digests of what lies in from-bank.
func (w *world) visible() map[string]string {
	w.t.Helper()
	found := map[string]string{}
	for _, r := range w.replies(first) {
		found[r.name] = r.digest
	}
	return found
}

// TestRestartAtEachStep ends the back office at every step of a small exchange, once
// each, and looks at the books after the next start.
func TestRestartAtEachStep(t *testing.T) {
	const documents = 4 // three orders and a query
	steps := map[string]int{}
	for at := 1; ; at++ {
		w := newWorld(t, first)
		count, where := 0, ""
		w.config.hook = func(_, step string) error {
			if count++; count == at {
				where = step
			}
			if where != "" {
				return errKilled
			}
			return nil
		}
		w.start()
		sent := w.parcels(first, documents)
		w.deliver(first, sent...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := w.Idle(ctx)
		cancel()
		if where == "" {
			if err != nil {
				t.Fatal(err)
			}
			w.check(first, sent)
			break
		}
		if !errors.Is(err, errKilled) {
			t.Fatalf("step %d: %v", at, err)
		}
		steps[where]++
		t.Run(fmt.Sprintf("%s, step %d", where, at), func(t *testing.T) {
			w.t = t
			w.stop()
			before := w.visible()
			w.config.hook = nil
			w.start()
			w.settle()
			w.check(first, sent)
			after := w.visible()
			for name, digest := range before {
				if after[name] != digest {
					t.Errorf("%s was changed by the restart", name)
				}
			}
			w.stop()
			w.start()
			w.settle()
			if again := w.visible(); !maps.Equal(again, after) {
				t.Error("a further restart changed the replies")
			}
			w.check(first, sent)
		})
	}
	for _, step := range []string{"taken", "judged", "recorded", "boxed", "promised", "published"} {
		if steps[step] == 0 {
			t.Errorf("step %q never came; steps were %v", step, steps)
		}
	}
}

// TestRestartAfterTornLine cuts the last line of each ledger at every octet, as a kill
// in the middle of a write would.
func TestRestartAfterTornLine(t *testing.T) {
	for _, name := range []string{"received.jsonl", "sent.jsonl"} {
		for _, keep := range []int{1, 40, -1} {
			t.Run(fmt.Sprintf("%s, %d octets kept", name, keep), func(t *testing.T) {
				w := newWorld(t, first)
				stop := map[string]string{"received.jsonl": "recorded", "sent.jsonl": "promised"}[name]
				w.config.hook = func(_, step string) error {
					if step == stop {
						return errKilled
					}
					return nil
				}
				w.start()
				sent := w.parcels(first, 1)
				w.deliver(first, sent...)
				_ = w.Idle(t.Context())
				w.stop()
				file := w.path(first, name)
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if keep < 0 {
					keep += len(data)
				}
				if err := os.Truncate(file, int64(keep)); err != nil {
					t.Fatal(err)
				}
				w.config.hook = nil
				w.start()
				w.settle()
				w.check(first, sent)
			})
		}
	}
}

func TestRestartFindsWhatArrivedMeanwhile(t *testing.T) {
	w := newWorld(t, first).start()
	sent := w.parcels(first, 6)
	w.deliver(first, sent[:3]...)
	w.settle()
	w.stop()
	for _, p := range sent[3:] {
		if err := os.WriteFile(w.path(first, "root", "to-bank", p.name), p.data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.start()
	w.settle()
	w.check(first, sent)
}

func TestRestartKeepsDuplicatesKnown(t *testing.T) {
	w := newWorld(t, first).start()
	p := w.parcels(first, 1)[0]
	w.deliver(first, p)
	w.settle()
	w.stop()
	w.start()
	w.deliver(first, p)
	w.settle()
	lines := w.ledger(first, "received.jsonl")
	if len(lines) != 2 || !lines[1].Duplicate || lines[1].Verdict != "94" || lines[1].Arrival != 2 {
		t.Errorf("lines %+v", lines)
	}
	states := map[int]int{}
	for _, r := range w.replies(first) {
		if d := r.receipt(); d != nil {
			states[d.StateID]++
		}
	}
	if states[formats.StateAccepted] != 1 || states[formats.StateDuplicate] != 1 {
		t.Errorf("receipts %v", states)
	}
}

func TestRestartKeepsDelayedReplies(t *testing.T) {
	w := newWorld(t, first)
	w.config.ReplyDelay = time.Hour
	w.start()
	sent := w.parcels(first, 2)
	w.deliver(first, sent...)
	w.waitFor("the receipts", func() bool { return len(w.replies(first)) == 2 })
	w.stop()
	later := today().Add(2 * time.Hour)
	w.config.Now = func() time.Time { return later }
	w.start()
	w.settle()
	w.check(first, sent)
}

// waitFor looks again after each change in from-bank, for at most a minute.
func (w *world) waitFor(what string, done func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Fatalf("%s did not come", what)
		}
	}
}

func TestRestartWithoutTheArchive(t *testing.T) {
	w := newWorld(t, first)
	w.config.hook = func(_, step string) error {
		if step == "recorded" {
			return errKilled
		}
		return nil
	}
	w.start()
	w.deliver(first, w.parcels(first, 1)...)
	_ = w.Idle(t.Context())
	w.stop()
	w.config.hook = nil
	files, err := filepath.Glob(w.path(first, "archive", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	for name, spoil := range map[string]func() error{
		"changed": func() error { return os.WriteFile(files[0], []byte("x"), 0o600) },
		"gone":    func() error { return os.Remove(files[0]) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			r, err := Start(t.Context(), w.config, w.banks())
			if err == nil {
				_ = r.Close()
				t.Fatal("started without what it accepted")
			}
			if !strings.Contains(err.Error(), "resume replies to") {
				t.Errorf("got %v", err)
			}
		})
	}
}
