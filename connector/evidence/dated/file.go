package dated

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"bankconnector/connector/evidence/note"
	"bankconnector/crypto/pki"
	"bankconnector/crypto/stamp"
	"bankconnector/internal/durable"
)

const (
	noteEnd  = ".note"
	tokenEnd = ".tst"
)

// Stamped is a checkpoint with its token; neither was verified by being read.
type Stamped struct {
	Seq   int64 // of the event, as the file is named
	Note  note.Signed
	Token []byte
	Err   error // why it cannot be read; Note and Token are empty then

	Signer *pki.Certificate // who made the token; only First knows
}

// open makes the folder, and tells since when it is there.
func open(folder string) (time.Time, error) {
	if err := durable.MkdirAll(folder, 0o750); err != nil {
		return time.Time{}, fmt.Errorf("open time stamps: %w", err)
	}
	info, err := os.Stat(folder)
	if err != nil {
		return time.Time{}, fmt.Errorf("open time stamps: %w", err)
	}
	return info.ModTime(), nil
}

// keep writes a checkpoint and then its token. A crash between the two leaves a checkpoint that nobody asks for.
func keep(folder string, n note.Signed, token []byte) error {
	name := filepath.Join(folder, named(n.Seq))
	err := durable.Replace(name+noteEnd, []byte(n.Raw), 0o640)
	if err == nil {
		err = durable.Replace(name+tokenEnd, token, 0o640)
	}
	if err != nil {
		return fmt.Errorf("keep time stamp: %w", err)
	}
	return nil
}

// numbers lists the events whose checkpoints have tokens, in order; a folder that is not there has none.
func numbers(folder string) (seqs []int64, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read time stamps: %w", err)
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), tokenEnd)
		if seq, err := strconv.ParseInt(name, 10, 64); ok && err == nil && named(seq) == name {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	return seqs, nil
}

func named(seq int64) string { return fmt.Sprintf("%012d", seq) }

// load reads one checkpoint with its token.
func load(folder string, seq int64) Stamped {
	path := filepath.Join(folder, named(seq))
	d := Stamped{Seq: seq}
	text, err := read(path + noteEnd)
	if err == nil {
		d.Note, err = note.Read(string(text))
	}
	if err == nil && d.Note.Seq != seq {
		err = fmt.Errorf("it is a checkpoint of event %d", d.Note.Seq)
	}
	if err == nil {
		d.Token, err = read(path + tokenEnd)
	}
	if err != nil {
		d.Err = fmt.Errorf("read time stamp %s: %w", path, err)
	}
	return d
}

// Each reads the checkpoints of a folder that have tokens, in the order of their events.
func Each(folder string, fn func(Stamped) error) error {
	seqs, err := numbers(folder)
	for _, seq := range seqs {
		if err := fn(load(folder, seq)); err != nil {
			return err
		}
	}
	return err
}

// First is the first checkpoint between two events whose token holds, nil when there is none or nobody is believed. What
// does not hold is passed over: to prove the whole folder is another matter.
func First(folder string, a *stamp.Authority, from, until int64) (*Stamped, error) {
	seqs, err := numbers(folder)
	if err != nil || a == nil {
		return nil, err
	}
	for _, seq := range seqs {
		if seq < from || seq > until {
			continue
		}
		d := load(folder, seq)
		if t, err := a.Verify(d.Token, []byte(d.Note.Raw)); err == nil {
			d.Signer = t.Signer
			return &d, nil
		}
	}
	return nil, nil
}

// newest is the newest token that holds, and the event of its checkpoint; nil when there is none.
func newest(folder string, a *stamp.Authority) (*stamp.Token, int64, error) {
	seqs, err := numbers(folder)
	for _, seq := range slices.Backward(seqs) {
		d := load(folder, seq)
		if t, err := a.Verify(d.Token, []byte(d.Note.Raw)); err == nil {
			return t, seq, nil
		}
	}
	return nil, 0, err
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, stamp.MaxAnswer))
	return data, errors.Join(err, f.Close())
}
