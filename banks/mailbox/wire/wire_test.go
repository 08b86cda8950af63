package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/pkg/sftp"
	"go.uber.org/goleak"

	"bankconnector/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wired is a client on a wire to a server in memory.
func wired(t *testing.T, h *testkit.Hostile) (*Wire, *sftp.Client) {
	t.Helper()
	ours, theirs := net.Pipe()
	served := make(chan struct{})
	go func() { h.Serve(theirs); close(served) }()
	w := New(ours, func() {}, func(error) { _ = ours.Close() })
	pumped := make(chan struct{})
	go func() { w.Pump(); close(pumped) }()
	c, err := sftp.NewClientPipe(w, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.End(errors.New("the test is over"))
		_ = c.Close()
		_ = theirs.Close()
		<-pumped
		<-served
	})
	return w, c
}

// What a session must never ask of a bank cannot leave, whatever the library is told to do.
func TestRequestsThatNeverLeave(t *testing.T) {
	h := testkit.NewHostile("/", "/folder")
	h.Put("/file", []byte("x"))
	_, c := wired(t, h)
	tests := map[string]func() error{
		"chmod":    func() error { return c.Chmod("/file", 0o600) },
		"truncate": func() error { return c.Truncate("/file", 0) },
		"rmdir":    func() error { return c.RemoveDirectory("/folder") },
		"remove":   func() error { return c.Remove("/file") },
		"symlink":  func() error { return c.Symlink("/file", "/link") },
		"stat":     func() error { _, err := c.Stat("/file"); return err },
		"readdir":  func() error { _, err := c.ReadDir("/"); return err },
		"readlink": func() error { _, err := c.ReadLink("/file"); return err },
		"setstat of an open file": func() error {
			f, err := c.OpenFile("/file", os.O_WRONLY)
			if err != nil {
				return nil
			}
			return errors.Join(f.Chmod(0o600), f.Close())
		},
	}
	for name, act := range tests {
		t.Run(name, func(t *testing.T) {
			if err := act(); !errors.Is(err, errDenied) {
				t.Fatalf("%v", err)
			}
			if info, err := c.Lstat("/file"); err != nil || info.Size() != 1 {
				t.Fatalf("the wire is not usable afterwards: %v", err)
			}
		})
	}
	for _, r := range h.Seen() {
		if kind, _, _ := strings.Cut(r, " "); kind != "init" && kind != "lstat" && kind != "open" && kind != "close" {
			t.Errorf("%q has left", r)
		}
	}
}

func TestReaddirGivesNamesUncut(t *testing.T) {
	h := testkit.NewHostile("/")
	for _, n := range []string{"/b", "/a", "/c"} {
		h.Put(n, []byte(n))
	}
	w, _ := wired(t, h)
	items, more, err := w.Readdir(t.Context(), "/", 10)
	if err != nil || more || len(items) != 3 || items[0].Name != "a" || items[0].Size != 2 || !items[0].Regular() {
		t.Fatalf("%+v, %t, %v", items, more, err)
	}
	if items, more, err = w.Readdir(t.Context(), "/", 3); err != nil || more || len(items) != 3 {
		t.Fatalf("exactly the limit: %d, %t, %v", len(items), more, err)
	}
	if items, more, err = w.Readdir(t.Context(), "/", 2); err != nil || !more || len(items) != 2 {
		t.Fatalf("one over the limit: %d, %t, %v", len(items), more, err)
	}
	if _, _, err = w.Readdir(t.Context(), "/none", 2); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v", err)
	}
	h.On("opendir", func(r *testkit.Request) { r.Status(3, "") })
	if _, _, err = w.Readdir(t.Context(), "/", 2); !errors.Is(err, fs.ErrPermission) {
		t.Fatalf("%v", err)
	}
}

// When the time for a listing is over it stops between two pages, and the wire goes on.
func TestReaddirStopsWithItsContext(t *testing.T) {
	h := testkit.NewHostile("/")
	for i := range 500 {
		h.Put(path.Join("/", string(rune('a'+i%26))+strings.Repeat("x", i)), []byte{})
	}
	ctx, cancel := context.WithCancel(t.Context())
	h.On("readdir", func(r *testkit.Request) { cancel(); r.Honest() })
	w, c := wired(t, h)
	items, more, err := w.Readdir(ctx, "/", 1000)
	if err != nil || !more || len(items) == 0 {
		t.Fatalf("%d, %t, %v", len(items), more, err)
	}
	if _, err := c.Lstat("/"); err != nil {
		t.Fatal(err)
	}
}

func TestRemoveRemovesFilesOnly(t *testing.T) {
	h := testkit.NewHostile("/", "/folder")
	h.Put("/file", []byte("x"))
	w, _ := wired(t, h)
	if err := w.Remove("/file"); err != nil {
		t.Fatal(err)
	}
	if err := w.Remove("/folder"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v", err)
	}
	h.On("remove", func(r *testkit.Request) { r.Status(4, "no") })
	if err := w.Remove("/file"); !errors.Is(err, Status{Failure, "no"}) {
		t.Fatalf("%v", err)
	}
}

// A wire that ended releases whoever waits for an answer of our own.
func TestEndReleasesAskers(t *testing.T) {
	h := testkit.NewHostile("/")
	asked := make(chan struct{})
	h.On("remove", func(*testkit.Request) { close(asked) })
	w, _ := wired(t, h)
	cause := errors.New("given up")
	released := make(chan error, 1)
	go func() { released <- w.Remove("/file") }()
	<-asked
	if owed, _, _ := w.Tick(); owed != 1 {
		t.Fatalf("%d answers are owed", owed)
	}
	for range 5 {
		w.Tick()
	}
	if _, age, _ := w.Tick(); age != 7 {
		t.Fatalf("the oldest is %d ticks old", age)
	}
	w.End(cause)
	if err := <-released; !errors.Is(err, cause) {
		t.Fatalf("%v", err)
	}
	if err := w.Remove("/file"); !errors.Is(err, cause) {
		t.Fatalf("%v", err)
	}
}

// Writers wait when the bank takes nothing, instead of filling our memory; End releases them.
func TestWritersWaitForTheChannel(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	w := New(ours, func() {}, func(error) { _ = ours.Close() })
	frame := make([]byte, 4+32<<10)
	binary.BigEndian.PutUint32(frame, 32<<10)
	frame[4] = fxWrite
	stopped := make(chan int)
	go func() {
		n := 0
		for {
			if _, err := w.Write(frame); err != nil {
				stopped <- n
				return
			}
			n++
		}
	}()
	for {
		w.mu.Lock()
		full := len(w.queue) > queueLimit
		w.mu.Unlock()
		if full {
			break
		}
	}
	w.End(io.ErrClosedPipe)
	if n := <-stopped; n*len(frame) > queueLimit+2*len(frame) {
		t.Fatalf("%d octets were queued", n*len(frame))
	}
}

// script answers reads as a test says.
type script func(p []byte, off int64) (int, error)

func (s script) ReadAt(p []byte, off int64) (int, error) { return s(p, off) }

func TestReadAll(t *testing.T) {
	text := []byte("0123456789")
	honest := func(p []byte, off int64) (int, error) { return bytes.NewReader(text).ReadAt(p, off) }
	tests := map[string]struct {
		size int64
		read script
		want string
		more bool
		err  error
	}{
		"exactly":             {10, honest, "0123456789", false, nil},
		"longer than told":    {4, honest, "0123", true, nil},
		"shorter than told":   {20, honest, "0123456789", false, nil},
		"nothing wanted":      {0, honest, "", true, nil},
		"short answers":       {10, func(p []byte, off int64) (int, error) { return honest(p[:1], off) }, "0123456789", false, nil},
		"short, called ended": {10, func(p []byte, off int64) (int, error) { n, _ := honest(p[:min(3, len(p))], off); return n, io.EOF }, "0123456789", false, nil},
		"an error":            {10, func([]byte, int64) (int, error) { return 0, fs.ErrPermission }, "", false, fs.ErrPermission},
		"nothing, for ever":   {10, func([]byte, int64) (int, error) { return 0, nil }, "", false, ErrEmpty},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			got, more, err := ReadAll(c.read, c.size)
			if string(got) != c.want || more != c.more || !errors.Is(err, c.err) {
				t.Fatalf("%q, %t, %v", got, more, err)
			}
		})
	}
}

// FuzzNames: a listing from anywhere is refused or read, within its own size, and never panics.
func FuzzNames(f *testing.F) {
	name := func(count uint32, parts ...[]byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, count), bytes.Join(parts, nil)...)
	}
	plain := append(append(str("rep_1.zip"), str("-rw")...), 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0x81, 0xa4)
	f.Add(name(0))
	f.Add(name(1, plain))
	f.Add(name(2, plain, plain))
	f.Add(name(1<<32-1, plain))
	f.Add(name(1, str("x"), str(""), []byte{0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}))
	f.Add(name(1, []byte{0xff, 0xff, 0xff, 0xff}))
	f.Fuzz(func(t *testing.T, body []byte) {
		items, err := packet{kind: fxName, body: body}.names()
		total := 0
		for _, it := range items {
			total += len(it.Name)
		}
		if total > len(body) || len(items) > len(body)/12 {
			t.Fatalf("%d names of %d octets from %d", len(items), total, len(body))
		}
		if err != nil && items != nil {
			t.Fatal("an error and names")
		}
	})
}

// canned is a channel whose server has said all it will ever say.
type canned struct{ io.Reader }

func (canned) Write(p []byte) (int, error) { return len(p), nil }
func (canned) Close() error                { return nil }

// FuzzAnswers: whatever a server says, every question ends, and nothing panics.
func FuzzAnswers(f *testing.F) {
	greeting := []byte{0, 0, 0, 5, fxVersion, 0, 0, 0, 3}
	reply := func(kind byte, id uint32, body ...byte) []byte {
		p := binary.BigEndian.AppendUint32(nil, uint32(5+len(body)))
		return append(binary.BigEndian.AppendUint32(append(p, kind), id), body...)
	}
	f.Add(greeting)
	f.Add(append(bytes.Clone(greeting), reply(fxStatus, 1, 0, 0, 0, 2)...))
	f.Add(append(bytes.Clone(greeting), reply(fxHandle, ownID, 0, 0, 0, 1, 'h')...))
	f.Add(append(bytes.Clone(greeting), reply(fxName, ownID, 0xff, 0xff, 0xff, 0xff)...))
	f.Add(append(bytes.Clone(greeting), 0xff, 0xff, 0xff, 0xff, fxStatus))
	f.Fuzz(func(t *testing.T, said []byte) {
		var ended error
		w := New(canned{bytes.NewReader(said)}, func() {}, func(err error) { ended = err })
		pumped := make(chan struct{})
		go func() { w.Pump(); close(pumped) }()
		c, err := sftp.NewClientPipe(w, w)
		if err == nil {
			asked := make(chan struct{})
			go func() { _, _, _ = w.Readdir(t.Context(), "/", 10); close(asked) }()
			_, _ = c.Lstat("/")
			<-asked
			_ = c.Close()
		}
		w.End(io.EOF)
		<-pumped
		if ended == nil {
			t.Fatal("nobody was told that the wire ended")
		}
	})
}
