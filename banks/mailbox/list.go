package mailbox

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"time"

	"bankconnector/banks/mailbox/sieve"
	"bankconnector/banks/mailbox/wire"
)

const listTime = 5 * time.Minute // of one listing

// Entry is one remote file as the server's listing or lstat tells it. Size is in octets; ModTime is the
// server's clock and never an identity.
type Entry = sieve.Entry

// Listing is what the bank has left for us.
type Listing struct {
	// Files are finished, well named, regular files of from_bank.
	Files []Entry
	// Waiting counts well named files that are not finished yet (no marker, or not yet stable).
	Waiting int
	// Claimed are files in from_bank/.claimed: ours from an earlier visit.
	Claimed []Entry
	// Strange are names that nobody agreed on, quoted and cut, at most 100; never touched.
	Strange []string
	// StrangeCount is the number of all strange names, also those beyond the first 100.
	StrangeCount int
	// Truncated: the folder holds more than was read; the rest comes with a later listing.
	Truncated bool
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
		theirs, ours := s.folders(ctx)
		if theirs.Err != nil {
			return s.absent("list", "from_bank", s.route.fromBank, theirs.Err)
		}
		l.Truncated = theirs.More || ours.More
		rules := sieve.Rules{
			Bank: string(s.route.bank.BIC), Marker: s.route.marker, Stable: s.route.stable, Hidden: ClaimedFolder,
			Ask: s.asker(s.route.fromBank),
		}
		var strange sieve.Strange
		var err error
		l.Files, l.Waiting, err = s.dialer.memory.Finished(rules, s.dialer.Now(), theirs.Items, &strange)
		if err == nil {
			err = ours.Err
		}
		if err == nil {
			l.Claimed, err = sieve.Regular(ours.Items, sieve.Claimed, s.asker(s.route.claimed), &strange)
		}
		l.Strange, l.StrangeCount = strange.Names, strange.Count
		return err
	})
	if err != nil {
		return Listing{}, err
	}
	return l, nil
}

// folders reads from_bank and, within it, what an earlier visit has claimed and not yet removed. Nobody but us moves files
// from one to the other; one that a late request of an earlier connection moves meanwhile is seen by the next listing, if
// not by this one.
func (s *Session) folders(ctx context.Context) (theirs, ours wire.Folder) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	if s.route.leave {
		return s.wire.Folder(ctx, s.route.fromBank, s.route.files), wire.Folder{}
	}
	theirs, ours = s.wire.Folders(ctx, s.route.fromBank, s.route.claimed, s.route.files, s.files.Most() > 1)
	if errors.Is(ours.Err, fs.ErrNotExist) { // before the first claim
		ours.Err = nil
	}
	return theirs, ours
}

// Leftovers lists the temporary files of ours that interrupted uploads have left, by the name pattern
// alone: which of them may still be renamed, only the caller knows. more says that not all was read.
func (s *Session) Leftovers(ctx context.Context) (temps []Entry, more bool, err error) {
	if s.route.mode == modeBlind {
		return nil, false, nil // none are made
	}
	err = s.do(ctx, "list", s.route.temp, func() error {
		items, truncated, err := s.readdir(ctx, s.route.temp)
		if err != nil {
			return s.absent("list", "temp_folder", s.route.temp, err)
		}
		more = truncated
		temps, err = sieve.Regular(items, sieve.Temp, s.asker(s.route.temp), new(sieve.Strange))
		return err
	})
	return temps, more, err
}

// RealPaths tells where the two folders really lie, as far as the server says: links are followed.
func (s *Session) RealPaths(ctx context.Context) (toBank, fromBank string, err error) {
	err = s.do(ctx, "ask for the real path of", s.route.toBank, func() error {
		real, err := s.wire.RealPaths(s.route.toBank, s.route.fromBank)
		toBank, fromBank = real[0], real[1]
		return err
	})
	return toBank, fromBank, err
}

// asker tells whether a name in a folder is a regular file.
func (s *Session) asker(folder string) func(string) (bool, error) {
	return func(name string) (bool, error) {
		info, err := s.lstat(path.Join(folder, name))
		return info != nil && info.Mode().IsRegular(), err
	}
}

// readdir reads a folder within the bounds of one listing, without its own name and its parent's.
func (s *Session) readdir(ctx context.Context, folder string) ([]wire.Item, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	return s.wire.Readdir(ctx, folder, s.route.files)
}
