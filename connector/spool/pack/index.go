package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"slices"
	"sort"
)

// index finds the entries of a sealed segment. On the disk it is
//
//	"bcpack01", then for each entry in the order of the digests: digest (32 octets), block
//	of the first octet (4, big-endian), size (4); at the end the SHA-256 of all that.
//
// In memory is only how many digests begin with each octet up to each value, so that a
// search reads one small stretch of the file.
type index struct {
	file *os.File
	upTo [256]int64 // entries whose first octet is at most this
}

const (
	indexMagic = "bcpack01"
	indexRow   = 40
)

var errNoIndex = errors.New("not an index of a segment")

// encodeIndex is the index of these entries as it stands on the disk.
func encodeIndex(entries map[Key]place) []byte {
	keys := slices.SortedFunc(maps.Keys(entries), func(a, b Key) int { return bytes.Compare(a[:], b[:]) })
	out := append(make([]byte, 0, len(indexMagic)+indexRow*len(keys)+sha256.Size), indexMagic...)
	for _, k := range keys {
		at := entries[k]
		out = append(out, k[:]...)
		out = binary.BigEndian.AppendUint32(out, uint32(at.at/block)) //nolint:gosec // a segment is shorter than 2 TiB
		out = binary.BigEndian.AppendUint32(out, uint32(at.size))     //nolint:gosec // an entry is shorter than 4 GiB
	}
	sum := sha256.Sum256(out)
	return append(out, sum[:]...)
}

// readIndex opens an index and proves that it is whole.
func readIndex(path string) (x index, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return x, err
	}
	rows := len(data) - len(indexMagic) - sha256.Size
	if rows < 0 || rows%indexRow != 0 || string(data[:len(indexMagic)]) != indexMagic {
		return x, errNoIndex
	}
	body := data[:len(data)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], data[len(body):]) {
		return x, errNoIndex
	}
	for at := len(indexMagic); at < len(body); at += indexRow {
		x.upTo[body[at]]++
	}
	for i := 1; i < len(x.upTo); i++ {
		x.upTo[i] += x.upTo[i-1]
	}
	x.file, err = os.Open(path)
	return x, err
}

// find reads the stretch of the file where a digest must stand.
func (x *index) find(key Key) (place, bool, error) {
	var from int64
	if key[0] > 0 {
		from = x.upTo[key[0]-1]
	}
	count := int(x.upTo[key[0]] - from)
	rows := make([]byte, count*indexRow)
	if _, err := x.file.ReadAt(rows, int64(len(indexMagic))+from*indexRow); err != nil {
		return place{}, false, err
	}
	i, ok := sort.Find(count, func(i int) int { return bytes.Compare(key[:], rows[i*indexRow:i*indexRow+len(key)]) })
	if !ok {
		return place{}, false, nil
	}
	row := rows[i*indexRow+len(key):]
	return place{
		at: int64(binary.BigEndian.Uint32(row)) * block, size: int64(binary.BigEndian.Uint32(row[4:])),
	}, true, nil
}
