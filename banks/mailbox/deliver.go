package mailbox

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"bankconnector/banks/mailbox/line"
	"bankconnector/banks/mailbox/sieve"
)

// Upload puts a document at the bank so that the bank does not yet take it for finished: under the
// temporary name (see TempName), or in marker mode under its final name without the marker. The name
// is created exclusively, the bytes are written, flushed to disk where the server can, the file is
// closed, read back and compared by SHA-256. In direct and blind mode nothing is sent before
// Publish; the bytes are held in the session.
//
// Errors: Exists if the temporary name is taken, Changed if what was read back differs, Refused or
// Transient otherwise, Unknown if the connection was lost. What an Upload created and could not
// finish, it tries to remove; a crash here leaves a temporary file that Sweep removes.
func (s *Session) Upload(ctx context.Context, temp, final string, data []byte) error {
	op := "upload"
	if err := s.checkNames(op, temp, final); err != nil {
		return err
	}
	if s.route.atOnce() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held[final] = data
		return nil
	}
	name := s.route.sent(temp, final)
	return s.work(ctx, op, name, int64(len(data)), func() error {
		look := func() (bool, error) { return s.named(ctx, op, name) }
		err := s.put(op, name, data, s.route.mode == modeMarker, func() { s.ask(look) })
		if err == nil {
			if err = s.asSent(look); err != nil && !s.lost(err) {
				err = errors.Join(err, s.remove(name))
			}
		} else if errors.Is(err, fs.ErrNotExist) { // it was made, and is not to be found
			_, changed := look()
			err = errors.Join(changed, err)
		}
		return err
	})
}

// checkNames refuses names that the rest of this package could not recognise as ours.
func (s *Session) checkNames(op, temp, final string) error {
	if !sieve.Final(final) {
		return &Error{Op: op, Path: line.Quote(final), Kind: Refused, Err: errors.New("not a name of an envelope")}
	}
	if s.route.mode != modeMarker && !s.route.atOnce() && !sieve.Temp(temp) {
		return &Error{Op: op, Path: line.Quote(temp), Kind: Refused, Err: errors.New("not a temporary name; form it with TempName")}
	}
	return nil
}

// put creates, writes and proves one file; made is called when it has its name. With replace, a
// leftover of an interrupted upload under the same name is removed first: in marker mode the name has
// no attempt in it, and as long as no marker was ever made for it, nobody but us looks at it.
func (s *Session) put(op, name string, data []byte, replace bool, made func()) error {
	if replace {
		if err := s.clear(op, name); err != nil {
			return err
		}
	}
	handle, err := s.create(op, name)
	if err != nil {
		return err
	}
	made()
	err = s.fill(op, name, handle, data)
	if err == nil {
		err = s.prove(op, name, data)
	}
	if err != nil && !s.lost(err) {
		err = errors.Join(err, s.remove(name))
	}
	return err
}

// clear removes an unfinished data file of marker mode; it refuses if the marker is there.
func (s *Session) clear(op, name string) error {
	marker, err := s.lstat(name + doneSuffix)
	if err != nil {
		return err
	}
	if marker != nil {
		return &Error{Op: op, Path: name + doneSuffix, Kind: Exists, Err: errors.New("the marker is at the bank already")}
	}
	return s.remove(name)
}

// create makes a new file and nothing but a new one.
func (s *Session) create(op, name string) (handle string, err error) {
	handle, err = s.wire.Create(name)
	if err == nil || s.lost(err) {
		return handle, err
	}
	s.crowded(err)
	// Servers say no more than "failure" for a taken name, so look.
	if info, lookErr := s.lstat(name); lookErr == nil && info != nil {
		return "", &Error{Op: op, Path: name, Kind: Exists, Err: errors.New("the name is taken at the bank")}
	}
	return "", s.absent(op, "to_bank or temp_folder", path.Dir(name), err)
}

// absent makes "no such file" of an act on a folder what it is: a wrong profile, or a folder lost.
func (s *Session) absent(op, key, folder string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &Error{Op: op, Path: folder, Kind: Operator, Err: errors.New("the folder is not there at the bank; check " + key)}
	}
	return err
}

// fill writes the bytes and closes the file. A server that takes the name and then not the bytes
// (quota, disk) is tried again at a later visit.
func (s *Session) fill(op, name, handle string, data []byte) error {
	err := s.wire.Fill(handle, data, len(data) > 0 && s.has("fsync@openssh.com"))
	if err == nil || s.lost(err) {
		return err
	}
	return &Error{Op: op, Path: name, Kind: Transient, Err: fmt.Errorf("the bytes were not taken (disk or quota at the bank?): %w", s.judge(op, name, err).Err)}
}

// prove reads a file back and compares it: a server that acknowledges what it did not write is
// found out before anybody relies on it.
func (s *Session) prove(op, name string, data []byte) error {
	got, more, err := s.read(name, int64(len(data)))
	if err != nil {
		return err
	}
	if more || sha256.Sum256(got) != sha256.Sum256(data) {
		return &Error{Op: op, Path: name, Kind: Changed, Err: fmt.Errorf("read back %d octets (more: %t) that are not the %d written: %w", len(got), more, len(data), ErrChanged)}
	}
	return nil
}

// Publish makes an uploaded document visible as finished: by renaming it (the server's atomic
// posix-rename where the profile allows and the server has it, else the plain rename), by creating
// the marker `<final>.done`, or in direct and blind mode by writing it under its final name. It first
// looks whether the name is free, because some renames overwrite: Exists if it is not. In blind mode it
// cannot look, and trusts the exclusive creation and the server's answers to WRITE and CLOSE.
//
// Any failure after the request may have left is Unknown, also one that the server reports: an
// error status does not prove that the rename was not done. A crash here leaves a document that is
// published or not; Look tells which.
func (s *Session) Publish(ctx context.Context, temp, final string) error {
	op := "publish"
	if err := s.checkNames(op, temp, final); err != nil {
		return err
	}
	shown := s.route.shown(final)
	return s.do(ctx, op, shown, func() error {
		act, err := s.publisher(op, temp, final)
		if err != nil {
			return err
		}
		taken, err := s.glimpse(shown)
		if err != nil {
			return err
		}
		if taken != nil {
			return &Error{Op: op, Path: shown, Kind: Exists, Err: errors.New("the name is taken at the bank; nothing was overwritten")}
		}
		// A crash or a lost connection from here on leaves the outcome open.
		if err := act(); err != nil {
			return s.doubt(op, shown, err)
		}
		return nil
	})
}

// glimpse is lstat of a name in to_bank; in a drop box everything is absent.
func (s *Session) glimpse(name string) (fs.FileInfo, error) {
	if s.route.mode == modeBlind {
		return nil, nil
	}
	return s.lstat(name)
}

// publisher chooses the act that makes a document visible.
func (s *Session) publisher(op, temp, final string) (func() error, error) {
	from, to := s.route.sent(temp, final), s.route.shown(final)
	switch s.route.mode {
	case modeMarker:
		return func() error { return s.write(to, nil) }, nil
	case modeDirect, modeBlind:
		s.mu.Lock()
		data, ok := s.held[final]
		s.mu.Unlock()
		if !ok {
			return nil, &Error{Op: op, Path: to, Kind: Refused, Err: errors.New("no bytes are held for it; upload it on this session first")}
		}
		return func() error { return s.write(to, data) }, nil
	}
	move, err := s.mover(op)
	return func() error { return s.moved(move, from, to) }, err
}

// moved renames, and believes it only when the old name is gone: some servers say done and are not, or
// copy. The new name proves nothing, since the bank may have taken the file already. The question goes
// out right behind the rename and costs no round trip; a server that works on both at once may still
// see the old name, so it is asked again before it is disbelieved.
func (s *Session) moved(move func(from, to string) error, from, to string) error {
	behind := make(chan bool, 1)
	s.crew.Go(func() {
		left, err := s.lstat(from)
		behind <- err == nil && left == nil
	})
	if err := move(from, to); err != nil || <-behind {
		return err
	}
	left, err := s.lstat(from)
	if err == nil && left != nil {
		err = &Error{Op: "rename", Path: from, Kind: Unknown, Err: errors.New(
			"the server says it is done, but the old name is still there: it copies instead of renaming, or renames later")}
	}
	return err
}

// mover chooses the rename: the server's atomic one, which overwrites, where the profile allows it.
func (s *Session) mover(op string) (func(from, to string) error, error) {
	switch atomic := s.has("posix-rename@openssh.com"); {
	case atomic && s.route.mode != modeRename:
		return s.client.PosixRename, nil
	case s.route.mode == modePosix:
		return nil, s.route.fault(op, errors.New("the profile asks for posix-rename, which this server does not have; use delivery.mode auto or rename"))
	}
	return s.client.Rename, nil
}

// write creates a file under a name that the bank watches; it is never removed again by us.
func (s *Session) write(name string, data []byte) error {
	handle, err := s.wire.Create(name)
	if err != nil {
		return err
	}
	if err := s.fill("publish", name, handle, data); err != nil || len(data) == 0 {
		return err
	}
	s.mu.Lock()
	delete(s.held, path.Base(name))
	s.mu.Unlock()
	if s.route.mode == modeBlind {
		return nil
	}
	return s.prove("publish", name, data)
}

// doubt marks an error as one that leaves the outcome open.
func (s *Session) doubt(op, name string, err error) *Error {
	return &Error{Op: op, Path: name, Kind: Unknown, Err: s.judge(op, name, err).Err}
}

// Look tells where a document is: first its temporary name, then its final one (in marker mode the
// data file, then the marker). The order matters: a rename that happens between the two looks shows
// as both, never as neither. nil means absent; in blind mode nothing can be seen, and nothing is asked.
func (s *Session) Look(ctx context.Context, temp, final string) (Sight, error) {
	op := "look for"
	if err := s.checkNames(op, temp, final); err != nil {
		return Sight{}, err
	}
	var sight Sight
	if s.route.mode == modeBlind {
		return sight, nil
	}
	err := s.do(ctx, op, s.route.shown(final), func() (err error) {
		if s.route.mode != modeDirect {
			if sight.Temp, err = s.glance(op, s.route.sent(temp, final)); err != nil {
				return err
			}
		}
		sight.Final, err = s.glance(op, s.route.shown(final))
		return err
	})
	if err != nil {
		return Sight{}, err
	}
	return sight, nil
}

// glance is one lstat as an Entry.
func (s *Session) glance(op, name string) (*Entry, error) {
	info, err := s.lstat(name)
	if info == nil || err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &Error{Op: op, Path: name, Kind: Refused, Err: fmt.Errorf("it is not a regular file (%v)", info.Mode())}
	}
	return &Entry{Name: path.Base(name), Size: info.Size(), ModTime: info.ModTime()}, nil
}

// Read gives the bytes of a document in to_bank, at most limit octets; Gone if it is not there,
// Refused if it is longer.
func (s *Session) Read(ctx context.Context, final string, limit int64) ([]byte, error) {
	op, name := "read back", path.Join(s.route.toBank, final)
	if !sieve.Final(final) {
		return nil, &Error{Op: op, Path: line.Quote(final), Kind: Refused, Err: errors.New("not a name of an envelope")}
	}
	var data []byte
	err := s.work(ctx, op, name, limit, func() (err error) {
		e, err := s.glance(op, name)
		if err != nil {
			return err
		}
		if e == nil {
			return ErrGone
		}
		data, err = s.whole(op, name, e.Size, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	return data, nil
}

// Sweep removes a temporary file of ours from an upload that was interrupted; absent is fine.
func (s *Session) Sweep(ctx context.Context, temp string) error {
	op, name := "sweep", path.Join(s.route.temp, temp)
	if !sieve.Temp(temp) {
		return &Error{Op: op, Path: line.Quote(temp), Kind: Refused, Err: errors.New("not a temporary name of ours; nothing was removed")}
	}
	return s.do(ctx, op, name, func() error { return s.remove(name) })
}

// remove takes away one regular file; absent is fine. The library's own removal is not used: it
// falls back to removing a folder of that name.
func (s *Session) remove(name string) error {
	info, err := s.lstat(name)
	if info == nil || err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &Error{Op: "remove", Path: name, Kind: Refused, Err: fmt.Errorf("it is not a regular file (%v)", info.Mode())}
	}
	err = s.wire.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
