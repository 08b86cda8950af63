// Package host is the SSH and SFTP server of one simulated bank: a login, a home with
// two exchange folders of real files, and the faults and differences that such servers
// have. It tells a Watcher what the client does and knows nothing of what the files
// hold. It calls no other room.
package host

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// handshakeTime is how long a client may take to log in.
const handshakeTime = 20 * time.Second

// Habits are the ways in which a server differs from the usual one.
type Habits struct {
	Pause            time.Duration // before each request, one after the other
	Mute             bool          // accepts connections and says nothing
	Down             bool          // does not listen
	NoPosixRename    bool
	NoRename         bool // refuses every rename
	DropBox          bool // to-bank can only be written: nothing there is seen, read, moved or removed
	NoFsync          bool
	Clobber          bool // plain rename replaces an existing file
	NoListHome       bool
	ReadonlyFromBank bool
	CrashRename      bool // drops the connection after some renames, before the answer
	DropRename       bool // drops it instead of some renames
}

// Options describe one server.
type Options struct {
	Name       string // of the bank, for messages
	Dir        string // holds root/ with the exchange folders, and the file port
	HostKey    ssh.Signer
	Authorized []ssh.PublicKey // keys that may log in
	User       string
	Password   string // "" = login by key only
	Listen     string // address without port
	Port       int    // 0 = the port of the last start, or any free one
	Habits     Habits
	Watch      Watcher
	Log        *slog.Logger
}

// Server is the SSH server of one bank: one listener, its own host key, one user.
type Server struct {
	name   string
	habits Habits
	folder *folder
	config *ssh.ServerConfig
	log    *slog.Logger

	listener net.Listener // nil for a bank that is down
	addr     string
	wait     sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
}

// Open takes the port; nobody is served before Serve. It makes the exchange folders
// if they are not there.
func Open(ctx context.Context, o Options) (*Server, error) {
	if o.HostKey == nil {
		return nil, errors.New("open server: no host key")
	}
	for _, name := range []string{ToBank, FromBank} {
		if err := os.MkdirAll(filepath.Join(o.Dir, "root", name), 0o750); err != nil {
			return nil, fmt.Errorf("open server: %w", err)
		}
	}
	root, err := os.OpenRoot(filepath.Join(o.Dir, "root"))
	if err != nil {
		return nil, fmt.Errorf("open server: %w", err)
	}
	s := &Server{
		name: o.Name, habits: o.Habits, log: o.Log, conns: map[net.Conn]bool{},
		folder: &folder{root: root, habits: o.Habits, watch: o.Watch},
		config: logins(o),
	}
	if err := s.listen(ctx, filepath.Join(o.Dir, "port"), o.Listen, o.Port); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

// Addr returns host:port, also for a server that is down.
func (s *Server) Addr() string { return s.addr }

// logins are the login rules: one user, registered keys, perhaps a password.
func logins(b Options) *ssh.ServerConfig {
	c := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-rehearsal",
		PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if c.User() == b.User {
				for _, k := range b.Authorized {
					if bytes.Equal(k.Marshal(), key.Marshal()) {
						return &ssh.Permissions{}, nil
					}
				}
			}
			return nil, fmt.Errorf("key %s is not registered for user %q", ssh.FingerprintSHA256(key), c.User())
		},
	}
	if b.Password != "" {
		c.PasswordCallback = func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if c.User() == b.User && subtle.ConstantTimeCompare(password, []byte(b.Password)) == 1 {
				return &ssh.Permissions{}, nil
			}
			return nil, errors.New("wrong user or password")
		}
	}
	c.AddHostKey(b.HostKey)
	return c
}

// listen takes the port given, or the one kept in file from an earlier run, or any
// free one, and keeps it there so that the bank answers there after a restart.
func (s *Server) listen(ctx context.Context, file, address string, port int) error {
	if port == 0 {
		var err error
		if port, err = keptPort(file); err != nil {
			return err
		}
	}
	l, err := s.bind(ctx, address, port)
	if err != nil {
		return fmt.Errorf("listen for bank %s (its port is kept in %s; stop whoever uses it, or remove the file to get another port): %w", s.name, file, err)
	}
	s.addr = l.Addr().String()
	_, text, _ := net.SplitHostPort(s.addr)
	if err := replaceFile(file, []byte(text+"\n")); err != nil {
		return errors.Join(fmt.Errorf("keep port: %w", err), l.Close())
	}
	if s.habits.Down {
		return l.Close()
	}
	s.listener = l
	return nil
}

// The ports to choose from lie below those that the kernel gives to clients, so that
// no connection can sit on a bank's port while the bank is restarted.
const firstPort, ports = 20_000, 12_000

// bind takes the port, or for 0 the first free one from a place that name and folder
// decide.
func (s *Server) bind(ctx context.Context, address string, port int) (net.Listener, error) {
	listen := func(port int) (net.Listener, error) {
		return (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(port)))
	}
	if port != 0 {
		return listen(port)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.folder.root.Name() + s.name))
	for i := range uint32(1000) {
		l, err := listen(firstPort + int((h.Sum32()+i)%ports))
		if !errors.Is(err, syscall.EADDRINUSE) {
			return l, err
		}
	}
	return listen(0)
}

// replaceFile writes a small file in one step.
func replaceFile(path string, data []byte) error {
	temp := path + ".tmp"
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// keptPort reads the port of an earlier run, 0 if there was none.
func keptPort(file string) (int, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read port: %w", err)
	}
	port, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("read port: %s holds %q, not a port number; remove the file", file, text)
	}
	return port, nil
}

// Serve starts to accept connections and returns.
func (s *Server) Serve() {
	l := s.listener
	if l == nil {
		return
	}
	s.wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if !s.add(conn) {
				_ = conn.Close()
				return
			}
			s.wait.Go(func() { s.connection(conn) })
		}
	})
}

// Close cuts every connection and waits until no request is being served.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	var err error
	if s.listener != nil {
		err = s.listener.Close()
	}
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.wait.Wait()
	return errors.Join(err, s.folder.root.Close())
}

func (s *Server) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.conns[conn] = true
	}
	return !s.closed
}

func (s *Server) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	_ = conn.Close()
}

func (s *Server) connection(conn net.Conn) {
	defer s.remove(conn)
	if s.habits.Mute {
		// Whatever the client says is swallowed until it gives up.
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	timer := time.AfterFunc(handshakeTime, func() { _ = conn.Close() })
	login, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if !timer.Stop() || err != nil {
		s.log.Debug("login refused", slog.String("bank", s.name), slog.Any("err", err))
		return
	}
	gone := make(chan struct{})
	var sessions sync.WaitGroup
	sessions.Go(func() { ssh.DiscardRequests(requests) })
	for c := range channels {
		if c.ChannelType() != "session" {
			_ = c.Reject(ssh.UnknownChannelType, "only sftp sessions")
			continue
		}
		channel, asked, err := c.Accept()
		if err != nil {
			break
		}
		sessions.Go(func() { s.session(conn, channel, asked, gone) })
	}
	close(gone)
	_ = login.Close()
	sessions.Wait()
}

// session waits for the sftp subsystem and refuses everything else.
func (s *Server) session(conn net.Conn, channel ssh.Channel, asked <-chan *ssh.Request, gone <-chan struct{}) {
	var files sync.WaitGroup
	defer files.Wait()
	started := false
	for r := range asked {
		ok := r.Type == "subsystem" && string(r.Payload) == "\x00\x00\x00\x04sftp" && !started
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
		if ok {
			started = true
			files.Go(func() { s.sftp(conn, channel, gone) })
		}
	}
}

func (s *Server) sftp(conn net.Conn, channel ssh.Channel, gone <-chan struct{}) {
	defer channel.Close()
	w := &wire{ReadWriteCloser: channel, pause: s.habits.Pause, gone: gone}
	if !s.habits.NoPosixRename {
		w.extensions = append(w.extensions, extensionPosixRename)
	}
	if !s.habits.NoFsync {
		w.extensions = append(w.extensions, extensionFsync)
	}
	g := &guest{folder: s.folder, conn: conn}
	err := sftp.NewRequestServer(w, sftp.Handlers{FileGet: g, FilePut: g, FileCmd: g, FileList: g}).Serve()
	if err != nil && !errors.Is(err, io.EOF) {
		s.log.Debug("session ended", slog.String("bank", s.name), slog.Any("err", err))
	}
	_, _ = channel.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
}
