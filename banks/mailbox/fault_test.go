package mailbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"bankconnector/banks"
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
			"init", "open", "close", "read", "write", "lstat", "opendir", "readdir", "remove", "mkdir", "rename", "posix-rename", "fsync",
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
		wg.Go(func() {
			mine := t.Context()
			if i == 7 {
				mine = ctx
			}
			_, errs[i] = s.Look(mine, temp, final)
		})
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
	b.SFTP.Timeout = 80 * time.Millisecond
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
		select {
		case err := <-stuck:
			wantKind(t, err, Unknown)
			return
		default:
		}
	}
	wantKind(t, <-stuck, Unknown)
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

// Answers that no server should give end the session and nothing else: no panic, no memory, no success.
func TestAnswersThatMakeNoSense(t *testing.T) {
	faults := map[string]struct {
		on    string
		fault func(*testkit.Request)
	}{
		"B96 a packet of 2^32-1 octets":           {"lstat", func(r *testkit.Request) { r.Bytes([]byte{0xff, 0xff, 0xff, 0xff, 101}) }},
		"B96 a packet of 0 octets":                {"lstat", func(r *testkit.Request) { r.Bytes([]byte{0, 0, 0, 0}) }},
		"B96 a packet of 256 KiB + 1":             {"lstat", func(r *testkit.Request) { r.Bytes([]byte{0, 4, 0, 1, 105}) }},
		"B97 an answer to nobody":                 {"lstat", func(r *testkit.Request) { r.ID = 1 << 30; r.Status(2, "") }},
		"B97 an answer to one of our own numbers": {"lstat", func(r *testkit.Request) { r.ID = 1<<31 + 5; r.Status(2, "") }},
		"a second greeting":                       {"lstat", func(r *testkit.Request) { r.Raw([]byte{2, 0, 0, 0, 3}) }},
		"two answers to one request":              {"lstat", func(r *testkit.Request) { r.Status(2, ""); r.Status(2, "") }},
		"an answer that is only a type":           {"lstat", func(r *testkit.Request) { r.Raw([]byte{105}) }},
		"B99 two billion extended attributes":     {"lstat", func(r *testkit.Request) { r.Attrs(5, 1<<31) }},
		"attributes cut short":                    {"lstat", func(r *testkit.Request) { p := r.Do(); r.Raw(p[:7]) }},
		"done instead of attributes":              {"lstat", func(r *testkit.Request) { r.Status(0, "") }},
		"B98 a listing of 2^32-1 names":           {"readdir", func(r *testkit.Request) { r.Names(1<<32 - 1) }},
		"a listing cut within a name":             {"readdir", func(r *testkit.Request) { p := r.Do(); r.Raw(p[:len(p)-9]) }},
		"done instead of a listing":               {"readdir", func(r *testkit.Request) { r.Status(0, "") }},
		"a handle without end":                    {"opendir", func(r *testkit.Request) { r.Raw([]byte{102, 0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}) }},
		"done instead of a handle":                {"opendir", func(r *testkit.Request) { r.Status(0, "") }},
		"the connection drops within an answer":   {"lstat", func(r *testkit.Request) { r.Bytes([]byte{0, 0, 1, 0, 105, 0}); r.Drop() }},
	}
	for name, c := range faults {
		t.Run(name, func(t *testing.T) {
			h, b := hostile(t)
			h.On(c.on, c.fault)
			s := dialed(t, dialer(), b)
			before := heap()
			_, lookErr := s.Look(t.Context(), temp, final)
			_, listErr := s.List(t.Context())
			if grown := heap() - before; grown > 16<<20 {
				t.Errorf("the heap grew by %d octets", grown)
			}
			if kindOf(t, lookErr) != Unknown && kindOf(t, listErr) != Unknown {
				t.Fatalf("look: %v; list: %v", lookErr, listErr)
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// F34, F35: a listing is bounded in names, octets and pages, and the session goes on.
func TestListingsWithoutEnd(t *testing.T) {
	n := 0
	faults := map[string]func(*testkit.Request){
		"F34 names without end": func(r *testkit.Request) {
			page := make([]testkit.Name, 100)
			for i := range page {
				n++
				page[i] = testkit.Name{Name: fmt.Sprintf("rep_%d.zip", n), Mode: 0o100644}
			}
			r.Names(100, page...)
		},
		"long names without end": func(r *testkit.Request) {
			r.Names(1, testkit.Name{Name: strings.Repeat("x", 60_000), Mode: 0o100644})
		},
		"F35 empty pages without end": func(r *testkit.Request) { r.Names(0) },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			h, b := hostile(t)
			b.Limits.Files = 10_000
			h.On("readdir", fault)
			s := dialed(t, dialer(), b)
			before := heap()
			l, err := s.List(t.Context())
			must(t, err)
			if grown := heap() - before; grown > 32<<20 {
				t.Errorf("the heap grew by %d octets", grown)
			}
			if !l.Truncated || len(l.Files) > 10_000 || len(l.Strange) > strangeKept {
				t.Fatalf("%d files, %d strange, truncated %t", len(l.Files), len(l.Strange), l.Truncated)
			}
			h.On("readdir", nil)
			l, err = s.List(t.Context())
			if err != nil || l.Truncated {
				t.Fatalf("afterwards: %+v, %v", l, err)
			}
		})
	}
}

// B77-B83, B86: names as only a hostile server gives them.
func TestNamesThatOnlyAHostileServerGives(t *testing.T) {
	h, b := hostile(t)
	served := false
	h.On("readdir", func(r *testkit.Request) {
		if served || r.Path != fromBank {
			r.Status(1, "")
			return
		}
		served = true
		const file = 0o100644
		r.Names(13,
			testkit.Name{Name: "."}, testkit.Name{Name: ".."}, testkit.Name{Name: ".claimed", Mode: 0o40755},
			testkit.Name{Name: "../../etc/passwd", Mode: file}, testkit.Name{Name: "x/..", Mode: file}, testkit.Name{Name: "", Mode: file},
			testkit.Name{Name: "../from-bank/rep_2.zip", Mode: file}, testkit.Name{Name: "rep_3.zip\x00", Mode: file},
			testkit.Name{Name: "rep_1.zip", Size: 7, Mode: file}, testkit.Name{Name: "rep_1.zip", Size: 8, Mode: file}, // B86
			testkit.Name{Name: "rep_A.zip", Mode: file}, testkit.Name{Name: "rep_a.zip", Mode: file}, // B80
			testkit.Name{Name: "rep_device.zip", Mode: 0o20644},
		)
	})
	s := dialed(t, dialer(), b)
	l, err := s.List(t.Context())
	must(t, err)
	if got := entryNames(l.Files); got != "rep_1.zip rep_A.zip" || l.Files[0].Size != 7 {
		t.Fatalf("files %s", got)
	}
	if l.StrangeCount != 8 {
		t.Fatalf("%d strange: %v", l.StrangeCount, l.Strange)
	}
	if n := sent(h, "lstat"); n != 0 {
		t.Fatalf("%d names were looked at", n)
	}
}

// A server that does not tell types in its listing is asked for each well named file.
func TestListingWithoutTypesAsks(t *testing.T) {
	h, b := hostile(t)
	h.Put(fromBank+"/rep_1.zip", []byte("reply"))
	served := false
	h.On("readdir", func(r *testkit.Request) {
		if served {
			r.Status(1, "")
			return
		}
		served = true
		r.Names(3, testkit.Name{Name: "rep_1.zip", Size: 5}, testkit.Name{Name: "rep_gone.zip"}, testkit.Name{Name: "strange"})
	})
	s := dialed(t, dialer(), b)
	l, err := s.List(t.Context())
	must(t, err)
	if entryNames(l.Files) != "rep_1.zip" || sent(h, "lstat") != 2 {
		t.Fatalf("%+v after %v", l, h.Seen())
	}
}

// F36-F38: sizes that lie cost no memory and are noticed.
func TestSizesThatLie(t *testing.T) {
	tests := map[string]struct {
		told  int64
		fault func(*testkit.Request)
		want  Kind
	}{
		"F36 endless data behind a small size": {10, func(r *testkit.Request) { r.Data(make([]byte, 200<<10)) }, Changed},
		"F37 a huge size":                      {1 << 62, nil, Refused},
		"F37 a size that nothing follows":      {16 << 20, func(r *testkit.Request) { r.Status(1, "") }, Changed},
		"F38 a file that grew":                 {4, nil, Changed},
		"a file that shrank":                   {6, nil, Changed},
		"one octet at a time":                  {5, one, ""},
		"true":                                 {5, nil, ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			h, b := hostile(t)
			h.Put(fromBank+"/.claimed/"+claimed, []byte("reply"))
			if c.fault != nil {
				h.On("read", c.fault)
			}
			s := dialed(t, dialer(), b)
			data, err := s.Fetch(t.Context(), claimed, c.told)
			wantKind(t, err, c.want)
			if err == nil && string(data) != "reply" {
				t.Fatalf("got %q", data)
			}
			must(t, s.Discard(t.Context(), claimed))
		})
	}
}

// one answers a read with its first octet.
func one(r *testkit.Request) {
	p := r.Do()
	if p[0] == 103 {
		r.Data(p[9:10])
		return
	}
	r.Raw(p)
}

// F42, F43: a file that vanishes, and a folder that may not be made.
func TestClaimsThatFail(t *testing.T) {
	tests := map[string]struct {
		on    string
		fault func(*testkit.Request)
		want  Kind
	}{
		"F42 the bank takes it back before":    {"rename", func(r *testkit.Request) { r.Bank.Put(r.Path, nil); r.Honest() }, Gone},
		"done, but told as failed":             {"rename", func(r *testkit.Request) { r.Do(); r.Status(4, "Failure") }, Unknown},
		"done, then dropped":                   {"rename", func(r *testkit.Request) { r.Do(); r.Drop() }, Unknown},
		"denied":                               {"rename", func(r *testkit.Request) { r.Status(3, "") }, Refused},
		"failed without a reason":              {"rename", func(r *testkit.Request) { r.Status(4, "") }, Refused},
		"F43 the folder may not be made":       {"mkdir", func(r *testkit.Request) { r.Status(3, "") }, Refused},
		"the folder is made but never appears": {"mkdir", func(r *testkit.Request) { r.Status(0, "") }, Refused},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			h, b := hostile(t)
			if c.on == "mkdir" {
				b.SFTP.FromBank = "/" // no claimed folder there
			}
			h.Put(fromBank+"/rep_1.zip", []byte("reply"))
			h.Put("/rep_1.zip", []byte("reply"))
			h.On(c.on, c.fault)
			s := dialed(t, dialer(), b)
			wantKind(t, s.Claim(t.Context(), "rep_1.zip", claimed), c.want)
			if kept := h.Get(b.SFTP.FromBank + "/rep_1.zip"); c.want == Refused && c.on == "rename" && kept == nil {
				t.Fatal("the file is lost")
			}
		})
	}
}

// Removal never becomes the removal of a folder, and a status is not taken for success.
func TestRemovalsThatFail(t *testing.T) {
	h, b := hostile(t)
	h.Put(fromBank+"/.claimed/"+claimed, []byte("reply"))
	s := dialed(t, dialer(), b)
	h.On("remove", func(r *testkit.Request) { r.Status(4, "Failure") })
	wantKind(t, s.Discard(t.Context(), claimed), Refused)
	h.On("remove", func(r *testkit.Request) { r.Status(2, "") })
	must(t, s.Discard(t.Context(), claimed))
	h.On("remove", func(r *testkit.Request) { r.Drop() })
	wantKind(t, s.Discard(t.Context(), claimed), Unknown)
}

// B104: a server's words are cut, and cannot move the reader's cursor.
func TestStatusTextIsCutAndHarmless(t *testing.T) {
	h, b := hostile(t)
	h.On("opendir", func(r *testkit.Request) { r.Status(4, "\x1b[2J\r\n\u202e"+strings.Repeat("x", 200_000)) })
	h.On("open", func(r *testkit.Request) { r.Status(4, "\x1b[2J\r\n\u202e"+strings.Repeat("x", 200_000)) })
	s := dialed(t, dialer(), b)
	_, listErr := s.List(t.Context())
	for _, err := range []error{listErr, s.Upload(t.Context(), temp, final, nil)} {
		wantKind(t, err, Refused)
		if text := err.Error(); len(text) > 600 || strings.ContainsAny(text, "\x1b\r\n\u202e") {
			t.Fatalf("%d octets: %.200q", len(text), text)
		}
	}
}

// B100: what the server asks of us is refused and does no harm.
func TestServerMayOpenNothing(t *testing.T) {
	refused := make(chan error, 1)
	server := testkit.StartServer(t, testkit.ServerOptions{Beside: func(conn *ssh.ServerConn) {
		_, _, err := conn.OpenChannel("forwarded-tcpip", nil)
		refused <- err
		_, _, _ = conn.SendRequest("tcpip-forward", true, nil)
	}})
	b := profile(server.Host, server.Port, server.User, server.Key.File, server.Root, server.HostKeys...)
	s := dialed(t, dialer(), b)
	_, err := s.List(t.Context())
	must(t, err)
	var no *ssh.OpenChannelError
	if err := <-refused; !errors.As(err, &no) || no.Reason != ssh.Prohibited {
		t.Fatalf("the channel: %v", err)
	}
	must(t, s.Upload(t.Context(), temp, final, []byte("x")))
}

// Whatever octet towards the server is the last one, what a delivery tells is true: success means that the
// final name is there, a kind that promises no change means that it is not.
func TestCutAtEveryStretchTellsTheTruth(t *testing.T) {
	s := testkit.StartServer(t, testkit.ServerOptions{})
	relay := testkit.StartRelay(t, fmt.Sprintf("%s:%d", s.Host, s.Port), 0)
	kinds := map[Kind]int{}
	deliveries := 0
	for cut := int64(0); ; cut += 11 {
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
	if deliveries < 40 || kinds[Unknown] < 30 {
		t.Fatalf("%d deliveries, %v: the cut did not meet them", deliveries, kinds)
	}
}
