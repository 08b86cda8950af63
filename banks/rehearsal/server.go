package rehearsal

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// handshakeTime is how long a client may take to log in.
const handshakeTime = 20 * time.Second

// slowness is the pause of a slow bank before each request.
const slowness = 10 * time.Millisecond

// server is the SSH server of one bank: one listener, its own host key, one user.
type server struct {
	bic    string
	habits habits
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

// newServer prepares the login rules; nothing listens yet.
func newServer(b Bank, h habits, f *folder, log *slog.Logger) *server {
	s := &server{bic: b.Sample.BIC, habits: h, folder: f, log: log, conns: map[net.Conn]bool{}}
	s.config = &ssh.ServerConfig{
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
		s.config.PasswordCallback = func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if c.User() == b.User && subtle.ConstantTimeCompare(password, []byte(b.Password)) == 1 {
				return &ssh.Permissions{}, nil
			}
			return nil, errors.New("wrong user or password")
		}
	}
	s.config.AddHostKey(b.HostKey)
	return s
}

// listen takes the port given, or the one kept in dir from an earlier run, or any
// free one, and keeps it in dir so that the bank answers there after a restart.
func (s *server) listen(ctx context.Context, dir, host string, port int) error {
	file := filepath.Join(dir, "port")
	if port == 0 {
		var err error
		if port, err = keptPort(file); err != nil {
			return err
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("listen for bank %s (its port is kept in %s; stop whoever uses it, or remove the file to get another port): %w", s.bic, file, err)
	}
	s.addr = l.Addr().String()
	_, text, _ := net.SplitHostPort(s.addr)
	if err := replaceFile(file, []byte(text+"\n")); err != nil {
		return errors.Join(fmt.Errorf("keep port: %w", err), l.Close())
	}
	if s.habits[quirkDown] {
		return l.Close()
	}
	s.listener = l
	return nil
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

// serve accepts connections until close.
func (s *server) serve() {
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
				conn.Close()
				return
			}
			s.wait.Go(func() { s.connection(conn) })
		}
	})
}

// close cuts every connection and waits until no request is being served.
func (s *server) close() error {
	s.mu.Lock()
	s.closed = true
	var err error
	if s.listener != nil {
		err = s.listener.Close()
	}
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.wait.Wait()
	return errors.Join(err, s.folder.root.Close())
}

func (s *server) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.conns[conn] = true
	}
	return !s.closed
}

func (s *server) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	conn.Close()
}

func (s *server) connection(conn net.Conn) {
	defer s.remove(conn)
	if s.habits[quirkMute] {
		// Whatever the client says is swallowed until it gives up.
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	timer := time.AfterFunc(handshakeTime, func() { conn.Close() })
	login, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if !timer.Stop() || err != nil {
		s.log.Debug("login refused", slog.String("bank", s.bic), slog.Any("err", err))
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
func (s *server) session(conn net.Conn, channel ssh.Channel, asked <-chan *ssh.Request, gone <-chan struct{}) {
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

func (s *server) sftp(conn net.Conn, channel ssh.Channel, gone <-chan struct{}) {
	defer channel.Close()
	w := &wire{ReadWriteCloser: channel, gone: gone}
	if !s.habits[quirkNoPosixRename] {
		w.extensions = append(w.extensions, extensionPosixRename)
	}
	if !s.habits[quirkNoFsync] {
		w.extensions = append(w.extensions, extensionFsync)
	}
	if s.habits[quirkSlow] {
		w.pause = slowness
	}
	g := &guest{folder: s.folder, conn: conn}
	err := sftp.NewRequestServer(w, sftp.Handlers{FileGet: g, FilePut: g, FileCmd: g, FileList: g}).Serve()
	if err != nil && !errors.Is(err, io.EOF) {
		s.log.Debug("session ended", slog.String("bank", s.bic), slog.Any("err", err))
	}
	_, _ = channel.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
}
