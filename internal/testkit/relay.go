package testkit

import (
	"net"
	"sync"
	"testing"
	"time"
)

// Relay is a TCP relay between a client and a server: it holds each segment for half the round-trip
// time in each direction without limiting how much is on the way, and can cut, stall and throttle.
type Relay struct {
	Host string
	Port int

	target   string
	listener net.Listener
	crew     sync.WaitGroup

	mu      sync.Mutex
	wake    *sync.Cond
	delay   time.Duration // one way
	rate    int           // octets a second and direction; 0 = unlimited
	stalled bool
	left    int64 // octets towards the server before the cut; <0 = no cut
	conns   map[net.Conn]bool
	seen    int
	closed  bool
}

// StartRelay runs a relay to a host:port; rtt is the round-trip time that it adds.
func StartRelay(t testing.TB, target string, rtt time.Duration) *Relay {
	t.Helper()
	l := listen(t)
	r := &Relay{
		Host: "127.0.0.1", Port: port(l.Addr()), target: target, listener: l,
		delay: rtt / 2, left: -1, conns: make(map[net.Conn]bool),
	}
	r.wake = sync.NewCond(&r.mu)
	r.crew.Go(r.accept)
	t.Cleanup(r.close)
	return r
}

// SetRTT changes the added round-trip time for what comes from now on.
func (r *Relay) SetRTT(rtt time.Duration) { r.change(func() { r.delay = rtt / 2 }) }

// Throttle limits each direction to so many octets a second; 0 lifts it.
func (r *Relay) Throttle(perSecond int) { r.change(func() { r.rate = perSecond }) }

// Stall holds everything back in both directions until Resume; the connections stay open.
func (r *Relay) Stall() { r.change(func() { r.stalled = true }) }

// Resume ends a stall.
func (r *Relay) Resume() { r.change(func() { r.stalled = false }) }

// Seen is how many connections it has carried so far.
func (r *Relay) Seen() (n int) {
	r.change(func() { n = r.seen })
	return n
}

// CutAfter resets the connections once so many octets have gone to the server, exactly; what the server
// says to them is lost.
func (r *Relay) CutAfter(octets int64) { r.change(func() { r.left = octets }) }

// Cut resets every connection now.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		reset(c)
	}
}

func (r *Relay) change(f func()) {
	r.mu.Lock()
	f()
	r.wake.Broadcast()
	r.mu.Unlock()
}

// reset closes with RST where it can, so that the other side notices at once.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func (r *Relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.target)
		if err != nil {
			reset(client)
			continue
		}
		r.mu.Lock()
		r.conns[client], r.conns[server] = true, true
		r.seen++
		closed := r.closed
		r.mu.Unlock()
		if closed {
			reset(client)
			reset(server)
			return
		}
		r.crew.Go(func() { r.pump(client, server, true) })
		r.crew.Go(func() { r.pump(server, client, false) })
	}
}

// segment is what one read gave, and when it may go on.
type segment struct {
	data []byte
	due  time.Time
}

// pump carries one direction: a reader stamps segments, a writer lets them go when they are due.
func (r *Relay) pump(from, to net.Conn, toServer bool) {
	queue := make(chan segment, 1<<16)
	r.crew.Go(func() {
		for s := range queue {
			if r.hold(s) && r.write(to, s.data, toServer) {
				continue
			}
			reset(to)
			reset(from)
			for range queue { // the reader must not wait for ever
			}
		}
		_ = to.Close()
		_ = from.Close()
	})
	defer close(queue)
	for {
		buf := make([]byte, 64<<10)
		n, err := from.Read(buf)
		if n > 0 {
			r.mu.Lock()
			due := time.Now().Add(r.delay)
			r.mu.Unlock()
			queue <- segment{buf[:n], due}
		}
		if err != nil {
			return
		}
	}
}

// hold waits until a segment is due and nothing is stalled; false once the relay is closed.
func (r *Relay) hold(s segment) bool {
	if wait := time.Until(s.due); wait > 0 {
		time.Sleep(wait)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.stalled && !r.closed {
		r.wake.Wait()
	}
	return !r.closed
}

// write passes octets on, slowly or cut off where that was asked for.
func (r *Relay) write(to net.Conn, data []byte, toServer bool) bool {
	r.mu.Lock()
	rate, cut := r.rate, false
	if toServer && r.left >= 0 {
		if int64(len(data)) >= r.left {
			data, cut = data[:r.left], true
		}
		r.left -= int64(len(data))
	}
	r.mu.Unlock()
	for len(data) > 0 {
		n := len(data)
		if rate > 0 {
			n = min(n, max(1, rate/50))
		}
		if _, err := to.Write(data[:n]); err != nil {
			return false
		}
		data = data[n:]
		if rate > 0 {
			time.Sleep(time.Duration(n) * time.Second / time.Duration(rate))
		}
	}
	return !cut
}

func (r *Relay) close() {
	_ = r.listener.Close()
	r.change(func() { r.closed = true })
	r.Cut()
	r.crew.Wait()
}
