package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
)

// Bounds of one listing.
const (
	listBytes  = 8 << 20 // octets
	listPages  = 4096    // READDIR requests
	emptyPages = 3       // pages without a name, in a row, that end it
	longHandle = 256     // octets of a handle (section 3 of the draft)
)

// Status codes (section 7 of the draft).
const (
	codeOK     = 0
	codeEOF    = 1
	codeAbsent = 2
	codeDenied = 3

	// Failure is the code of a refusal that tells no reason.
	Failure = 4
)

// Item is one name as the server's listing gives it, uncut.
type Item struct {
	Name  string
	Size  uint64
	Mtime uint32 // seconds since 1970
	Mode  uint32 // POSIX type and permissions, as lstat tells them
	Typed bool   // the server told the type
}

// Regular says whether the server calls it a plain file.
func (i *Item) Regular() bool { return i.Typed && i.Mode&0o170000 == 0o100000 }

// Status is a server's refusal: its code, and its own words as they came.
type Status struct {
	Code uint32
	Text string
}

// Error tells both; the words are foreign, and as long as the server liked.
func (s Status) Error() string { return fmt.Sprintf("status %d: %s", s.Code, s.Text) }

// Readdir reads a folder page by page, without the names "." and "..", at most limit names, and a
// bounded number of octets and pages;
// more says that not all was read. When ctx ends, it stops between two pages and says more. Pages are
// not asked for ahead: servers that work on several requests at once may skip or double names then.
// Errors: fs.ErrNotExist, fs.ErrPermission, Status, or why the wire ended.
func (w *Wire) Readdir(ctx context.Context, folder string, limit int) (items []Item, more bool, err error) {
	handle, err := w.handle(fxOpendir, str(folder))
	if err != nil {
		return nil, false, err
	}
	items, more, err = w.pages(ctx, handle, limit)
	// What closing a folder that was only read answers has no meaning, so nobody waits for it.
	if _, broken := w.send(fxClose, str(handle)); broken != nil {
		err = errors.Join(err, broken)
	}
	if err != nil {
		return nil, false, err
	}
	return items, more, nil
}

// handle asks for something to be opened.
func (w *Wire) handle(kind byte, body []byte) (string, error) {
	got, err := w.ask(kind, body)
	if err != nil {
		return "", err
	}
	if got.kind != fxHandle {
		return "", got.status()
	}
	r := reader{b: got.body}
	handle := r.str()
	if r.bad || len(handle) > longHandle {
		return "", errors.New("a handle that cannot be read")
	}
	return handle, nil
}

func (w *Wire) pages(ctx context.Context, handle string, limit int) (items []Item, more bool, err error) {
	octets, empty := 0, 0
	for range listPages {
		got, err := w.ask(fxReaddir, str(handle))
		if err != nil {
			return nil, false, err
		}
		if got.kind == fxStatus && got.code() == codeEOF {
			return items, false, nil
		}
		if got.kind != fxName {
			return nil, false, got.status()
		}
		page, err := got.names()
		if err != nil {
			return nil, false, err
		}
		page = slices.DeleteFunc(page, func(i Item) bool { return i.Name == "." || i.Name == ".." })
		octets += len(got.body)
		if empty++; len(page) > 0 {
			empty = 0
		}
		room := limit - len(items)
		items = append(items, page[:min(len(page), room)]...)
		if len(page) > room || octets > listBytes || empty >= emptyPages || ctx.Err() != nil {
			return items, true, nil
		}
	}
	return items, true, nil
}

// Folder is what was read of one, as of Readdir.
type Folder struct {
	Items []Item
	More  bool
	Err   error
}

// Folder is Readdir.
func (w *Wire) Folder(ctx context.Context, name string, limit int) (f Folder) {
	f.Items, f.More, f.Err = w.Readdir(ctx, name, limit)
	return f
}

// Folders reads two folders, each as of Readdir: both at once if the server may hold two open, for a folder is three
// round trips; where it refuses one, they are read again, one after the other.
func (w *Wire) Folders(ctx context.Context, one, other string, limit int, atOnce bool) (first, second Folder) {
	if atOnce {
		var side sync.WaitGroup
		var broke any
		side.Go(func() {
			defer func() { broke = recover() }() // it is the caller's, as if it had happened there
			second = w.Folder(ctx, other, limit)
		})
		first = w.Folder(ctx, one, limit)
		side.Wait()
		if broke != nil {
			panic(broke)
		}
		var no Status
		if !errors.As(first.Err, &no) && !errors.As(second.Err, &no) {
			return first, second
		}
	}
	if first = w.Folder(ctx, one, limit); first.Err == nil {
		second = w.Folder(ctx, other, limit)
	}
	return first, second
}

// Remove removes one file, never a folder. Errors as of Readdir.
func (w *Wire) Remove(name string) error { return w.plain(fxRemove, name) }

// Handles asks how many files and folders the server can hold open (limits@openssh.com, PROTOCOL of
// OpenSSH, section 4.8); 0 means that it does not say. Errors as of Readdir.
func (w *Wire) Handles() (uint64, error) {
	got, err := w.ask(fxExtended, str("limits@openssh.com"))
	if err != nil {
		return 0, err
	}
	if got.kind != fxExtendedReply {
		return 0, got.status()
	}
	r := reader{b: got.body}
	r.take(3 * 8) // longest packet, read and write: ours are shorter than what every server must take
	handles := r.u64()
	if r.bad {
		return 0, errors.New("limits that cannot be read")
	}
	return handles, nil
}

// plain sends a request with one string, whose only good answer is the status OK.
func (w *Wire) plain(kind byte, arg string) error {
	got, err := w.ask(kind, str(arg))
	if err != nil {
		return err
	}
	return got.done()
}

// done is nil for the status OK, and an error for every other packet.
func (p packet) done() error {
	if p.err != nil || p.kind == fxStatus && p.code() == codeOK {
		return p.err
	}
	return p.status()
}

func (p packet) code() uint32 {
	r := reader{b: p.body}
	code := r.u32()
	if r.bad {
		return ^uint32(0)
	}
	return code
}

// status is the error that a packet tells; a packet that tells none is one itself.
func (p packet) status() error {
	if p.kind != fxStatus {
		return fmt.Errorf("an answer of type %d that was not asked for", p.kind)
	}
	switch code := p.code(); code {
	case codeOK:
		return errors.New("an answer that says no more than done")
	case codeAbsent:
		return fs.ErrNotExist
	case codeDenied:
		return fs.ErrPermission
	default:
		r := reader{b: p.body}
		r.u32()
		return Status{code, r.str()}
	}
}

// names decodes a NAME packet. Counts are never trusted: what is read is bounded by the packet.
func (p packet) names() ([]Item, error) {
	r := reader{b: p.body}
	var items []Item
	for range r.u32() {
		it := Item{Name: r.str()}
		r.str() // the long form, for people
		r.attrs(&it)
		if r.bad {
			return nil, errors.New("a listing that cannot be read")
		}
		items = append(items, it)
	}
	return items, nil
}

// str encodes an SSH string (RFC 4251, section 5).
func str(s string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...) //nolint:gosec // paths and handles are short
}

// reader takes SSH types off a buffer; bad means that it ended too early.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n uint32) []byte {
	if r.bad || uint64(n) > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) u32() uint32 {
	p := r.take(4)
	if p == nil {
		return 0
	}
	return binary.BigEndian.Uint32(p)
}

func (r *reader) u64() uint64 { return uint64(r.u32())<<32 | uint64(r.u32()) }

func (r *reader) str() string { return string(r.take(r.u32())) }

// attrs decodes file attributes (section 5 of the draft).
func (r *reader) attrs(it *Item) {
	const size, owner, mode, times, extended = 1, 2, 4, 8, 1 << 31
	flags := r.u32()
	if flags&size != 0 {
		it.Size = r.u64()
	}
	if flags&owner != 0 {
		r.u64()
	}
	if flags&mode != 0 {
		it.Mode = r.u32()
		it.Typed = it.Mode&0o170000 != 0
	}
	if flags&times != 0 {
		r.u32() // last access
		it.Mtime = r.u32()
	}
	if flags&extended != 0 {
		for n := r.u32(); n > 0 && !r.bad; n-- {
			r.str()
			r.str()
		}
	}
}
