package vault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"

	"github.com/pkg/sftp"

	"bankconnector/banks/mailbox/wire"
)

// ErrChanged reports a file that is not what was written, or not as long as it was announced.
var ErrChanged = errors.New("the file is not what was announced")

// Put writes size octets of r under a name below the vault's folder, in place of a file of that name. The name
// appears with all of them or not at all: they go to a temporary name, are flushed where the server can, read back,
// compared, and renamed. What an interrupted Put leaves has a name that Sizes passes over and Sweep removes.
func (v *Vault) Put(ctx context.Context, name string, r io.Reader, size int64) error {
	final := path.Join(v.folder, name)
	temp := path.Join(path.Dir(final), "."+path.Base(name)+"."+rand.Text()+partial)
	return v.do(ctx, "put", final, func() error {
		if err := v.folders(path.Dir(final)); err != nil {
			return err
		}
		sum := sha256.New()
		err := v.write(temp, io.TeeReader(io.LimitReader(r, size), sum), size)
		if err == nil {
			err = v.prove(temp, size, sum)
		}
		if err == nil {
			err = v.move(temp, final, size)
		}
		if err != nil && v.lives() {
			err = errors.Join(err, v.wire.Remove(temp))
		}
		return err
	})
}

func (v *Vault) lives() bool {
	select {
	case <-v.done:
		return false
	default:
		return true
	}
}

// folders makes a folder and those above it, up to the vault's own.
func (v *Vault) folders(dir string) error {
	if v.known[dir] {
		return nil
	}
	if err := v.folders(path.Dir(dir)); err != nil {
		return err
	}
	_ = v.client.Mkdir(dir) // servers say no more than "failure" for one that is there, so look
	info, err := v.client.Lstat(dir)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no folder", dir)
	}
	v.known[dir] = err == nil
	return err
}

func (v *Vault) write(temp string, r io.Reader, size int64) error {
	f, err := v.open(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	n, err := f.ReadFromWithConcurrency(r, inFlight)
	if err == nil && n != size {
		err = fmt.Errorf("%d octets of %d could be read here: %w", n, size, ErrChanged)
	}
	if err == nil && v.offers("fsync@openssh.com") {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (v *Vault) open(name string, flags int) (*sftp.File, error) {
	f, err := v.client.OpenFile(name, flags)
	if err == nil && f == nil {
		err = wire.ErrEmpty
	}
	return f, err
}

// prove reads a file back and compares it.
func (v *Vault) prove(name string, size int64, want hash.Hash) error {
	got := sha256.New()
	if err := v.read(name, size, got); err != nil {
		return err
	}
	if string(got.Sum(nil)) != string(want.Sum(nil)) {
		return fmt.Errorf("read back: %w", ErrChanged)
	}
	return nil
}

// move renames, and believes it only when the new name has the size and the old one is gone.
func (v *Vault) move(temp, final string, size int64) error {
	if err := v.client.PosixRename(temp, final); err != nil {
		return err
	}
	info, err := v.client.Lstat(final)
	if err != nil {
		return err
	}
	if left, err := v.client.Lstat(temp); err == nil || !errors.Is(err, os.ErrNotExist) || info.Size() != size {
		return fmt.Errorf("the server renamed it, and then showed %d octets (old name there: %t): %w", info.Size(), left != nil, ErrChanged)
	}
	return nil
}

// Get writes a file of exactly size octets, as Sizes told them, to w.
func (v *Vault) Get(ctx context.Context, name string, w io.Writer, size int64) error {
	at := path.Join(v.folder, name)
	return v.do(ctx, "get", at, func() error { return v.read(at, size, w) })
}

func (v *Vault) read(name string, size int64, w io.Writer) error {
	f, err := v.open(name, os.O_RDONLY)
	if err != nil {
		return err
	}
	more, err := wire.CopyAll(w, f, size, chunk*inFlight)
	if err == nil && more {
		err = fmt.Errorf("more than %d octets: %w", size, ErrChanged)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("fewer than %d octets: %w", size, ErrChanged)
	}
	return errors.Join(err, f.Close())
}
