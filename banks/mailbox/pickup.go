package mailbox

import (
	"context"
	"errors"
	"fmt"
	"path"

	"bankconnector/banks/mailbox/line"
	"bankconnector/banks/mailbox/sieve"
	"bankconnector/banks/mailbox/wire"
)

// Claim takes a file of the bank for us: a plain rename, which must not overwrite, from its name in
// from_bank to `.claimed/<claimed>`. The claimed name must never have been used before: then a claim
// that is carried out late takes a later file of the same name to the same safe place, and loses
// nothing. With pickup.mode leave it does nothing.
//
// Errors: Gone (ErrGone) if the file vanished, Exists if the claimed name is taken, Refused if the bank gives no right to rename or to
// make the folder, Unknown if the connection was lost or the outcome contradicts the answer; the next
// listing tells.
func (s *Session) Claim(ctx context.Context, name, claimed string) error {
	op, from, to := "claim", path.Join(s.route.fromBank, name), path.Join(s.route.claimed, claimed)
	if s.route.leave {
		return nil
	}
	if !sieve.Final(name) || !sieve.Claimed(claimed) {
		return &Error{Op: op, Path: line.Quote(name), Kind: Refused, Err: fmt.Errorf("not a name to be claimed (as %s)", line.Quote(claimed))}
	}
	return s.do(ctx, op, from, func() error {
		if err := s.makeClaimed(op); err != nil {
			return err
		}
		// Some servers' plain rename overwrites, and then a name used twice would lose a reply.
		taken, err := s.lstat(to)
		if err != nil {
			return err
		}
		if taken != nil {
			return &Error{Op: op, Path: to, Kind: Exists, Err: errors.New("the name is used already; nothing was moved")}
		}
		err = s.client.Rename(from, to)
		if err == nil || s.lost(err) {
			return err
		}
		return s.explain(op, from, to, err)
	})
}

// explain finds out what an error status of a claim means.
func (s *Session) explain(op, from, to string, cause error) error {
	source, err := s.lstat(from)
	if err != nil || source != nil {
		return errors.Join(cause, err)
	}
	target, err := s.lstat(to)
	if err != nil {
		return err
	}
	if target != nil {
		return s.doubt(op, to, cause)
	}
	return ErrGone
}

// makeClaimed makes the folder of claimed files unless it is there.
func (s *Session) makeClaimed(op string) error {
	s.mu.Lock()
	known := s.claimed
	s.mu.Unlock()
	if known {
		return nil
	}
	info, err := s.lstat(s.route.claimed)
	if err != nil {
		return err
	}
	if info == nil {
		err := s.client.Mkdir(s.route.claimed)
		if s.lost(err) {
			return err
		}
		// Another goroutine may have made it meanwhile, so look instead of trusting the status.
		info, err = s.lstat(s.route.claimed)
		if err != nil {
			return err
		}
	}
	if info == nil || !info.IsDir() {
		return &Error{Op: op, Path: s.route.claimed, Kind: Refused, Err: errors.New(
			"the bank lets us make no folder there; ask for the right to create and rename in from_bank, or set pickup.mode: leave")}
	}
	s.mu.Lock()
	s.claimed = true
	s.mu.Unlock()
	return nil
}

// Fetch gives the bytes of a claimed file (with pickup.mode leave: of the file in from_bank) whose
// size the listing told. It asks for one octet more, so a file that grew is noticed: Changed
// (ErrChanged) if it is longer or shorter, Gone if it vanished, Refused if size is above the bank's
// limit. Memory is bounded by that limit, whatever the server says or sends.
func (s *Session) Fetch(ctx context.Context, claimed string, size int64) ([]byte, error) {
	op, name := "fetch", s.route.taken(claimed)
	if err := s.checkTaken(op, claimed); err != nil {
		return nil, err
	}
	var data []byte
	err := s.work(ctx, op, name, size, func() (err error) {
		data, err = s.whole(op, name, size, s.route.fileSize)
		return err
	})
	if err != nil {
		return nil, err
	}
	return data, nil
}

func (s *Session) checkTaken(op, claimed string) error {
	ours := sieve.Claimed
	if s.route.leave {
		ours = sieve.Final
	}
	if !ours(claimed) {
		return &Error{Op: op, Path: line.Quote(claimed), Kind: Refused, Err: errors.New("not a name of a claimed file")}
	}
	return nil
}

// Discard removes a claimed file; absent is fine, since an earlier Discard may have been carried out
// late. It reaches nothing outside `.claimed/`, and nothing that is not a regular file. With
// pickup.mode leave it does nothing.
func (s *Session) Discard(ctx context.Context, claimed string) error {
	if s.route.leave {
		return nil
	}
	op, name := "discard", path.Join(s.route.claimed, claimed)
	if err := s.checkTaken(op, claimed); err != nil {
		return err
	}
	return s.do(ctx, op, name, func() error { return s.remove(name) })
}

// whole reads a file that must have exactly size octets.
func (s *Session) whole(op, name string, size, limit int64) ([]byte, error) {
	if size < 0 || size > limit {
		return nil, &Error{Op: op, Path: name, Kind: Refused, Err: fmt.Errorf("%d octets are announced, %d are allowed", size, limit)}
	}
	data, more, err := s.read(name, size)
	if err != nil {
		return nil, err
	}
	if more || int64(len(data)) != size {
		return nil, fmt.Errorf("%d octets were announced, %d came (more: %t): %w", size, len(data), more, ErrChanged)
	}
	return data, nil
}

// read gives at most size octets of a file and whether there are more.
func (s *Session) read(name string, size int64) ([]byte, bool, error) {
	f, err := s.open(name)
	if err != nil {
		return nil, false, err
	}
	data, more, err := wire.ReadAll(f, size)
	if s.lost(err) {
		return nil, false, err
	}
	// What closing a file that was only read answers has no meaning, so nobody waits for it.
	s.crew.Go(func() { _ = f.Close() })
	return data, more, err
}
