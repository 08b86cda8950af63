package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bankconnector/internal/durable"
)

// Quarantine keeps what was refused, whole, with the reason beside it. Nothing in it is
// deleted but by Remove, which the rule of retention calls.
type Quarantine struct {
	dir string
}

// Refused says why a file lies in quarantine; it stands beside the file as .reason.json.
type Refused struct {
	At     time.Time `json:"at"`     // UTC
	Source string    `json:"source"` // "office" or "bank"
	Bank   string    `json:"bank"`   // folder it came by
	Name   string    `json:"name"`   // name it had there
	SHA256 string    `json:"sha256"`
	Code   string    `json:"code"`   // refusal code, English and stable
	Reason string    `json:"reason"` // sentence for a person
}

// OpenQuarantine opens the quarantine under dir and makes the folder when it is new.
func OpenQuarantine(dir string) (*Quarantine, error) {
	if err := durable.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("open quarantine: %w", err)
	}
	return &Quarantine{dir: dir}, nil
}

// Keep puts a refused file and its reason away and returns where it lies, relative to
// the quarantine. The reason is written first: a file without one is never seen.
// Repeating it for the same bytes is harmless.
func (q *Quarantine) Keep(data []byte, r Refused) (string, error) {
	dir := filepath.Join(q.dir, r.Bank)
	if err := durable.MkdirAll(dir, 0o750); err != nil {
		return "", fmt.Errorf("quarantine: %w", err)
	}
	r.SHA256 = Digest(data)
	name := r.SHA256[:12] + "_" + plain(r.Name)
	reason, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", fmt.Errorf("quarantine: %w", err)
	}
	for _, f := range []File{{name + reasonOf, append(reason, '\n')}, {name, data}} {
		if err := durable.Create(filepath.Join(dir, f.Name), f.Data, 0o440); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("quarantine: %w", err)
		}
	}
	return filepath.Join(r.Bank, name), nil
}

// Kept is a file in quarantine.
type Kept struct {
	Path string // relative to the quarantine
	Refused
}

const reasonOf = ".reason.json"

// Old lists what was put away before a time, at most so many files. What has no reason beside
// it that can be read was not put there by this program, and is not listed.
func (q *Quarantine) Old(before time.Time, most int) (out []Kept, err error) {
	reasons, err := filepath.Glob(filepath.Join(q.dir, "*", "*"+reasonOf))
	if err != nil {
		return nil, fmt.Errorf("list quarantine: %w", err)
	}
	for _, path := range reasons {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("list quarantine: %w", err)
		}
		name, err := filepath.Rel(q.dir, strings.TrimSuffix(path, reasonOf))
		if err != nil {
			return nil, fmt.Errorf("list quarantine: %w", err)
		}
		k := Kept{Path: name}
		if json.Unmarshal(data, &k.Refused) == nil && !k.At.IsZero() && k.At.Before(before) && len(out) < most {
			out = append(out, k)
		}
	}
	return out, nil
}

// Remove removes a file and then its reason. A crash between the two leaves a reason without a
// file, which the next Old lists again.
func (q *Quarantine) Remove(k Kept) error {
	path := filepath.Join(q.dir, k.Path)
	err := durable.Remove(path)
	if err == nil {
		err = durable.Remove(path + reasonOf)
	}
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	return nil
}

// plain makes a stranger's name safe for our disk and for a terminal: letters, digits,
// dot, dash and underscore stay, 80 bytes at most.
func plain(name string) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '_'
	}, name)
	return strings.TrimLeft(safe[:min(len(safe), 80)], ".")
}
