package mailbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bankconnector/banks"
	"bankconnector/banks/mailbox/wire"
	"bankconnector/internal/testkit"
)

const (
	toBank   = "/to-bank"
	fromBank = "/from-bank"
)

// hostile is a lying bank and a profile with little patience.
func hostile(t *testing.T) (*testkit.Hostile, *banks.Bank) {
	t.Helper()
	h := testkit.NewHostile("/", toBank, fromBank, fromBank+"/.claimed")
	s := testkit.StartServer(t, testkit.ServerOptions{Serve: h.Serve})
	h.Cut = s.Cut
	b := profile(s.Host, s.Port, s.User, s.Key.File, testkit.Root{ToBank: toBank, FromBank: fromBank}, s.HostKeys...)
	b.SFTP.Timeout = 200 * time.Millisecond
	t.Cleanup(func() { onlyAllowed(t, h) })
	return h, b
}

// onlyAllowed fails when a session has sent a request that sessions never send.
func onlyAllowed(t *testing.T, h *testkit.Hostile) {
	t.Helper()
	for _, r := range h.Seen() {
		kind, _, _ := strings.Cut(r, " ")
		if !slices.Contains([]string{
			"init", "open", "close", "read", "write", "lstat", "opendir", "readdir", "remove", "mkdir", "rename", "posix-rename", "fsync", "realpath",
		}, kind) {
			t.Errorf("a session sent %q", r)
		}
	}
}

func sent(h *testkit.Hostile, kind string) int {
	n := 0
	for _, r := range h.Seen() {
		if k, _, _ := strings.Cut(r, " "); k == kind {
			n++
		}
	}
	return n
}

// everything does every act once and tells the first error.
func everything(ctx context.Context, s *Session) error {
	if err := s.Upload(ctx, temp, final, []byte("document")); err != nil {
		return err
	}
	if err := s.Publish(ctx, temp, final); err != nil {
		return err
	}
	if _, err := s.Look(ctx, temp, final); err != nil {
		return err
	}
	if _, err := s.List(ctx); err != nil {
		return err
	}
	if err := s.Claim(ctx, "rep_1.zip", claimed); err != nil {
		return err
	}
	if _, err := s.Fetch(ctx, claimed, 5); err != nil {
		return err
	}
	return s.Discard(ctx, claimed)
}

// F23: a server that goes mute at any kind of request costs its timeout and no more.
func TestMuteServerEndsInUnknown(t *testing.T) {
	for _, kind := range []string{"open", "write", "fsync", "close", "read", "lstat", "posix-rename", "opendir", "readdir", "rename", "remove"} {
		t.Run(kind, func(t *testing.T) {
			h, b := hostile(t)
			h.Put(fromBank+"/rep_1.zip", []byte("reply"))
			h.On(kind, func(*testkit.Request) {})
			s := dialed(t, dialer(), b)
			began := time.Now()
			wantKind(t, everything(t.Context(), s), Unknown)
			if took := time.Since(began); took > 5*time.Second {
				t.Fatalf("took %v", took)
			}
			_, err := s.Look(t.Context(), temp, final)
			wantKind(t, err, Transient)
		})
	}
}

// A mute server at the greeting of the file protocol is held by the handshake's deadline.
func TestMuteServerAtInitIsTransient(t *testing.T) {
	h, b := hostile(t)
	h.On("init", func(*testkit.Request) {})
	d := &Dialer{Now: time.Now, Handshake: 300 * time.Millisecond}
	_, err := d.Dial(t.Context(), b)
	wantKind(t, err, Transient)
}

// One act that is given up ends every act under way with Unknown, and never with success.
func TestOneGivenUpActEndsAllWithUnknown(t *testing.T) {
	h, b := hostile(t)
	b.SFTP.Timeout = time.Minute
	arrived := make(chan struct{}, 100)
	h.On("lstat", func(*testkit.Request) { arrived <- struct{}{} })
	s := dialed(t, dialer(), b)
	ctx, cancel := context.WithCancel(t.Context())
	const n = 20
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		mine := t.Context()
		if i == 7 {
			mine = ctx
		}
		wg.Go(func() { _, errs[i] = s.Look(mine, temp, final) })
	}
	for range n {
		<-arrived
	}
	cancel()
	wg.Wait()
	for _, err := range errs {
		wantKind(t, err, Unknown)
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%v does not tell the cause", err)
		}
	}
}

// A request that is never answered ends the session even if all others are.
func TestStuckRequestAmongAnsweredOnesIsNoticed(t *testing.T) {
	h, b := hostile(t)
	b.SFTP.Timeout = 400 * time.Millisecond
	h.On("opendir", func(*testkit.Request) {})
	s := dialed(t, dialer(), b)
	stuck := make(chan error, 1)
	go func() {
		_, err := s.List(t.Context())
		stuck <- err
	}()
	for {
		_, err := s.Look(t.Context(), temp, final)
		if err != nil {
			break
		}
	}
	err := <-stuck
	wantKind(t, err, Unknown)
	if !strings.Contains(err.Error(), "one question unanswered") {
		t.Fatalf("%v", err)
	}
}

// A slow server that goes on answering is not given up.
func TestSlowButAnsweringServerIsNotGivenUp(t *testing.T) {
	h, b := hostile(t)
	slow := func(r *testkit.Request) {
		<-time.After(b.SFTP.Timeout / 2)
		r.Honest()
	}
	h.On("write", slow)
	h.On("fsync", slow)
	h.On("close", slow)
	s := dialed(t, dialer(), b)
	must(t, s.Upload(t.Context(), temp, final, []byte("x")))
}

// F25: a half-open connection is noticed also when nothing is asked.
func TestIdleHalfOpenConnectionIsNoticed(t *testing.T) {
	_, b := hostile(t)
	relay := testkit.StartRelay(t, fmt.Sprintf("%s:%d", b.SFTP.Host, b.SFTP.Port), 0)
	b.SFTP.Host, b.SFTP.Port, b.SFTP.Keepalive = relay.Host, relay.Port, 20*time.Millisecond
	s := dialed(t, dialer(), b)
	relay.Stall()
	select {
	case <-s.done:
	case <-time.After(10 * time.Second):
		t.Fatal("not noticed")
	}
	_, err := s.List(t.Context())
	wantKind(t, err, Transient)
}

// Keepalives that are answered keep a session alive.
func TestAnsweredKeepalivesKeepTheSession(t *testing.T) {
	_, b := hostile(t)
	b.SFTP.Keepalive = 5 * time.Millisecond
	s := dialed(t, dialer(), b)
	select {
	case <-s.done:
		t.Fatalf("ended: %v", s.dead())
	case <-time.After(200 * time.Millisecond):
	}
	_, err := s.List(t.Context())
	must(t, err)
}

// What Publish tells when the server does what it likes with the rename, and what a new look finds.
func TestRenameVariants(t *testing.T) {
	tests := map[string]struct {
		fault func(*testkit.Request)
		want  Kind
		temp  bool // afterwards
		final bool
	}{
		"F07 done, then the connection drops":   {func(r *testkit.Request) { r.Do(); r.Drop() }, Unknown, false, true},
		"F10 the connection drops before":       {func(r *testkit.Request) { r.Drop() }, Unknown, true, false},
		"F13 done, but told as failed":          {func(r *testkit.Request) { r.Do(); r.Status(4, "Failure") }, Unknown, false, true},
		"F22 refused by permission":             {func(r *testkit.Request) { r.Status(3, "no") }, Unknown, true, false},
		"told as absent":                        {func(r *testkit.Request) { r.Status(2, "no") }, Unknown, true, false},
		"told as end of file":                   {func(r *testkit.Request) { r.Status(1, "eof") }, Unknown, true, false},
		"told as not supported":                 {func(r *testkit.Request) { r.Status(8, "no") }, Unknown, true, false},
		"B102 not done, but told as done":       {func(r *testkit.Request) { r.Status(0, "ok") }, Unknown, true, false},
		"F16 copied, and told as done":          {copied, Unknown, true, true},
		"answered by another kind of packet":    {func(r *testkit.Request) { r.Do(); r.Data([]byte("?")) }, Unknown, false, true},
		"B97 answered under another request id": {func(r *testkit.Request) { r.Do(); r.ID += 77; r.Status(0, "") }, Unknown, false, true},
		"done and told":                         {nil, "", false, true},
	}
	for _, mode := range []string{"posix-rename", "rename"} {
		for name, c := range tests {
			t.Run(mode+" "+name, func(t *testing.T) {
				h, b := hostile(t)
				b.Delivery.Mode = mode
				h.On(mode, c.fault)
				s := dialed(t, dialer(), b)
				must(t, s.Upload(t.Context(), temp, final, []byte("document")))
				wantKind(t, s.Publish(t.Context(), temp, final), c.want)
				h.On(mode, nil)
				again := dialed(t, dialer(), b)
				sight, err := again.Look(t.Context(), temp, final)
				must(t, err)
				if (sight.Temp != nil) != c.temp || (sight.Final != nil) != c.final {
					t.Fatalf("afterwards %+v", sight)
				}
			})
		}
	}
}

func copied(r *testkit.Request) {
	r.Bank.Put(r.To, r.Bank.Get(r.Path))
	r.Status(0, "")
}

// F15: where a rename would overwrite, it is not sent.
func TestTakenFinalNameIsSeenBeforeTheRename(t *testing.T) {
	h, b := hostile(t)
	s := dialed(t, dialer(), b)
	must(t, s.Upload(t.Context(), temp, final, []byte("ours")))
	h.Put(toBank+"/"+final, []byte("the bank's"))
	wantKind(t, s.Publish(t.Context(), temp, final), Exists)
	h.On("lstat", func(r *testkit.Request) { r.Status(3, "blind") })
	wantKind(t, s.Publish(t.Context(), temp, final), Refused)
	if n := sent(h, "posix-rename") + sent(h, "rename"); n != 0 {
		t.Fatalf("%d renames were sent", n)
	}
}

// A marker or a direct file whose creation is in doubt is Unknown, whatever the server says.
func TestMarkerAndDirectInDoubtAreUnknown(t *testing.T) {
	faults := map[string]func(*testkit.Request){
		"created, then dropped":   func(r *testkit.Request) { r.Do(); r.Drop() },
		"dropped":                 func(r *testkit.Request) { r.Drop() },
		"created, told as failed": func(r *testkit.Request) { r.Do(); r.Status(4, "Failure") },
		"told done for a handle":  func(r *testkit.Request) { r.Status(0, "") },
	}
	for _, mode := range []string{"marker", "direct"} {
		for name, fault := range faults {
			t.Run(mode+" "+name, func(t *testing.T) {
				h, b := hostile(t)
				b.Delivery.Mode = mode
				s := dialed(t, dialer(), b)
				must(t, s.Upload(t.Context(), temp, final, []byte("document")))
				h.On("open", fault)
				wantKind(t, s.Publish(t.Context(), temp, final), Unknown)
			})
		}
	}
	t.Run("direct with bytes that are not taken", func(t *testing.T) {
		h, b := hostile(t)
		b.Delivery.Mode = "direct"
		s := dialed(t, dialer(), b)
		must(t, s.Upload(t.Context(), temp, final, []byte("document")))
		h.On("write", func(r *testkit.Request) { r.Status(4, "quota") })
		wantKind(t, s.Publish(t.Context(), temp, final), Unknown)
		if h.Get(toBank+"/"+final) == nil || sent(h, "remove") != 0 {
			t.Fatal("a name that the bank watches was removed")
		}
	})
}

// F92: a drop box is written once, exclusively, and nothing else there is asked for; what is not
// acknowledged is Unknown.
func TestDropBox(t *testing.T) {
	start := func(t *testing.T) (*testkit.Hostile, *Session) {
		t.Helper()
		h, b := hostile(t)
		b.Delivery.Mode = "blind"
		for _, op := range []string{"lstat", "stat", "opendir", "read", "remove", "rename", "posix-rename"} {
			h.On(op, func(r *testkit.Request) { r.Status(3, "write only") })
		}
		return h, dialed(t, dialer(), b)
	}
	t.Run("written and acknowledged", func(t *testing.T) {
		h, s := start(t)
		must(t, s.Upload(t.Context(), temp, final, []byte("document")))
		if h.Get(toBank+"/"+final) != nil {
			t.Fatal("the document shows before it is published")
		}
		must(t, s.Publish(t.Context(), temp, final))
		if got := string(h.Get(toBank + "/" + final)); got != "document" {
			t.Fatalf("the bank has %q", got)
		}
		for _, op := range []string{"lstat", "stat", "opendir", "read", "remove", "rename", "posix-rename"} {
			if n := sent(h, op); n != 0 {
				t.Errorf("%d requests %s", n, op)
			}
		}
		sight, err := s.Look(t.Context(), temp, final)
		if err != nil || sight.Temp != nil || sight.Final != nil {
			t.Errorf("a look into it shows %+v, %v", sight, err)
		}
		if left, more, err := s.Leftovers(t.Context()); err != nil || more || len(left) != 0 {
			t.Errorf("leftovers %v, %v", left, err)
		}
	})
	for name, on := range map[string]string{"name is taken or refused": "open", "bytes are not taken": "write", "end is not acknowledged": "close"} {
		t.Run(name, func(t *testing.T) {
			h, s := start(t)
			must(t, s.Upload(t.Context(), temp, final, []byte("document")))
			h.On(on, func(r *testkit.Request) { r.Status(4, "no") })
			wantKind(t, s.Publish(t.Context(), temp, final), Unknown)
		})
	}
}

// F19, F20: what the server acknowledged and did not write is found by reading back, and taken away.
func TestUploadsThatLie(t *testing.T) {
	tests := map[string]struct {
		on    string
		fault func(*testkit.Request)
		want  Kind
	}{
		"F19 write acknowledged, nothing written": {"write", func(r *testkit.Request) { r.Status(0, "") }, Changed},
		"F20 write refused by quota":              {"write", func(r *testkit.Request) { r.Status(4, "quota exceeded") }, Transient},
		"fsync fails":                             {"fsync", func(r *testkit.Request) { r.Status(4, "I/O error") }, Transient},
		"close fails":                             {"close", func(r *testkit.Request) { r.Do(); r.Status(4, "I/O error") }, Transient},
		"read back gives other bytes":             {"read", func(r *testkit.Request) { r.Data([]byte("documenT")) }, Changed},
		"read back is denied":                     {"read", func(r *testkit.Request) { r.Status(3, "") }, Refused},
		"open is denied":                          {"open", func(r *testkit.Request) { r.Status(3, "") }, Refused},
		"open says done and gives no handle":      {"open", func(r *testkit.Request) { r.Status(0, "") }, Unknown},
		"read says done and gives nothing":        {"read", func(r *testkit.Request) { r.Status(0, "") }, Unknown},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			h, b := hostile(t)
			h.On(c.on, c.fault)
			s := dialed(t, dialer(), b)
			wantKind(t, s.Upload(t.Context(), temp, final, []byte("document")), c.want)
			if c.want != Unknown && h.Get(toBank+"/"+temp) != nil {
				t.Fatal("the temporary file was left")
			}
			if h.Get(toBank+"/"+final) != nil {
				t.Fatal("the final name is there")
			}
		})
	}
}

// F21: without the extension nothing is asked for that the server does not have.
func TestServerWithoutExtensions(t *testing.T) {
	h, b := hostile(t)
	h.Extensions = nil
	s := dialed(t, dialer(), b)
	must(t, s.Upload(t.Context(), temp, final, []byte("document")))
	must(t, s.Publish(t.Context(), temp, final))
	if sent(h, "fsync") != 0 || sent(h, "posix-rename") != 0 || sent(h, "rename") != 1 {
		t.Fatalf("sent %v", h.Seen())
	}
	b.Delivery.Mode = "posix-rename"
	s = dialed(t, dialer(), b)
	must(t, s.Upload(t.Context(), TempName("piev_2.zip", "1"), "piev_2.zip", nil))
	wantKind(t, s.Publish(t.Context(), TempName("piev_2.zip", "1"), "piev_2.zip"), Operator)
}

// Whatever octet towards the server is the last one, what a delivery tells is true: success means that the
// final name is there, a kind that promises no change means that it is not.
func TestCutAtEveryStretchTellsTheTruth(t *testing.T) {
	s := testkit.StartServer(t, testkit.ServerOptions{})
	relay := testkit.StartRelay(t, fmt.Sprintf("%s:%d", s.Host, s.Port), 0)
	kinds := map[Kind]int{}
	deliveries := 0
	for cut := int64(0); ; cut += 29 {
		root := testkit.NewRoot(t)
		b := profile(relay.Host, relay.Port, s.User, s.Key.File, root, s.HostKeys...)
		session, err := dialer().Dial(t.Context(), b)
		must(t, err)
		relay.CutAfter(cut)
		data := bytes.Repeat([]byte("x"), 50)
		err = session.Upload(t.Context(), temp, final, data)
		if err == nil {
			err = session.Publish(t.Context(), temp, final)
		}
		must(t, session.Close())
		relay.CutAfter(-1)
		kind := kindOf(t, err)
		kinds[kind]++
		there := strings.Contains(" "+names(t, root.ToBank), " "+final)
		if kind == "" && !there || kind != "" && kind != Unknown && there {
			t.Fatalf("cut after %d: told %q (%v), final there: %t", cut, kind, err, there)
		}
		deliveries++
		if kind == "" {
			break
		}
	}
	if deliveries < 20 || kinds[Unknown] < 15 {
		t.Fatalf("%d deliveries, %v: the cut did not meet them", deliveries, kinds)
	}
}

// However many files wait, no more than a bounded number of octets is on the way, so that a slow line does
// not make an honest bank look silent.
func TestOctetsOnTheWayAreBounded(t *testing.T) {
	h, b := hostile(t)
	b.SFTP.Timeout = time.Minute
	const files, most = 8, inFlight / wire.Chunk
	full, release := make(chan struct{}), make(chan struct{})
	var kept []*testkit.Request
	h.On("write", func(r *testkit.Request) {
		if kept = append(kept, r); len(kept) == most {
			close(full)
			go func() {
				<-release
				h.On("write", nil)
				for _, r := range kept {
					r.Honest()
				}
			}()
		}
		if len(kept) > most {
			t.Errorf("request %d while none was answered", len(kept))
		}
	})
	s := dialed(t, dialer(), b)
	var wg sync.WaitGroup
	errs := make([]error, files)
	for i := range files {
		name := fmt.Sprintf("piev_%d.zip", i)
		wg.Go(func() { errs[i] = s.Upload(t.Context(), TempName(name, "1"), name, make([]byte, fileInFlight)) })
	}
	<-full
	<-time.After(100 * time.Millisecond) // none comes on top
	close(release)
	wg.Wait()
	must(t, errors.Join(errs...))
}
