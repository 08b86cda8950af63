package testkit

import (
	"bytes"
	"encoding/binary"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// SFTP version 3 as the hostile server speaks it (draft-ietf-secsh-filexfer-02).
const (
	fxpVersion  = 2
	fxpOpen     = 3
	fxpExtended = 200
	fxpStatus   = 101
	fxpHandle   = 102
	fxpData     = 103
	fxpName     = 104
	fxpAttrs    = 105

	statusOK      = 0
	statusEOF     = 1
	statusAbsent  = 2
	statusFailure = 4
	statusUnknown = 8

	modeFile   = 0o100644
	modeFolder = 0o040755
)

// Hostile is an SFTP server on raw packets over files in memory. Without a fault it is honest; On puts
// a fault at one kind of request. Use its Serve as ServerOptions.Serve.
type Hostile struct {
	// Extensions are announced; posix-rename and fsync unless changed.
	Extensions []string
	// Cut ends the TCP connection (Server.Cut); nil closes the channel only.
	Cut func()

	mu      sync.Mutex
	files   map[string][]byte
	folders map[string]bool
	handles map[string]*handle
	next    int
	faults  map[string]func(*Request)
	seen    []string
}

// handle is an open file or a listing under way.
type handle struct {
	path string
	left []string // names still to be listed; nil for a file
}

// NewHostile makes a server that has these folders.
func NewHostile(folders ...string) *Hostile {
	h := &Hostile{
		Extensions: []string{"posix-rename@openssh.com", "1", "fsync@openssh.com", "1"},
		files:      make(map[string][]byte), folders: make(map[string]bool),
		handles: make(map[string]*handle), faults: make(map[string]func(*Request)),
	}
	for _, f := range folders {
		h.folders[f] = true
	}
	return h
}

// On answers one kind of request ("init", "open", "close", "read", "write", "lstat", "opendir", "readdir",
// "remove", "mkdir", "rename", "posix-rename", "fsync") by a fault instead of honestly; nil lifts it. The
// fault runs without the server's lock, one request of a session after the other; it may keep a request and
// answer it later.
func (h *Hostile) On(kind string, fault func(*Request)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults[kind] = fault
}

// Rename makes the server change the names of all files, as it keeps and finds them.
func (h *Hostile) Rename(change func(name string) string) {
	changed := func(r *Request) {
		r.Path = path.Join(path.Dir(r.Path), change(path.Base(r.Path)))
		if r.To != "" {
			r.To = path.Join(path.Dir(r.To), change(path.Base(r.To)))
		}
		r.Honest()
	}
	for _, kind := range []string{"open", "lstat", "stat", "remove", "rename", "posix-rename"} {
		h.On(kind, changed)
	}
}

// Put sets a file; nil removes it.
func (h *Hostile) Put(name string, data []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if data == nil {
		delete(h.files, name)
		return
	}
	h.files[name] = slices.Clone(data)
}

// Get is a file's content, nil if absent.
func (h *Hostile) Get(name string) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.files[name])
}

// Seen lists the requests so far, as "rename /a /b".
func (h *Hostile) Seen() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.seen)
}

// Request is one request that a fault may answer as it likes.
type Request struct {
	Kind string
	ID   uint32
	Path string // first path, or the path of the handle
	To   string // second path of a rename

	Bank   *Hostile
	ch     io.ReadWriteCloser
	body   reader
	flags  uint32
	offset uint64
	length uint32
	data   []byte
	handle string
}

// Serve speaks SFTP on a channel until it ends.
func (h *Hostile) Serve(ch io.ReadWriteCloser) {
	ch = &oneWriter{ReadWriteCloser: ch}
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(ch, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head)-1)
		if _, err := io.ReadFull(ch, body); err != nil {
			return
		}
		r := h.parse(head[4], body)
		r.ch = ch
		h.mu.Lock()
		h.seen = append(h.seen, strings.TrimSpace(r.Kind+" "+r.Path+" "+r.To))
		fault := h.faults[r.Kind]
		h.mu.Unlock()
		if fault != nil {
			fault(r)
			continue
		}
		r.Honest()
	}
}

// oneWriter lets answers that were kept back go out beside others.
type oneWriter struct {
	io.ReadWriteCloser
	mu sync.Mutex
}

// Write passes one packet on.
func (w *oneWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ReadWriteCloser.Write(p)
}

// parse decodes a request as far as the server needs it.
func (h *Hostile) parse(kind byte, body []byte) *Request {
	r := &Request{Bank: h, body: reader{b: body}}
	if kind == 1 {
		r.Kind = "init"
		return r
	}
	r.ID = r.body.u32()
	if kind == fxpExtended {
		name := r.body.str()
		r.Kind = strings.TrimSuffix(name, "@openssh.com")
		if r.Kind == "fsync" {
			r.atHandle()
			return r
		}
		r.Path, r.To = r.body.str(), r.body.str()
		return r
	}
	names := map[byte]string{
		fxpOpen: "open", 4: "close", 5: "read", 6: "write", 7: "lstat", 8: "fstat", 9: "setstat", 10: "fsetstat",
		11: "opendir", 12: "readdir", 13: "remove", 14: "mkdir", 15: "rmdir", 16: "realpath", 17: "stat", 18: "rename",
	}
	r.Kind = names[kind]
	switch r.Kind {
	case "open":
		r.Path, r.flags = r.body.str(), r.body.u32()
	case "close", "readdir", "fstat", "fsetstat":
		r.atHandle()
	case "read":
		r.atHandle()
		r.offset, r.length = r.body.u64(), r.body.u32()
	case "write":
		r.atHandle()
		r.offset, r.data = r.body.u64(), []byte(r.body.str())
	case "rename":
		r.Path, r.To = r.body.str(), r.body.str()
	default:
		r.Path = r.body.str()
	}
	return r
}

func (r *Request) atHandle() {
	r.handle = r.body.str()
	r.Bank.mu.Lock()
	defer r.Bank.mu.Unlock()
	if open := r.Bank.handles[r.handle]; open != nil {
		r.Path = open.path
	}
}

// Honest answers as an honest server does.
func (r *Request) Honest() {
	r.Bank.mu.Lock()
	reply := r.honest()
	r.Bank.mu.Unlock()
	r.Raw(reply)
}

// Do carries the request out without answering it, and gives the honest answer.
func (r *Request) Do() []byte {
	r.Bank.mu.Lock()
	defer r.Bank.mu.Unlock()
	return r.honest()
}

func (r *Request) honest() []byte {
	h := r.Bank
	switch r.Kind {
	case "init":
		p := binary.BigEndian.AppendUint32([]byte{fxpVersion}, 3)
		for _, e := range h.Extensions {
			p = append(p, str(e)...)
		}
		return p
	case "open":
		return r.open()
	case "opendir":
		return r.opendir()
	case "close":
		delete(h.handles, r.handle)
		return r.status(statusOK, "")
	case "read":
		data := h.files[r.Path]
		if r.offset >= uint64(len(data)) {
			return r.status(statusEOF, "")
		}
		return r.packet(fxpData, str(string(data[r.offset:min(uint64(len(data)), r.offset+uint64(r.length))])))
	case "write":
		data := h.files[r.Path]
		if end := int(r.offset) + len(r.data); len(data) < end {
			data = append(data, make([]byte, end-len(data))...)
		}
		copy(data[r.offset:], r.data)
		h.files[r.Path] = data
		return r.status(statusOK, "")
	case "fsync":
		return r.status(statusOK, "")
	}
	return r.honestPath()
}

// honestPath answers what goes by path alone.
func (r *Request) honestPath() []byte {
	h := r.Bank
	data, file := h.files[r.Path]
	switch r.Kind {
	case "lstat", "stat":
		switch {
		case h.folders[r.Path]:
			return r.packet(fxpAttrs, attrs(0, modeFolder))
		case !file:
			return r.status(statusAbsent, "No such file")
		}
		return r.packet(fxpAttrs, attrs(uint64(len(data)), modeFile))
	case "readdir":
		return r.readdir()
	case "mkdir":
		h.folders[r.Path] = true
		return r.status(statusOK, "")
	case "remove":
		if !file {
			return r.status(statusAbsent, "No such file")
		}
		delete(h.files, r.Path)
		return r.status(statusOK, "")
	case "rename", "posix-rename":
		if _, taken := h.files[r.To]; !file || taken && r.Kind == "rename" {
			return r.status(statusFailure, "Failure")
		}
		h.files[r.To] = data
		delete(h.files, r.Path)
		return r.status(statusOK, "")
	}
	return r.status(statusUnknown, "not here")
}

func (r *Request) open() []byte {
	const creat, trunc, excl = 8, 16, 32
	h := r.Bank
	_, file := h.files[r.Path]
	switch {
	case !file && r.flags&creat == 0, !h.folders[path.Dir(r.Path)]:
		return r.status(statusAbsent, "No such file")
	case file && r.flags&excl != 0:
		return r.status(statusFailure, "Failure")
	case !file || r.flags&trunc != 0:
		h.files[r.Path] = []byte{}
	}
	return r.opened(&handle{path: r.Path})
}

func (r *Request) opendir() []byte {
	if !r.Bank.folders[r.Path] {
		return r.status(statusAbsent, "No such file")
	}
	left := []string{".", ".."}
	for name := range r.Bank.files {
		if path.Dir(name) == r.Path {
			left = append(left, path.Base(name))
		}
	}
	for name := range r.Bank.folders {
		if path.Dir(name) == r.Path && name != r.Path {
			left = append(left, path.Base(name))
		}
	}
	slices.Sort(left)
	return r.opened(&handle{path: r.Path, left: left})
}

func (r *Request) opened(open *handle) []byte {
	r.Bank.next++
	name := string(binary.BigEndian.AppendUint32(nil, uint32(r.Bank.next)))
	r.Bank.handles[name] = open
	return r.packet(fxpHandle, str(name))
}

// readdir gives a page of at most 100 names.
func (r *Request) readdir() []byte {
	open := r.Bank.handles[r.handle]
	if open == nil || len(open.left) == 0 {
		return r.status(statusEOF, "")
	}
	page := open.left[:min(100, len(open.left))]
	open.left = open.left[len(page):]
	var names []Name
	for _, n := range page {
		full := path.Join(r.Path, n)
		data, file := r.Bank.files[full]
		if mode := uint32(modeFolder); file {
			mode = modeFile
			names = append(names, Name{Name: n, Size: uint64(len(data)), Mode: mode})
		} else {
			names = append(names, Name{Name: n, Mode: mode})
		}
	}
	return r.names(uint32(len(names)), names)
}

// Name is one entry of a listing that a fault makes up. Mode 0 leaves the type out.
type Name struct {
	Name string
	Size uint64
	Mode uint32
}

// Names answers a listing with made up names; count may lie.
func (r *Request) Names(count uint32, names ...Name) { r.Raw(r.names(count, names)) }

func (r *Request) names(count uint32, names []Name) []byte {
	p := binary.BigEndian.AppendUint32(nil, count)
	for _, n := range names {
		p = append(p, str(n.Name)...)
		p = append(p, str("-rw-r--r-- "+n.Name)...)
		p = append(p, attrs(n.Size, n.Mode)...)
	}
	return r.packet(fxpName, p)
}

// Attrs answers with the attributes of a file of that size, with so many extended pairs announced.
func (r *Request) Attrs(size uint64, extended uint32) {
	p := attrs(size, modeFile)
	if extended > 0 {
		binary.BigEndian.PutUint32(p, binary.BigEndian.Uint32(p)|1<<31)
		p = binary.BigEndian.AppendUint32(p, extended)
	}
	r.Raw(r.packet(fxpAttrs, p))
}

// Data answers a read with these octets, asked for or not.
func (r *Request) Data(data []byte) { r.Raw(r.packet(fxpData, str(string(data)))) }

// Status answers with a code of section 7 (0 OK, 1 EOF, 2 absent, 3 denied, 4 failure) and a text.
func (r *Request) Status(code uint32, text string) { r.Raw(r.status(code, text)) }

func (r *Request) status(code uint32, text string) []byte {
	p := binary.BigEndian.AppendUint32(nil, code)
	return r.packet(fxpStatus, append(append(p, str(text)...), str("")...))
}

func (r *Request) packet(kind byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, r.ID), body...)
}

// Raw sends a packet of these octets (type, id and so on) with an honest length.
func (r *Request) Raw(p []byte) {
	_, _ = r.ch.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(p))), p...))
}

// Bytes sends octets as they are.
func (r *Request) Bytes(p []byte) { _, _ = r.ch.Write(p) }

// Drop ends the connection without an answer.
func (r *Request) Drop() {
	if r.Bank.Cut != nil {
		r.Bank.Cut()
	}
	_ = r.ch.Close()
}

// attrs encodes a file's size, type and time.
func attrs(size uint64, mode uint32) []byte {
	const hasSize, hasMode, hasTimes = 1, 4, 8
	flags := uint32(hasSize | hasTimes)
	if mode != 0 {
		flags |= hasMode
	}
	p := binary.BigEndian.AppendUint32(nil, flags)
	p = binary.BigEndian.AppendUint64(p, size)
	if mode != 0 {
		p = binary.BigEndian.AppendUint32(p, mode)
	}
	now := uint32(time.Now().Unix())
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(p, now), now)
}

func str(s string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...)
}

// reader takes types off a request; a request that ends early gives zeros.
type reader struct{ b []byte }

func (r *reader) u32() uint32 {
	if len(r.b) < 4 {
		return 0
	}
	v := binary.BigEndian.Uint32(r.b)
	r.b = r.b[4:]
	return v
}

func (r *reader) u64() uint64 { return uint64(r.u32())<<32 | uint64(r.u32()) }

func (r *reader) str() string {
	n := min(int(r.u32()), len(r.b))
	s := string(bytes.Clone(r.b[:n]))
	r.b = r.b[n:]
	return s
}
