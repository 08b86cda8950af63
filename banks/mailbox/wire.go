package mailbox

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// Request and reply types of SFTP version 3 (draft-ietf-secsh-filexfer-02, section 3).
const (
	fxInit     = 1
	fxVersion  = 2
	fxOpen     = 3
	fxClose    = 4
	fxRead     = 5
	fxWrite    = 6
	fxLstat    = 7
	fxOpendir  = 11
	fxReaddir  = 12
	fxRemove   = 13
	fxMkdir    = 14
	fxRealpath = 16
	fxRename   = 18
	fxStatus   = 101
	fxHandle   = 102
	fxName     = 104
	fxExtended = 200
	fxExtReply = 201
)

const (
	packetLimit = 256 << 10 // longest SFTP packet taken, as OpenSSH and pkg/sftp hold it
	queueLimit  = 1 << 20   // octets that may wait for the SSH channel before writers wait
	ownID       = 1 << 31   // request ids from here on are this package's own
)

var errDenied = errors.New("this request is never sent to a bank")

// wire stands between the library and the SSH channel. It sees whole packets both ways, so it can
// refuse requests by type, notice an answer that nobody asked for, know how long the bank has been
// silent, join small packets into few writes, and carry a few requests of our own.
type wire struct {
	out    io.WriteCloser
	in     *bufio.Reader
	heard  func()      // told of every whole answer
	broken func(error) // told once why the wire ended

	mu      sync.Mutex
	wake    *sync.Cond
	frame   []byte // packet that the library is writing
	queue   []byte // whole packets that wait for the channel
	flights map[uint32]flight
	nextID  uint32
	err     error

	packet  []byte // incoming packet, reused
	rest    []byte // of it, what the library has not read yet
	greeted bool   // VERSION has come

	answers atomic.Uint64 // whole answers so far
	tick    atomic.Uint32 // the watch's clock
}

// flight is one request that has no answer yet.
type flight struct {
	sent uint32        // tick at which it was queued
	own  chan<- packet // nil for the library's requests
}

// packet is an answer to a request of our own: type and what follows the id.
type packet struct {
	kind byte
	body []byte
	err  error
}

func newWire(ch io.ReadWriteCloser, heard func(), broken func(error)) *wire {
	w := &wire{
		out: ch, in: bufio.NewReaderSize(ch, 64<<10), heard: heard, broken: broken,
		flights: make(map[uint32]flight), nextID: ownID,
	}
	w.wake = sync.NewCond(&w.mu)
	return w
}

// allowed is the whole vocabulary of the library on this wire. SETSTAT, RMDIR, SYMLINK and the
// like are not in it: sessions that cannot say them cannot do them by mistake.
func allowed(kind byte) bool {
	switch kind {
	case fxInit, fxOpen, fxClose, fxRead, fxWrite, fxLstat, fxMkdir, fxRealpath, fxRename, fxExtended:
		return true
	}
	return false
}

// Write takes the library's bytes: a packet comes in one or two pieces, never two at once.
func (w *wire) Write(p []byte) (int, error) {
	w.frame = append(w.frame, p...)
	if len(w.frame) < 5 {
		return len(p), nil
	}
	if kind := w.frame[4]; !allowed(kind) {
		w.frame = w.frame[:0]
		return 0, fmt.Errorf("request type %d: %w", kind, errDenied)
	}
	if len(w.frame) < 4+int(binary.BigEndian.Uint32(w.frame)) {
		return len(p), nil
	}
	id, known := uint32(0), w.frame[4] != fxInit
	if known {
		id = binary.BigEndian.Uint32(w.frame[5:])
	}
	err := w.enqueue(w.frame, func() {
		if known {
			w.flights[id] = flight{sent: w.tick.Load()}
		}
	})
	w.frame = w.frame[:0]
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// enqueue adds one whole packet; it waits while too much is waiting already.
func (w *wire) enqueue(p []byte, register func()) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) > queueLimit && w.err == nil {
		w.wake.Wait()
	}
	if w.err != nil {
		return w.err
	}
	register()
	w.queue = append(w.queue, p...)
	w.wake.Broadcast()
	return nil
}

// pump moves queued packets to the channel until the wire ends: as many as are there at once.
func (w *wire) pump() {
	var batch []byte
	for {
		w.mu.Lock()
		for len(w.queue) == 0 && w.err == nil {
			w.wake.Wait()
		}
		if w.err != nil {
			w.mu.Unlock()
			return
		}
		batch, w.queue = w.queue, batch[:0]
		w.wake.Broadcast()
		w.mu.Unlock()
		if _, err := w.out.Write(batch); err != nil {
			w.fail(fmt.Errorf("send to the bank: %w", err))
			return
		}
	}
}

// Read hands the library the answers to its own requests.
func (w *wire) Read(p []byte) (int, error) {
	for len(w.rest) == 0 {
		if err := w.next(); err != nil {
			w.fail(err)
			return 0, err
		}
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// next reads one whole packet and gives it to whoever asked for it.
func (w *wire) next() error {
	var head [4]byte
	if _, err := io.ReadFull(w.in, head[:]); err != nil {
		return fmt.Errorf("the bank closed the connection: %w", err)
	}
	length := binary.BigEndian.Uint32(head[:])
	if length < 5 || length > packetLimit {
		return fmt.Errorf("the bank sent a packet of %d octets, allowed are 5 to %d", length, packetLimit)
	}
	if cap(w.packet) < 4+int(length) {
		w.packet = make([]byte, 4+int(length))
	}
	w.packet = w.packet[:4+int(length)]
	copy(w.packet, head[:])
	if _, err := io.ReadFull(w.in, w.packet[4:]); err != nil {
		return fmt.Errorf("the bank closed the connection within an answer: %w", err)
	}
	if !w.greeted && w.packet[4] == fxVersion {
		w.greeted, w.rest = true, w.packet
		w.heard()
		return nil
	}
	return w.route(w.packet[4], binary.BigEndian.Uint32(w.packet[5:]))
}

// route finds the request that the packet in w.packet answers.
func (w *wire) route(kind byte, id uint32) error {
	w.mu.Lock()
	f, ok := w.flights[id]
	delete(w.flights, id)
	w.mu.Unlock()
	if !ok {
		return fmt.Errorf("the bank answered request %d, which was not asked or was answered before", id)
	}
	w.answers.Add(1)
	w.heard()
	if f.own == nil {
		w.rest = w.packet
		return nil
	}
	f.own <- packet{kind: kind, body: append([]byte(nil), w.packet[9:]...)}
	return nil
}

// ask sends a request of our own and waits for its answer.
func (w *wire) ask(kind byte, body []byte) (packet, error) {
	answer := make(chan packet, 1)
	w.mu.Lock()
	id := w.nextID
	w.nextID++
	w.mu.Unlock()
	p := make([]byte, 9, 9+len(body))
	binary.BigEndian.PutUint32(p, uint32(5+len(body)))
	p[4] = kind
	binary.BigEndian.PutUint32(p[5:], id)
	p = append(p, body...)
	err := w.enqueue(p, func() { w.flights[id] = flight{sent: w.tick.Load(), own: answer} })
	if err != nil {
		return packet{}, err
	}
	got := <-answer
	return got, got.err
}

// fail ends the wire: writers and our own askers are released, the library by its reader's error.
func (w *wire) fail(cause error) {
	w.mu.Lock()
	if w.err != nil {
		w.mu.Unlock()
		return
	}
	w.err = cause
	for id, f := range w.flights {
		if f.own != nil {
			f.own <- packet{err: cause}
			delete(w.flights, id)
		}
	}
	w.wake.Broadcast()
	w.mu.Unlock()
	w.broken(cause)
}

// Close is the library's: the session closes the connection itself.
func (w *wire) Close() error { return w.out.Close() }

// waiting tells how many requests have no answer, and the tick of the oldest.
func (w *wire) waiting() (n int, oldest uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	oldest = w.tick.Load()
	for _, f := range w.flights {
		oldest = min(oldest, f.sent)
	}
	return len(w.flights), oldest
}

// str encodes an SSH string (RFC 4251, section 5).
func str(s string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...)
}
