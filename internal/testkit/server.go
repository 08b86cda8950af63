package testkit

import (
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// ServerOptions chooses what the server inside the test does.
type ServerOptions struct {
	Root     *Root    // nil: a new one
	HostKeys []Key    // nil: one Ed25519 key
	Password string   // also lets in whoever gives it
	NoKeys   bool     // public keys are refused
	Users    []string // nil: anybody
	// Serve speaks on the sftp channel instead of the honest server.
	Serve func(ch io.ReadWriteCloser)
	// NoSubsystem refuses the subsystem.
	NoSubsystem bool
	// Config changes the SSH configuration last of all.
	Config func(*ssh.ServerConfig)
	// Beside runs beside every connection that has logged in.
	Beside func(*ssh.ServerConn)
}

// Server is an SSH server inside the test.
type Server struct {
	Host     string
	Port     int
	User     string
	Key      Key
	HostKeys []Key
	Root     Root

	listener net.Listener
	options  ServerOptions
	config   *ssh.ServerConfig
	crew     sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// StartServer runs an SSH server in the test's own process, with pkg/sftp's server over real files
// unless told otherwise, and stops it with the test.
func StartServer(t testing.TB, o ServerOptions) *Server {
	t.Helper()
	if o.Root == nil {
		root := NewRoot(t)
		o.Root = &root
	}
	if o.HostKeys == nil {
		o.HostKeys = []Key{NewKey(t)}
	}
	l := listen(t)
	s := &Server{
		Host: "127.0.0.1", Port: port(l.Addr()), User: "fssp", Key: NewKey(t), HostKeys: o.HostKeys, Root: *o.Root,
		listener: l, options: o, conns: make(map[net.Conn]bool),
	}
	s.config = s.secure()
	s.crew.Go(s.accept)
	t.Cleanup(s.Close)
	return s
}

func (s *Server) secure() *ssh.ServerConfig {
	c := &ssh.ServerConfig{MaxAuthTries: 6}
	if !s.options.NoKeys {
		c.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if string(key.Marshal()) == string(s.Key.Signer.PublicKey().Marshal()) {
				return nil, nil
			}
			return nil, errors.New("another key")
		}
	}
	if s.options.Password != "" {
		c.PasswordCallback = func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if string(password) == s.options.Password {
				return nil, nil
			}
			return nil, errors.New("another password")
		}
	}
	for _, k := range s.HostKeys {
		c.AddHostKey(k.Signer)
	}
	if s.options.Config != nil {
		s.options.Config(c)
	}
	return c
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[conn] = true
		s.mu.Unlock()
		s.crew.Go(func() { s.serve(conn) })
	}
}

func (s *Server) serve(conn net.Conn) {
	defer s.drop(conn)
	inside, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	if s.options.Beside != nil {
		s.crew.Go(func() { s.options.Beside(inside) })
	}
	s.crew.Go(func() { ssh.DiscardRequests(requests) })
	for c := range channels {
		if c.ChannelType() != "session" {
			_ = c.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, wants, err := c.Accept()
		if err != nil {
			return
		}
		s.crew.Go(func() { s.session(channel, wants) })
	}
}

func (s *Server) session(channel ssh.Channel, wants <-chan *ssh.Request) {
	defer channel.Close()
	for r := range wants {
		ok := r.Type == "subsystem" && !s.options.NoSubsystem
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
		if !ok {
			continue
		}
		s.crew.Go(func() { ssh.DiscardRequests(wants) })
		if s.options.Serve != nil {
			s.options.Serve(channel)
			return
		}
		honest, err := sftp.NewServer(channel)
		if err == nil {
			_ = honest.Serve()
			_ = honest.Close()
		}
		return
	}
}

func (s *Server) drop(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	delete(s.conns, conn)
	s.mu.Unlock()
}

// Cut ends every connection at once.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
	}
}

// Close stops the server and waits for its goroutines.
func (s *Server) Close() {
	_ = s.listener.Close()
	s.Cut()
	s.crew.Wait()
}

// StartTCP serves raw TCP connections on loopback, one goroutine each, until the test ends.
func StartTCP(t testing.TB, serve func(net.Conn)) (host string, number int) {
	t.Helper()
	s := &Server{listener: listen(t), conns: make(map[net.Conn]bool)}
	s.crew.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = true
			s.mu.Unlock()
			s.crew.Go(func() { defer s.drop(conn); serve(conn) })
		}
	})
	t.Cleanup(s.Close)
	return "127.0.0.1", port(s.listener.Addr())
}

// Addr is host:port.
func (s *Server) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }
