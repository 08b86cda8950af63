package bench_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ground is a file system to work on.
type ground struct{ name, dir string }

// memory is a folder whose files lie in memory, where there is one.
func memory() string {
	const shared = "/dev/shm"
	if info, err := os.Stat(shared); err == nil && info.IsDir() {
		return shared
	}
	return os.TempDir()
}

// journaled makes an ext4 with a journal, as servers have it, in an image of its own. Only root can; the short form
// does without.
func journaled(b *testing.B) (ground, bool) {
	b.Helper()
	if short() || os.Geteuid() != 0 {
		return ground{}, false
	}
	dir := b.TempDir()
	image, at := filepath.Join(dir, "image"), filepath.Join(dir, "at")
	f, err := os.Create(image)
	if err == nil {
		err = f.Truncate(4 << 30) // it takes room as it is written to
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Mkdir(at, 0o755)
	}
	if err != nil {
		b.Fatal(err)
	}
	run(b, exec.CommandContext(b.Context(), need(b, "mkfs.ext4", "e2fsprogs"), "-q", "-F", image))
	run(b, exec.CommandContext(b.Context(), need(b, "mount", "mount"), "-o", "loop", image, at))
	b.Cleanup(func() { // not b.Context: that has ended by then
		if out, err := exec.Command("umount", at).CombinedOutput(); err != nil {
			b.Errorf("umount %s: %v: %s", at, err, out)
		}
	})
	return ground{"ext4 with a journal, in an image", at}, true
}
