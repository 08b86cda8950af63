package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bankconnector/banks/rehearsal/host"
	"bankconnector/banks/rehearsal/letter"
	"bankconnector/formats"
)

func TestExchange(t *testing.T) {
	w := newWorld(t, first, second).start()
	sent := map[string][]parcel{}
	for _, bic := range w.bics {
		sent[bic] = w.parcels(bic, 32)
		w.deliver(bic, sent[bic]...)
	}
	w.settle()
	for _, bic := range w.bics {
		w.check(bic, sent[bic])
		kinds := map[string]int{}
		for _, line := range w.ledger(bic, "received.jsonl") {
			if line.Verdict != "accepted" || line.Duplicate || line.InternalKey == "" || !line.At.Equal(today()) {
				t.Errorf("line %+v", line)
			}
			kinds[line.Kind]++
		}
		if kinds["order"] != 24 || kinds["query"] != 8 {
			t.Errorf("kinds %v", kinds)
		}
		for _, r := range w.replies(bic) {
			if d := r.receipt(); d != nil && d.StateID != formats.StateAccepted {
				t.Errorf("receipt %+v", d)
			}
		}
	}
	t.Run("lines have the agreed keys", func(t *testing.T) {
		data, err := os.ReadFile(w.path(first, "received.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		var line map[string]any
		if err := json.Unmarshal(data[:strings.IndexByte(string(data), '\n')], &line); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"at", "file", "sha256", "kind", "internal_key", "verdict", "duplicate"} {
			if _, ok := line[key]; !ok {
				t.Errorf("no %q in %v", key, line)
			}
		}
	})
	t.Run("the archive holds what arrived", func(t *testing.T) {
		for _, line := range w.ledger(first, "received.jsonl") {
			data, err := os.ReadFile(w.path(first, "archive", arrival{line.Arrival, line.File}.file()))
			if err != nil || letter.Digest(data) != line.SHA256 {
				t.Errorf("%s: %v", line.File, err)
			}
		}
	})
	t.Run("nothing of ours is left behind", func(t *testing.T) {
		left, err := os.ReadDir(w.path(first, "root", host.ToBank))
		if err != nil || len(left) > 0 {
			t.Errorf("%v, %v", left, err)
		}
	})
}

func TestFinalReports(t *testing.T) {
	w := newWorld(t, first)
	w.config.FinalReports = true
	w.start()
	w.deliver(first, w.parcels(first, 160)...)
	w.settle()
	for _, r := range w.replies(first) {
		if d, ok := r.doc.(*formats.Report); ok && !d.Final() {
			t.Errorf("%s is not final", r.name)
		}
	}
}

func TestRepliesDependOnSeedAndKeyOnly(t *testing.T) {
	run := func(seed int64) map[string]string {
		w := newWorld(t, first)
		w.config.Seed = seed
		w.start()
		w.deliver(first, w.parcels(first, 48)...)
		w.settle()
		found := map[string]string{}
		for _, r := range w.replies(first) {
			if r.receipt() == nil {
				xml, err := formats.Encode(r.doc, "")
				if err != nil {
					t.Fatal(err)
				}
				found[r.name] = string(xml)
			}
		}
		return found
	}
	a, b, c := run(5), run(5), run(6)
	differ := 0
	for name, text := range a {
		if b[name] != text {
			t.Errorf("%s differs between two runs with one seed", name)
		}
		if c[name] != text {
			differ++
		}
	}
	if differ == 0 {
		t.Error("another seed gives the same replies")
	}
}

func TestArrival(t *testing.T) {
	t.Run("direct write is taken when closed, not before", func(t *testing.T) {
		w := newWorld(t, first).start()
		list := w.parcels(first, 2)
		c := w.visit(first)
		f, err := c.OpenFile("/to-bank/"+list[0].name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if err != nil {
			t.Fatal(err)
		}
		half := len(list[0].data) / 2
		if _, err := f.Write(list[0].data[:half]); err != nil {
			t.Fatal(err)
		}
		w.deliver(first, list[1])
		w.settle()
		if n := len(w.ledger(first, "received.jsonl")); n != 1 {
			t.Fatalf("%d files taken, want 1", n)
		}
		if _, err := f.Write(list[0].data[half:]); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		w.settle()
		w.check(first, list)
	})
	t.Run("torn upload is left alone", func(t *testing.T) {
		w := newWorld(t, first).start()
		list := w.parcels(first, 2)
		o := w.offices[0]
		name := "to-bank/" + list[0].name
		o.Opened(name)
		if err := os.WriteFile(w.path(first, "root", name), list[0].data[:99], 0o600); err != nil {
			t.Fatal(err)
		}
		o.Closed(name, host.Torn)
		w.deliver(first, list[1])
		w.settle()
		if lines := w.ledger(first, "received.jsonl"); len(lines) != 1 || lines[0].File != list[1].name {
			t.Errorf("lines %+v", lines)
		}
	})
	t.Run("other names and folders are left alone", func(t *testing.T) {
		w := newWorld(t, first).start()
		c := w.visit(first)
		names := []string{"canary.txt", ".piev_1.zip.1.part", "piev_1.ZIP", "test_1.zip", "piev_1.zip.done", "piev_.zip"}
		for _, name := range names {
			if err := write(c, "/to-bank/x", nil); err != nil {
				t.Fatal(err)
			}
			if err := c.Rename("/to-bank/x", "/to-bank/"+name); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(c.Mkdir("/to-bank/piev_2.zip"), write(c, "/to-bank/piev_2.zip/piev_3.zip", nil)); err != nil {
			t.Fatal(err)
		}
		w.settle()
		if lines := w.ledger(first, "received.jsonl"); len(lines) != 0 {
			t.Errorf("lines %+v", lines)
		}
		left, err := c.ReadDir("/to-bank")
		if err != nil || len(left) != len(names)+1 {
			t.Errorf("%d names left, %v", len(left), err)
		}
	})
	t.Run("file taken back by the client is no arrival", func(t *testing.T) {
		w := newWorld(t, first).start()
		a, err := w.offices[0].file("piev_1.zip")
		if err != nil || a.number != 0 {
			t.Errorf("%+v, %v", a, err)
		}
	})
	t.Run("more than a batch at once", func(t *testing.T) {
		w := newWorld(t, first)
		list := w.parcels(first, batch+10)
		w.start().stop()
		for _, p := range list {
			if err := os.WriteFile(w.path(first, "root", "to-bank", p.name), p.data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w.start()
		w.settle()
		w.check(first, list)
	})
}

func TestReplyDelay(t *testing.T) {
	w := newWorld(t, first)
	w.config.ReplyDelay = 100 * time.Millisecond
	w.start()
	began := time.Now()
	w.deliver(first, w.parcels(first, 1)...)
	w.settle()
	if took := time.Since(began); took < w.config.ReplyDelay {
		t.Errorf("idle after %v", took)
	}
	if n := len(w.replies(first)); n != 2 {
		t.Errorf("%d replies, want 2", n)
	}
}

func TestStartRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(*world, []Bank) []Bank
		want   string
	}{
		{"unknown quirk", func(_ *world, b []Bank) []Bank { b[0].Quirks = []Quirk{"loud"}; return b }, `unknown quirk "loud"; known: slow, mute`},
		{"BIC that leaves its folder", func(_ *world, b []Bank) []Bank { b[0].Sample.BIC = "../../../x"; return b }, "nine digits"},
		{"two banks with one BIC", func(w *world, b []Bank) []Bank { return append(b, w.banks()...) }, "nine digits, once"},
		{"no signer", func(_ *world, b []Bank) []Bank { b[0].Signer = nil; return b }, "needs a signer"},
		{"no host key", func(_ *world, b []Bank) []Bank { b[0].HostKey = nil; return b }, "no host key"},
		{"wrong-signer without a second bank", func(_ *world, b []Bank) []Bank { b[0].Quirks = []Quirk{quirkWrongSigner}; return b }, "Config.Stranger"},
		{"damaged ledger", func(w *world, b []Bank) []Bank {
			w.write("received.jsonl", "{\"at\":1}\n")
			return b
		}, "received.jsonl: line 1"},
		{"damaged list of replies", func(w *world, b []Bank) []Bank { w.write("sent.jsonl", "x\n"); return b }, "sent.jsonl: line 1"},
		{"damaged list of receipts", func(w *world, b []Bank) []Bank { w.write("receipts.jsonl", "x\n"); return b }, "receipts.jsonl: line 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, first)
			r, err := Start(t.Context(), w.config, test.change(w, w.banks()))
			if err == nil {
				_ = r.Close()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
			if lock, err := lockFolder(w.config.Dir); err != nil {
				t.Errorf("the folder stays locked: %v", err)
			} else {
				_ = lock.Close()
			}
		})
	}
	t.Run("second rehearsal in one folder", func(t *testing.T) {
		w := newWorld(t, first).start()
		if _, err := Start(t.Context(), w.config, w.banks()); err == nil || !strings.Contains(err.Error(), "another rehearsal works in") {
			t.Errorf("got %v", err)
		}
	})
}

// write puts a file into the first bank's folder before the start.
func (w *world) write(name, text string) {
	w.t.Helper()
	if err := errors.Join(os.MkdirAll(w.path(first), 0o750), os.WriteFile(w.path(first, name), []byte(text), 0o600)); err != nil {
		w.t.Fatal(err)
	}
}

func TestEndOfContextStops(t *testing.T) {
	w := newWorld(t, first)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Start(ctx, w.config, w.banks())
	if err != nil {
		t.Fatal(err)
	}
	conn, _, err := login(r.Addr(first), hostKey(t, 'c'), hostKey(t, 'h').PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := conn.Wait(); err == nil {
		t.Error("the connection ended in good order")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestAddr(t *testing.T) {
	w := newWorld(t, first).start()
	if got := w.Addr(second); got != "" {
		t.Errorf("address of an unknown bank is %q", got)
	}
	addr := w.Addr(first)
	w.stop()
	if got := w.start().Addr(first); got != addr {
		t.Errorf("after a restart at %s, before at %s", got, addr)
	}
}

func TestBrokenOffice(t *testing.T) {
	w := newWorld(t, first)
	w.config.Log = logger(t)
	w.start()
	if err := os.RemoveAll(w.path(first, "archive")); err != nil {
		t.Fatal(err)
	}
	w.deliver(first, w.parcels(first, 1)...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := w.Idle(ctx); err == nil || !strings.Contains(err.Error(), first) {
		t.Errorf("got %v, want an error that names the bank", err)
	}
	list := w.ledger(first, "received.jsonl")
	if len(list) != 0 {
		t.Errorf("lines %+v", list)
	}
}

func TestReadLedger(t *testing.T) {
	file := filepath.Join(t.TempDir(), "received.jsonl")
	tests := []struct {
		name, text string
		lines      int
		ok         bool
	}{
		{"empty", "", 0, true},
		{"two lines", "{\"file\":\"a\"}\n{\"file\":\"b\"}\n", 2, true},
		{"last line half written", "{\"file\":\"a\"}\n{\"file", 1, true},
		{"last line without its end", "{\"file\":\"a\"}\n{\"file\":\"b\"}", 1, true},
		{"damaged line", "{\"file\":\"a\"}\nx\n", 0, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			lines, err := ReadLedger(file)
			if len(lines) != test.lines || (err == nil) != test.ok {
				t.Errorf("%d lines, %v", len(lines), err)
			}
			if err != nil && !strings.Contains(err.Error(), "line 2") {
				t.Errorf("%v does not name the line", err)
			}
		})
	}
	t.Run("absent file is an empty ledger", func(t *testing.T) {
		lines, err := ReadLedger(file + ".no")
		if lines != nil || err != nil {
			t.Errorf("%v, %v", lines, err)
		}
	})
}
