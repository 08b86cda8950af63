package host

import (
	"bytes"
	"encoding/binary"
	"io"
	"time"
)

// Packet types of SFTP version 3 (draft-ietf-secsh-filexfer-02 §3).
const (
	packetVersion  = 2
	packetFsetstat = 10
	packetExtended = 200
)

// extendedLimit bounds an extended request; longer ones pass unread.
const extendedLimit = 64 << 10

const (
	extensionFsync       = "fsync@openssh.com"
	extensionPosixRename = "posix-rename@openssh.com"
)

// wire stands between an SSH channel and the library's request server. It does
// what the library cannot do for one server among many in a process: it announces
// this bank's own extensions, turns fsync@openssh.com into an fsetstat without
// attributes (the folder syncs the file), delays each request of a slow bank, and
// writes every response in one piece.
type wire struct {
	io.ReadWriteCloser
	extensions []string
	pause      time.Duration
	gone       <-chan struct{} // closed with the connection

	in        []byte // changed or partly read head of the current request
	left      int    // octets of the current request still on the channel
	out       []byte // responses not complete yet
	announced bool
}

// Read hands out the requests of the client, fsync translated.
func (w *wire) Read(p []byte) (int, error) {
	if len(w.in) == 0 && w.left == 0 {
		if err := w.next(); err != nil {
			return 0, err
		}
	}
	if len(w.in) > 0 {
		n := copy(p, w.in)
		w.in = w.in[n:]
		return n, nil
	}
	n, err := w.ReadWriteCloser.Read(p[:min(len(p), w.left)])
	w.left -= n
	return n, err
}

func (w *wire) next() error {
	head := make([]byte, 5)
	if _, err := io.ReadFull(w.ReadWriteCloser, head); err != nil {
		return err
	}
	if err := w.rest(); err != nil {
		return err
	}
	size := int(binary.BigEndian.Uint32(head))
	if head[4] != packetExtended || size > extendedLimit || size < 1 {
		w.in, w.left = head, max(size-1, 0)
		return nil
	}
	body := make([]byte, size-1)
	if _, err := io.ReadFull(w.ReadWriteCloser, body); err != nil {
		return err
	}
	w.in = translate(append(head, body...))
	return nil
}

// rest lets a slow bank take its time over one request.
func (w *wire) rest() error {
	if w.pause == 0 {
		return nil
	}
	t := time.NewTimer(w.pause)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-w.gone:
		return io.EOF
	}
}

// translate turns fsync@openssh.com (OpenSSH PROTOCOL §4.3) into an fsetstat with
// no attributes and leaves every other packet as it is.
func translate(packet []byte) []byte {
	id, rest := packet[5:min(9, len(packet))], packet[min(9, len(packet)):]
	name, rest, ok := cutString(rest)
	if !ok || string(name) != extensionFsync {
		return packet
	}
	handle, _, ok := cutString(rest)
	if !ok {
		return packet
	}
	b := []byte{0, 0, 0, 0, packetFsetstat}
	b = append(b, id...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(handle))) //nolint:gosec // bounded by extendedLimit
	b = append(b, handle...)
	b = append(b, 0, 0, 0, 0)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4)) //nolint:gosec // bounded by extendedLimit
	return b
}

func cutString(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if int64(n) > int64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// Write gathers a response until it is complete. The library never writes from
// two goroutines at once.
func (w *wire) Write(p []byte) (int, error) {
	w.out = append(w.out, p...)
	for len(w.out) >= 4 {
		size := 4 + int(binary.BigEndian.Uint32(w.out))
		if len(w.out) < size {
			break
		}
		packet := w.out[:size]
		if !w.announced && size > 4 && packet[4] == packetVersion {
			w.announced = true
			packet = version(w.extensions)
		}
		if _, err := w.ReadWriteCloser.Write(packet); err != nil {
			return 0, err
		}
		w.out = w.out[:copy(w.out, w.out[size:])]
	}
	return len(p), nil
}

// version is the server's first packet: SFTP version 3 and the extensions.
func version(extensions []string) []byte {
	b := bytes.NewBuffer([]byte{0, 0, 0, 0, packetVersion, 0, 0, 0, 3})
	for _, name := range extensions {
		for _, s := range []string{name, "1"} {
			b.Write([]byte{0, 0, 0, byte(len(s))}) //nolint:gosec // names are short constants
			b.WriteString(s)
		}
	}
	packet := b.Bytes()
	binary.BigEndian.PutUint32(packet, uint32(len(packet)-4)) //nolint:gosec // a few dozen octets
	return packet
}
