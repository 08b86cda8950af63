package mailbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/pkg/sftp"

	"bankconnector/banks"
)

const (
	listBytes   = 8 << 20         // octets of one listing
	listPages   = 4096            // READDIR requests of one listing
	emptyPages  = 3               // pages without a name, in a row, that end a listing
	listTime    = 5 * time.Minute // one listing
	strangeKept = 100
)

// item is one name as the server's listing gives it, uncut.
type item struct {
	name  string
	size  uint64
	mode  uint32
	typed bool // the server told the type
	mtime uint32
}

// sighting remembers when a file was first seen as it is.
type sighting struct {
	size  int64
	mtime time.Time
	since time.Time
}

// List tells what the bank has left for us in from_bank, and what an earlier visit has claimed. The
// reading is bounded in names, octets, pages and time; what is beyond comes as Truncated. Names are
// judged by a fixed grammar and types as lstat tells them; everything else is reported as strange and
// never touched.
//
// A file is finished at once, or when its marker is beside it (pickup.done_marker), or when its size
// and time stayed the same for pickup.stable_for by our clock.
func (s *Session) List(ctx context.Context) (Listing, error) {
	var l Listing
	err := s.do(ctx, "list", s.route.fromBank, func() error {
		items, more, err := s.readdir(ctx, s.route.fromBank, s.route.files)
		if err != nil {
			return err
		}
		l.Truncated = more
		if err := s.sort(items, &l); err != nil {
			return err
		}
		if s.route.leave {
			return nil
		}
		return s.listClaimed(ctx, &l)
	})
	if err != nil {
		return Listing{}, err
	}
	return l, nil
}

// sort judges the names of from_bank.
func (s *Session) sort(items []item, l *Listing) error {
	markers := make(map[string]bool)
	for _, it := range items {
		if s.route.marker != "" && strings.HasSuffix(it.name, s.route.marker) {
			markers[strings.TrimSuffix(it.name, s.route.marker)] = true
		}
	}
	var good []Entry
	seen := make(map[string]bool, len(items))
	for _, it := range items {
		if s.route.known(it.name) {
			continue
		}
		regular, err := s.regular(s.route.fromBank, it, s.route.names.final.MatchString(it.name))
		if err != nil {
			return err
		}
		// Two names that differ in case alone are one file on some servers.
		folded := strings.ToLower(it.name)
		if !regular || seen[folded] {
			l.strange(it.name)
			continue
		}
		seen[folded] = true
		good = append(good, it.entry())
	}
	for _, e := range s.dialer.settled(s.route, good) {
		if s.route.marker != "" && !markers[e.Name] {
			continue
		}
		l.Files = append(l.Files, e)
	}
	l.Waiting = len(good) - len(l.Files)
	return nil
}

// regular says whether a well named item is a regular file; a server that does not tell the type in
// its listing is asked for it.
func (s *Session) regular(folder string, it item, named bool) (bool, error) {
	if !named {
		return false, nil
	}
	if it.typed {
		return it.mode&0o170000 == 0o100000, nil
	}
	info, err := s.lstat(path.Join(folder, it.name))
	if err != nil || info == nil {
		return false, err
	}
	return info.Mode().IsRegular(), nil
}

// strange reports a name.
func (l *Listing) strange(name string) {
	l.StrangeCount++
	if len(l.Strange) < strangeKept {
		l.Strange = append(l.Strange, quoted(name))
	}
}

func (it item) entry() Entry {
	return Entry{Name: it.name, Size: int64(min(it.size, 1<<62)), ModTime: time.Unix(int64(it.mtime), 0).UTC()}
}

// settled gives the files that did not change for the profile's stable_for, and remembers the rest.
func (d *Dialer) settled(r *route, files []Entry) []Entry {
	if r.stable == 0 {
		return files
	}
	now := d.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.seen[r.bank.BIC]
	after := make(map[string]sighting, len(files))
	var ready []Entry
	for _, e := range files {
		was, ok := before[e.Name]
		if !ok || was.size != e.Size || !was.mtime.Equal(e.ModTime) || now.Before(was.since) {
			was = sighting{size: e.Size, mtime: e.ModTime, since: now}
		}
		after[e.Name] = was
		if now.Sub(was.since) >= r.stable {
			ready = append(ready, e)
		}
	}
	if d.seen == nil {
		d.seen = make(map[banks.ID]map[string]sighting)
	}
	d.seen[r.bank.BIC] = after
	return ready
}

// listClaimed adds what an earlier visit has claimed and not yet removed.
func (s *Session) listClaimed(ctx context.Context, l *Listing) error {
	items, more, err := s.readdir(ctx, s.route.claimed, s.route.files)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	l.Truncated = l.Truncated || more
	for _, it := range items {
		if it.name == "." || it.name == ".." {
			continue
		}
		regular, err := s.regular(s.route.claimed, it, s.route.names.claimed.MatchString(it.name))
		if err != nil {
			return err
		}
		if !regular {
			l.strange(ClaimedFolder + "/" + it.name)
			continue
		}
		l.Claimed = append(l.Claimed, it.entry())
	}
	return nil
}

// readdir reads a folder page by page with requests of our own; names come as the server sent them.
func (s *Session) readdir(ctx context.Context, folder string, limit int) ([]item, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	handle, err := s.opendir(folder)
	if err != nil {
		return nil, false, err
	}
	items, more, err := s.pages(ctx, handle, limit)
	if s.lost(err) {
		return nil, false, err
	}
	return items, more, errors.Join(err, s.raw(fxClose, str(handle)))
}

func (s *Session) opendir(folder string) (string, error) {
	got, err := s.wire.ask(fxOpendir, str(folder))
	if err != nil {
		return "", err
	}
	if got.kind != fxHandle {
		return "", got.status()
	}
	r := reader{b: got.body}
	handle := r.str()
	if r.bad || len(handle) > 256 {
		return "", errors.New("a handle that cannot be read")
	}
	return handle, nil
}

// pages asks for one page after another. Pages are not asked for ahead: servers that work on several
// requests at once may skip or double names then.
func (s *Session) pages(ctx context.Context, handle string, limit int) (items []item, more bool, err error) {
	octets, empty := 0, 0
	for range listPages {
		got, err := s.wire.ask(fxReaddir, str(handle))
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
		octets += len(got.body)
		if empty++; len(page) > 0 {
			empty = 0
		}
		items = append(items, page[:min(len(page), limit-len(items))]...)
		if len(items) >= limit || octets > listBytes || empty >= emptyPages || ctx.Err() != nil {
			return items, true, nil
		}
	}
	return items, true, nil
}

// raw sends a request whose only good answer is the status OK.
func (s *Session) raw(kind byte, body []byte) error {
	got, err := s.wire.ask(kind, body)
	if err != nil {
		return err
	}
	if got.kind == fxStatus && got.code() == codeOK {
		return nil
	}
	return got.status()
}

// Status codes of SFTP version 3, section 7.
const (
	codeOK     = 0
	codeEOF    = 1
	codeAbsent = 2
	codeDenied = 3
)

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
	if p.kind != fxStatus || p.code() == codeOK {
		return fmt.Errorf("an answer of type %d that was not asked for", p.kind)
	}
	switch code := p.code(); code {
	case codeAbsent:
		return fs.ErrNotExist
	case codeDenied:
		return fs.ErrPermission
	default:
		return &sftp.StatusError{Code: code}
	}
}

// names decodes a NAME packet. Counts are never trusted: what is read is bounded by the packet.
func (p packet) names() ([]item, error) {
	r := reader{b: p.body}
	count := r.u32()
	var items []item
	for range count {
		it := item{name: r.str()}
		r.str() // the long form, for people
		r.attrs(&it)
		if r.bad {
			return nil, errors.New("a listing that cannot be read")
		}
		items = append(items, it)
	}
	return items, nil
}

// reader takes SSH types off a buffer; bad means that it ended too early.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
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

func (r *reader) str() string {
	n := r.u32()
	if uint64(n) > uint64(len(r.b)) {
		r.bad = true
		return ""
	}
	return string(r.take(int(n)))
}

// attrs decodes file attributes (version 3, section 5).
func (r *reader) attrs(it *item) {
	flags := r.u32()
	if flags&1 != 0 {
		it.size = r.u64()
	}
	if flags&2 != 0 {
		r.u64() // owner and group
	}
	if flags&4 != 0 {
		it.mode = r.u32()
		it.typed = it.mode&0o170000 != 0
	}
	if flags&8 != 0 {
		r.u32() // access time
		it.mtime = r.u32()
	}
	if flags&(1<<31) != 0 {
		for n := r.u32(); n > 0 && !r.bad; n-- {
			r.str()
			r.str()
		}
	}
}
