package mailbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/sync/semaphore"

	"bankconnector/banks/mailbox/gauge"
	"bankconnector/banks/mailbox/line"
	"bankconnector/banks/mailbox/naming"
	"bankconnector/banks/mailbox/wire"
)

const (
	// What may be on the way at once: more only lengthens the queue in front of a slow line, until the
	// oldest question looks unanswered. Twice the SSH window of most servers keeps any line busy.
	inFlight       = 4 << 20
	fileInFlight   = wire.Chunk * wire.Window
	lostKeepalives = 3 // unanswered keepalives in a row that end it
)

var errClosed = errors.New("the session was closed")

// Session is one connection to a bank. Its methods may be called by many goroutines at once; their
// requests share the connection and do not wait for each other. Once one act was abandoned (its
// context ended, or the bank fell silent) the whole session is dead: the answers that are still to
// come could no longer be told apart from late effects, so every act under way ends with Unknown.
type Session struct {
	dialer *Dialer
	route  *route
	line   *line.Line
	wire   *wire.Wire
	client *sftp.Client
	space  *semaphore.Weighted // octets in flight
	files  *gauge.Gauge        // files open at the bank
	done   chan struct{}       // closed when the session is dead
	crew   sync.WaitGroup

	names naming.Question // whether the server keeps names as they are

	mu      sync.Mutex
	cause   error             // why the session is dead
	held    map[string][]byte // delivery modes "direct" and "blind": bytes between Upload and Publish
	claimed bool              // the claimed folder is known to be there
}

func newSession(d *Dialer, r *route, l *line.Line) *Session {
	parallel := r.parallel
	if d.Parallel > 0 {
		parallel = d.Parallel
	}
	if most, ok := d.crowded.Load(r.bank.BIC); ok {
		parallel = min(parallel, most.(int))
	}
	return &Session{
		dialer: d, route: r, line: l,
		space: semaphore.NewWeighted(inFlight), files: gauge.New(parallel),
		done: make(chan struct{}), held: make(map[string][]byte),
	}
}

// Close ends the session. Acts under way end with Unknown, and have ended when it returns. It may be
// called again.
func (s *Session) Close() error {
	s.kill(errClosed)
	if s.client != nil {
		_ = s.client.Close()
	}
	s.line.Wait()
	s.crew.Wait()
	return nil
}

// kill ends the session for a reason; the first reason stays. The connection is cut, not closed
// politely: nothing may be said to the bank after an act was given up.
func (s *Session) kill(cause error) {
	cause = cmp.Or(s.line.Cause(), cause)
	s.mu.Lock()
	first := s.cause == nil
	if first {
		s.cause = cause
		close(s.done)
	}
	s.mu.Unlock()
	if !first {
		return
	}
	s.line.Cut()
	if s.wire != nil {
		s.wire.End(cause)
	}
}

// dead tells why the session is dead, nil while it lives.
func (s *Session) dead() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// enter begins an act that Close waits for, unless the session is dead.
func (s *Session) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause == nil {
		s.crew.Add(1)
	}
	return s.cause
}

// do runs one act under its context. The act's own errors come back as *Error.
func (s *Session) do(ctx context.Context, op, path string, act func() error) error {
	if err := ctx.Err(); err != nil {
		return &Error{Op: op, Path: path, Kind: Transient, Err: err}
	}
	if cause := s.enter(); cause != nil {
		return &Error{Op: op, Path: path, Kind: Transient, Err: fmt.Errorf("no session: %w", cause)}
	}
	defer s.crew.Done()
	release := context.AfterFunc(ctx, func() {
		s.kill(fmt.Errorf("given up: %w", context.Cause(ctx)))
	})
	defer release()
	if err := act(); err != nil {
		return s.judge(op, path, err)
	}
	return nil
}

// work is do for an act that holds a file of that size open: it waits for room first.
func (s *Session) work(ctx context.Context, op, path string, size int64, act func() error) error {
	if err := s.files.Enter(ctx); err != nil {
		return &Error{Op: op, Path: path, Kind: Transient, Err: err}
	}
	defer s.files.Leave()
	weight := max(1, min(size, fileInFlight))
	if err := s.space.Acquire(ctx, weight); err != nil {
		return &Error{Op: op, Path: path, Kind: Transient, Err: err}
	}
	defer s.space.Release(weight)
	return s.do(ctx, op, path, act)
}

// judge gives an error its kind. What cannot be recognised is never taken for success or for a
// clean refusal: the session ends and the outcome is unknown.
func (s *Session) judge(op, path string, err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	e := &Error{Op: op, Path: path, Err: err}
	if cause := s.dead(); cause != nil {
		e.Kind, e.Err = Unknown, fmt.Errorf("the outcome is not known: %w", cause)
		return e
	}
	var status *sftp.StatusError
	var own wire.Status
	switch {
	case errors.Is(err, ErrGone):
		e.Kind = Gone
	case errors.Is(err, fs.ErrNotExist):
		e.Kind, e.Err = Gone, ErrGone
	case errors.Is(err, ErrChanged):
		e.Kind = Changed
	case errors.Is(err, fs.ErrPermission):
		e.Kind, e.Err = Refused, errors.New("the bank's server denies permission")
	case errors.As(err, &own):
		e.Kind, e.Err = Refused, fmt.Errorf("the bank's server said no: %s", line.Cut(own.Error()))
	case errors.As(err, &status) && status.FxCode() != sftp.ErrSSHFxConnectionLost && status.FxCode() != sftp.ErrSSHFxNoConnection:
		e.Kind, e.Err = Refused, fmt.Errorf("the bank's server said no: %s", line.Cut(status.Error()))
	default:
		s.kill(fmt.Errorf("the bank's answer makes no sense: %s", line.Cut(err.Error())))
		e.Kind, e.Err = Unknown, fmt.Errorf("the outcome is not known: %w", s.dead())
	}
	return e
}

// lost says whether an error leaves open what happened.
func (s *Session) lost(err error) bool {
	return err != nil && s.judge("", "", err).Kind == Unknown
}

// watch ends a session whose bank owes answers and gives none for its timeout.
func (s *Session) watch() {
	if err := s.wire.Watch(s.done, s.route.timeout); err != nil {
		s.kill(err)
	}
}

// keepalive asks the server for a sign of life, also when nothing else is asked (a half-open
// connection is otherwise noticed only at the next act).
func (s *Session) keepalive() {
	ticker := time.NewTicker(s.route.keepalive)
	defer ticker.Stop()
	answered := make(chan struct{}, 1)
	owed := 0
	for {
		select {
		case <-s.done:
			return
		case <-answered:
			owed = 0
			continue
		case <-ticker.C:
		}
		if owed++; owed > lostKeepalives {
			s.kill(fmt.Errorf("the bank left %d keepalives unanswered", lostKeepalives))
			return
		}
		if owed > 1 {
			continue
		}
		s.crew.Go(func() {
			if s.line.Ping() == nil {
				answered <- struct{}{}
			}
		})
	}
}

// lstat looks at one name without following a link; nil means absent.
func (s *Session) lstat(name string) (fs.FileInfo, error) {
	info, err := s.client.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case info == nil:
		return nil, wire.ErrEmpty
	}
	return info, nil
}

// open opens a file at the bank to be read.
func (s *Session) open(name string) (*sftp.File, error) {
	f, err := s.client.Open(name)
	s.crowded(err)
	if err == nil && f == nil {
		err = wire.ErrEmpty
	}
	return f, err
}

// crowded learns from a refusal to open a file. A server that gives no reason while other files are
// open has perhaps no more handles: fewer are opened then, also in later sessions.
func (s *Session) crowded(err error) {
	var status *sftp.StatusError
	var own wire.Status
	reasonless := errors.As(err, &own) && own.Code == wire.Failure || errors.As(err, &status) && status.FxCode() == sftp.ErrSSHFxFailure
	if !reasonless {
		return
	}
	if most := s.files.Crowded(); most > 0 {
		s.dialer.crowded.Store(s.route.bank.BIC, most)
	}
}
