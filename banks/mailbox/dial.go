package mailbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"bankconnector/banks"
)

const defaultHandshake = 20 * time.Second

// Dialer opens sessions. It is safe for many goroutines and is kept as long as the program runs,
// because it remembers which files of a bank were seen unchanged (pickup.stable_for).
type Dialer struct {
	// Now is the clock by which host key pins, stable_for and the clock check are judged; required.
	Now func() time.Time
	// Handshake bounds everything from the TCP connection to the open SFTP session; 0 = 20 s.
	Handshake time.Duration
	// Parallel is the largest number of files in flight in one session; 0 = as the profile says.
	Parallel int
	// Connect opens the TCP connection; nil = net.Dialer.
	Connect func(ctx context.Context, network, address string) (net.Conn, error)

	mu   sync.Mutex
	seen map[banks.ID]map[string]sighting
}

// trail is how far a connection came; the check tells it step by step.
type trail struct {
	remote  net.Addr
	banner  string
	kex     bool // algorithms agreed, host key seen
	trusted bool // host key is a pinned one
	login   *login
	inside  bool // logged in
	shown   string
	chosen  string // algorithms in words
}

// Dial meets the bank under one of its pinned host keys, logs in and opens the file protocol. All of
// it shares one deadline. Errors are *Error: Operator for a host key, algorithm or login that a person
// must settle, Transient for the rest; nothing was changed at the bank in either case.
func (d *Dialer) Dial(ctx context.Context, b *banks.Bank) (*Session, error) {
	r, err := newRoute(b)
	if err != nil {
		return nil, err
	}
	return d.dial(ctx, r, &trail{})
}

func (d *Dialer) dial(ctx context.Context, r *route, t *trail) (*Session, error) {
	limit := d.Handshake
	if limit == 0 {
		limit = defaultHandshake
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	l, err := newLogin(&r.bank.SFTP)
	if err != nil {
		return nil, r.fault("read the login", err)
	}
	t.login = l
	connect := d.Connect
	if connect == nil {
		connect = new(net.Dialer).DialContext
	}
	conn, err := connect(ctx, "tcp", r.addr)
	if err != nil {
		return nil, &Error{Op: "connect to", Path: r.addr, Kind: Transient, Err: err}
	}
	t.remote = conn.RemoteAddr()
	m := newMeter(conn)
	// The library's own timeout covers the TCP connection only: a server that greets one octet
	// a minute would hold the visit for ever.
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, errors.Join(&Error{Op: "connect to", Path: r.addr, Kind: Transient, Err: err}, conn.Close())
	}
	release := context.AfterFunc(ctx, func() { _ = conn.Close() })
	s, err := d.open(m, r, t)
	if !release() && err == nil {
		_ = s.Close()
		s, err = nil, context.Cause(ctx)
	}
	t.banner = m.banner()
	if err != nil {
		_ = conn.Close()
		return nil, t.fault(r, err, ctx.Err() != nil)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, errors.Join(&Error{Op: "connect to", Path: r.addr, Kind: Transient, Err: err}, s.Close())
	}
	return s, nil
}

// open does the SSH handshake and starts the file protocol on the connection.
func (d *Dialer) open(m *meter, r *route, t *trail) (*Session, error) {
	conn, channels, requests, err := ssh.NewClientConn(m, r.addr, d.config(r, t))
	if err != nil {
		return nil, err
	}
	t.inside = true
	t.chosen = chosen(conn)
	s := newSession(d, r, m, conn)
	// Whatever the server wants of us (forwarded ports, agents, keepalive questions) is answered no.
	s.spawn(func() { ssh.DiscardRequests(requests) })
	s.spawn(func() {
		for c := range channels {
			_ = c.Reject(ssh.Prohibited, "not here")
		}
	})
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (d *Dialer) config(r *route, t *trail) *ssh.ClientConfig {
	p := newPins(r.bank.SFTP.HostKeys, d.Now())
	a := r.bank.SFTP.Algorithms
	check := p.check(r.addr)
	return &ssh.ClientConfig{
		Config: ssh.Config{KeyExchanges: a.KEX, Ciphers: a.Ciphers, MACs: a.MACs},
		User:   r.bank.SFTP.User,
		Auth:   t.login.methods,
		HostKeyCallback: func(host string, remote net.Addr, key ssh.PublicKey) error {
			t.kex = true
			t.shown = key.Type() + " " + ssh.FingerprintSHA256(key)
			err := check(host, remote, key)
			t.trusted = err == nil
			return err
		},
		HostKeyAlgorithms: p.algorithms(a.HostKey),
		AuthCallback:      t.login.watch,
		ClientVersion:     "SSH-2.0-bankconnector",
	}
}

// fault turns an error of the handshake into one that says what a person must do, if any.
func (t *trail) fault(r *route, err error, late bool) *Error {
	var key *hostKeyError
	var none *ssh.AlgorithmNegotiationError
	switch {
	case errors.As(err, &key):
		return r.fault("check the host key of", key)
	case errors.As(err, &none):
		return r.fault("agree on algorithms with", fmt.Errorf(
			"no common algorithm for %s: the bank has %s, this profile allows %s. Ask the bank for a current algorithm, or for the key of that type",
			none.What, list(none.RequestedAlgorithms), list(none.SupportedAlgorithms)))
	case late:
		return &Error{Op: "greet", Path: r.addr, Kind: Transient, Err: fmt.Errorf("no session within the time for the handshake: %w", err)}
	case !t.inside && t.trusted && t.login.asked:
		return r.fault("log in to", t.login.refused(r.bank.SFTP.User, err))
	case !t.inside:
		return &Error{Op: "greet", Path: r.addr, Kind: Transient, Err: fmt.Errorf("SSH with a server that greets %s: %w", quoted(t.banner), err)}
	}
	return &Error{Op: "open the file protocol of", Path: r.addr, Kind: Transient, Err: err}
}

// chosen tells the agreed algorithms for people.
func chosen(conn ssh.Conn) string {
	a, ok := conn.(ssh.AlgorithmsConnMetadata)
	if !ok {
		return ""
	}
	got := a.Algorithms()
	return fmt.Sprintf("%s, %s, %s", got.KeyExchange, got.HostKey, got.Write.Cipher)
}

// start opens the channel and the library's client on it, and the goroutines that watch both.
func (s *Session) start() error {
	channel, requests, err := s.ssh.OpenChannel("session", nil)
	if err != nil {
		return fmt.Errorf("open a channel: %w", err)
	}
	s.spawn(func() { ssh.DiscardRequests(requests) })
	ok, err := channel.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"}))
	if err != nil {
		return fmt.Errorf("ask for sftp: %w", err)
	}
	if !ok {
		return errors.New("the bank's server has no sftp for this user")
	}
	s.wire = newWire(channel, s.meter.heard, s.kill)
	s.spawn(s.wire.pump)
	s.spawn(func() { drain(channel.Stderr()) })
	client, err := sftp.NewClientPipe(s.wire, s.wire,
		sftp.MaxPacketChecked(chunk), sftp.UseConcurrentWrites(true), sftp.MaxConcurrentRequestsPerFile(chunksInFlight))
	if err != nil {
		return err
	}
	s.client = client
	s.spawn(s.watch)
	s.spawn(s.keepalive)
	return nil
}
