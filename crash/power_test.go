package crash_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A power cut: the installation's files lie on an ext4 file system in an image. At the cut the program
// is killed and the image is copied as it is at that moment, without what the kernel had not yet written
// to it; the copy is what the machine finds when the power is back. The banks' servers lie elsewhere and
// lose nothing. What file systems hand to a disk counts as written even without a flush: a disk whose own
// cache is lost at a cut is not played.
//
// cuts is the stroke; the moment is a call, so that a cut can be repeated.
var cuts = []stroke{{"cut", order{Which: "changing", Strike: "cut"}, 100}}

// grid is a set of power cuts and what they showed.
type grid struct {
	*stage
	images map[journey]string

	acknowledged atomic.Int64 // events that a reader had seen before a cut
	unseen       atomic.Int64 // cuts at which a reader saw none: too early, or locked out
	canaries     atomic.Int64 // files never flushed that were there at a cut
	survived     atomic.Int64 // and after it
}

// newGrid makes the images.
func newGrid(t *testing.T, s *stage) *grid {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("power cuts need root, for images are mounted")
	}
	for program, pack := range map[string]string{"mkfs.ext4": "e2fsprogs", "e2fsck": "e2fsprogs", "losetup": "mount"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing; run: apt-get install -y %s", program, pack)
		}
	}
	g := &grid{stage: s, images: map[journey]string{}}
	for _, j := range journeys {
		g.images[j] = filepath.Join(s.home, "before-"+string(j)+".img")
		mount := filepath.Join(s.home, "mounted")
		must(t, errors.Join(
			os.MkdirAll(mount, 0o750),
			command("truncate", "-s", "48M", g.images[j]),
			command("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-J", "size=4", g.images[j]),
		))
		if err := power(g.images[j], mount); err != nil {
			t.Fatalf("this machine cannot mount an image (a loop device and ext4 are needed): %v", err)
		}
		must(t, errors.Join(command("cp", "-a", filepath.Join(s.before[j], "disk")+"/.", mount), command("umount", mount)))
	}
	return g
}

// power mounts an image. The kernel's own log is written when somebody flushes, not every five seconds.
func power(image, dir string) error {
	return command("mount", "-t", "ext4", "-o", "loop,commit=300", image, dir)
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// unmount waits for whoever still has a file open there: a process that this one has forked, and that
// is not yet another program, has all its files.
func unmount(dir string) error {
	beat := time.NewTicker(50 * time.Millisecond)
	defer beat.Stop()
	var err error
	for range 200 {
		if err = command("umount", dir); err == nil || !strings.Contains(err.Error(), "busy") {
			return err
		}
		<-beat.C
	}
	return err
}

// head is the end of a journal; without number nothing was seen.
type head struct {
	seq  int64
	hash string
}

// head is what a reader sees. None may see the journal while the program, which stands still inside a
// call, holds its locks; and while the journal is being made nobody acts on its first event.
func (w *world) head() (head, error) {
	b, err := w.journal()
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "lock") {
			err = nil
		}
		return head{}, err
	}
	defer b.Close()
	var h head
	if h.seq, h.hash, err = b.Head(context.Background()); h.seq == 1 {
		h = head{}
	}
	return h, err
}

// cut strikes, and goes on with what the disk has.
func (g *grid) cut(p point) (report, error) {
	w, err := g.copied(p.journey, strings.ReplaceAll(p.String(), "/", "-"))
	if err != nil {
		return report{}, err
	}
	defer w.remove()
	disk, before, after := filepath.Join(w.dir, "disk"), w.dir+".before", w.dir+".after"
	defer func() { _, _ = os.Remove(before), os.Remove(after) }()
	err = errors.Join(os.RemoveAll(disk), os.Mkdir(disk, 0o750), command("cp", "--sparse=always", g.images[p.journey], before))
	if err == nil {
		err = power(before, disk)
	}
	if err != nil {
		return report{}, err
	}
	r, seen, err := report{}, head{}, w.approve() // in the journal that lies on the disk
	if err == nil {
		r, seen, err = g.strike(w, p, before, after)
	}
	if err = errors.Join(err, unmount(disk)); err != nil {
		return r, err
	}
	if err := power(after, disk); err != nil {
		return r, fmt.Errorf("the file system after the cut: %w", err)
	}
	err = g.goesOn(w, seen)
	if err = errors.Join(err, unmount(disk)); err != nil {
		return r, err
	}
	return r, command("e2fsck", "-f", "-n", after)
}

// strike runs the visit up to the cut and copies the disk.
func (g *grid) strike(w *world, p point, before, after string) (report, head, error) {
	o := p.stroke.order
	o.At = p.at
	var seen head
	look := func() (err error) {
		seen, err = w.head()
		return errors.Join(err, os.WriteFile(filepath.Join(w.dir, "disk", "canary"), []byte("never flushed"), 0o600))
	}
	r, said, err := w.traced(o, look)
	switch {
	case err != nil:
	case r.Struck == "": // this run had fewer calls: the power goes right after its end
		err = look()
	case r.Exit >= 0:
		err = fmt.Errorf("exit %d: %s", r.Exit, said)
	}
	if err != nil {
		return r, seen, err
	}
	return r, seen, stillCopy(before, after)
}

// stillCopy copies an image while nothing is written to it; what is written meanwhile shows in the
// counters of its device, and the copy is made anew.
func stillCopy(from, to string) error {
	for range 20 {
		written, err := sectors(from)
		if err != nil {
			return err
		}
		if err := command("cp", "--sparse=always", from, to); err != nil {
			return err
		}
		if again, err := sectors(from); err != nil || again == written {
			return err
		}
	}
	return errors.New("the disk does not come to rest")
}

// sectors are the sectors written to an image's device, and the requests under way.
func sectors(image string) (string, error) {
	out, err := exec.Command("losetup", "-n", "-O", "NAME", "-j", image).Output()
	if err != nil {
		return "", fmt.Errorf("losetup -j %s: %w", image, err)
	}
	data, err := os.ReadFile("/sys/block/" + filepath.Base(strings.TrimSpace(string(out))) + "/stat")
	if err != nil {
		return "", err
	}
	const written, underWay = 6, 8 // Documentation/block/stat.rst of Linux
	fields := strings.Fields(string(data))
	if len(fields) <= underWay {
		return "", fmt.Errorf("counters of %s: %q", image, data)
	}
	return fields[written] + " " + fields[underWay], nil
}

// goesOn: what was seen before the cut is there, and the journey comes to its end.
func (g *grid) goesOn(w *world, seen head) error {
	canary := filepath.Join(w.dir, "disk", "canary")
	g.canaries.Add(1)
	if data, err := os.ReadFile(canary); err == nil && len(data) > 0 {
		g.survived.Add(1)
	}
	_ = os.Remove(canary)
	if seen.seq > 0 {
		b, err := w.journal()
		if err != nil {
			return fmt.Errorf("%d commits were seen, and now: %w", seen.seq, err)
		}
		hash, err := b.Hash(context.Background(), seen.seq)
		if err = errors.Join(err, b.Close()); err != nil || hash != seen.hash {
			return fmt.Errorf("event %d was seen with hash %s before the cut, and now %q, %w", seen.seq, seen.hash, hash, err)
		}
		g.acknowledged.Add(seen.seq)
	} else {
		g.unseen.Add(1)
	}
	if err := w.trueSoFar(); err != nil {
		return err
	}
	if err := w.settle(); err != nil {
		return err
	}
	return w.books()
}

// seesALyingDisk: cuts on a disk that says "flushed" and flushes nothing must be found out, or the
// cuts above prove nothing.
func (g *grid) seesALyingDisk(t *testing.T) {
	t.Helper()
	lies := stroke{"cut", order{Which: "changing", Strike: "cut", Lies: true}, 100}
	for _, at := range []int{600, 500, 400, 300} {
		r, err := g.cut(point{orderOut, lies, at})
		if r.Struck != "" && err != nil {
			t.Logf("a disk that does not flush is found out: %v", err)
			return
		}
	}
	t.Error("a disk that flushes nothing was not found out")
}

// powerCuts is part of TestStruck when POWER_CUTS asks for it.
func powerCuts(t *testing.T, s *stage, many int) {
	t.Helper()
	g := newGrid(t, s)
	strikeAll(t, s.pick(t, cuts, "POWER_CUTS", many), g.cut)
	t.Log("cuts behind the end of their run fell right after it")
	t.Logf("of %d events seen before %d cuts the last is there; at %d cuts none could be seen; of %d files that nobody had flushed %d were there after the cut",
		g.acknowledged.Load(), g.canaries.Load()-g.unseen.Load(), g.unseen.Load(), g.canaries.Load(), g.survived.Load())
	if g.survived.Load() == g.canaries.Load() {
		t.Error("nothing was ever lost: these were no power cuts")
	}
	g.seesALyingDisk(t)
}
