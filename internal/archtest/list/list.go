// Package list reads the two lists of tests that the rules and the gate share: those that may skip, and those that
// must have run. It knows no test and opens no other room.
package list

import (
	"fmt"
	"io/fs"
	"strings"
)

// Read reads lines of the form "package/dir TestName: reason." and gives "package/dir TestName" of each.
// Empty lines and lines that begin with # are left out; a line without a reason is an error that names the line.
func Read(fsys fs.FS, name string) ([]string, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	var out []string
	for n, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		test, reason, ok := strings.Cut(line, ":")
		if fields := strings.Fields(test); !ok || len(fields) != 2 || strings.TrimSpace(reason) == "" {
			return nil, fmt.Errorf("%s:%d: want \"folder TestName: reason.\"", name, n+1)
		}
		out = append(out, test)
	}
	return out, nil
}
