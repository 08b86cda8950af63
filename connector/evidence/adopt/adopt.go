// Package adopt writes a checkpoint when a person wants one, and that a person goes on with a
// journal restored from a copy. It may call journal and note.
package adopt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"bankconnector/connector/evidence/note"
	"bankconnector/connector/journal"
	"bankconnector/connector/journal/volume"
)

// ErrContradicted reports a journal that a checkpoint contradicts.
var ErrContradicted = errors.New("the journal is not the one that was written here")

// ErrNothingLost reports a journal that passes through every checkpoint: there is nothing to
// give up.
var ErrNothingLost = errors.New("the journal passes through every checkpoint")

// Seal is what a checkpoint of a journal is signed with and where it is written.
type Seal struct {
	Key      *note.Key
	Instance string
	Files    []string
}

// Checkpoint writes a checkpoint of the journal's head now and returns its text. The error is
// ErrContradicted when the journal does not pass through the newest one of a file.
func (s Seal) Checkpoint(ctx context.Context, book *journal.Book) (text string, err error) {
	if err := Behind(ctx, book, s.Files); err != nil {
		return "", err
	}
	seq, hash, err := book.Head(ctx)
	if err != nil {
		return "", err
	}
	text, err = s.Key.Sign(note.Checkpoint{Origin: note.Named(s.Instance), Seq: seq, Hash: hash})
	if err != nil {
		return "", fmt.Errorf("sign checkpoint: %w", err)
	}
	for _, path := range s.Files {
		if err := add(path, text); err != nil {
			return "", fmt.Errorf("write checkpoint: %w", err)
		}
	}
	return text, nil
}

func add(path, text string) error {
	f, err := note.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Add(text), f.Close())
}

// Adopt writes down that a person goes on with a journal restored from a copy, and a
// checkpoint of that, and returns the event. With anyway it does so even when the files know
// nothing that is lost, because they were restored as well.
//
// A crash between the event and the checkpoint leaves a journal that is still contradicted:
// Adopt once more writes the checkpoint and no second event.
func (s Seal) Adopt(ctx context.Context, book *journal.Book, actor, reason string, anyway bool) (journal.Event, error) {
	var none journal.Event
	lost, err := contradicted(ctx, book, s.Files)
	if err != nil {
		return none, err
	}
	known := len(lost)
	if err := leaveGivenUp(ctx, book, lost); err != nil {
		return none, err
	}
	if known == 0 && !anyway {
		return none, ErrNothingLost
	}
	if len(lost) > 0 || known == 0 {
		kept, err := newestKept(ctx, book, s.Files)
		if err != nil {
			return none, err
		}
		if err := book.Write(ctx, actor, func(t *journal.Tx) error { return t.Adopt(reason, kept, lost) }); err != nil {
			return none, err
		}
	}
	if _, err := s.Checkpoint(ctx, book); err != nil {
		return none, err
	}
	events, err := book.Adoptions(ctx)
	if err != nil || len(events) == 0 {
		return none, errors.Join(err, errors.New("the adoption is not in the journal"))
	}
	return events[len(events)-1], nil
}

// Behind holds a journal against the newest checkpoint of each file. The error is
// ErrContradicted when it does not pass through one that no adoption gave up.
func Behind(ctx context.Context, book *journal.Book, files []string) error {
	lost, err := contradicted(ctx, book, files)
	if err == nil {
		err = leaveGivenUp(ctx, book, lost)
	}
	if err != nil {
		return err
	}
	for seq := range lost {
		return fmt.Errorf("%w: a checkpoint of event %d contradicts it: run journal verify", ErrContradicted, seq)
	}
	return nil
}

// contradicted lists the newest checkpoint of each file that the journal does not pass through.
func contradicted(ctx context.Context, book *journal.Book, files []string) (map[int64]string, error) {
	lost := make(map[int64]string)
	for _, path := range files {
		known, ok, err := note.Last(path)
		if err != nil {
			return nil, fmt.Errorf("read checkpoints: %w", err)
		}
		if !ok {
			continue
		}
		on, err := passes(ctx, book, known.Checkpoint)
		if err != nil {
			return nil, err
		}
		if !on {
			lost[known.Seq] = known.Hash
		}
	}
	return lost, nil
}

// passes tells whether the journal passes through a checkpoint.
func passes(ctx context.Context, book *journal.Book, c note.Checkpoint) (bool, error) {
	hash, err := book.Hash(ctx, c.Seq)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return false, nil
	case errors.Is(err, volume.ErrRetired):
		return true, nil // as far as anybody can tell
	}
	return hash == c.Hash, err
}

// leaveGivenUp takes out of lost what an adoption gave up already.
func leaveGivenUp(ctx context.Context, book *journal.Book, lost map[int64]string) error {
	if len(lost) == 0 {
		return nil
	}
	events, err := book.Adoptions(ctx)
	if err != nil {
		return err
	}
	for _, e := range events {
		var a struct {
			Lost map[int64]string `json:"lost"`
		}
		if err := json.Unmarshal(e.Body, &a); err != nil {
			return fmt.Errorf("read adoption, event %d: %w", e.Seq, err)
		}
		for seq, hash := range a.Lost {
			if lost[seq] == hash {
				delete(lost, seq)
			}
		}
	}
	return nil
}

// newestKept is the newest event that a checkpoint of the files confirms, 0 if none does.
func newestKept(ctx context.Context, book *journal.Book, files []string) (kept int64, err error) {
	for _, path := range files {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("read checkpoints: %w", err)
		}
		_, err = note.Each(f, func(s note.Signed) error {
			on, err := passes(ctx, book, s.Checkpoint)
			if on {
				kept = max(kept, s.Seq)
			}
			return err
		})
		if err = errors.Join(err, f.Close()); err != nil {
			return 0, err
		}
	}
	return kept, nil
}
