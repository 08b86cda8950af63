package mailbox

import (
	"cmp"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/pkg/sftp"

	"bankconnector/banks"
	"bankconnector/banks/mailbox/line"
	"bankconnector/banks/mailbox/sieve"
	"bankconnector/banks/mailbox/wire"
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

	memory  sieve.Memory
	crowded sync.Map // by BIC: how many files at once a server showed that it can hold
	asSent  sync.Map // by BIC: servers that keep names as they are
}

// Dial meets the bank under one of its pinned host keys, logs in and opens the file protocol. All of
// it shares one deadline. Errors are *Error: Operator for a host key, algorithm, login or profile that
// a person must settle, Transient for the rest; nothing was changed at the bank in either case.
func (d *Dialer) Dial(ctx context.Context, b *banks.Bank) (*Session, error) {
	r, err := newRoute(b)
	if err != nil {
		return nil, err
	}
	return d.dial(ctx, r, new(line.Trail))
}

func (d *Dialer) dial(ctx context.Context, r *route, t *line.Trail) (*Session, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(d.Handshake, defaultHandshake))
	defer cancel()
	l, err := line.Dial(ctx, d.config(r), t)
	if fault := (*line.Fault)(nil); errors.As(err, &fault) {
		kind := Transient
		if fault.Operator {
			kind = Operator
		}
		return nil, &Error{Op: fault.Op, Path: r.addr, Kind: kind, Err: fault.Err}
	}
	release := context.AfterFunc(ctx, l.Cut)
	s := newSession(d, r, l)
	err = s.start()
	if !release() {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = l.Steady()
	}
	if err != nil {
		err = cmp.Or(l.Cause(), err)
		_ = s.Close()
		return nil, &Error{Op: "open the file protocol of", Path: r.addr, Kind: Transient, Err: err}
	}
	return s, nil
}

func (d *Dialer) config(r *route) line.Config {
	return line.Config{SFTP: &r.bank.SFTP, Address: r.addr, Now: d.Now(), Connect: d.Connect}
}

// start opens the library's client on the line, and the goroutines that watch both.
func (s *Session) start() error {
	channel, err := s.line.Subsystem("sftp")
	if err != nil {
		return err
	}
	s.wire = wire.New(channel, s.line.Heard, s.kill)
	s.crew.Go(s.wire.Pump)
	s.client, err = sftp.NewClientPipe(s.wire, s.wire,
		sftp.MaxPacketChecked(wire.Chunk), sftp.MaxConcurrentRequestsPerFile(wire.Window))
	if err != nil {
		return err
	}
	if s.has("limits@openssh.com") {
		s.crew.Go(s.askLimits)
	}
	s.crew.Go(s.watch)
	s.crew.Go(s.keepalive)
	return nil
}

// has says whether the server has an extension, in its first version.
func (s *Session) has(extension string) bool {
	version, ok := s.client.HasExtension(extension)
	return ok && version == "1"
}

// askLimits keeps the session within what the server says it can hold. It leaves some for
// listings and for files whose closing is still on its way.
func (s *Session) askLimits() {
	if handles, err := s.wire.Handles(); err == nil && handles > 0 {
		s.files.Lower(int(min(handles, 1<<16)) * 3 / 4)
	}
}
