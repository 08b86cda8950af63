// Package strict reads YAML configuration so that a file means what it shows: it knows every key, takes nothing twice,
// guesses no type, and tells all faults at once with line and column. It knows nothing of banks; the room banks opens
// it and hands on what others need. It calls no other room.
package strict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one fault of a configuration file: where it stands and what to do about it. Line and Column count from
// 1 in characters; both are 0 when the fault is the file itself. Path names the key, such as sftp.host_keys[1].key.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Path   string `json:"path,omitempty"`
	Text   string `json:"text"`
}

// String renders the problem as compilers do: file:line:column: path: text.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Problems are all faults found, in the order of files and lines. It is an error; an empty list is never returned
// as one.
type Problems []Problem

// Error lists the problems, one per line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Err turns the list into an error, sorted by file and line; nil when nothing was found.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return p
}

// Shown quotes a value for a message: control characters escaped, long texts cut.
func Shown(s string) string {
	const most = 60
	runes := []rune(s)
	if len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
