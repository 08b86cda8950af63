package gost

import (
	"encoding/binary"
	"math/bits"
)

// number is a natural number below 2^512 in words, the least significant first.
// The short curves use the lower four words; the others stay zero.
type number [8]uint64

// readLittle takes little-endian octets, at most 64.
func readLittle(p []byte) (n number) {
	var full [64]byte
	copy(full[:], p)
	for i := range n {
		n[i] = binary.LittleEndian.Uint64(full[i*8:])
	}
	return n
}

// readBig takes big-endian octets, at most 64.
func readBig(p []byte) (n number) {
	var full [64]byte
	copy(full[64-len(p):], p)
	for i := range n {
		n[i] = binary.BigEndian.Uint64(full[56-i*8:])
	}
	return n
}

// little appends the lower size octets in little-endian order.
func (n *number) little(out []byte, size int) []byte {
	for i := range size / 8 {
		out = binary.LittleEndian.AppendUint64(out, n[i])
	}
	return out
}

// big appends the lower size octets in big-endian order.
func (n *number) big(out []byte, size int) []byte {
	for i := range size / 8 {
		out = binary.BigEndian.AppendUint64(out, n[size/8-1-i])
	}
	return out
}

// below reports n < m without a branch on either.
func (n *number) below(m *number) bool {
	var borrow uint64
	for i := range n {
		_, borrow = bits.Sub64(n[i], m[i], borrow)
	}
	return borrow == 1
}

// zero reports n = 0 without a branch on n.
func (n *number) zero() bool {
	var all uint64
	for _, w := range n {
		all |= w
	}
	return all == 0
}
