package host

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// pipe is a channel made of two buffers.
type pipe struct {
	in  io.Reader
	out bytes.Buffer
	n   int
}

func (p *pipe) Read(b []byte) (int, error)  { return p.in.Read(b) }
func (p *pipe) Write(b []byte) (int, error) { p.n++; return p.out.Write(b) }
func (p *pipe) Close() error                { return nil }

func TestWireRequests(t *testing.T) {
	fsync := "\x00\x00\x00\x1f\xc8\x00\x00\x00\x07\x00\x00\x00\x11fsync@openssh.com\x00\x00\x00\x01" + "h"
	tests := []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"other packets pass", "\x00\x00\x00\x05\x11\x00\x00\x00\x01", "\x00\x00\x00\x05\x11\x00\x00\x00\x01"},
		{"fsync becomes fsetstat", fsync, "\x00\x00\x00\x0e\x0a\x00\x00\x00\x07\x00\x00\x00\x01h\x00\x00\x00\x00"},
		{"other extensions pass", "\x00\x00\x00\x0a\xc8\x00\x00\x00\x07\x00\x00\x00\x01x", "\x00\x00\x00\x0a\xc8\x00\x00\x00\x07\x00\x00\x00\x01x"},
		{"cut extension passes", "\x00\x00\x00\x03\xc8\x00\x00", "\x00\x00\x00\x03\xc8\x00\x00"},
		{"fsync with a lying handle passes", fsync[:30] + "\x00\x00\x00\x09h", fsync[:30] + "\x00\x00\x00\x09h"},
		{"two packets", "\x00\x00\x00\x02\x11x" + "\x00\x00\x00\x01\x12", "\x00\x00\x00\x02\x11x" + "\x00\x00\x00\x01\x12"},
		{"huge extension is not held in memory", "\xff\xff\xff\xff\xc8abc", "\xff\xff\xff\xff\xc8abc"},
	}
	for _, test := range tests {
		for name, in := range map[string]io.Reader{
			"at once": bytes.NewReader([]byte(test.in)), "octet by octet": iotest.OneByteReader(bytes.NewReader([]byte(test.in))),
		} {
			t.Run(test.name+", "+name, func(t *testing.T) {
				got, err := io.ReadAll(&wire{ReadWriteCloser: &pipe{in: in}})
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff([]byte(test.want), got); d != "" && len(got)+len(test.want) > 0 {
					t.Error(d)
				}
			})
		}
	}
}

func TestWireResponses(t *testing.T) {
	p := &pipe{}
	w := &wire{ReadWriteCloser: p, extensions: []string{"a@b"}}
	for _, s := range []string{"\x00\x00\x00\x05\x02", "\x00\x00\x00\x03", "\x00\x00\x00\x02\x65", "x", "\x00\x00\x00\x01\x02"} {
		if n, err := w.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatal(n, err)
		}
	}
	want := "\x00\x00\x00\x11\x02\x00\x00\x00\x03\x00\x00\x00\x03a@b\x00\x00\x00\x011" + "\x00\x00\x00\x02\x65x" + "\x00\x00\x00\x01\x02"
	if d := cmp.Diff([]byte(want), p.out.Bytes()); d != "" {
		t.Error(d)
	}
	if p.n != 3 {
		t.Errorf("%d writes for 3 packets", p.n)
	}
}
