package wire

import "encoding/binary"

// What every server must take (section 3 of the draft), and how much of one file is on its way.
const (
	Chunk  = 32 << 10 // octets of one READ or WRITE
	Window = 32       // WRITEs of one file without an answer
)

// Flags of OPEN (section 6.3 of the draft).
const (
	openWrite     = 0x02
	openCreate    = 0x08
	openExclusive = 0x20
)

// Create makes a new file, and nothing but a new one, to be written by Fill. It returns the server's
// handle. Errors as of Readdir; most servers say Failure for a name that is taken.
func (w *Wire) Create(name string) (handle string, err error) {
	body := binary.BigEndian.AppendUint32(str(name), openWrite|openCreate|openExclusive)
	return w.handle(fxOpen, binary.BigEndian.AppendUint32(body, 0)) // no attributes: the server's own
}

// Fill writes a file that Create made and closes it, whatever comes of the writing. With flush the
// server brings it to its disk before (fsync@openssh.com, PROTOCOL of OpenSSH, section 4.6), and all
// of it is said in one breath: who has that request works on a file's requests in their order. Other
// servers are told to close when they have answered everything else, for one that works on several at
// once would close the file under a WRITE. Errors as of Readdir, the first of them.
func (w *Wire) Fill(handle string, data []byte, flush bool) error {
	f := filling{wire: w, handle: str(handle)}
	for at := 0; at < len(data) && f.err == nil; at += Chunk {
		part := data[at:min(at+Chunk, len(data))]
		head := binary.BigEndian.AppendUint64(nil, uint64(at))
		head = binary.BigEndian.AppendUint32(head, uint32(len(part))) //nolint:gosec // a chunk
		f.say(fxWrite, f.handle, head, part)
	}
	if flush && f.err == nil {
		f.say(fxExtended, str("fsync@openssh.com"), f.handle)
	} else {
		f.settle(0)
	}
	f.say(fxClose, f.handle)
	f.settle(0)
	return f.err
}

// filling is a file that is being written.
type filling struct {
	wire   *Wire
	handle []byte
	owed   []<-chan packet // answers that are still to come, in the order of the requests
	err    error           // the first
}

// say sends a request, and waits first while too many are without an answer.
func (f *filling) say(kind byte, pieces ...[]byte) {
	f.settle(Window - 1)
	answer, err := f.wire.send(kind, pieces...)
	if err != nil {
		f.note(err)
		return
	}
	f.owed = append(f.owed, answer)
}

// settle takes answers until no more than that many are owed.
func (f *filling) settle(most int) {
	for len(f.owed) > most {
		f.note((<-f.owed[0]).done())
		f.owed = f.owed[1:]
	}
}

func (f *filling) note(err error) {
	if f.err == nil {
		f.err = err
	}
}
