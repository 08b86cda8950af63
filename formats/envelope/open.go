package envelope

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"unicode/utf8"
)

// header is what the central directory says of one entry.
type header struct {
	name          string
	flags, method uint16
	sum           uint32
	packed, size  int64
	local         int64 // offset of the local header
	madeBy        byte  // operating system
	attributes    uint32
}

// Open reads a whole envelope. Every octet of the file must belong to the archive: the first local header stands at 0, the
// entries follow each other, the directory follows the entries, and the end record ends the file without a comment. The
// error is a *Refusal. What lies there undeflated is not copied: it stands in data.
func Open(data []byte, l Limits) ([]Entry, error) {
	headers, start, refusal := directory(data, l)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := judge(headers, l); refusal != nil {
		return nil, refusal
	}
	entries := make([]Entry, 0, len(headers))
	at := int64(0)
	for _, h := range headers {
		if h.local != at {
			if h.local < at {
				return nil, refuse(CodeOverlap, "entry %.80q shares octets with the one before", h.name)
			}
			return nil, refuse(CodeJunk, "octets that belong to no entry before %.80q", h.name)
		}
		content, next, refusal := h.read(data[:start], l)
		if refusal != nil {
			return nil, refusal
		}
		entries = append(entries, Entry{Name: h.name, Data: content})
		at = next
	}
	if at != start {
		return nil, refuse(CodeJunk, "octets that belong to no entry before the directory")
	}
	return entries, nil
}

// directory finds the end record and the central directory, and reads its headers; start is the directory's offset.
func directory(data []byte, l Limits) (headers []header, start int64, refusal *Refusal) {
	switch {
	case len(data) == 0:
		return nil, 0, refuse(CodeEmpty, "the file has 0 octets")
	case int64(len(data)) > l.FileBytes:
		return nil, 0, refuse(CodeLimit, "the file is larger than %d octets", l.FileBytes)
	case !bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return nil, 0, outer(data)
	}
	at := len(data) - endSize
	if at < localSize || binary.LittleEndian.Uint32(data[at:]) != endMagic {
		if end := bytes.LastIndex(data, []byte("PK\x05\x06")); end >= 0 && end <= at {
			return nil, 0, refuse(CodeJunk, "octets after the end record, or a comment in it")
		}
		return nil, 0, refuse(CodeTruncated, "the end record is missing; the file is not whole")
	}
	end := data[at:]
	disk, count := binary.LittleEndian.Uint32(end[4:]), int(binary.LittleEndian.Uint16(end[10:]))
	size, from := int64(binary.LittleEndian.Uint32(end[12:])), int64(binary.LittleEndian.Uint32(end[16:]))
	switch {
	case disk != 0 || binary.LittleEndian.Uint16(end[8:]) != uint16(count): //nolint:gosec // count came from 16 bits
		return nil, 0, refuse(CodeSize, "an archive of several parts")
	case binary.LittleEndian.Uint16(end[20:]) != 0:
		return nil, 0, refuse(CodeJunk, "the end record announces a comment")
	case from+size != int64(at):
		return nil, 0, refuse(CodeJunk, "the directory does not stand right before the end record")
	case count > l.Entries:
		return nil, 0, refuse(CodeLimit, "%d entries, at most %d are allowed", count, l.Entries)
	case count == 0:
		return nil, 0, refuse(CodeEmpty, "no entry")
	}
	headers, refusal = central(data[from:at], count)
	return headers, from, refusal
}

// outer tells what the file is when it does not begin as an archive.
func outer(data []byte) *Refusal {
	switch {
	case bytes.HasPrefix([]byte("PK\x03\x04"), data):
		return refuse(CodeTruncated, "the file has %d octets", len(data))
	case bytes.HasPrefix(data, []byte("PK\x05\x06")):
		return refuse(CodeEmpty, "no entry")
	case bytes.Contains(data, []byte("PK\x05\x06")):
		return refuse(CodeJunk, "octets before the first entry")
	default:
		return refuse(CodeNotZip, "the file does not begin as a ZIP archive")
	}
}

// central reads count headers that must fill the directory exactly.
func central(dir []byte, count int) ([]header, *Refusal) {
	headers := make([]header, 0, count)
	for range count {
		if len(dir) < centralSize || binary.LittleEndian.Uint32(dir) != centralMagic {
			return nil, refuse(CodeSize, "the directory does not hold the announced entries")
		}
		name := int(binary.LittleEndian.Uint16(dir[28:]))
		extra, comment := int(binary.LittleEndian.Uint16(dir[30:])), int(binary.LittleEndian.Uint16(dir[32:]))
		if len(dir) < centralSize+name+extra+comment {
			return nil, refuse(CodeSize, "a directory header is longer than the directory")
		}
		if comment > 0 {
			return nil, refuse(CodeJunk, "an entry carries a comment")
		}
		headers = append(headers, header{
			name: string(dir[centralSize : centralSize+name]), madeBy: dir[5],
			flags: binary.LittleEndian.Uint16(dir[8:]), method: binary.LittleEndian.Uint16(dir[10:]),
			sum: binary.LittleEndian.Uint32(dir[16:]), packed: int64(binary.LittleEndian.Uint32(dir[20:])),
			size: int64(binary.LittleEndian.Uint32(dir[24:])), attributes: binary.LittleEndian.Uint32(dir[38:]),
			local: int64(binary.LittleEndian.Uint32(dir[42:])),
		})
		dir = dir[centralSize+name+extra:]
	}
	if len(dir) > 0 {
		return nil, refuse(CodeJunk, "octets after the last directory header")
	}
	return headers, nil
}

// judge looks at all headers before a single octet is unpacked.
func judge(headers []header, l Limits) *Refusal {
	seen, total := map[string]bool{}, int64(0)
	for _, h := range headers {
		if refusal := h.judge(l); refusal != nil {
			return refusal
		}
		key := strings.ToLower(h.name)
		if seen[key] {
			return refuse(CodeDoubled, "two entries are called %.80q", h.name)
		}
		seen[key] = true
		if total += h.size; total > l.TotalBytes {
			return refuse(CodeLimit, "more than %d octets together", l.TotalBytes)
		}
	}
	return nil
}

func (h header) judge(l Limits) *Refusal {
	mode := h.attributes >> 16 & 0o170000 // file type of Unix, when the archive was made there
	switch {
	case badName(h.name):
		return refuse(CodeName, "entry name %.80q is not a plain file name", h.name)
	case h.flags&flagEncrypted != 0:
		return refuse(CodeEncrypted, "entry %.80q is encrypted", h.name)
	case h.flags&^flagsAllowed != 0:
		return refuse(CodeMethod, "entry %.80q uses features that are not allowed", h.name)
	case h.attributes&0x10 != 0, h.madeBy == 3 && mode != 0 && mode != 0o100000:
		return refuse(CodeKind, "entry %.80q is not a regular file", h.name)
	case h.method != stored && h.method != deflated:
		return refuse(CodeMethod, "entry %.80q is packed with method %d", h.name, h.method)
	case h.size > l.EntryBytes:
		return refuse(CodeLimit, "entry %.80q is larger than %d octets", h.name, l.EntryBytes)
	case h.size > h.packed*int64(l.Ratio):
		return refuse(CodeLimit, "entry %.80q unpacks to more than %d times its size", h.name, l.Ratio)
	case h.method == stored && h.size != h.packed:
		return refuse(CodeSize, "entry %.80q is stored, but its two sizes differ", h.name)
	}
	return nil
}

// badName says that the name is not a plain file name: letters, digits and . _ - only, so no folder, drive, control
// character, look-alike or reserved form can hide in it.
func badName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return name == "" || len(name) > 128 || !utf8.ValidString(name) || strings.Trim(name, letters+"._-") != "" ||
		!strings.Contains(letters, name[:1]) || strings.HasSuffix(name, ".") || strings.Contains(name, "..")
}

// read unpacks the entry whose local header stands at h.local; next is the offset behind it.
func (h header) read(data []byte, l Limits) (content []byte, next int64, refusal *Refusal) {
	if h.local+localSize > int64(len(data)) {
		return nil, 0, refuse(CodeOverlap, "entry %.80q reaches into the directory", h.name)
	}
	local := data[h.local:]
	name, extra := int64(binary.LittleEndian.Uint16(local[26:])), int64(binary.LittleEndian.Uint16(local[28:]))
	from := h.local + localSize + name + extra
	to := from + h.packed
	if binary.LittleEndian.Uint32(local) != localMagic || to > int64(len(data)) {
		return nil, 0, refuse(CodeOverlap, "entry %.80q is not where the directory says", h.name)
	}
	if refusal := h.agrees(local, string(local[localSize:localSize+name])); refusal != nil {
		return nil, 0, refusal
	}
	if h.method == deflated {
		content, refusal = h.inflate(data[from:to], l)
	} else {
		content = data[from:to:to]
	}
	switch {
	case refusal != nil:
		return nil, 0, refusal
	case int64(len(content)) != h.size || crc32.ChecksumIEEE(content) != h.sum:
		return nil, 0, refuse(CodeSize, "size or checksum of entry %.80q differs from its data", h.name)
	case nested(content):
		return nil, 0, refuse(CodeNested, "entry %.80q is an archive", h.name)
	}
	if h.flags&flagDescriptor != 0 {
		to += h.descriptor(data[to:])
	}
	return content, to, nil
}

// agrees compares the local header with the directory: a reader that trusts the other one must see the same entry.
func (h header) agrees(local []byte, name string) *Refusal {
	sum, packed, size := binary.LittleEndian.Uint32(local[14:]), int64(binary.LittleEndian.Uint32(local[18:])), int64(binary.LittleEndian.Uint32(local[22:]))
	same := sum == h.sum && packed == h.packed && size == h.size
	if h.flags&flagDescriptor != 0 {
		same = same || sum == 0 && packed == 0 && size == 0
	}
	if !same || name != h.name || binary.LittleEndian.Uint16(local[6:]) != h.flags || binary.LittleEndian.Uint16(local[8:]) != h.method {
		return refuse(CodeSize, "entry %.80q differs between its header and the directory", h.name)
	}
	return nil
}

// descriptor gives the length of the data descriptor that follows an entry written in one pass; 0 when it is wrong, and
// then the octets belong to no entry.
func (h header) descriptor(rest []byte) int64 {
	length := int64(0)
	if len(rest) >= 16 && binary.LittleEndian.Uint32(rest) == descriptorMagic {
		rest, length = rest[4:], 4
	}
	if len(rest) < 12 || binary.LittleEndian.Uint32(rest) != h.sum || int64(binary.LittleEndian.Uint32(rest[4:])) != h.packed ||
		int64(binary.LittleEndian.Uint32(rest[8:])) != h.size {
		return 0
	}
	return length + 12
}

// inflate unpacks at most one octet more than announced, and wants the packed data to end where it was announced.
func (h header) inflate(packed []byte, l Limits) ([]byte, *Refusal) {
	in := bytes.NewReader(packed)
	r := flate.NewReader(in)
	limit := min(h.size, l.EntryBytes) + 1
	// Room for everything at once: a buffer that grows leaves several times its content behind.
	buf := bytes.NewBuffer(make([]byte, 0, limit+bytes.MinRead))
	_, err := buf.ReadFrom(io.LimitReader(r, limit))
	content := buf.Bytes()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, refuse(CodeSize, "the packed data of entry %.80q end early", h.name)
	case err != nil:
		return nil, refuse(CodeSize, "the packed data of entry %.80q are broken", h.name)
	case int64(len(content)) > h.size:
		return nil, refuse(CodeSize, "entry %.80q unpacks to more than its size", h.name)
	case in.Len() > 0:
		return nil, refuse(CodeJunk, "octets after the packed data of entry %.80q", h.name)
	}
	return content, nil
}

// nested recognises archives by their first octets: ZIP, gzip, 7z, RAR, xz, bzip2.
func nested(data []byte) bool {
	for _, magic := range []string{"PK\x03\x04", "PK\x05\x06", "\x1f\x8b", "7z\xbc\xaf\x27\x1c", "Rar!\x1a\x07", "\xfd7zXZ\x00", "BZh"} {
		if bytes.HasPrefix(data, []byte(magic)) {
			return true
		}
	}
	return false
}

// IsTruncated says that the error is a Refusal of a file that ends too early, which may only mean that it is still growing.
func IsTruncated(err error) bool {
	var r *Refusal
	return errors.As(err, &r) && (r.Code == CodeTruncated || r.Code == CodeEmpty)
}
