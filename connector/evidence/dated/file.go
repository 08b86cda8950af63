package dated

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
	Note  note.Signed
	Token []byte
	Path  string // of the token

	Signer *pki.Certificate // who made it; only First knows
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
	name := filepath.Join(folder, fmt.Sprintf("%012d", n.Seq))
	err := durable.Replace(name+noteEnd, []byte(n.Raw), 0o640)
	if err == nil {
		err = durable.Replace(name+tokenEnd, token, 0o640)
	}
	if err != nil {
		return fmt.Errorf("keep time stamp: %w", err)
	}
	return nil
}

// Each reads the checkpoints of a folder that have tokens, in the order of their events; a folder that is not there has
// none. What is no checkpoint is an error that names the file.
func Each(folder string, fn func(Stamped) error) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read time stamps: %w", err)
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), tokenEnd)
		if !ok {
			continue
		}
		d := Stamped{Path: filepath.Join(folder, e.Name())}
		text, err := read(filepath.Join(folder, name+noteEnd))
		if err == nil {
			d.Note, err = note.Read(string(text))
		}
		if err == nil {
			d.Token, err = read(d.Path)
		}
		if err != nil {
			return fmt.Errorf("read time stamp %s: %w", d.Path, err)
		}
		if err := fn(d); err != nil {
			return err
		}
	}
	return nil
}

// First is the first checkpoint between two events whose token holds, nil when there is none or nobody is believed.
func First(folder string, a *stamp.Authority, from, until int64) (first *Stamped, err error) {
	if a == nil {
		return nil, nil
	}
	enough := errors.New("enough")
	err = Each(folder, func(d Stamped) error {
		if d.Note.Seq < from || d.Note.Seq > until {
			return nil
		}
		t, err := a.Verify(d.Token, []byte(d.Note.Raw))
		if err != nil {
			return nil //nolint:nilerr // journal verify tells of it; here the next one may do
		}
		d.Signer, first = t.Signer, &d
		return enough
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return first, err
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, stamp.MaxAnswer))
	return data, errors.Join(err, f.Close())
}
