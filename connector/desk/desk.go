// Package desk examines files that a person hands in and puts the sound ones into the
// office's inbox: what submit and document check do. Nothing here is journaled; the next
// visit takes the document up as it takes any other. It may call the configuration, the
// spool and flow's reading.
package desk

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"bankconnector/banks"
	"bankconnector/connector/flow/reading"
	"bankconnector/connector/spool"
	"bankconnector/formats"
)

// Desk takes documents of a person.
type Desk struct {
	Registry *banks.Registry
	Office   *spool.Office
	Now      func() time.Time
}

// Handed is what became of one file.
type Handed struct {
	File   string         `json:"file"`
	Bank   string         `json:"bank,omitempty"` // BIC of the addressee
	Kind   string         `json:"kind,omitempty"`
	Key    string         `json:"key,omitempty"`
	OK     bool           `json:"ok"`
	Error  string         `json:"error,omitempty"`
	Faults formats.Faults `json:"faults,omitempty"` // all of the document at once
}

// closed fills in how the examination ended.
func (h Handed) closed(err error) Handed {
	h.OK = err == nil && len(h.Faults) == 0
	if err != nil {
		h.Error = err.Error()
	}
	return h
}

// Submit examines the file at path and leaves it for the bank bic. Empty, it is the bank
// whose accounts the document names. The rules of the bank are applied too.
func (d *Desk) Submit(path, bic string) Handed {
	h, data, err := examine(path, reading.Rules(nil, d.Now()))
	h.Bank = bic
	if err != nil || len(h.Faults) > 0 {
		return h.closed(err)
	}
	if h.Bank == "" {
		if h.Bank, err = addressee(d.Registry, h.document); err != nil {
			return h.closed(err)
		}
	}
	if b, ok := d.Registry.Bank(banks.ID(h.Bank)); ok {
		_, faults, err := reading.Examine(path, data, reading.Rules(b, d.Now()))
		if h.Faults = faults; err != nil || len(faults) > 0 {
			return h.closed(err)
		}
	}
	err = d.Office.Submit(h.Bank, filepath.Base(path), data)
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("a file with this name already waits for bank %s", h.Bank)
	}
	return h.closed(err)
}

// Check examines the file at path by the rules of bank b, or by those of every bank when b
// is nil. Nothing is written.
func Check(path string, b *banks.Bank, now time.Time) Handed {
	h, _, err := examine(path, reading.Rules(b, now))
	if b != nil {
		h.Bank = string(b.BIC)
	}
	return h.closed(err)
}

// examined is a file with its document, nil when there is none to speak of.
type examined struct {
	Handed
	document formats.Document
}

func examine(path string, rules formats.Rules) (examined, []byte, error) {
	e := examined{Handed: Handed{File: path}}
	data, err := spool.ReadFile(path, spool.Largest)
	if err != nil {
		return e, nil, err
	}
	e.document, e.Faults, err = reading.Examine(path, data, rules)
	if e.document != nil {
		e.Kind, e.Key = string(e.document.Kind()), e.document.Key()
	}
	return e, data, err
}

// addressee finds the one bank whose accounts an order names.
func addressee(r *banks.Registry, doc formats.Document) (string, error) {
	order, ok := doc.(*formats.Order)
	if !ok || len(order.Banks()) == 0 {
		return "", errors.New("the document names no bank: say --bank BIC")
	}
	found := ""
	for _, b := range r.All() {
		for _, code := range b.Codes() {
			for _, named := range order.Banks() {
				if code != named || found == string(b.BIC) {
					continue
				}
				if found != "" {
					return "", fmt.Errorf("the document names accounts in banks %s and %s", found, b.BIC)
				}
				found = string(b.BIC)
			}
		}
	}
	if found == "" {
		return "", fmt.Errorf("the document names bank %v, which is not in the configuration", order.Banks())
	}
	return found, nil
}
