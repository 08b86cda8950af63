package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Stray is a folder of the office's inbox that is no bank's, and how many files lie there, counted up to 1,000. Nobody
// takes them: to whom they should go is not known.
type Stray struct {
	Folder string `json:"folder"` // "." is the inbox itself
	Files  int    `json:"files"`
}

// Strays lists the folders with files below an office's inbox that known does not name. It only looks.
func Strays(office string, known func(folder string) bool) (list []Stray, err error) {
	inbox := filepath.Join(office, "in")
	entries, err := os.ReadDir(inbox)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list office inbox: %w", err)
	}
	loose := 0
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), ".") || known(e.Name()):
		case !e.IsDir():
			loose++
		default:
			if n := crowd(filepath.Join(inbox, e.Name())); n > 0 {
				list = append(list, Stray{e.Name(), n})
			}
		}
	}
	if loose > 0 {
		list = append(list, Stray{".", loose})
	}
	return list, nil
}

// crowd counts the files of a folder that are not hidden; one that cannot be read counts as one file, for nobody knows.
func crowd(dir string) (n int) {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		return 1
	}
	defer d.Close()
	names, err := d.Readdirnames(1000)
	if err != nil && !errors.Is(err, io.EOF) {
		return 1
	}
	for _, name := range names {
		if !strings.HasPrefix(name, ".") {
			n++
		}
	}
	return n
}
