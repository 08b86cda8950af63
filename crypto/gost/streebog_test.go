package gost

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// The messages of RFC 6986, section 10; the second is a line of the Tale of Igor's
// Campaign in windows-1251.
var (
	messageOne = []byte("012345678901234567890123456789012345678901234567890123456789012")
	messageTwo = unhex("d1e520e2e5f2f0e82c20d1f2f0e8e1eee6e820e2edf3f6e82c20e2e5fef2fa20f120eceef0ff20f1f2f0" +
		"e5ebe0ece820ede020f5f0e0e1f0fbff20efebfaeafb20c8e3eef0e5e2fb")
)

func unhex(digits string) []byte {
	out, err := hex.DecodeString(digits)
	if err != nil {
		panic(err)
	}
	return out
}

func TestStreebogKnownAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		message     []byte
		short, long string
	}{
		"first message of RFC 6986": {
			messageOne, "9d151eefd8590b89daa6ba6cb74af9275dd051026bb149a452fd84e5e57b5500",
			"1b54d01a4af5b9d5cc3d86d68d285462b19abc2475222f35c085122be4ba1ffa" +
				"00ad30f8767b3a82384c6574f024c311e2a481332b08ef7f41797891c1646f48",
		},
		"second message of RFC 6986": {
			messageTwo, "9dd2fe4e90409e5da87f53976d7405b0c0cac628fc669a741d50063c557e8f50",
			"1e88e62226bfca6f9994f1f2d51569e0daf8475a3b0fe61a5300eee46d961376" +
				"035fe83549ada2b8620fcd7c496ce5b33f0cb9dddc2b6460143b03dabac9fb28",
		},
		"nothing": {
			nil, "3f539a213e97c802cc229d474c6aa32a825a360b2a933a949fd925208d9ce1bb",
			"8e945da209aa869f0455928529bcae4679e9873ab707b55315f56ceb98bef0a7" +
				"362f715528356ee83cda5f2aac4c6ad2ba3a715c1bcd81cb8e9f90bf4c1c1a8a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			short, long := NewStreebog256(), NewStreebog512()
			short.Write(c.message)
			long.Write(c.message)
			if got := hex.EncodeToString(short.Sum(nil)); got != c.short {
				t.Errorf("256: %s, want %s", got, c.short)
			}
			if got := hex.EncodeToString(long.Sum(nil)); got != c.long {
				t.Errorf("512: %s, want %s", got, c.long)
			}
		})
	}
}

func TestStreebogTakesPiecesOfAnySize(t *testing.T) {
	message := bytes.Repeat(messageTwo, 9)
	want := digestOf(Curves()[0], message)
	for size := 1; size < 200; size++ {
		h := NewStreebog256()
		for piece := range pieces(message, size) {
			h.Write(piece)
		}
		if got := h.Sum(nil); !bytes.Equal(got, want) {
			t.Fatalf("in pieces of %d: %x, want %x", size, got, want)
		}
	}
}

func pieces(message []byte, size int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(message) > 0 {
			n := min(size, len(message))
			if !yield(message[:n]) {
				return
			}
			message = message[n:]
		}
	}
}

func TestStreebogSumLeavesTheHashRunning(t *testing.T) {
	h := NewStreebog512()
	h.Write(messageTwo)
	first := h.Sum([]byte("before"))
	if !strings.HasPrefix(string(first), "before") || len(first) != 6+64 {
		t.Errorf("Sum does not append: %x", first)
	}
	if again := h.Sum(nil); !bytes.Equal(again, first[6:]) {
		t.Error("Sum changes the state")
	}
	h.Write(messageOne)
	joined := append(bytes.Clone(messageTwo), messageOne...)
	if got := h.Sum(nil); !bytes.Equal(got, digestOf(Curves()[9], joined)) {
		t.Error("writing after Sum goes wrong")
	}
	h.Reset()
	h.Write(messageOne)
	if got := h.Sum(nil); !bytes.Equal(got, digestOf(Curves()[9], messageOne)) {
		t.Error("writing after Reset goes wrong")
	}
}

func TestStreebogSizes(t *testing.T) {
	if h := NewStreebog256(); h.Size() != 32 || h.BlockSize() != 64 || len(h.Sum(nil)) != 32 {
		t.Errorf("the short hash: %d, %d", h.Size(), h.BlockSize())
	}
	if h := NewStreebog512(); h.Size() != 64 || h.BlockSize() != 64 || len(h.Sum(nil)) != 64 {
		t.Errorf("the long hash: %d, %d", h.Size(), h.BlockSize())
	}
}

// TestChecksumWraps adds blocks whose sum passes 2^512, where a lost carry would show.
func TestChecksumWraps(t *testing.T) {
	var sum block
	full := block{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}
	sum.add(&full)
	sum.add(&block{2})
	if sum != (block{1}) {
		t.Errorf("2^512-1 + 2 = %v, want 1", sum)
	}
}
