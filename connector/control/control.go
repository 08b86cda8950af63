// Package control is the door by which a command of this machine asks the process that
// has the state folder to do something: a Unix socket in that folder, for its owner and
// root only. Who asks is what the kernel says, not what the asker says.
//
// It understands neither question nor answer, both are JSON, and opens no other room.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNobody reports that no process answers in a folder.
var ErrNobody = errors.New("nobody answers at the control socket")

const (
	name    = "control.sock"
	largest = 64 << 10         // octets of a question or an answer
	patient = 10 * time.Second // for the whole conversation, in which one commit is waited for
	atOnce  = 8                // conversations
)

// Handler answers one question. actor is the person, as the kernel knows him.
type Handler func(ctx context.Context, actor string, question json.RawMessage) any

// Server answers in one folder.
type Server struct {
	dir    *os.File
	listen *net.UnixListener
	stop   context.CancelFunc
	crew   sync.WaitGroup
}

// Listen begins to answer in a folder that this process has locked: a socket that is there
// was left by one that was killed.
func Listen(ctx context.Context, dir string, h Handler) (*Server, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	path := within(d)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("open control socket: %w", err), d.Close())
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open control socket: %w", err), d.Close())
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("open control socket: %w", err), l.Close(), d.Close())
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{dir: d, listen: l, stop: stop}
	s.crew.Go(func() { s.run(work, h) })
	return s, nil
}

// within is the socket's name through a folder that is open: the kernel takes at most 107
// octets for it, and a state folder may lie deeper.
func within(dir *os.File) string { return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), name) }

func (s *Server) run(ctx context.Context, h Handler) {
	places := make(chan struct{}, atOnce)
	for {
		c, err := s.listen.AcceptUnix()
		if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
			return
		}
		if err != nil { // no descriptor is free; whoever asks waits
			rest(ctx)
			continue
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			_ = c.Close()
			return
		}
		s.crew.Go(func() {
			defer func() { <-places }()
			talk(ctx, c, h)
		})
	}
}

func rest(ctx context.Context) {
	t := time.NewTimer(100 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// talk answers one question. An asker who says nothing in time, or until the end, is sent
// away; what was asked by then is done whole, also when the asker is gone.
func talk(ctx context.Context, c *net.UnixConn, h Handler) {
	defer c.Close()
	actor, err := asker(c)
	if err != nil {
		return
	}
	limited, stop := context.WithTimeout(ctx, patient)
	defer stop()
	release := context.AfterFunc(limited, func() { _ = c.Close() })
	var question json.RawMessage
	err = json.NewDecoder(io.LimitReader(c, largest)).Decode(&question)
	if !release() || err != nil {
		return
	}
	lasting, end := context.WithTimeout(context.WithoutCancel(ctx), patient)
	defer end()
	defer context.AfterFunc(lasting, func() { _ = c.Close() })()
	_ = json.NewEncoder(c).Encode(h(lasting, actor, question)) // the journal has it, whoever hears of it
}

// Close answers nobody any more and waits for the conversations under way.
func (s *Server) Close() error {
	err := s.listen.Close() // removes the socket
	s.stop()
	s.crew.Wait()
	return errors.Join(err, s.dir.Close())
}

// asker names the person at the other end: root, or whoever this process belongs to.
func asker(c *net.UnixConn) (string, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return "", fmt.Errorf("who asks: %w", err)
	}
	var cred *unix.Ucred
	var bad error
	err = raw.Control(func(fd uintptr) { cred, bad = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, bad); err != nil {
		return "", fmt.Errorf("who asks: %w", err)
	}
	if cred.Uid != 0 && int(cred.Uid) != os.Geteuid() {
		return "", fmt.Errorf("user %d may not ask", cred.Uid)
	}
	return person(int(cred.Uid), strconv.Itoa(int(cred.Pid))), nil
}

// Self names the person who runs this process.
func Self() string { return person(os.Getuid(), "self") }

// person is the name of the user who logged in, which sudo and su leave as it is
// (/proc/PID/loginuid, kept by the kernel), and of the account he works under, where that
// is another.
func person(uid int, pid string) string {
	works := account(strconv.Itoa(uid))
	data, err := os.ReadFile("/proc/" + pid + "/loginuid")
	login := strings.TrimSpace(string(data))
	if err != nil || login == "" || login == "4294967295" || login == strconv.Itoa(uid) {
		return works
	}
	return account(login) + " as " + works
}

func account(uid string) string {
	if u, err := user.LookupId(uid); err == nil && u.Username != "" {
		return u.Username
	}
	return "uid " + uid
}

// Ask puts a question to the process that answers in a folder; the error is ErrNobody when
// none does.
func Ask(ctx context.Context, dir string, question, answer any) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	defer d.Close()
	limited, stop := context.WithTimeout(ctx, patient)
	defer stop()
	var dialer net.Dialer
	c, err := dialer.DialContext(limited, "unix", within(d))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("%w in %s", ErrNobody, filepath.Clean(dir))
	case err != nil:
		return fmt.Errorf("ask: %w", err)
	}
	defer c.Close()
	defer context.AfterFunc(limited, func() { _ = c.Close() })()
	if err := json.NewEncoder(c).Encode(question); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	if err := json.NewDecoder(io.LimitReader(c, largest)).Decode(answer); err != nil {
		return fmt.Errorf("the answer did not come; whether it was done, the journal says: %w", err)
	}
	return nil
}
