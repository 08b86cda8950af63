package host

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/pkg/sftp"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// key makes the same key for the same letter.
func key(t *testing.T, letter byte) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{letter}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// diary records what a Watcher is told.
type diary struct {
	mu   sync.Mutex
	list []string
}

func (d *diary) add(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, s)
}

func (d *diary) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.list)
}

func (d *diary) Opened(name string) { d.add("opened " + name) }
func (d *diary) Closed(name string, end Ending) {
	d.add([]string{"whole ", "torn ", "unmade "}[end] + name)
}
func (d *diary) Moved(name string) { d.add("moved " + name) }
func (d *diary) Taken(name string) { d.add("taken " + name) }

// rig is a running server and how to reach it.
type rig struct {
	*Server
	dir   string
	diary *diary
	t     *testing.T
}

func start(t *testing.T, h Habits) *rig {
	t.Helper()
	return startIn(t, t.TempDir(), h)
}

func options(t *testing.T, dir string, h Habits, d *diary) Options {
	t.Helper()
	return Options{
		Name: "044525225", Dir: dir, HostKey: key(t, 'h'), Authorized: []ssh.PublicKey{key(t, 'c').PublicKey()},
		User: "fssp", Listen: "127.0.0.1", Habits: h, Watch: d, Log: slog.New(slog.DiscardHandler),
	}
}

func startIn(t *testing.T, dir string, h Habits) *rig {
	t.Helper()
	d := &diary{}
	s, err := Open(t.Context(), options(t, dir, h, d))
	if err != nil {
		t.Fatal(err)
	}
	s.Serve()
	t.Cleanup(func() { _ = s.Close() })
	return &rig{Server: s, dir: dir, diary: d, t: t}
}

func (r *rig) config() *ssh.ClientConfig {
	auth := []ssh.AuthMethod{ssh.PublicKeys(key(r.t, 'c'))}
	return &ssh.ClientConfig{User: "fssp", Auth: auth, HostKeyCallback: ssh.FixedHostKey(key(r.t, 'h').PublicKey())}
}

// client logs in and opens an SFTP session.
func (r *rig) client() *sftp.Client {
	r.t.Helper()
	conn, err := ssh.Dial("tcp", r.Addr(), r.config())
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := sftp.NewClient(conn)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _, _ = c.Close(), conn.Close() })
	return c
}

func put(t *testing.T, c *sftp.Client, name, text string) error {
	t.Helper()
	f, err := c.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(text))
	return errors.Join(err, f.Close())
}

func (r *rig) mustPut(c *sftp.Client, name, text string) {
	r.t.Helper()
	if err := put(r.t, c, name, text); err != nil {
		r.t.Fatalf("put %s: %v", name, err)
	}
}

// disk reads a file of the home, "absent" if it is not there.
func (r *rig) disk(name string) string {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, "root", name))
	if errors.Is(err, fs.ErrNotExist) {
		return "absent"
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

func (r *rig) writeDisk(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "root", name), []byte(text), 0o640); err != nil {
		r.t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code uint32) {
	t.Helper()
	var status *sftp.StatusError
	switch {
	case errors.As(err, &status) && status.Code == code:
	case code == 2 && errors.Is(err, fs.ErrNotExist), code == 3 && errors.Is(err, fs.ErrPermission):
	default:
		t.Errorf("got error %v, want SFTP status %d", err, code)
	}
}
