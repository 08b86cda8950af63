package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/pkg/sftp"
	"golang.org/x/sys/unix"
)

// The two exchange folders of a bank: the client writes to the first, the bank to the
// second.
const (
	ToBank   = "to-bank"
	FromBank = "from-bank"
)

// folder is what the connector sees of a bank: the files under its root and nothing
// outside it, not through symbolic links either, for which the standard library's Root
// stands. In to-bank the client may do as it likes; in from-bank it may read,
// rename and remove, but not write; the home folder itself it may only read.
type folder struct {
	root    *os.Root
	habits  Habits
	watch   Watcher
	renames atomic.Int64
}

// Watcher is told what the client does with exchange files, under names like
// "to-bank/piev_1.zip". Its methods are called before the client gets its answer,
// from any goroutine.
type Watcher interface {
	Opened(name string)             // a file of to-bank is about to be written
	Closed(name string, end Ending) // and this is how that ended
	Moved(name string)              // to-bank got this name by a rename
	Taken(name string)              // this file of from-bank was renamed or removed
}

// Ending tells how the writing of a file ended.
type Ending int

// The endings of a file's writing.
const (
	Whole  Ending = iota // the client closed it
	Torn                 // the connection died before that
	Unmade               // it could not be opened at all
)

// guest serves the requests of one connection, which some habits cut.
type guest struct {
	*folder
	conn net.Conn
}

// local turns a client's path into one under the root: its first part is the zone.
func local(p string) (name, zone string, depth int) {
	name = strings.TrimPrefix(path.Clean("/"+p), "/")
	if name == "" {
		return ".", "", 0
	}
	zone, _, _ = strings.Cut(name, "/")
	return name, zone, strings.Count(name, "/") + 1
}

// hidden tells that a zone is a drop box, which shows nobody what it holds.
func (g *guest) hidden(zone string) bool { return g.habits.DropBox && zone == ToBank }

// Fileread opens a file for reading.
func (g *guest) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	name, zone, _ := local(r.Filepath)
	if g.hidden(zone) {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	f, err := g.root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(syscall.EINVAL, err, f.Close())
	}
	return f, nil
}

// Filewrite creates or opens a file of to-bank.
func (g *guest) Filewrite(r *sftp.Request) (io.WriterAt, error) { return g.OpenFile(r) }

// OpenFile is Filewrite for a handle that is read as well. An exclusive create
// fails when the name exists.
func (g *guest) OpenFile(r *sftp.Request) (sftp.WriterAtReaderAt, error) {
	name, zone, depth := local(r.Filepath)
	if zone != ToBank || depth < 2 {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	want, flags := r.Pflags(), os.O_RDWR|unix.O_NOFOLLOW
	if g.hidden(zone) && want.Read {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	for flag, on := range map[int]bool{os.O_CREATE: want.Creat, os.O_TRUNC: want.Trunc, os.O_EXCL: want.Excl && want.Creat} {
		if on {
			flags |= flag
		}
	}
	g.watch.Opened(name)
	f, err := g.root.OpenFile(name, flags, 0o640)
	if err != nil {
		g.watch.Closed(name, Unmade)
		return nil, err
	}
	return &upload{File: f, name: name, watch: g.watch}, nil
}

// upload is one file being written by the client.
type upload struct {
	*os.File
	name  string
	watch Watcher
	lost  atomic.Bool
}

// TransferError marks a file whose connection died before its CLOSE.
func (u *upload) TransferError(error) { u.lost.Store(true) }

// Close ends the upload and tells the back office how it ended.
func (u *upload) Close() error {
	err := u.File.Close()
	if u.lost.Load() || err != nil {
		u.watch.Closed(u.name, Torn)
		return err
	}
	u.watch.Closed(u.name, Whole)
	return nil
}

// Filecmd does what changes names or attributes.
func (g *guest) Filecmd(r *sftp.Request) error {
	name, zone, depth := local(r.Filepath)
	switch r.Method {
	case "Rename":
		return g.rename(r, g.habits.Clobber)
	case "Setstat":
		return g.setstat(r, name, zone)
	case "Mkdir":
		if err := g.mayChange(zone, depth); err != nil {
			return err
		}
		return g.root.Mkdir(name, 0o750)
	case "Remove", "Rmdir":
		if err := g.mayChange(zone, depth); err != nil {
			return err
		}
		return g.remove(name, zone, r.Method == "Rmdir")
	}
	return sftp.ErrSSHFxOpUnsupported
}

// PosixRename replaces the target, as rename(2) does.
func (g *guest) PosixRename(r *sftp.Request) error {
	if g.habits.NoPosixRename {
		return sftp.ErrSSHFxOpUnsupported
	}
	return g.rename(r, true)
}

// mayChange allows changes below the exchange folders, not of the folders themselves.
func (g *guest) mayChange(zone string, depth int) error {
	if depth < 2 || g.hidden(zone) || zone != ToBank && (zone != FromBank || g.habits.ReadonlyFromBank) {
		return sftp.ErrSSHFxPermissionDenied
	}
	return nil
}

// rename moves a file inside one exchange folder. Without replace it is one
// renameat2 with RENAME_NOREPLACE: atomic, and never over an existing file.
func (g *guest) rename(r *sftp.Request, replace bool) error {
	from, zone, depth := local(r.Filepath)
	to, target, deep := local(r.Target)
	if g.habits.NoRename {
		return sftp.ErrSSHFxOpUnsupported
	}
	if err := g.mayChange(zone, min(depth, deep)); err != nil || zone != target {
		return sftp.ErrSSHFxPermissionDenied
	}
	hit := zone == ToBank && g.hit()
	if hit && g.habits.DropRename {
		return errors.Join(sftp.ErrSSHFxConnectionLost, g.conn.Close())
	}
	if err := g.move(from, to, replace); err != nil {
		return err
	}
	// A crash here leaves the new name in place: the scan at the next start finds it.
	if hit && g.habits.CrashRename {
		defer g.conn.Close()
	}
	if zone == FromBank {
		g.watch.Taken(from)
	} else {
		g.watch.Moved(to)
	}
	return nil
}

// hit counts the renames of a bank that cuts connections: the first and every
// fourth after it are struck, so that a patient client always gets on.
func (g *guest) hit() bool {
	if !g.habits.DropRename && !g.habits.CrashRename {
		return false
	}
	return (g.renames.Add(1)-1)%4 == 0
}

func (g *guest) move(from, to string, replace bool) error {
	if replace {
		return g.root.Rename(from, to)
	}
	old, err := g.root.Open(path.Dir(from))
	if err != nil {
		return err
	}
	defer old.Close()
	dir, err := g.root.Open(path.Dir(to))
	if err != nil {
		return err
	}
	defer dir.Close()
	err = unix.Renameat2(int(old.Fd()), path.Base(from), int(dir.Fd()), path.Base(to), unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EEXIST) {
		// The plain rename of SFTP version 3 must not replace, and has no code of its own for it.
		return fmt.Errorf("%w: %s exists", sftp.ErrSSHFxFailure, path.Base(to))
	}
	return err
}

// remove keeps REMOVE and RMDIR apart: neither does the other's work.
func (g *guest) remove(name, zone string, folder bool) error {
	info, err := g.root.Lstat(name)
	if err != nil {
		return err
	}
	if info.IsDir() != folder {
		return sftp.ErrSSHFxFailure
	}
	if err := g.root.Remove(name); err != nil {
		return err
	}
	if zone == FromBank {
		g.watch.Taken(name)
	}
	return nil
}

// setstat changes size, mode and times; without any attribute it is our fsync.
func (g *guest) setstat(r *sftp.Request, name, zone string) error {
	if zone != ToBank {
		return sftp.ErrSSHFxPermissionDenied
	}
	f, err := g.root.OpenFile(name, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	want, a := r.AttrFlags(), r.Attributes()
	switch {
	case r.Flags == 0:
		return f.Sync()
	case want.Size:
		return f.Truncate(int64(a.Size)) //nolint:gosec // the kernel refuses an impossible size
	case want.Permissions:
		return f.Chmod(a.FileMode().Perm())
	case want.Acmodtime:
		return g.root.Chtimes(name, a.AccessTime(), a.ModTime())
	}
	return nil
}

// Filelist lists a folder, or stats one name through links that stay inside.
func (g *guest) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	name, zone, depth := local(r.Filepath)
	if g.hidden(zone) {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	switch r.Method {
	case "List":
		if depth == 0 && g.habits.NoListHome {
			return nil, sftp.ErrSSHFxPermissionDenied
		}
		f, err := g.root.Open(name)
		if err != nil {
			return nil, err
		}
		return &listing{f}, nil
	case "Stat":
		return single(g.root.Stat(name))
	}
	return nil, sftp.ErrSSHFxOpUnsupported
}

// Lstat is Stat of the name itself, never of what a link points to.
func (g *guest) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	name, zone, _ := local(r.Filepath)
	if g.hidden(zone) {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	return single(g.root.Lstat(name))
}

// listing streams a folder page by page, so that a large one costs no memory.
type listing struct{ *os.File }

// ListAt ignores the offset: the library asks for the pages in order.
func (l *listing) ListAt(page []os.FileInfo, _ int64) (int, error) {
	infos, err := l.Readdir(len(page))
	return copy(page, infos), err
}

type oneInfo struct{ fs.FileInfo }

func single(info fs.FileInfo, err error) (sftp.ListerAt, error) { return oneInfo{info}, err }

// ListAt hands out the one entry.
func (o oneInfo) ListAt(page []os.FileInfo, offset int64) (int, error) {
	if offset > 0 || len(page) == 0 {
		return 0, io.EOF
	}
	page[0] = o.FileInfo
	return 1, io.EOF
}
