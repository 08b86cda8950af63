package mailbox

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"

	"bankconnector/banks"
	"bankconnector/banks/mailbox/line"
	"bankconnector/banks/mailbox/wire"
)

const (
	listTime    = 5 * time.Minute // of one listing
	strangeKept = 100
)

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
		items, more, err := s.readdir(ctx, s.route.fromBank)
		if errors.Is(err, fs.ErrNotExist) {
			return s.route.fault("list", errors.New("the folder "+s.route.fromBank+" is not there at the bank; check from_bank"))
		}
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
func (s *Session) sort(items []wire.Item, l *Listing) error {
	markers := make(map[string]bool)
	for _, it := range items {
		if s.route.marker != "" && strings.HasSuffix(it.Name, s.route.marker) {
			markers[strings.TrimSuffix(it.Name, s.route.marker)] = true
		}
	}
	var good []Entry
	seen := make(map[string]bool, len(items))
	for _, it := range items {
		if s.route.known(it.Name) {
			continue
		}
		regular, err := s.regular(s.route.fromBank, it, s.route.names.final.MatchString(it.Name))
		if err != nil {
			return err
		}
		// Two names that differ in case alone are one file on some servers.
		folded := strings.ToLower(it.Name)
		if !regular || seen[folded] {
			l.strange(it.Name)
			continue
		}
		seen[folded] = true
		good = append(good, entry(it))
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
func (s *Session) regular(folder string, it wire.Item, named bool) (bool, error) {
	if !named {
		return false, nil
	}
	if it.Typed {
		return it.Regular(), nil
	}
	info, err := s.lstat(path.Join(folder, it.Name))
	if err != nil || info == nil {
		return false, err
	}
	return info.Mode().IsRegular(), nil
}

// strange reports a name.
func (l *Listing) strange(name string) {
	l.StrangeCount++
	if len(l.Strange) < strangeKept {
		l.Strange = append(l.Strange, line.Quote(name))
	}
}

func entry(it wire.Item) Entry {
	return Entry{Name: it.Name, Size: int64(min(it.Size, 1<<62)), ModTime: time.Unix(int64(it.Mtime), 0).UTC()}
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
	items, more, err := s.readdir(ctx, s.route.claimed)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	l.Truncated = l.Truncated || more
	for _, it := range items {
		if it.Name == "." || it.Name == ".." {
			continue
		}
		regular, err := s.regular(s.route.claimed, it, s.route.names.claimed.MatchString(it.Name))
		if err != nil {
			return err
		}
		if !regular {
			l.strange(ClaimedFolder + "/" + it.Name)
			continue
		}
		l.Claimed = append(l.Claimed, entry(it))
	}
	return nil
}

// readdir reads a folder within the bounds of one listing.
func (s *Session) readdir(ctx context.Context, folder string) ([]wire.Item, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	return s.wire.Readdir(ctx, folder, s.route.files)
}
