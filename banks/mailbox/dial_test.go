package mailbox

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"bankconnector/banks"
	"bankconnector/internal/testkit"
)

// inside is a server in the test, and the profile that meets it.
func inside(t *testing.T, o testkit.ServerOptions) (*testkit.Server, *banks.Bank) {
	t.Helper()
	s := testkit.StartServer(t, o)
	return s, profile(s.Host, s.Port, s.User, s.Key.File, s.Root, s.HostKeys...)
}

func rsaKey(t *testing.T, bits int) testkit.Key {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	must(t, err)
	return testkit.KeyOf(t, k)
}

func ecdsaKey(t *testing.T) testkit.Key {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return testkit.KeyOf(t, k)
}

func fingerprint(k testkit.Key) string { return ssh.FingerprintSHA256(k.Signer.PublicKey()) }

// F27-F29, B93, C2 of the field: the bank is met under a pinned key or not at all.
func TestHostKeys(t *testing.T) {
	ed, other, rsa3072, ec := testkit.NewKey(t), testkit.NewKey(t), rsaKey(t, 3072), ecdsaKey(t)
	weak := rsaKey(t, 2048)
	now := time.Now()
	pin := func(k testkit.Key) banks.HostKey { return banks.HostKey{Key: k.Line} }
	tests := map[string]struct {
		server []testkit.Key
		pins   []banks.HostKey
		want   Kind
		says   []string
	}{
		"the pinned key":                           {[]testkit.Key{ed}, []banks.HostKey{pin(ed)}, "", nil},
		"an rsa key signs with sha-2":              {[]testkit.Key{rsa3072}, []banks.HostKey{pin(rsa3072)}, "", nil},
		"several keys, the last kind is pinned":    {[]testkit.Key{rsa3072, ec, ed}, []banks.HostKey{pin(ed)}, "", nil},
		"several keys, the first kind is pinned":   {[]testkit.Key{rsa3072, ec, ed}, []banks.HostKey{pin(rsa3072)}, "", nil},
		"several keys, the middle kind is pinned":  {[]testkit.Key{rsa3072, ec, ed}, []banks.HostKey{pin(ec)}, "", nil},
		"a fingerprint is pinned":                  {[]testkit.Key{ed}, []banks.HostKey{{Key: fingerprint(ed)}}, "", nil},
		"a fingerprint among several keys":         {[]testkit.Key{rsa3072, ec, ed}, []banks.HostKey{{Key: fingerprint(ed)}}, "", nil},
		"F27 the key changed":                      {[]testkit.Key{other}, []banks.HostKey{pin(ed)}, Operator, []string{fingerprint(other), fingerprint(ed), "telephone"}},
		"F29 the key is of another kind":           {[]testkit.Key{ec}, []banks.HostKey{pin(ed)}, Operator, []string{fingerprint(ec), fingerprint(ed), "ecdsa-sha2-nistp256"}},
		"a weak key, though its print is pinned":   {[]testkit.Key{weak}, []banks.HostKey{{Key: fingerprint(weak)}}, Operator, []string{fingerprint(weak)}},
		"F28 rotation, before the change":          {[]testkit.Key{ed}, []banks.HostKey{pin(ed), pin(other)}, "", nil},
		"F28 rotation, after the change":           {[]testkit.Key{other}, []banks.HostKey{pin(ed), pin(other)}, "", nil},
		"the pin begins tomorrow":                  {[]testkit.Key{ed}, []banks.HostKey{{Key: ed.Line, From: now.Add(24 * time.Hour)}}, Operator, []string{fingerprint(ed), "only from"}},
		"the pin ended yesterday":                  {[]testkit.Key{ed}, []banks.HostKey{{Key: ed.Line, Until: now.Add(-24 * time.Hour)}}, Operator, []string{fingerprint(ed), "until"}},
		"the old pin ended, the new one is shown":  {[]testkit.Key{other}, []banks.HostKey{{Key: ed.Line, Until: now.Add(-time.Hour)}, pin(other)}, "", nil},
		"the old key after the end of its own pin": {[]testkit.Key{ed}, []banks.HostKey{{Key: ed.Line, Until: now.Add(-time.Hour)}, pin(other)}, Operator, []string{"pinned, but only until"}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			tried := 0
			_, b := inside(t, testkit.ServerOptions{HostKeys: c.server, Config: func(config *ssh.ServerConfig) {
				before := config.PublicKeyCallback
				config.PublicKeyCallback = func(m ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
					tried++
					return before(m, k)
				}
			}})
			b.SFTP.HostKeys = c.pins
			s, err := dialer().Dial(t.Context(), b)
			if err == nil {
				must(t, s.Close())
			}
			wantKind(t, err, c.want)
			for _, word := range c.says {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not tell %q", err, word)
				}
			}
			if c.want != "" && tried != 0 {
				t.Error("a login was tried at a server that is not the pinned one")
			}
		})
	}
}

// F31, B12 of the field: a refused login says what the server offered and what we have.
func TestLogins(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "password")
	must(t, os.WriteFile(secret, []byte("open sesame\n"), 0o600))
	open := filepath.Join(t.TempDir(), "open")
	must(t, os.WriteFile(open, []byte("open sesame\n"), 0o644))
	stranger := testkit.NewKey(t)
	interactive := func(c *ssh.ServerConfig) {
		c.PasswordCallback = nil
		c.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			got, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil || len(got) != 1 || got[0] != "open sesame" {
				return nil, os.ErrPermission
			}
			return nil, nil
		}
	}
	tests := map[string]struct {
		server         testkit.ServerOptions
		key, password  string // files; "own" = the registered key
		want           Kind
		says           []string
		mentionsSecret bool
	}{
		"the registered key":               {testkit.ServerOptions{}, "own", "", "", nil, false},
		"the password":                     {testkit.ServerOptions{NoKeys: true, Password: "open sesame"}, "", secret, "", nil, false},
		"the password to a question":       {testkit.ServerOptions{NoKeys: true, Config: interactive}, "", secret, "", nil, false},
		"the key is refused, the password": {testkit.ServerOptions{Password: "open sesame"}, stranger.File, secret, "", nil, false},
		"another key":                      {testkit.ServerOptions{}, stranger.File, "", Operator, []string{"offered publickey", fingerprint(stranger), "fssp"}, false},
		"another password":                 {testkit.ServerOptions{NoKeys: true, Password: "closed"}, "", secret, Operator, []string{"offered password", "we have password"}, false},
		"a key where passwords are wanted": {testkit.ServerOptions{NoKeys: true, Password: "x"}, "own", "", Operator, []string{"offered password", "we have publickey"}, false},
		"a password file that others read": {testkit.ServerOptions{}, "", open, Operator, []string{"chmod 600"}, false},
		"a key file that is not there":     {testkit.ServerOptions{}, "/nowhere/key", "", Operator, []string{"/nowhere/key"}, false},
		"a key file that is no key":        {testkit.ServerOptions{}, secret, "", Operator, []string{"key_file"}, false},
		"neither key nor password":         {testkit.ServerOptions{}, "", "", Operator, []string{"neither key_file nor password_file"}, false},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			server, b := inside(t, c.server)
			b.SFTP.KeyFile, b.SFTP.PasswordFile = c.key, c.password
			if c.key == "own" {
				b.SFTP.KeyFile = server.Key.File
			}
			s, err := dialer().Dial(t.Context(), b)
			if err == nil {
				must(t, s.Close())
			}
			wantKind(t, err, c.want)
			for _, word := range c.says {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not tell %q", err, word)
				}
			}
			if err != nil && strings.Contains(err.Error(), "sesame") {
				t.Errorf("%q tells the password", err)
			}
		})
	}
}

// F24, B95: whatever a server does before it is one, it has 20 s, here 300 ms.
func TestServersThatNeverGreet(t *testing.T) {
	tests := map[string]func(net.Conn){
		"mute": func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<20)); _, _ = c.Read(make([]byte, 1)) },
		"slow loris": func(c net.Conn) {
			for range 200 {
				if _, err := c.Write([]byte("S")); err != nil {
					return
				}
				<-time.After(20 * time.Millisecond)
			}
		},
		"lines without end": func(c net.Conn) {
			line := []byte(strings.Repeat("x", 200) + "\r\n")
			for {
				if _, err := c.Write(line); err != nil {
					return
				}
			}
		},
		"one line without end": func(c net.Conn) {
			for {
				if _, err := c.Write([]byte(strings.Repeat("x", 4096))); err != nil {
					return
				}
			}
		},
		"another protocol": func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) },
		"hangs up":         func(net.Conn) {},
		"greets and is mute": func(c net.Conn) {
			_, _ = c.Write([]byte("SSH-2.0-OpenSSH_9.2\r\n"))
			for {
				if _, err := c.Read(make([]byte, 4096)); err != nil {
					return
				}
			}
		},
	}
	for name, serve := range tests {
		t.Run(name, func(t *testing.T) {
			host, port := testkit.StartTCP(t, serve)
			key := testkit.NewKey(t)
			b := profile(host, port, "fssp", key.File, testkit.Root{ToBank: "/a", FromBank: "/b"}, key)
			d := &Dialer{Now: time.Now, Handshake: 300 * time.Millisecond}
			began := time.Now()
			_, err := d.Dial(t.Context(), b)
			wantKind(t, err, Transient)
			if took := time.Since(began); took > 5*time.Second {
				t.Fatalf("took %v", took)
			}
		})
	}
}

// A server that talks for ever after the handshake, and answers nothing, is cut off by octets.
func TestServerThatTalksForEverIsCutOff(t *testing.T) {
	h := testkit.NewHostile(toBank, fromBank)
	begin := make(chan struct{})
	s, b := inside(t, testkit.ServerOptions{Serve: h.Serve, Beside: func(conn *ssh.ServerConn) {
		<-begin
		for {
			if _, _, err := conn.SendRequest("chatter", false, make([]byte, 30_000)); err != nil {
				return
			}
		}
	}})
	h.Cut = s.Cut
	b.SFTP.ToBank, b.SFTP.FromBank = toBank, fromBank
	start := sync.OnceFunc(func() { close(begin) }) // two folders are opened
	h.On("opendir", func(*testkit.Request) { start() })
	b.SFTP.Timeout = time.Minute
	_, err := dialed(t, dialer(), b).List(t.Context())
	wantKind(t, err, Unknown)
	if !strings.Contains(err.Error(), "goes on sending") {
		t.Fatalf("%v", err)
	}
}

func TestDialGivesUpWithItsContext(t *testing.T) {
	host, port := testkit.StartTCP(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); _, _ = c.Read(make([]byte, 1<<16)) })
	key := testkit.NewKey(t)
	b := profile(host, port, "fssp", key.File, testkit.Root{ToBank: "/a", FromBank: "/b"}, key)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := dialer().Dial(ctx, b)
	wantKind(t, err, Transient)
}

func TestProfilesThatCannotBeDialled(t *testing.T) {
	_, good := inside(t, testkit.ServerOptions{})
	tests := map[string]func(*banks.Bank){
		"no host key":          func(b *banks.Bank) { b.SFTP.HostKeys = nil },
		"no host":              func(b *banks.Bank) { b.SFTP.Host = "" },
		"no user":              func(b *banks.Bank) { b.SFTP.User = "" },
		"a folder that climbs": func(b *banks.Bank) { b.SFTP.ToBank = "/a/../b" },
		"a folder with a NUL":  func(b *banks.Bank) { b.SFTP.FromBank = "/a\x00" },
		"no common algorithm":  func(b *banks.Bank) { b.SFTP.Algorithms.KEX = []string{"diffie-hellman-group1-sha1"} },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			b := *good
			spoil(&b)
			_, err := dialer().Dial(t.Context(), &b)
			wantKind(t, err, Operator)
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		b := *good
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		b.SFTP.Port = l.Addr().(*net.TCPAddr).Port
		must(t, l.Close())
		_, err = dialer().Dial(t.Context(), &b)
		wantKind(t, err, Transient)
	})
}
