package vault

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bankconnector/banks"
	"bankconnector/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openssh(t *testing.T, o testkit.SSHDOptions) (*Config, string) {
	s := testkit.StartSSHD(t, o)
	c := &Config{Host: s.Host, Port: s.Port, User: s.User, KeyFile: s.Key.File, Folder: s.Root.ToBank, Timeout: 10 * time.Second}
	c.HostKeys = []banks.HostKey{{Key: s.HostKeys[0].Line}}
	return c, s.Root.ToBank
}

func opened(t *testing.T, c *Config) *Vault {
	t.Helper()
	v, err := Open(t.Context(), c, time.Now())
	must(t, err)
	t.Cleanup(func() { must(t, v.Close()) })
	return v
}

func random(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // it never fails
	return data
}

// shown is every name in a folder and below, the unfinished ones too.
func shown(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	must(t, filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, p)
			names = append(names, name)
		}
		return err
	}))
	return strings.Join(names, " ")
}

// TestOpenSSH puts, replaces, lists and gets on the real server, of both makes.
func TestOpenSSH(t *testing.T) {
	for name, external := range map[string]bool{"internal-sftp": false, "sftp-server": true} {
		t.Run(name, func(t *testing.T) {
			c, dir := openssh(t, testkit.SSHDOptions{External: external})
			v := opened(t, c)
			for _, size := range []int{0, 1, chunk - 1, chunk * inFlight, 3*chunk*inFlight + 17} {
				data := random(size)
				must(t, v.Put(t.Context(), "store/000001.tar", bytes.NewReader(data), int64(size)))
				disk, err := os.ReadFile(filepath.Join(dir, "store", "000001.tar"))
				must(t, err)
				var got bytes.Buffer
				must(t, v.Get(t.Context(), "store/000001.tar", &got, int64(size)))
				if !bytes.Equal(disk, data) || !bytes.Equal(got.Bytes(), data) {
					t.Errorf("%d octets came as %d, back as %d", size, len(disk), got.Len())
				}
			}
			must(t, v.Put(t.Context(), "journal.db", strings.NewReader("book"), 4))
			must(t, os.WriteFile(filepath.Join(dir, ".strange"), nil, 0o600))
			must(t, os.WriteFile(filepath.Join(dir, "half.part"), nil, 0o600))
			must(t, os.WriteFile(filepath.Join(dir, "a b"), nil, 0o600))
			files, folders, err := v.Sizes(t.Context(), "")
			must(t, err)
			if len(files) != 1 || files["journal.db"] != 4 || len(folders) != 1 || folders[0] != "store" {
				t.Errorf("it shows %v, %v", files, folders)
			}
			if files, _, err := v.Sizes(t.Context(), "none"); err != nil || len(files) != 0 {
				t.Errorf("a folder that is not there: %v, %v", files, err)
			}
			for _, size := range []int64{3, 5} {
				if err := v.Get(t.Context(), "journal.db", io.Discard, size); !errors.Is(err, ErrChanged) {
					t.Errorf("4 octets taken for %d: %v", size, err)
				}
			}
			if err := v.Put(t.Context(), "short", strings.NewReader("x"), 2); !errors.Is(err, ErrChanged) {
				t.Errorf("a source that is shorter: %v", err)
			}
			if got := shown(t, dir); strings.Contains(got, "short") {
				t.Errorf("left: %s", got)
			}
		})
	}
}

// TestInterrupted cuts the connection at many places: nothing has the name, the older file of that name is whole, and
// the next run sweeps what is left.
func TestInterrupted(t *testing.T) {
	c, dir := openssh(t, testkit.SSHDOptions{})
	relay := testkit.StartRelay(t, c.address(), 0)
	data := random(3 << 20)
	must(t, os.WriteFile(filepath.Join(dir, "old"), []byte("old"), 0o600))
	cut := *c
	cut.Host, cut.Port = relay.Host, relay.Port
	for _, octets := range []int64{50_000, 1 << 20, 3 << 20, 4 << 20} {
		relay.CutAfter(-1)
		v, err := Open(t.Context(), &cut, time.Now())
		must(t, err)
		relay.CutAfter(octets)
		if err := errors.Join(v.Put(t.Context(), "old", bytes.NewReader(data), int64(len(data))), v.Put(t.Context(), "new", bytes.NewReader(data), int64(len(data)))); err == nil {
			t.Errorf("cut after %d octets and all was well", octets)
		}
		must(t, v.Close())
		if _, err := os.Stat(filepath.Join(dir, "new")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("cut after %d octets: new is there", octets)
		}
		if old, err := os.ReadFile(filepath.Join(dir, "old")); err != nil || len(old) != 3 && len(old) != len(data) {
			t.Errorf("cut after %d octets: old has %d octets", octets, len(old))
		}
	}
	if got := shown(t, dir); !strings.Contains(got, ".part") {
		t.Errorf("nothing was ever half written: %s", got)
	}
	v := opened(t, c)
	must(t, v.Sweep(t.Context(), "", "store"))
	if got := shown(t, dir); got != "old" {
		t.Errorf("after the sweep: %s", got)
	}
}

// TestRefused are servers that must not be trusted with a copy, and disks that fail under it.
func TestRefused(t *testing.T) {
	t.Run("AnotherHostKey", func(t *testing.T) {
		c, _ := openssh(t, testkit.SSHDOptions{})
		c.HostKeys = []banks.HostKey{{Key: testkit.NewKey(t).Line}}
		if _, err := Open(t.Context(), c, time.Now()); err == nil || !strings.Contains(err.Error(), "nothing was sent") {
			t.Errorf("%v", err)
		}
	})
	t.Run("NoFolder", func(t *testing.T) {
		c, _ := openssh(t, testkit.SSHDOptions{})
		c.Folder += "-none"
		if _, err := Open(t.Context(), c, time.Now()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v", err)
		}
	})
	t.Run("FlushFails", func(t *testing.T) {
		c, dir := openssh(t, testkit.SSHDOptions{External: true, Inject: "fsync:error=EIO:when=1"})
		v := opened(t, c)
		if err := v.Put(t.Context(), "copy", strings.NewReader("x"), 1); err == nil || shown(t, dir) != "" {
			t.Errorf("%v, left: %s", err, shown(t, dir))
		}
		must(t, v.Put(t.Context(), "copy", strings.NewReader("x"), 1))
	})
	t.Run("KilledAtTheRename", func(t *testing.T) {
		c, dir := openssh(t, testkit.SSHDOptions{External: true, Inject: "?rename,?renameat,?renameat2:signal=SIGKILL:when=1"})
		v := opened(t, c)
		if err := v.Put(t.Context(), "copy", strings.NewReader("x"), 1); !errors.Is(err, ErrAway) || strings.Contains(" "+shown(t, dir), " copy") {
			t.Errorf("%v, left: %s", err, shown(t, dir))
		}
	})
	t.Run("NoReplacing", func(t *testing.T) {
		h := testkit.NewHostile("/copies")
		h.Extensions = nil
		if _, err := Open(t.Context(), hostile(t, h), time.Now()); err == nil || !strings.Contains(err.Error(), "posix-rename") {
			t.Errorf("%v", err)
		}
	})
	t.Run("KeepsOtherBytes", func(t *testing.T) {
		h := testkit.NewHostile("/copies")
		v := opened(t, hostile(t, h))
		h.On("read", func(r *testkit.Request) { r.Data([]byte("yyyyy")) })
		if err := v.Put(t.Context(), "copy", strings.NewReader("xxxxx"), 5); !errors.Is(err, ErrChanged) || h.Get("/copies/copy") != nil {
			t.Errorf("%v", err)
		}
	})
	t.Run("Silent", func(t *testing.T) {
		h := testkit.NewHostile("/copies")
		c := hostile(t, h)
		c.Timeout = 50 * time.Millisecond
		v := opened(t, c)
		h.On("write", func(*testkit.Request) {})
		if err := v.Put(t.Context(), "copy", strings.NewReader("x"), 1); err == nil || !strings.Contains(err.Error(), "silent") {
			t.Errorf("%v", err)
		}
	})
	t.Run("GivenUp", func(t *testing.T) {
		h := testkit.NewHostile("/copies")
		v := opened(t, hostile(t, h))
		ctx, stop := context.WithCancel(t.Context())
		h.On("write", func(*testkit.Request) { stop() })
		if err := v.Put(ctx, "copy", strings.NewReader("x"), 1); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("ListsForeignNames", func(t *testing.T) {
		h := testkit.NewHostile("/copies")
		v := opened(t, hostile(t, h))
		page := 0
		h.On("readdir", func(r *testkit.Request) {
			if page++; page > 1 {
				r.Status(1, "")
				return
			}
			r.Names(3, testkit.Name{Name: "../../etc/passwd", Mode: 0o100644}, testkit.Name{Name: "x\x00", Mode: 0o100644}, testkit.Name{Name: "good", Mode: 0o100644})
		})
		if files, _, err := v.Sizes(t.Context(), ""); err != nil || len(files) != 1 {
			t.Errorf("%v, %v", files, err)
		}
	})
}

func hostile(t *testing.T, h *testkit.Hostile) *Config {
	s := testkit.StartServer(t, testkit.ServerOptions{Serve: h.Serve})
	return &Config{
		Host: s.Host, Port: s.Port, User: s.User, KeyFile: s.Key.File, Folder: "/copies",
		HostKeys: []banks.HostKey{{Key: s.HostKeys[0].Line}},
	}
}

// endless gives zeros, and looks from time to time how much memory is held.
type endless struct {
	reads int
	most  uint64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.reads++; e.reads%256 == 0 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		e.most = max(e.most, m.HeapAlloc)
	}
	clear(p)
	return len(p), nil
}

// TestMemory: what is held does not grow with what is carried.
func TestMemory(t *testing.T) {
	const size, most = 96 << 20, 24 << 20
	c, dir := openssh(t, testkit.SSHDOptions{})
	v, e := opened(t, c), new(endless)
	must(t, v.Put(t.Context(), "large", e, size))
	if info, err := os.Stat(filepath.Join(dir, "large")); err != nil || info.Size() != size || e.most > most || e.most == 0 {
		t.Errorf("%v, %v, held %d octets, allowed %d", info, err, e.most, most)
	}
	t.Logf("%d octets were carried with %d held", size, e.most)
}

func TestCheck(t *testing.T) {
	good := Config{Host: "copies.example", User: "x", KeyFile: "k", Folder: "/copies"}
	if p := good.Check(); len(p) > 0 || good.String() != "sftp://x@copies.example:22/copies" {
		t.Errorf("%s: %v", &good, p)
	}
	for name, bad := range map[string]Config{
		"host": {Host: "sftp://x", User: "x", KeyFile: "k", Folder: "/copies"}, "folder": {Host: "x", User: "x", KeyFile: "k", Folder: "/a/../b"},
		"": {Host: "x", User: "x", Folder: "/copies"},
	} {
		if p := bad.Check(); len(p) != 1 || p[0].Path != name {
			t.Errorf("%q: %v", name, p)
		}
	}
}
