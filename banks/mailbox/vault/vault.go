// Package vault is a folder on a server of our own, met over SFTP under a pinned host key: it takes large files,
// gives them back and tells what lies there. A file has its name only when all of it was written, flushed where the
// server can, read back and found the same.
//
// It is the road to a place that is no bank: it shares the line and the packets with mailbox and nothing else. Files
// stream through it, so that memory does not grow with them. It knows nothing of what they hold, tries nothing
// twice, and may call banks, line and wire.
package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"

	"bankconnector/banks/mailbox/line"
	"bankconnector/banks/mailbox/wire"
)

const (
	handshake = 30 * time.Second // everything from the TCP connection to the open file protocol
	chunk     = 32 << 10         // octets of one READ or WRITE: what every server must take
	inFlight  = 64               // of them
	names     = 100_000          // read from one folder
	partial   = ".part"          // ends the name of what is not whole yet
)

// ErrAway reports a server that cannot be reached, or does not do what it must.
var ErrAway = errors.New("the server for copies")

var errClosed = errors.New("the vault was closed")

// Vault is one connection. Its methods are called by one goroutine.
type Vault struct {
	folder string
	line   *line.Line
	wire   *wire.Wire
	client *sftp.Client
	known  map[string]bool // folders that are there
	done   chan struct{}   // closed when the connection has ended
	crew   sync.WaitGroup

	mu    sync.Mutex
	cause error // why it has ended
}

// Open meets the server under one of its pinned keys, logs in and looks whether the folder is there. It refuses a
// server that cannot replace a file in one step: a file that grows would be missing for a moment.
func Open(ctx context.Context, c *Config, now time.Time) (*Vault, error) {
	short, cancel := context.WithTimeout(ctx, handshake)
	defer cancel()
	l, err := line.Dial(short, line.Config{SFTP: c.road(), Address: c.address(), Now: now}, new(line.Trail))
	if err != nil {
		return nil, fmt.Errorf("%w: open %s: %w", ErrAway, c, err)
	}
	v := &Vault{folder: c.Folder, line: l, done: make(chan struct{}), known: map[string]bool{c.Folder: true}}
	err = v.do(short, "open", c.Folder, func() error { return v.start(cmp.Or(c.Timeout, 2*time.Minute)) })
	if err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

func (v *Vault) start(timeout time.Duration) error {
	channel, err := v.line.Subsystem("sftp")
	if err != nil {
		return err
	}
	v.wire = wire.New(channel, v.line.Heard, v.end)
	v.crew.Go(v.wire.Pump)
	v.client, err = sftp.NewClientPipe(v.wire, v.wire,
		sftp.MaxPacketChecked(chunk), sftp.UseConcurrentWrites(true), sftp.MaxConcurrentRequestsPerFile(inFlight))
	if err != nil {
		return err
	}
	v.crew.Go(func() {
		if err := v.wire.Watch(v.done, timeout); err != nil {
			v.end(err)
		}
	})
	if !v.offers("posix-rename@openssh.com") {
		return errors.New("the server has no posix-rename@openssh.com, so it could not replace a file in one step")
	}
	info, err := v.client.Lstat(v.folder)
	if err == nil && !info.IsDir() {
		err = errors.New("is no folder")
	}
	return errors.Join(err, v.line.Steady())
}

func (v *Vault) offers(extension string) bool {
	version, ok := v.client.HasExtension(extension)
	return ok && version == "1"
}

// Close ends the connection.
func (v *Vault) Close() error {
	v.end(errClosed)
	if v.client != nil {
		_ = v.client.Close()
	}
	v.line.Wait()
	v.crew.Wait()
	return nil
}

// end cuts the connection for a reason; the first reason stays.
func (v *Vault) end(cause error) {
	v.mu.Lock()
	first := v.cause == nil
	if first {
		v.cause = cmp.Or(v.line.Cause(), cause)
		close(v.done)
	}
	v.mu.Unlock()
	if !first {
		return
	}
	v.line.Cut()
	if v.wire != nil {
		v.wire.End(cause)
	}
}

// do runs one act under its context; what the act met because the connection had ended is told by why it ended.
func (v *Vault) do(ctx context.Context, op, name string, act func() error) error {
	release := context.AfterFunc(ctx, func() { v.end(fmt.Errorf("given up: %w", context.Cause(ctx))) })
	defer release()
	err := act()
	if err == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return fmt.Errorf("%w: %s %s: %w", ErrAway, op, line.Quote(name), cmp.Or(v.cause, err))
}

// Sizes tells the files of a folder below the vault's, with their sizes, and the folders in it. One that is not there
// is empty. Unfinished files, and names that nobody here would have chosen, are passed over.
func (v *Vault) Sizes(ctx context.Context, folder string) (files map[string]int64, folders []string, err error) {
	files = make(map[string]int64)
	at := path.Join(v.folder, folder)
	err = v.do(ctx, "list", at, func() error {
		items, more, err := v.wire.Readdir(ctx, at, names)
		if errors.Is(err, fs.ErrNotExist) && folder != "" {
			return nil
		}
		if err == nil && more {
			err = errors.New("it holds more names than are read")
		}
		for _, i := range items {
			switch {
			case !plain(i.Name) || strings.HasSuffix(i.Name, partial):
			case i.Regular() && i.Size < 1<<62:
				files[i.Name] = int64(i.Size)
			case i.Typed && i.Mode&0o170000 == 0o040000:
				folders = append(folders, i.Name)
			}
		}
		return err
	})
	return files, folders, err
}

// plain tells a name that can be put on a disk as it is: what a server says its files are called is not to be trusted.
func plain(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
	return name != "" && name[0] != '.' && len(name) < 200 && strings.Trim(name, letters) == ""
}

// Sweep removes what interrupted transfers have left in folders below the vault's; "" is its own.
func (v *Vault) Sweep(ctx context.Context, folders ...string) error {
	return v.do(ctx, "sweep", v.folder, func() error {
		for _, folder := range folders {
			at := path.Join(v.folder, folder)
			items, _, err := v.wire.Readdir(ctx, at, names)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			for _, i := range items {
				if !ours(i.Name) || !i.Regular() {
					continue
				}
				if err := v.wire.Remove(path.Join(at, i.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
			}
		}
		return nil
	})
}

// ours tells a name as Put makes it for what is not whole yet.
func ours(name string) bool {
	body, ok := strings.CutPrefix(name, ".")
	return ok && strings.HasSuffix(body, partial) && plain(body)
}
