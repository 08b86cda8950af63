// Package envelope makes and opens the one file that travels between the service and a bank: a ZIP of a document, its
// detached signatures and the manifest.
//
// Open is strict on purpose: an archive that two programs could read differently (junk before or after, overlapping or
// doubled entries, sizes that lie, names that climb out of a folder) is refused before anything of it is used. The package
// knows no document and no signature, touches no disk, and calls no other room.
package envelope

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
)

// Entry is one file of an envelope.
type Entry struct {
	Name string
	Data []byte
}

// Limits bound what Open accepts.
type Limits struct {
	Entries    int   // files in the envelope
	EntryBytes int64 // octets of one file, unpacked
	TotalBytes int64 // octets of all files, unpacked
	FileBytes  int64 // octets of the envelope itself
	Ratio      int   // unpacked to packed size of one file
}

// DefaultLimits are far above any real envelope: 100 files, 10 MiB each, 64 MiB together, 16 MiB packed, ratio 100.
func DefaultLimits() Limits {
	return Limits{Entries: 100, EntryBytes: 10 << 20, TotalBytes: 64 << 20, FileBytes: 16 << 20, Ratio: 100}
}

// Codes of a Refusal.
const (
	CodeTruncated = "truncated" // the file ends too early: wait, it may still be growing
	CodeEmpty     = "empty"     // a file of 0 octets
	CodeNotZip    = "not-zip"   // something else
	CodeJunk      = "junk"      // octets before, between or after what the archive declares
	CodeName      = "name"      // an entry name that is not a plain file name
	CodeDoubled   = "doubled"   // two entries of one name, letter case aside
	CodeLimit     = "limit"     // too many, too large, or packed too densely
	CodeOverlap   = "overlap"   // entries that share octets
	CodeNested    = "nested"    // an archive inside
	CodeEncrypted = "encrypted"
	CodeKind      = "kind"   // a folder, a link, or another thing that is no file
	CodeMethod    = "method" // a compression other than none (0) or deflate (8)
	CodeSize      = "size"   // sizes or checksum differ from the data
)

// Refusal says why an envelope was not opened.
type Refusal struct {
	Code   string // one of the Code constants
	Detail string // English, names the entry in quotes where there is one
}

// Error gives code and detail.
func (r *Refusal) Error() string { return "open envelope: " + r.Code + ": " + r.Detail }

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Record signatures and sizes of ZIP (APPNOTE 4.3.7, 4.3.9, 4.3.12, 4.3.16).
const (
	localMagic, localSize     = 0x04034b50, 30
	centralMagic, centralSize = 0x02014b50, 46
	endMagic, endSize         = 0x06054b50, 22
	descriptorMagic           = 0x08074b50

	stored, deflated = 0, 8

	flagEncrypted, flagDescriptor, flagUTF8 = 1, 1 << 3, 1 << 11
	flagsAllowed                            = flagDescriptor | flagUTF8 | 1<<1 | 1<<2 // the last two tell a deflate level
)

// epoch is 1980-01-01 in MS-DOS form: an envelope's bytes depend on its content only.
const epoch = 1<<5 | 1

// packFrom is the size from which a file is deflated: below it the compressor costs more than the wire.
const packFrom = 16 << 10

// Seal packs the entries in their order. Equal entries give equal bytes. Names and sizes must be such that Open accepts
// the result with DefaultLimits, except that a very repetitive file is stored so that its ratio stays honest.
func Seal(entries []Entry) ([]byte, error) {
	limits := DefaultLimits()
	if len(entries) > limits.Entries {
		return nil, fmt.Errorf("seal envelope: %d entries, at most %d are allowed", len(entries), limits.Entries)
	}
	var body, central bytes.Buffer
	size := endSize
	for _, e := range entries {
		size += localSize + centralSize + 2*len(e.Name) + len(e.Data)
	}
	body.Grow(size)
	for _, e := range entries {
		if int64(len(e.Data)) > limits.EntryBytes {
			return nil, fmt.Errorf("seal envelope: entry %.80q is larger than %d octets", e.Name, limits.EntryBytes)
		}
		packed, method, err := pack(e.Data)
		if err != nil {
			return nil, fmt.Errorf("seal envelope: %w", err)
		}
		h := make([]byte, centralSize)
		binary.LittleEndian.PutUint32(h, centralMagic)
		h[4], h[6] = 20, 20
		binary.LittleEndian.PutUint16(h[10:], uint16(method)) //nolint:gosec // 0 or 8
		binary.LittleEndian.PutUint16(h[14:], epoch)
		binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(e.Data))
		binary.LittleEndian.PutUint32(h[20:], uint32(len(packed))) //nolint:gosec // Open below refuses what is larger than the limits
		binary.LittleEndian.PutUint32(h[24:], uint32(len(e.Data))) //nolint:gosec // likewise
		binary.LittleEndian.PutUint16(h[28:], uint16(len(e.Name))) //nolint:gosec // likewise
		binary.LittleEndian.PutUint32(h[42:], uint32(body.Len()))  //nolint:gosec // likewise
		binary.LittleEndian.PutUint32(h[38:], 0)
		local := make([]byte, localSize)
		binary.LittleEndian.PutUint32(local, localMagic)
		copy(local[4:], h[6:30]) // the two headers share version to name length
		local = local[:localSize]
		body.Write(local)
		body.WriteString(e.Name)
		body.Write(packed)
		central.Write(h)
		central.WriteString(e.Name)
	}
	end := make([]byte, endSize)
	binary.LittleEndian.PutUint32(end, endMagic)
	binary.LittleEndian.PutUint16(end[8:], uint16(len(entries)))   //nolint:gosec // Open below refuses more than its limit
	binary.LittleEndian.PutUint16(end[10:], uint16(len(entries)))  //nolint:gosec // likewise
	binary.LittleEndian.PutUint32(end[12:], uint32(central.Len())) //nolint:gosec // likewise
	binary.LittleEndian.PutUint32(end[16:], uint32(body.Len()))    //nolint:gosec // likewise
	body.Write(central.Bytes())
	body.Write(end)
	if _, err := Open(body.Bytes(), limits); err != nil {
		return nil, fmt.Errorf("seal envelope: %w", err)
	}
	return body.Bytes(), nil
}

// pack deflates a large file when that is honest and worth it.
func pack(data []byte) (packed []byte, method int, err error) {
	if len(data) < packFrom {
		return data, stored, nil
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		return nil, 0, fmt.Errorf("make compressor: %w", err)
	}
	if _, err := w.Write(data); err != nil {
		return nil, 0, fmt.Errorf("compress: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, 0, fmt.Errorf("compress: %w", err)
	}
	if b.Len() >= len(data) || len(data) > b.Len()*DefaultLimits().Ratio {
		return data, stored, nil
	}
	return b.Bytes(), deflated, nil
}

// Name makes the name of an envelope file, prefix_id.zip: prefix of 3 to 5 lower-case letters, id of 1 to 64 Latin letters,
// digits and hyphens.
func Name(prefix, id string) (string, error) {
	name := prefix + "_" + id + ".zip"
	if _, _, err := ParseName(name); err != nil {
		return "", err
	}
	return name, nil
}

// ParseName takes the name of an envelope file apart. Only whole names of the grammar pass; the error quotes the name, so
// that it may be logged.
func ParseName(name string) (prefix, id string, err error) {
	const lower = "abcdefghijklmnopqrstuvwxyz"
	base, zipped := strings.CutSuffix(name, ".zip")
	prefix, id, parted := strings.Cut(base, "_")
	good := zipped && parted && len(prefix) >= 3 && len(prefix) <= 5 && strings.Trim(prefix, lower) == "" &&
		len(id) >= 1 && len(id) <= 64 && strings.Trim(id, lower+"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
	if !good {
		return "", "", fmt.Errorf("read envelope name: %.80q is not prefix_id.zip", name)
	}
	return prefix, id, nil
}
