// Package ballast is room on the disk that nobody uses: it is given up when the disk is full,
// so that the journal can still say so. It opens durable and journal.
package ballast

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"bankconnector/internal/durable"
)

// size is the room in octets. A full disk stops the journal, and then nothing can be written
// about why; the ballast is given up for that last word.
const size = 4 << 20

func path(dir string) string { return filepath.Join(dir, "ballast") }

// Take reserves the room in a folder. A disk that does not have it is full: work that could
// not be recorded to its end is not begun.
func Take(dir string) error {
	if err := durable.Reserve(path(dir), size); err != nil {
		return fmt.Errorf("the disk of %s must have %d MiB left for the journal's last word: make room there: %w", dir, size>>20, err)
	}
	return nil
}

// give gives the room up.
func give(dir string) error {
	if err := os.Remove(path(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("give up the ballast: %w", err)
	}
	return nil
}
