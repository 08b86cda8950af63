package outlet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"bankconnector/connector/evidence/note"
)

// priority is facility 13 (log audit), severity 5 (notice): RFC 5424 section 6.2.1.
const priority = 13*8 + 5

// localSocket is where a Debian system takes messages.
const localSocket = "/dev/log"

// Log is where messages for the system's log go.
type Log struct {
	network, address string
}

// ReadLog understands "local" (/dev/log), the path of a socket, udp://HOST:PORT and
// tcp://HOST:PORT.
func ReadLog(text string) (Log, error) {
	switch {
	case text == "local":
		return Log{"unixgram", localSocket}, nil
	case filepath.IsAbs(text):
		return Log{"unixgram", text}, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "udp" && u.Scheme != "tcp" || u.Port() == "" || u.Hostname() == "" || u.Path != "" {
		return Log{}, fmt.Errorf("%q is no address of a log: local, /path/of/a/socket, udp://HOST:PORT or tcp://HOST:PORT", text)
	}
	return Log{u.Scheme, u.Host}, nil
}

// Syslog sends each checkpoint as one message of RFC 5424, in one line from which the note
// reads back; over TCP with its length before it (RFC 6587 section 3.4.1). UDP tells nobody
// whether it arrived: prefer the local socket, whose daemon forwards, or TCP.
func Syslog(l Log, host string, now func() time.Time) *Outlet {
	var conn net.Conn
	stop := func() error {
		if conn == nil {
			return nil
		}
		old := conn
		conn = nil
		return old.Close()
	}
	name := l.network + "://" + l.address
	dialer := &net.Dialer{Timeout: patience}
	return &Outlet{Name: name, stop: stop, send: func(ctx context.Context, n note.Signed) error {
		line := n.Line()
		if line == "" {
			return errors.New("the checkpoint has no form of one line")
		}
		text := message(host, line, now())
		if l.network == "tcp" {
			text = fmt.Sprintf("%d %s", len(text), text)
		}
		if conn != nil && gone(conn, l.network) {
			_ = stop() // it is broken already
		}
		if conn == nil {
			c, err := dialer.DialContext(ctx, l.network, l.address)
			if err != nil {
				return err
			}
			conn = c
		}
		_, err := conn.Write([]byte(text))
		if err != nil {
			return errors.Join(err, stop()) // the daemon was started anew: the next call connects again
		}
		return nil
	}}
}

// gone tells that the other side of a stream has closed it: a first write into such a
// connection seems to succeed.
func gone(c net.Conn, network string) bool {
	if network != "tcp" {
		return false
	}
	raw, err := c.(syscall.Conn).SyscallConn() // a *net.TCPConn is one
	if err != nil {
		return true
	}
	var n int
	var said error
	err = raw.Read(func(fd uintptr) bool {
		n, _, said = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	})
	return err != nil || n == 0 && said == nil || said != nil && !errors.Is(said, syscall.EAGAIN)
}

// message is HEADER SP STRUCTURED-DATA SP MSG.
func message(host, line string, at time.Time) string {
	host = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '-'
		}
		return r
	}, host)
	return fmt.Sprintf("<%d>1 %s %s bankconnector %d checkpoint - %s",
		priority, at.UTC().Format("2006-01-02T15:04:05.000Z"), host[:min(len(host), 255)], os.Getpid(), line)
}
