package mailbox

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"bankconnector/internal/testkit"
)

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
	tests := map[string]struct {
		fault func(*testkit.Request)
		pages int // asked for at most
	}{
		"F34 names without end": {func(r *testkit.Request) {
			page := make([]testkit.Name, 100)
			for i := range page {
				n++
				page[i] = testkit.Name{Name: fmt.Sprintf("rep_%d.zip", n), Mode: 0o100644}
			}
			r.Names(100, page...)
		}, 101},
		"long names without end": {func(r *testkit.Request) {
			r.Names(1, testkit.Name{Name: strings.Repeat("x", 60_000), Mode: 0o100644})
		}, 8<<20/60_000 + 1},
		"F35 empty pages without end": {func(r *testkit.Request) { r.Names(0) }, 3},
		"pages of dots without end":   {func(r *testkit.Request) { r.Names(2, testkit.Name{Name: "."}, testkit.Name{Name: ".."}) }, 3},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			h, b := hostile(t)
			b.Limits.Files = 10_000
			h.On("readdir", func(r *testkit.Request) {
				if r.Path == fromBank {
					c.fault(r)
					return
				}
				r.Status(1, "")
			})
			s := dialed(t, dialer(), b)
			before := heap()
			l, err := s.List(t.Context())
			must(t, err)
			if grown := heap() - before; grown > 32<<20 {
				t.Errorf("the heap grew by %d octets", grown)
			}
			if !l.Truncated || len(l.Files) > 10_000 || len(l.Strange) > 100 {
				t.Fatalf("%d files, %d strange, truncated %t", len(l.Files), len(l.Strange), l.Truncated)
			}
			if asked := sent(h, "readdir") - 1; asked > c.pages {
				t.Fatalf("%d pages were asked for", asked)
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
	h.On("readdir", func(r *testkit.Request) { // the folder of what we claimed is read meanwhile: it is empty
		if served || r.Path != fromBank {
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
