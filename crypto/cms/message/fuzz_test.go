package message

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"bankconnector/crypto/pki"
)

// FuzzBER: what the step from BER makes is DER, is not made anew a second time, and reads the same as before; whatever
// is read as it stands is DER already.
func FuzzBER(f *testing.F) {
	paths, err := filepath.Glob("../testdata/golden/*.p7s")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no golden signatures: %v", err)
	}
	for _, path := range paths {
		sig, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sig)
		f.Add(loosen(sig, 5))
	}
	for _, c := range cases() {
		f.Add(c.in)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		if out, refusal := normalise(data); refusal == nil {
			if len(out) > 2*len(data)+16 {
				t.Fatalf("%d octets became %d", len(data), len(out))
			}
			again, refusal := normalise(out)
			if refusal != nil || !bytes.Equal(out, again) {
				t.Fatalf("not stable: %v", refusal)
			}
			if refusal := checkDER(out, maxDepth); refusal != nil && refusal.Code == codeBER {
				t.Fatalf("still BER: %s", refusal.Detail)
			}
			if checkDER(data, maxDepth) == nil && !bytes.Equal(out, data) {
				t.Fatal("DER was rewritten")
			}
		}
		strict, r1 := Read(data, false)
		loose, r2 := Read(data, true)
		if r1 == nil && (r2 != nil || loose.Form != strict.Form || len(loose.Signers) != len(strict.Signers)) {
			t.Fatalf("what is DER reads otherwise when BER is allowed: %v", r2)
		}
		if r1 != nil && r1.Code != codeBER && r2 == nil {
			t.Fatalf("refused as %s, and read when BER is allowed", r1.Code)
		}
		pki.WellFormed(data, false)
		pki.WellFormed(data, true)
		if !bytes.Equal(before, data) {
			t.Fatal("the message was changed while it was read")
		}
	})
}

// loosen gives the outermost elements of DER an indefinite length, depth levels down.
func loosen(d []byte, depth int) []byte {
	if depth == 0 || len(d) < 2 || d[0]&0x20 == 0 {
		return d
	}
	h, refusal := readHeader(d)
	if refusal != nil {
		return d
	}
	out := []byte{d[0], 0x80}
	for body := d[h.size : h.size+h.length]; len(body) > 0; {
		k, refusal := readHeader(body)
		if refusal != nil {
			return d
		}
		out = append(out, loosen(body[:k.size+k.length], depth-1)...)
		body = body[k.size+k.length:]
	}
	return append(out, 0, 0)
}

type berCase struct {
	name     string
	in, want []byte
	code     string
}

func cases() []berCase {
	deep := func(n int) []byte {
		return append(bytes.Repeat([]byte{0x30, 0x80}, n), bytes.Repeat([]byte{0, 0}, n)...)
	}
	long := append([]byte{0x30, 0x81, 0x80}, bytes.Repeat([]byte{5, 0}, 64)...)
	return []berCase{
		{name: "DER stays", in: []byte{0x30, 3, 2, 1, 5}, want: []byte{0x30, 3, 2, 1, 5}},
		{name: "indefinite becomes definite", in: []byte{0x30, 0x80, 2, 1, 5, 0, 0}, want: []byte{0x30, 3, 2, 1, 5}},
		{name: "nested", in: []byte{0x30, 0x80, 0xa0, 0x80, 5, 0, 0, 0, 0, 0}, want: []byte{0x30, 4, 0xa0, 2, 5, 0}},
		{name: "long body gets a long length", in: append(append([]byte{0x30, 0x80}, bytes.Repeat([]byte{5, 0}, 64)...), 0, 0), want: long},
		{name: "segments are joined", in: []byte{0x24, 0x80, 4, 1, 'a', 4, 2, 'b', 'c', 0, 0}, want: []byte{4, 3, 'a', 'b', 'c'}},
		{name: "definite segments are joined", in: []byte{0x24, 6, 4, 1, 'a', 4, 1, 'b'}, want: []byte{4, 2, 'a', 'b'}},
		{name: "segments of segments", in: []byte{0x24, 0x80, 0x24, 0x80, 4, 1, 'a', 0, 0, 4, 1, 'b', 0, 0}, want: []byte{4, 2, 'a', 'b'}},
		{name: "no segments", in: []byte{0x24, 0x80, 0, 0}, want: []byte{4, 0}},
		{name: "as deep as may be", in: deep(berDepth), want: nil},
		{name: "too deep", in: deep(berDepth + 1), code: codeBER},
		{name: "never ending", in: []byte{0x30, 0x80, 5, 0}, code: codeBER},
		{name: "end of nothing", in: []byte{0, 0}, code: codeBER},
		{name: "end inside a definite element", in: []byte{0x30, 2, 0, 0}, code: codeBER},
		{name: "octet behind", in: []byte{0x30, 0x80, 0, 0, 0}, code: codeTail},
		{name: "primitive of indefinite length", in: []byte{4, 0x80, 0, 0}, code: codeNotDER},
		{name: "length not minimal", in: []byte{0x30, 0x81, 2, 5, 0}, code: codeNotDER},
		{name: "length with a leading zero", in: append([]byte{0x30, 0x82, 0}, long[2:]...), code: codeNotDER},
		{name: "length beyond the end", in: []byte{0x30, 5, 5, 0}, code: codeNotDER},
		{name: "length of five octets", in: []byte{0x30, 0x85, 1, 0, 0, 0, 0}, code: codeNotDER},
		{name: "length reserved", in: []byte{0x30, 0xff}, code: codeNotDER},
		{name: "high tag", in: []byte{0x3f, 0x81, 0, 0}, code: codeNotDER},
		{name: "segmented text", in: []byte{0x2c, 0x80, 0x0c, 1, 'a', 0, 0}, code: codeBER},
		{name: "segment of another type", in: []byte{0x24, 0x80, 2, 1, 5, 0, 0}, code: codeBER},
		{name: "empty", in: nil, code: codeNotDER},
		{name: "one octet", in: []byte{0x30}, code: codeNotDER},
	}
}

func TestNormalise(t *testing.T) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			got, refusal := normalise(c.in)
			if c.code != "" {
				if refusal == nil || refusal.Code != c.code {
					t.Fatalf("got %v, want %s", refusal, c.code)
				}
				return
			}
			if refusal != nil {
				t.Fatal(refusal)
			}
			if c.want != nil && !bytes.Equal(got, c.want) {
				t.Fatalf("got %x, want %x", got, c.want)
			}
		})
	}
}

func TestPrimitiveValues(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		ok   bool
	}{
		{"true", []byte{1, 1, 0xff}, true},
		{"false", []byte{1, 1, 0}, true},
		{"neither", []byte{1, 1, 1}, false},
		{"boolean of two octets", []byte{1, 2, 0, 0}, false},
		{"integer", []byte{2, 1, 0x80}, true},
		{"integer padded", []byte{2, 2, 0, 0x7f}, false},
		{"integer padded as it must be", []byte{2, 2, 0, 0x80}, true},
		{"negative padded", []byte{2, 2, 0xff, 0x80}, false},
		{"negative of two octets", []byte{2, 2, 0xff, 0x7f}, true},
		{"integer without octets", []byte{2, 0}, false},
		{"bit string", []byte{3, 2, 4, 0xf0}, true},
		{"bit string with dirty padding", []byte{3, 2, 4, 0xf8}, false},
		{"bit string of nothing", []byte{3, 1, 0}, true},
		{"bit string of nothing with padding", []byte{3, 1, 1}, false},
		{"bit string without a count", []byte{3, 0}, false},
		{"bit string with eight unused", []byte{3, 2, 8, 0}, false},
		{"null", []byte{5, 0}, true},
		{"null with something", []byte{5, 1, 0}, false},
		{"identifier", []byte{6, 3, 0x2a, 0x86, 0x48}, true},
		{"identifier without end", []byte{6, 2, 0x2a, 0x86}, false},
		{"identifier with a padded arc", []byte{6, 3, 0x2a, 0x80, 0x01}, false},
		{"identifier of nothing", []byte{6, 0}, false},
		{"end of contents", []byte{0, 0}, false},
		{"primitive sequence", []byte{0x10, 0}, false},
		{"constructed string", []byte{0x24, 2, 4, 0}, false},
		{"two elements", []byte{5, 0, 5, 0}, true},
		{"half an element", []byte{5, 0, 5}, false},
	} {
		if refusal := checkDER(c.in, maxDepth); (refusal == nil) != c.ok {
			t.Errorf("%s: %v", c.name, refusal)
		}
	}
}
