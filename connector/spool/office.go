package spool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"syscall"

	"bankconnector/internal/durable"
)

// Office is the bailiffs' system, met on the local disk: it leaves documents in
// in/BANK/ and finds in out/BANK/ what came from the bank.
//
// A document is taken by renaming it into in/BANK/.taken/ under a name of our own, so
// that the office may reuse its name at once and no later file is ever deleted unread.
type Office struct {
	dir   string
	limit int64
	tray  *tray // of HandOver
	quiet quiet
}

// Item is one document that the office left.
type Item struct {
	Bank string // folder, the addressee's BIC
	Name string // name that the office gave, for messages
	path string // where it lies now
}

// Taken is an item's own name once taken: unique for ever, so that a journal line about
// it can be recognised after a crash.
func (i Item) Taken() string { return filepath.Base(i.path) }

// ErrTooLarge reports an office file above the limit; it is refused unread.
var ErrTooLarge = errors.New("file is too large")

// ErrOther reports a file for the office whose name is taken by other content.
var ErrOther = errors.New("it is there with other content")

// itemName is the form of a finished office file; names with a leading dot are still
// being written.
var itemName = regexp.MustCompile(`^[^.].*\.(?i:xml|zip)$`)

// OpenOffice opens the office folders under dir; limit bounds one file in bytes.
func OpenOffice(dir string, limit int64) (*Office, error) {
	for _, sub := range []string{"in", "out"} {
		if err := durable.MkdirAll(filepath.Join(dir, sub), 0o770); err != nil {
			return nil, fmt.Errorf("open office: %w", err)
		}
	}
	return &Office{dir: dir, limit: limit, tray: newTray()}, nil
}

// Prepare makes a bank's folders, so that the office finds where to write.
func (o *Office) Prepare(bank string) error {
	for _, dir := range []string{o.takenDir(bank), filepath.Join(o.dir, "out", bank)} {
		if err := durable.MkdirAll(dir, 0o770); err != nil {
			return fmt.Errorf("prepare office: %w", err)
		}
	}
	return nil
}

// Strays lists what lies in the inbox for nobody, by the package's function of that name.
func (o *Office) Strays(known func(folder string) bool) ([]Stray, error) { return Strays(o.dir, known) }

// Waiting lists at most limit documents for a bank in name order: first those that an
// interrupted run had taken, then the new ones. Strange holds names that are no regular
// file (a link, a device); they are never touched.
func (o *Office) Waiting(ctx context.Context, bank string, limit int) (items []Item, strange []string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	for _, dir := range []string{o.takenDir(bank), filepath.Join(o.dir, "in", bank)} {
		if o.quiet.bare(dir) || o.quiet.still(dir) {
			continue
		}
		names, odd, err := finished(dir, limit-len(items))
		if err != nil {
			return nil, nil, fmt.Errorf("list office folder: %w", err)
		}
		empty := len(names)+len(odd) == 0 && limit > len(items)
		o.quiet.listed(dir, empty)
		o.quiet.ours(dir, empty && filepath.Base(dir) == taken)
		for _, name := range names {
			items = append(items, Item{Bank: bank, Name: given(dir, name), path: filepath.Join(dir, name)})
		}
		strange = append(strange, odd...)
	}
	return items, strange, nil
}

// Take claims an item under a name made unique by id and returns its bytes. The rename is
// not synced: after a power cut the item lies under one name or the other, and Waiting
// finds both. The error is fs.ErrNotExist when the office withdrew the file, ErrTooLarge when it exceeds
// the limit; in the latter case the item is claimed all the same.
func (o *Office) Take(ctx context.Context, item Item, id string) (Item, []byte, error) {
	if err := ctx.Err(); err != nil {
		return item, nil, err
	}
	if dir := o.takenDir(item.Bank); filepath.Dir(item.path) != dir {
		target := filepath.Join(dir, id+takenMark+item.Name)
		o.quiet.ours(dir, false)
		if err := os.Rename(item.path, target); err != nil {
			return item, nil, fmt.Errorf("take %s: %w", item.Name, err)
		}
		item.path = target
	}
	data, err := ReadFile(item.path, o.limit)
	if err != nil {
		return item, nil, fmt.Errorf("take %s: %w", item.Name, err)
	}
	return item, data, nil
}

// Drop removes an item that was taken and is safe elsewhere: in the store or in
// quarantine, with its line in the journal. An item that a power cut brings back is
// known by its content, and dropped again.
func (o *Office) Drop(item Item) error {
	if filepath.Dir(item.path) != o.takenDir(item.Bank) {
		return fmt.Errorf("drop %s: not taken", item.Name)
	}
	if err := os.Remove(item.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("drop %s: %w", item.Name, err)
	}
	return nil
}

// Digest returns the SHA-256 of a taken item's bytes, read in a stream.
func (o *Office) Digest(ctx context.Context, item Item) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	f, err := os.OpenFile(item.path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", fmt.Errorf("digest %s: %w", item.Name, err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("digest %s: %w", item.Name, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// SetAside moves a taken item that is too large to keep into in/BANK/.refused/, where a
// person finds it.
func (o *Office) SetAside(item Item) error {
	dir := filepath.Join(o.dir, "in", item.Bank, ".refused")
	if err := durable.MkdirAll(dir, 0o770); err != nil {
		return fmt.Errorf("set aside %s: %w", item.Name, err)
	}
	return durable.Move(item.path, filepath.Join(dir, item.Taken()))
}

// Submit puts a document into a bank's inbox the safe way: written under a hidden name,
// then renamed. An existing name is never replaced: the error is fs.ErrExist.
func (o *Office) Submit(bank, name string, data []byte) error {
	return o.SubmitAll(bank, []File{{name, data}})
}

// SubmitAll is Submit for many documents, with few syncs; after an error the others are
// there.
func (o *Office) SubmitAll(bank string, files []File) error {
	set := make([]durable.File, len(files))
	for i, f := range files {
		if !itemName.MatchString(f.Name) || strings.ContainsAny(f.Name, "/\x00") {
			return fmt.Errorf("submit %q: the name must end in .xml or .zip and not begin with a dot", f.Name)
		}
		set[i] = durable.File{Path: filepath.Join(o.dir, "in", bank, f.Name), Data: f.Data, Perm: 0o640}
	}
	if err := o.Prepare(bank); err != nil {
		return err
	}
	return errors.Join(durable.CreateAll(set)...)
}

// File is one file of the office's folders.
type File struct {
	Name string
	Data []byte
}

// HandOver puts files into a bank's outbox in their order, each whole or not at all; the
// last one, by custom the .json with the verdict, tells the office that the set is
// complete. A file that is there with the same bytes is done already; with other bytes the
// error is ErrOther, for nothing handed over is ever replaced. All who hand over at one moment share the syncs.
func (o *Office) HandOver(ctx context.Context, bank string, files []File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	dir := filepath.Join(o.dir, "out", bank)
	set := make([]durable.File, len(files))
	for i, f := range files {
		set[i] = durable.File{Path: filepath.Join(dir, filepath.Base(f.Name)), Data: f.Data, Perm: 0o640}
	}
	for i, err := range o.tray.put(set) {
		if errors.Is(err, fs.ErrExist) {
			err = sameBytes(set[i].Path, set[i].Data)
		}
		if err != nil {
			return fmt.Errorf("hand over: %w", err)
		}
	}
	return nil
}

// Tell puts a file into a bank's outbox in place of an earlier one of that name: notices
// that may be repeated, such as why a document was not sent.
func (o *Office) Tell(bank string, f File) error {
	if err := durable.Replace(filepath.Join(o.dir, "out", bank, filepath.Base(f.Name)), f.Data, 0o640); err != nil {
		return fmt.Errorf("tell office: %w", err)
	}
	return nil
}

const (
	taken     = ".taken" // the folder of what was taken, which only we write into
	takenMark = "__"     // parts our id from the office's name in it
)

func (o *Office) takenDir(bank string) string { return filepath.Join(o.dir, "in", bank, taken) }

// given returns the office's own name of a file in dir.
func given(dir, name string) string {
	if filepath.Base(dir) != taken {
		return name
	}
	_, rest, _ := strings.Cut(name, takenMark)
	return rest
}

// finished lists the finished regular files of dir, sorted, at most limit of them. The
// folder is read in portions, so a folder of a million names costs no more than limit.
func finished(dir string, limit int) (names, strange []string, err error) {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) || limit <= 0 {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer d.Close()
	for len(names) < limit {
		entries, err := d.ReadDir(min(1024, limit))
		for _, e := range entries {
			switch {
			case !itemName.MatchString(e.Name()):
			case e.Type().IsRegular():
				names = append(names, e.Name())
			case len(strange) < 100:
				strange = append(strange, e.Name())
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
	}
	sort.Strings(names)
	return names[:min(len(names), limit)], strange, nil
}

// Largest bounds a file that is only looked at, in octets.
const Largest = 64 << 20

// ReadFile reads a regular file of at most limit bytes. O_NOFOLLOW and O_NONBLOCK
// keep a link from leading elsewhere and a pipe from holding us.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%d bytes, at most %d: %w", info.Size(), limit, ErrTooLarge)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = ErrTooLarge
	}
	return data, err
}

func sameBytes(path string, want []byte) error {
	got, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if string(got) != string(want) {
		return fmt.Errorf("%s: %w", path, ErrOther)
	}
	return nil
}
