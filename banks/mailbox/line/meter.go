package line

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

const (
	greetingShown = 255     // octets of the server's first line that are kept
	idleBudget    = 4 << 20 // octets a bank may send between two answers of the file protocol
	loginBudget   = 1 << 20 // octets a bank may send before the file protocol is there
)

// meter is the TCP connection with a budget: a server that sends without being asked (banners,
// ignored messages, key exchanges without end) is cut off instead of being read for ever.
type meter struct {
	net.Conn
	left atomic.Int64

	mu       sync.Mutex
	greeting []byte
	complete bool
	spent    error
}

func newMeter(c net.Conn) *meter {
	m := &meter{Conn: c}
	m.left.Store(loginBudget)
	return m
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	if n > 0 {
		m.keep(p[:n])
		if m.left.Add(-int64(n)) < 0 {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.spent = errors.New("the server goes on sending without answering anything")
			return 0, m.spent
		}
	}
	return n, err
}

// keep remembers the server's first line for the diagnosis.
func (m *meter) keep(p []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.complete {
		return
	}
	line, _, found := bytes.Cut(p, []byte("\n"))
	m.greeting = append(m.greeting, line[:min(len(line), greetingShown-len(m.greeting))]...)
	m.complete = found || len(m.greeting) == greetingShown
}

// banner is the server's first line, as far as it came.
func (m *meter) banner() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return string(bytes.TrimRight(m.greeting, "\r"))
}

// cause is why reading was given up, nil if it was not.
func (m *meter) cause() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.spent
}
