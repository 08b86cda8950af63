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
	lps(&key, h, n)
	state = *m
	for i := range streebogRounds {
		lps(&state, &state, &key)
		lps(&key, &key, &streebogRounds[i])
	}
	for i := range h {
		h[i] ^= state[i] ^ key[i] ^ m[i]
	}
}

// lps stores L(P(S(x xor y))) in z. One table line holds what an octet of one
// word adds to the result, so the three steps are eight lookups per word.
func lps(z, x, y *block) {
	x0, x1, x2, x3 := x[0]^y[0], x[1]^y[1], x[2]^y[2], x[3]^y[3]
	x4, x5, x6, x7 := x[4]^y[4], x[5]^y[5], x[6]^y[6], x[7]^y[7]
	t := &streebogTable
	z[0] = t[0][byte(x0)] ^ t[1][byte(x1)] ^ t[2][byte(x2)] ^ t[3][byte(x3)] ^
		t[4][byte(x4)] ^ t[5][byte(x5)] ^ t[6][byte(x6)] ^ t[7][byte(x7)]
	z[1] = t[0][byte(x0>>8)] ^ t[1][byte(x1>>8)] ^ t[2][byte(x2>>8)] ^ t[3][byte(x3>>8)] ^
		t[4][byte(x4>>8)] ^ t[5][byte(x5>>8)] ^ t[6][byte(x6>>8)] ^ t[7][byte(x7>>8)]
	z[2] = t[0][byte(x0>>16)] ^ t[1][byte(x1>>16)] ^ t[2][byte(x2>>16)] ^ t[3][byte(x3>>16)] ^
		t[4][byte(x4>>16)] ^ t[5][byte(x5>>16)] ^ t[6][byte(x6>>16)] ^ t[7][byte(x7>>16)]
	z[3] = t[0][byte(x0>>24)] ^ t[1][byte(x1>>24)] ^ t[2][byte(x2>>24)] ^ t[3][byte(x3>>24)] ^
		t[4][byte(x4>>24)] ^ t[5][byte(x5>>24)] ^ t[6][byte(x6>>24)] ^ t[7][byte(x7>>24)]
	z[4] = t[0][byte(x0>>32)] ^ t[1][byte(x1>>32)] ^ t[2][byte(x2>>32)] ^ t[3][byte(x3>>32)] ^
		t[4][byte(x4>>32)] ^ t[5][byte(x5>>32)] ^ t[6][byte(x6>>32)] ^ t[7][byte(x7>>32)]
	z[5] = t[0][byte(x0>>40)] ^ t[1][byte(x1>>40)] ^ t[2][byte(x2>>40)] ^ t[3][byte(x3>>40)] ^
		t[4][byte(x4>>40)] ^ t[5][byte(x5>>40)] ^ t[6][byte(x6>>40)] ^ t[7][byte(x7>>40)]
	z[6] = t[0][byte(x0>>48)] ^ t[1][byte(x1>>48)] ^ t[2][byte(x2>>48)] ^ t[3][byte(x3>>48)] ^
		t[4][byte(x4>>48)] ^ t[5][byte(x5>>48)] ^ t[6][byte(x6>>48)] ^ t[7][byte(x7>>48)]
	z[7] = t[0][x0>>56] ^ t[1][x1>>56] ^ t[2][x2>>56] ^ t[3][x3>>56] ^
		t[4][x4>>56] ^ t[5][x5>>56] ^ t[6][x6>>56] ^ t[7][x7>>56]
}
