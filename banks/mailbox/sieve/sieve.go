// Package sieve judges what a bank's folder holds: which names are envelopes, which are finished, which
// are ours, and which nobody agreed on. It remembers across visits which files stayed the same.
//
// It sends nothing and decides nothing about content. It may call wire for what a listing is and line
// for making foreign names harmless; only mailbox opens it.
package sieve

import (
	"strings"
	"sync"
	"time"

	"bankconnector/banks/mailbox/line"
	"bankconnector/banks/mailbox/wire"
)

const strangeKept = 100

// Entry is one remote file as the server's listing or lstat tells it. Size is in octets;
// ModTime is the server's clock and never an identity.
type Entry struct {
	Name    string
	Size    int64
	ModTime time.Time
}

// Strange are names that nobody agreed on, quoted and cut. Only the first hundred are kept, all counted.
type Strange struct {
	Names []string
	Count int
}

// Add reports one more.
func (s *Strange) Add(name string) {
	s.Count++
	if len(s.Names) < strangeKept {
		s.Names = append(s.Names, line.Quote(name))
	}
}

// Rules are what one bank agreed on.
type Rules struct {
	Bank   string        // key of the memory
	Marker string        // suffix of the file that tells that another is finished; "" = none
	Stable time.Duration // how long a file must stay the same; 0 = it is finished at once
	Hidden string        // a folder that is ours and no surprise
	// Ask tells whether a name is a regular file, where the listing does not tell.
	Ask func(name string) (bool, error)
}

// Memory remembers since when a file has been as it is. The zero value is empty; it is safe for many
// goroutines.
type Memory struct {
	mu    sync.Mutex
	banks map[string]map[string]sighting
}

type sighting struct {
	size  int64
	mtime time.Time
	since time.Time
}

// Finished sorts a listing of the bank's folder: files that are finished, the number of files that are
// not yet, and strange names. now is our clock. Errors are those of Ask.
func (m *Memory) Finished(r Rules, now time.Time, items []wire.Item, strange *Strange) (ready []Entry, waiting int, err error) {
	markers := make(map[string]bool)
	var rest []wire.Item
	for _, it := range items {
		name, marker := strings.CutSuffix(it.Name, r.Marker)
		switch {
		case it.Name == r.Hidden:
		case r.Marker != "" && marker && Final(name):
			markers[name] = true
		default:
			rest = append(rest, it)
		}
	}
	good, err := Regular(rest, Final, r.Ask, strange)
	if err != nil {
		return nil, 0, err
	}
	for _, e := range m.settled(r, now, good) {
		if r.Marker == "" || markers[e.Name] {
			ready = append(ready, e)
		}
	}
	return ready, len(good) - len(ready), nil
}

// Regular gives the regular files whose names a grammar knows, and reports the rest. Of two names that
// differ in case alone, or not at all, the second is reported: they are one file on some servers. A
// listing that does not tell the type is followed by a question for each well named file.
func Regular(items []wire.Item, known func(string) bool, ask func(string) (bool, error), strange *Strange) ([]Entry, error) {
	var good []Entry
	seen := make(map[string]bool, len(items))
	for _, it := range items {
		folded := strings.ToLower(it.Name)
		regular := known(it.Name) && !seen[folded]
		if regular && it.Typed {
			regular = it.Regular()
		} else if regular {
			var err error
			if regular, err = ask(it.Name); err != nil {
				return nil, err
			}
		}
		if !regular {
			strange.Add(it.Name)
			continue
		}
		seen[folded] = true
		good = append(good, Entry{Name: it.Name, Size: int64(min(it.Size, 1<<62)), ModTime: time.Unix(int64(it.Mtime), 0).UTC()})
	}
	return good, nil
}

// settled gives the files that did not change for long enough, and remembers all of them. What is no
// longer in the listing is forgotten, and a clock that went back begins anew.
func (m *Memory) settled(r Rules, now time.Time, files []Entry) []Entry {
	if r.Stable == 0 {
		return files
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before, after := m.banks[r.Bank], make(map[string]sighting, len(files))
	var ready []Entry
	for _, e := range files {
		was, ok := before[e.Name]
		if !ok || was.size != e.Size || !was.mtime.Equal(e.ModTime) || now.Before(was.since) {
			was = sighting{size: e.Size, mtime: e.ModTime, since: now}
		}
		after[e.Name] = was
		if now.Sub(was.since) >= r.Stable {
			ready = append(ready, e)
		}
	}
	if m.banks == nil {
		m.banks = make(map[string]map[string]sighting)
	}
	m.banks[r.Bank] = after
	return ready
}

// Shown finds a file in a listing by the name that it was given: that name, or what a server
// has made of it, by other case, other signs or a shorter end; "" if there is neither.
func Shown(items []wire.Item, name string) (shown string) {
	const least = 12 // signs that must be left of a name
	for _, i := range items {
		is, was := plain(i.Name), plain(name)
		switch {
		case i.Name == name:
			return name
		case is == was, len(is) >= least && i.Name[0] == name[0] && strings.HasPrefix(was, is):
			shown = i.Name
		}
	}
	return shown
}

// plain is what is left of a name by its letters and digits alone.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(name))
}
