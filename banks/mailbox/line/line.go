// Package line is the SSH connection to a bank: TCP, the handshake under one of the pinned host keys,
// the login, and a channel for one subsystem. It holds the whole of that to one deadline and to a
// budget of octets, and tells how far it came.
//
// It knows no file protocol and no document; what travels over the channel is the caller's. It may
// call banks for the profile and golang.org/x/crypto/ssh; only mailbox opens it.
package line

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/crypto/ssh"

	"bankconnector/banks"
)

const shownText = 256 // octets of a server's own words that are kept

// Config is whom to meet and how.
type Config struct {
	SFTP    *banks.SFTP
	Address string    // host:port
	Now     time.Time // at which the pins are judged
	// Connect opens the TCP connection; nil = net.Dialer.
	Connect func(ctx context.Context, network, address string) (net.Conn, error)
}

// Fault is a connection that could not be made. Operator says that a person must settle it (host key,
// algorithms, login, secret file); otherwise a later visit may find it mended.
type Fault struct {
	Op       string // the act, in words that the address follows
	Operator bool
	Err      error
}

// Error tells the act and the cause.
func (f *Fault) Error() string { return f.Op + ": " + f.Err.Error() }

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.Err }

// Line is an open SSH connection to a bank. It is safe for many goroutines.
type Line struct {
	conn  ssh.Conn
	meter *meter
	crew  sync.WaitGroup
}

// Dial connects, meets the bank under one of its pinned host keys and logs in. The deadline of ctx
// holds for all of it, and stays on the connection until Steady. Errors are *Fault.
//
// A pin that is a bare fingerprint does not tell the type of its key: a server with several keys is then
// asked for one type after the other, each time before any login, until it shows the pinned one.
func Dial(ctx context.Context, c Config, t *Trail) (*Line, error) {
	login, ours, err := methods(c.SFTP)
	if err != nil {
		return nil, &Fault{Op: "read the login of", Operator: true, Err: err}
	}
	p := newPins(c.SFTP.HostKeys, c.Now)
	algorithms := p.algorithms(c.SFTP.Algorithms.HostKey)
	var first Trail
	var refused *Fault
	for {
		*t = Trail{Ours: ours}
		l, fault := meet(ctx, c, t, login, algorithms)
		switch {
		case fault == nil:
			return l, nil
		case t.Trusted:
			return nil, fault
		case refused == nil:
			first, refused = *t, fault
		}
		algorithms = without(algorithms, t.HostKey)
		if t.stranger == nil || !p.bare() || len(algorithms) == 0 {
			*t = first
			return nil, refused
		}
	}
}

// meet connects once, asking for host keys of these algorithms.
func meet(ctx context.Context, c Config, t *Trail, login []ssh.AuthMethod, algorithms []string) (*Line, *Fault) {
	connect := c.Connect
	if connect == nil {
		connect = new(net.Dialer).DialContext
	}
	conn, err := connect(ctx, "tcp", c.Address)
	if err != nil {
		return nil, &Fault{Op: "connect to", Err: err}
	}
	t.Remote = conn.RemoteAddr()
	m := newMeter(conn)
	// The library's own timeout covers the TCP connection only: a server that greets one octet
	// a minute would hold the visit for ever.
	if deadline, ok := ctx.Deadline(); ok {
		err = conn.SetDeadline(deadline)
	}
	release := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer release()
	var l *Line
	if err == nil {
		l, err = handshake(m, c, t, &ssh.ClientConfig{Auth: login, HostKeyAlgorithms: algorithms})
	}
	t.Banner = m.banner()
	if err != nil {
		_ = conn.Close()
		return nil, t.fault(c, cmp.Or(m.cause(), err), ctx.Err())
	}
	return l, nil
}

// handshake completes the configuration and speaks SSH up to the login.
func handshake(m *meter, c Config, t *Trail, config *ssh.ClientConfig) (*Line, error) {
	a := c.SFTP.Algorithms
	config.KeyExchanges, config.Ciphers, config.MACs = a.KEX, a.Ciphers, a.MACs
	if len(a.Ciphers) == 0 {
		config.Ciphers = unhurt()
	}
	config.User, config.ClientVersion = c.SFTP.User, "SSH-2.0-bankconnector"
	check := newPins(c.SFTP.HostKeys, c.Now).check(c.Address)
	config.HostKeyCallback = func(_ string, _ net.Addr, key ssh.PublicKey) error {
		t.HostKey = key.Type() + " " + ssh.FingerprintSHA256(key)
		t.stranger = check(key)
		t.Trusted = t.stranger == nil
		return t.stranger
	}
	config.AuthCallback = func(ctx *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
		t.asked, t.Offered = true, slices.Clone(ctx.AllowedMethods)
		return nil, nil // the next of ours, in the order of the profile
	}
	conn, channels, requests, err := ssh.NewClientConn(m, c.Address, config)
	if err != nil {
		return nil, err
	}
	t.LoggedIn, t.Algorithm = true, agreed(conn)
	l := &Line{conn: conn, meter: m}
	// Whatever the server wants of us (forwarded ports, agents, keepalive questions) is answered no.
	l.crew.Go(func() { ssh.DiscardRequests(requests) })
	l.crew.Go(func() {
		for c := range channels {
			_ = c.Reject(ssh.Prohibited, "not here")
		}
	})
	return l, nil
}

// unhurt are the ciphers that a man in the middle cannot make lose packets unseen, also where
// the server does not know the strict key exchange (Terrapin, CVE-2023-48795): all but one. A
// profile may name that one.
func unhurt() []string {
	return without(ssh.SupportedAlgorithms().Ciphers, ssh.CipherChaCha20Poly1305)
}

// agreed tells the algorithms for people.
func agreed(conn ssh.Conn) string {
	a, ok := conn.(ssh.AlgorithmsConnMetadata)
	if !ok {
		return ""
	}
	got := a.Algorithms()
	return got.KeyExchange + ", " + got.HostKey + ", " + got.Write.Cipher
}

// Subsystem opens a channel and asks for a subsystem on it.
func (l *Line) Subsystem(name string) (ssh.Channel, error) {
	channel, requests, err := l.conn.OpenChannel("session", nil)
	if err != nil {
		return nil, fmt.Errorf("open a channel: %w", err)
	}
	l.crew.Go(func() { ssh.DiscardRequests(requests) })
	// What the server writes beside the protocol is thrown away, so that it cannot fill the window.
	l.crew.Go(func() { _, _ = io.Copy(io.Discard, channel.Stderr()) })
	ok, err := channel.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{name}))
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", name, err)
	}
	if !ok {
		return nil, fmt.Errorf("the server has no %s for this user", name)
	}
	return channel, nil
}

// Steady takes the handshake's deadline off the connection.
func (l *Line) Steady() error { return l.meter.SetDeadline(time.Time{}) }

// Heard tells that the bank has answered something useful: its budget of octets begins anew.
func (l *Line) Heard() { l.meter.left.Store(idleBudget) }

// Cause tells why the connection was given up on this side of it, nil if it was not.
func (l *Line) Cause() error { return l.meter.cause() }

// Ping asks for a sign of life; any answer is one. An error means that the connection has ended.
func (l *Line) Ping() error {
	_, _, err := l.conn.SendRequest("keepalive@openssh.com", true, nil)
	return err
}

// Cut ends the connection at once, without a polite word. It may be called again.
func (l *Line) Cut() { _ = l.meter.Close() }

// Wait returns when every goroutine of the line has ended.
func (l *Line) Wait() {
	_ = l.conn.Wait()
	l.crew.Wait()
}

// List joins words for people; foreign ones are cut.
func List(items []string) string {
	if len(items) == 0 {
		return "nothing"
	}
	return Cut(strings.Join(items, ", "))
}

// Quote makes foreign text harmless for logs and screens: quoted as Go does, and cut.
func Quote(text string) string {
	const most = 120
	if len(text) > most {
		return fmt.Sprintf("%q… (%d octets)", text[:most], len(text))
	}
	return fmt.Sprintf("%q", text)
}

// Cut keeps foreign text short, on one line and free of what moves a cursor or turns the writing round.
func Cut(text string) string {
	text = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) || c == unicode.ReplacementChar {
			return ' '
		}
		return c
	}, text)
	if len(text) > shownText {
		return strings.ToValidUTF8(text[:shownText], "") + "…"
	}
	return text
}
