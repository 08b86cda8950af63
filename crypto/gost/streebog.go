package gost

import (
	"encoding/binary"
	"hash"
	"math/bits"
)

// blockSize is the Streebog block, 512 bits, in octets.
const blockSize = 64

// block is 512 bits as eight words, the least significant first.
type block [8]uint64

// streebog is the running state of RFC 6986, section 8.
type streebog struct {
	h, n, sigma block
	buffer      [blockSize]byte
	used        int
	size        int
}

// NewStreebog256 returns the hash of GOST R 34.11-2012 with 32 octets of output.
// It never fails; Write always takes everything.
func NewStreebog256() hash.Hash { return newStreebog(32) }

// NewStreebog512 returns the hash of GOST R 34.11-2012 with 64 octets of output.
// It never fails; Write always takes everything.
func NewStreebog512() hash.Hash { return newStreebog(64) }

func newStreebog(size int) *streebog {
	s := &streebog{size: size}
	s.Reset()
	return s
}

// Size gives the octets of output, 32 or 64.
func (s *streebog) Size() int { return s.size }

// BlockSize is 64 for both lengths.
func (s *streebog) BlockSize() int { return blockSize }

// Reset returns to the initial value: zeros, or octets 01 for the short hash.
func (s *streebog) Reset() {
	*s = streebog{size: s.size}
	if s.size == 32 {
		for i := range s.h {
			s.h[i] = 0x0101010101010101
		}
	}
}

// Write takes more of the message.
func (s *streebog) Write(p []byte) (int, error) {
	n := len(p)
	if s.used > 0 {
		taken := copy(s.buffer[s.used:], p)
		s.used += taken
		p = p[taken:]
		if s.used == blockSize {
			s.full(s.buffer[:])
			s.used = 0
		}
	}
	for len(p) >= blockSize {
		s.full(p[:blockSize])
		p = p[blockSize:]
	}
	if len(p) > 0 {
		s.used = copy(s.buffer[:], p)
	}
	return n, nil
}

// Sum appends the digest of what was written so far; more may be written after.
func (s *streebog) Sum(in []byte) []byte {
	end := *s
	clear(end.buffer[end.used:])
	end.buffer[end.used] = 1
	m := load(end.buffer[:])
	compress(&end.h, &end.n, &m)
	//nolint:gosec // Below the block size.
	end.n.add(&block{uint64(end.used) * 8})
	end.sigma.add(&m)
	compress(&end.h, &block{}, &end.n)
	compress(&end.h, &block{}, &end.sigma)

	var out [blockSize]byte
	for i, w := range end.h {
		binary.LittleEndian.PutUint64(out[i*8:], w)
	}
	return append(in, out[blockSize-s.size:]...)
}

// full takes one whole block.
func (s *streebog) full(p []byte) {
	m := load(p)
	compress(&s.h, &s.n, &m)
	s.n.add(&block{blockSize * 8})
	s.sigma.add(&m)
}

func load(p []byte) (m block) {
	for i := range m {
		m[i] = binary.LittleEndian.Uint64(p[i*8:])
	}
	return m
}

// add is addition modulo 2^512.
func (b *block) add(x *block) {
	var carry uint64
	for i := range b {
		b[i], carry = bits.Add64(b[i], x[i], carry)
	}
}

// compress is the function g of RFC 6986, section 7.
func compress(h, n, m *block) {
	var key, state block
	t := &streebogTable
	lps(&key, h, n, t)
	state = *m
	for i := range streebogRounds {
		lps(&state, &state, &key, t)
		lps(&key, &key, &streebogRounds[i], t)
	}
	for i := range h {
		h[i] ^= state[i] ^ key[i] ^ m[i]
	}
}
