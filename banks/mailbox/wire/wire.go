// Package wire stands between the SFTP library and the SSH channel to a bank. It sees whole packets
// both ways, so it can refuse requests by type, notice an answer that nobody asked for, know how long
// the bank has been silent, join small packets into few writes, and carry a few requests of its own:
// listings page by page with a bound, and the removal of a file that can never remove a folder.
//
// It knows no bank, no name rule and no document, opens no connection, and calls no other room; only
// mailbox opens it.
package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Types of packets of SFTP version 3 (draft-ietf-secsh-filexfer-02, section 3).
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
	// fxExtendedReply answers an extended request with more than a status.
	fxExtendedReply = 201
)

const (
	packetLimit = 256 << 10 // longest packet taken, as OpenSSH and the library hold it
	queueLimit  = 1 << 20   // octets that may wait for the channel before writers wait
	ownID       = 1 << 31   // request ids from here on are this package's own

	watchTicks    = 8 // looks of Watch in one timeout
	stuckTimeouts = 4 // timeouts after which one unanswered request ends the wire, whatever else is answered
)

var errDenied = errors.New("this request is never sent to a bank")

// Wire is the packet layer of one session. The library reads and writes it as if it were the channel;
// everybody else may call the other methods at any time.
type Wire struct {
	channel io.ReadWriteCloser
	in      *bufio.Reader
	heard   func()      // told of every whole answer
	broken  func(error) // told once why the wire ended

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

	answers atomic.Uint64
	tick    atomic.Uint32
}

// flight is one request that has no answer yet.
type flight struct {
	sent uint32        // tick at which it was queued
	own  chan<- packet // nil for the library's requests
}

// packet is an answer to a request of our own: its type and what follows the id.
type packet struct {
	kind byte
	body []byte
	err  error
}

// New makes the wire of a channel. heard is told of every whole answer, broken once why the wire
// ended; both are called from the wire's goroutines. Pump must run beside it.
func New(channel io.ReadWriteCloser, heard func(), broken func(error)) *Wire {
	w := &Wire{
		channel: channel, in: bufio.NewReaderSize(channel, 32<<10), heard: heard, broken: broken,
		flights: make(map[uint32]flight), nextID: ownID,
	}
	w.wake = sync.NewCond(&w.mu)
	return w
}

// allowed is the library's whole vocabulary on this wire. SETSTAT, RMDIR, SYMLINK and the like are
// not in it: a session that cannot say them cannot do them by mistake.
func allowed(kind byte) bool {
	switch kind {
	case fxInit, fxOpen, fxClose, fxRead, fxWrite, fxLstat, fxMkdir, fxRename, fxExtended:
		return true
	}
	return false
}

// Write takes the library's octets: a packet comes in one or two pieces, never two packets at once.
func (w *Wire) Write(p []byte) (int, error) {
	w.frame = append(w.frame, p...)
	if len(w.frame) < 5 {
		return len(p), nil
	}
	kind := w.frame[4]
	if !allowed(kind) {
		w.frame = w.frame[:0]
		return 0, fmt.Errorf("request type %d: %w", kind, errDenied)
	}
	if len(w.frame) < 4+int(binary.BigEndian.Uint32(w.frame)) {
		return len(p), nil
	}
	frame := w.frame
	w.frame = w.frame[:0]
	if err := w.enqueue(kind != fxInit, nil, frame); err != nil {
		return 0, err
	}
	return len(p), nil
}

// enqueue adds one whole packet, given in pieces, and notes that its answer is owed. It waits while
// too much is waiting already.
func (w *Wire) enqueue(owed bool, own chan<- packet, pieces ...[]byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) > queueLimit && w.err == nil {
		w.wake.Wait()
	}
	if w.err != nil {
		return w.err
	}
	if owed {
		w.flights[binary.BigEndian.Uint32(pieces[0][5:])] = flight{sent: w.tick.Load(), own: own}
	}
	for _, p := range pieces {
		w.queue = append(w.queue, p...)
	}
	w.wake.Broadcast()
	return nil
}

// Pump moves queued packets to the channel until the wire ends: as many as are there at once.
func (w *Wire) Pump() {
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
		if _, err := w.channel.Write(batch); err != nil {
			w.End(fmt.Errorf("send to the server: %w", err))
			return
		}
	}
}

// Read hands the library the answers to its own requests.
func (w *Wire) Read(p []byte) (int, error) {
	for len(w.rest) == 0 {
		if err := w.next(); err != nil {
			w.End(err)
			return 0, err
		}
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// next reads one whole packet and gives it to whoever asked for it.
func (w *Wire) next() error {
	var head [4]byte
	if _, err := io.ReadFull(w.in, head[:]); err != nil {
		return fmt.Errorf("the server closed the connection: %w", err)
	}
	length := binary.BigEndian.Uint32(head[:])
	if length < 5 || length > packetLimit {
		return fmt.Errorf("the server sent a packet of %d octets, allowed are 5 to %d", length, packetLimit)
	}
	if cap(w.packet) < 4+int(length) {
		w.packet = make([]byte, 4+int(length))
	}
	w.packet = w.packet[:4+int(length)]
	copy(w.packet, head[:])
	if _, err := io.ReadFull(w.in, w.packet[4:]); err != nil {
		return fmt.Errorf("the server closed the connection within an answer: %w", err)
	}
	if !w.greeted && w.packet[4] == fxVersion {
		w.greeted, w.rest = true, w.packet
		w.heard()
		return nil
	}
	if length < 9 {
		return fmt.Errorf("the server sent an answer of %d octets, which is too short for any", length)
	}
	return w.deliver(w.packet[4], binary.BigEndian.Uint32(w.packet[5:]))
}

// deliver finds the request that the packet in w.packet answers.
func (w *Wire) deliver(kind byte, id uint32) error {
	w.mu.Lock()
	f, ok := w.flights[id]
	delete(w.flights, id)
	w.mu.Unlock()
	if !ok {
		return fmt.Errorf("the server answered request %d, which was not asked or was answered before", id)
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
func (w *Wire) ask(kind byte, body []byte) (packet, error) {
	answer, err := w.send(kind, body)
	if err != nil {
		return packet{}, err
	}
	got := <-answer
	return got, got.err
}

// send sends a request of our own, given in pieces, and tells where its answer will come. Nobody
// need wait for it.
func (w *Wire) send(kind byte, pieces ...[]byte) (<-chan packet, error) {
	answer := make(chan packet, 1)
	w.mu.Lock()
	id := w.nextID
	w.nextID++
	w.mu.Unlock()
	length := 5
	for _, p := range pieces {
		length += len(p)
	}
	head := binary.BigEndian.AppendUint32(make([]byte, 0, 9), uint32(length))
	head = binary.BigEndian.AppendUint32(append(head, kind), id)
	return answer, w.enqueue(true, answer, append([][]byte{head}, pieces...)...)
}

// End ends the wire for a reason; the first reason stays. Whoever waits to write, and our own askers,
// are released; the library is released by what its reader meets when the connection is cut.
func (w *Wire) End(cause error) {
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

// Close closes the channel; it is the library's word for goodbye.
func (w *Wire) Close() error { return w.channel.Close() }

// Tick moves the wire's clock by one and tells how many answers are owed, for how many ticks the
// oldest is, and how many have come in all.
func (w *Wire) Tick() (owed int, age uint32, answers uint64) {
	now := w.tick.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.flights {
		age = max(age, now-f.sent)
	}
	return len(w.flights), age, w.answers.Load()
}

// Watch returns why the other side is to be given up: it owes answers and gave none for the timeout. nil
// means that done was closed. It counts ticks instead of reading a clock, so that a step of the clock cannot
// end a session.
func (w *Wire) Watch(done <-chan struct{}, timeout time.Duration) error {
	ticker := time.NewTicker(max(timeout/watchTicks, time.Millisecond))
	defer ticker.Stop()
	var before uint64
	silent := 0
	for {
		select {
		case <-done:
			return nil
		case <-ticker.C:
		}
		owed, age, answers := w.Tick()
		if owed == 0 || answers != before {
			before, silent = answers, 0
		} else {
			silent++
		}
		switch {
		case silent > watchTicks:
			return fmt.Errorf("the server owes %d answers and was silent for %v", owed, timeout)
		case age > stuckTimeouts*watchTicks:
			return fmt.Errorf("the server left one question unanswered for %v and answered later ones", stuckTimeouts*timeout)
		}
	}
}
