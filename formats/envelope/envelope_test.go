package envelope

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// usual is an envelope as the service makes it.
func usual() []Entry {
	return []Entry{
		{"piev_1.xml", []byte("<Restrictn/>")},
		{"piev_1.xml.sig", []byte("0\x82\x01\x00signature")},
		{"manifest.xml", varied(17_000)}, // large enough to be deflated
		{"manifest.xml.sig", nil},
	}
}

// varied is text that packs well, but not absurdly.
func varied(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "<Entry><Name>%x</Name><Size>%d</Size></Entry>\n", i*i*7919, i*31)
	}
	return b.Bytes()[:n]
}

func sealed(t testing.TB, entries []Entry) []byte {
	t.Helper()
	data, err := Seal(entries)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// code is the refusal's code, "" when the envelope was opened.
func code(t testing.TB, data []byte, l Limits) string {
	t.Helper()
	entries, err := Open(data, l)
	if err == nil {
		return ""
	}
	var r *Refusal
	if !errors.As(err, &r) || r.Code == "" || r.Detail == "" || entries != nil {
		t.Fatalf("entries %v, error %#v", entries, err)
	}
	return r.Code
}

func TestSealedIsOpened(t *testing.T) {
	data := sealed(t, usual())
	got, err := Open(data, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(usual(), got, cmp.Comparer(bytes.Equal)); diff != "" {
		t.Error(diff)
	}
	if !bytes.Equal(data, sealed(t, usual())) {
		t.Error("equal entries, other bytes")
	}
	if len(data) > 10_000 {
		t.Errorf("%d octets: a large file is not deflated", len(data))
	}
}

// TestOthersRead: the archive of any program can be opened here, and ours by the standard library.
func TestOthersRead(t *testing.T) {
	t.Run("the library opens ours", func(t *testing.T) {
		data := sealed(t, usual())
		r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range r.File {
			in, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(in)
			if err != nil || f.Name != usual()[i].Name || !bytes.Equal(content, usual()[i].Data) {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
	})
	for _, tt := range []struct {
		name   string
		method uint16
		header func(*zip.FileHeader)
	}{
		{"deflated in one pass", zip.Deflate, func(*zip.FileHeader) {}},
		{"stored in one pass", zip.Store, func(*zip.FileHeader) {}},
		{"with time and mode of Unix", zip.Deflate, func(h *zip.FileHeader) {
			h.Modified = time.Date(2026, 2, 5, 0, 0, 0, 0, time.UTC)
			h.SetMode(0o640)
		}},
		{"with an extra field", zip.Deflate, func(h *zip.FileHeader) { h.Extra = []byte{1, 2, 2, 0, 9, 9} }},
	} {
		t.Run("we open the library's, "+tt.name, func(t *testing.T) {
			data := library(t, func(w *zip.Writer) {
				for _, e := range usual() {
					h := &zip.FileHeader{Name: e.Name, Method: tt.method}
					tt.header(h)
					put(t, w, h, e.Data)
				}
			})
			got, err := Open(data, DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(usual(), got, cmp.Comparer(bytes.Equal)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func library(t testing.TB, write func(*zip.Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	write(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func put(t testing.TB, w *zip.Writer, h *zip.FileHeader, data []byte) {
	t.Helper()
	out, err := w.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write(data); err != nil {
		t.Fatal(err)
	}
}

// one makes a sound archive of a single entry with this name, through a builder that can also lie.
func one(name string) []byte { return build(item{name: name, data: []byte("<a/>")}) }

// item is an entry to build by hand; the functions change its headers after they were made right.
type item struct {
	name           string
	data           []byte
	deflated       bool
	local, central func(h []byte)
	between        []byte // octets after the entry that belong to nothing
}

// build makes an archive octet by octet.
func build(items ...item) []byte {
	var body, dir []byte
	for _, i := range items {
		packed, method := i.data, uint16(stored)
		if i.deflated {
			packed, method = deflate(i.data), deflated
		}
		common := binary.LittleEndian.AppendUint16(nil, 20)
		common = binary.LittleEndian.AppendUint16(common, 0)
		common = binary.LittleEndian.AppendUint16(common, method)
		common = binary.LittleEndian.AppendUint32(common, epoch<<16)
		common = binary.LittleEndian.AppendUint32(common, crc32.ChecksumIEEE(i.data))
		common = binary.LittleEndian.AppendUint32(common, uint32(len(packed)))
		common = binary.LittleEndian.AppendUint32(common, uint32(len(i.data)))
		common = binary.LittleEndian.AppendUint16(common, uint16(len(i.name)))
		common = binary.LittleEndian.AppendUint16(common, 0)
		central := append([]byte("PK\x01\x02\x14\x00"), common...)
		central = append(central, make([]byte, 10)...)
		central = binary.LittleEndian.AppendUint32(central, uint32(len(body)))
		local := append([]byte("PK\x03\x04"), common...)
		if i.local != nil {
			i.local(local)
		}
		if i.central != nil {
			i.central(central)
		}
		dir = append(append(dir, central...), i.name...)
		body = append(append(append(append(body, local...), i.name...), packed...), i.between...)
	}
	return finish(body, dir, len(items))
}

func finish(body, dir []byte, count int) []byte {
	end := append([]byte("PK\x05\x06"), make([]byte, 4)...)
	end = binary.LittleEndian.AppendUint16(end, uint16(count))
	end = binary.LittleEndian.AppendUint16(end, uint16(count))
	end = binary.LittleEndian.AppendUint32(end, uint32(len(dir)))
	end = binary.LittleEndian.AppendUint32(end, uint32(len(body)))
	end = append(end, 0, 0)
	return append(append(body, dir...), end...)
}

func deflate(data []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err)
	}
	return b.Bytes()
}

// set16 and set32 change a field of both headers; at is its offset in the part that they share.
func set16(at int, v uint16) func(item) item {
	return func(i item) item {
		i.local = func(h []byte) { binary.LittleEndian.PutUint16(h[4+at:], v) }
		i.central = func(h []byte) { binary.LittleEndian.PutUint16(h[6+at:], v) }
		return i
	}
}

func set32(at int, v uint32) func(item) item {
	return func(i item) item {
		i.local = func(h []byte) { binary.LittleEndian.PutUint32(h[4+at:], v) }
		i.central = func(h []byte) { binary.LittleEndian.PutUint32(h[6+at:], v) }
		return i
	}
}

// Offsets in the shared part of the headers.
const atFlags, atMethod, atSum, atPacked, atSize = 2, 4, 10, 14, 18

// TestAttacks is the catalogue of bad archives; each ends with the code that tells the bank what to change.
func TestAttacks(t *testing.T) {
	plain := item{name: "a.xml", data: []byte("<a/>")}
	attributes := func(v uint32, system byte) item {
		i := plain
		i.central = func(h []byte) { h[5] = system; binary.LittleEndian.PutUint32(h[38:], v) }
		return i
	}
	whole := build(plain, item{name: "b.xml", data: []byte("<b/>")})
	type attack struct {
		name string
		data []byte
		want string
	}
	attacks := []attack{
		{"nothing wrong", whole, ""},
		{"0 octets", nil, CodeEmpty},
		{"archive without entries", finish(nil, nil, 0), CodeEmpty},
		{"not an archive", []byte("<Report/>"), CodeNotZip},
		{"gzip", []byte("\x1f\x8b\x08rest"), CodeNotZip},

		{"octets before", append([]byte("MZ"), whole...), CodeJunk},
		{"octets after", append(bytes.Clone(whole), 'x'), CodeJunk},
		{"second archive after", append(bytes.Clone(whole), whole...), CodeJunk},
		{"comment", append(bytes.Clone(whole[:len(whole)-2]), 1, 0, 'x'), CodeJunk},
		{"announced comment", append(bytes.Clone(whole[:len(whole)-2]), 1, 0), CodeJunk},
		{"octets between entries", build(item{name: "a.xml", data: []byte("<a/>"), between: []byte("junk")}, item{name: "b.xml"}), CodeJunk},
		{"octets before the directory", build(item{name: "a.xml", data: []byte("<a/>"), between: []byte("junk")}), CodeJunk},
		{"octets after the packed data", padded(), CodeJunk},
		{"comment of an entry", withEntryComment(), CodeJunk},

		{"stored bomb: sizes lie", build(set32(atSize, 200<<20)(plain)), CodeLimit},
		{"bomb of ratio 1000", build(item{name: "a.xml", data: make([]byte, 9<<20), deflated: true}), CodeLimit},
		{"file above 10 MiB", build(item{name: "a.xml", data: noise(10<<20 + 1)}), CodeLimit},
		{"65 MiB in all", large(), CodeLimit},
		{"101 entries", many(101), CodeLimit},
		{"100 entries", many(100), ""},

		{"two entries on the same octets", overlapping(), CodeOverlap},
		{"entry beyond the file", pointing(1 << 20), CodeJunk},
		{"entry that reaches into the directory", build(reaching()), CodeOverlap},
		{"entry at no header", pointing(4), CodeJunk},

		{"nested ZIP", build(item{name: "a.xml", data: whole}), CodeNested},
		{"nested gzip", build(item{name: "a.xml", data: []byte("\x1f\x8b\x08")}), CodeNested},
		{"nested 7z", build(item{name: "a.xml", data: []byte("7z\xbc\xaf\x27\x1c")}), CodeNested},
		{"encrypted", build(set16(atFlags, 1)(plain)), CodeEncrypted},
		{"strongly encrypted", build(set16(atFlags, 1<<6)(plain)), CodeMethod},
		{"patched data", build(set16(atFlags, 1<<5)(plain)), CodeMethod},
		{"symbolic link", build(attributes(0o120777<<16, 3)), CodeKind},
		{"device", build(attributes(0o020666<<16, 3)), CodeKind},
		{"fifo", build(attributes(0o010666<<16, 3)), CodeKind},
		{"folder of Unix", build(attributes(0o040755<<16, 3)), CodeKind},
		{"folder of DOS", build(attributes(0x10, 0)), CodeKind},
		{"regular file of Unix", build(attributes(0o100640<<16, 3)), ""},
		{"method 9, deflate64", build(set16(atMethod, 9)(plain)), CodeMethod},
		{"method 12, bzip2", build(set16(atMethod, 12)(plain)), CodeMethod},
		{"method 99, AES", build(set16(atMethod, 99)(plain)), CodeMethod},

		{"checksum lies", build(set32(atSum, 1)(plain)), CodeSize},
		{"stored sizes differ", build(set32(atSize, 3)(plain)), CodeSize},
		{"declared smaller than it unpacks to", build(set32(atSize, 100)(item{name: "a.xml", data: noise(200), deflated: true})), CodeSize},
		{"declared larger than it unpacks to", build(set32(atSize, 300)(item{name: "a.xml", data: noise(200), deflated: true})), CodeSize},
		{"packed data cut", build(set32(atPacked, 100)(item{name: "a.xml", data: noise(200), deflated: true})), CodeSize},
		{"packed data broken", broken(), CodeSize},
		{"headers differ in size", build(item{name: "a.xml", data: []byte("<a/>"), local: func(h []byte) { h[4+atSize]++ }}), CodeSize},
		{"headers differ in name", renamed(), CodeSize},
		{"headers differ in method", build(item{name: "a.xml", data: []byte("<a/>"), local: func(h []byte) { h[4+atMethod] = 8 }}), CodeSize},
		{"more entries announced than there are", counted(whole, 3), CodeSize},
		{"fewer entries announced than there are", counted(whole, 1), CodeJunk},
		{"two parts", parted(whole), CodeSize},
		{"sizes of ZIP64", build(set32(atSize, 0xFFFFFFFF)(plain)), CodeLimit},
	}
	for _, name := range []string{
		"../../x", "/abs", "a\\..\\b", "C:x", "a\x00.xml", "..", ".", "", "a/b.xml", "a/", ".hidden", "-rf", "a..b", "a.", "пиев.xml", "a\u202e.xml", "a b.xml",
		"a\n.xml", "~x", "\xff.xml", strings.Repeat("a", 129), "аa.xml",
	} {
		attacks = append(attacks, attack{fmt.Sprintf("name %.20q", name), one(name), CodeName})
	}
	for _, twin := range []string{"a.xml", "A.XML", "a.XML"} {
		attacks = append(attacks, attack{"doubled as " + twin, build(plain, item{name: twin}), CodeDoubled})
	}
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			if got := code(t, a.data, DefaultLimits()); got != a.want {
				t.Errorf("code %q, want %q", got, a.want)
			}
		})
	}
}

// noise is data that does not compress and begins as no archive.
func noise(n int) []byte {
	b := make([]byte, n)
	if _, err := rand.NewChaCha8([32]byte{1}).Read(b); err != nil {
		panic(err) // it never fails
	}
	b[0] = '<'
	return b
}

func many(n int) []byte {
	items := make([]item, n)
	for i := range items {
		items[i] = item{name: fmt.Sprintf("e%d.xml", i), data: []byte("<a/>")}
	}
	return build(items...)
}

// large announces 70 MiB without any entry above its own limits.
func large() []byte {
	var items []item
	for i := range 7 {
		items = append(items, set32(atSize, 10<<20)(item{name: fmt.Sprintf("e%d.xml", i), data: noise(110 << 10), deflated: true}))
	}
	return build(items...)
}

// reaching is longer than what stands before the directory.
func reaching() item {
	i := item{name: "a.xml", data: []byte("<a/>")}
	grow := func(h []byte, from int) {
		binary.LittleEndian.PutUint32(h[from+atPacked:], 40)
		binary.LittleEndian.PutUint32(h[from+atSize:], 40)
	}
	i.local, i.central = func(h []byte) { grow(h, 4) }, func(h []byte) { grow(h, 6) }
	return i
}

func overlapping() []byte {
	second := item{name: "b.xml", data: []byte("<a/>"), central: func(h []byte) { binary.LittleEndian.PutUint32(h[42:], 0) }}
	return build(item{name: "a.xml", data: []byte("<a/>")}, second)
}

func pointing(at uint32) []byte {
	first := item{name: "a.xml", data: []byte("<a/>")}
	second := item{name: "b.xml", data: []byte("<b/>"), central: func(h []byte) { binary.LittleEndian.PutUint32(h[42:], at) }}
	if at > 100 {
		return build(first, second)
	}
	first.central = second.central
	return build(first)
}

func padded() []byte {
	data := noise(200)
	packed := append(deflate(data), "junk"...)
	i := item{name: "a.xml", data: packed}
	fix := func(h []byte, from int) {
		binary.LittleEndian.PutUint16(h[from+atMethod:], deflated)
		binary.LittleEndian.PutUint32(h[from+atSum:], crc32.ChecksumIEEE(data))
		binary.LittleEndian.PutUint32(h[from+atSize:], 200)
	}
	i.local, i.central = func(h []byte) { fix(h, 4) }, func(h []byte) { fix(h, 6) }
	return build(i)
}

func broken() []byte {
	data := build(item{name: "a.xml", data: noise(200), deflated: true})
	data[localSize+len("a.xml")] = 0x07 // a block of a type that does not exist
	return data
}

func renamed() []byte {
	data := one("a.xml")
	data[localSize] = 'b'
	return data
}

func withEntryComment() []byte {
	data := build(item{name: "a.xml", data: []byte("<a/>"), central: func(h []byte) { h[32] = 5 }})
	return resized(data, 5)
}

// resized puts n octets at the end of the directory and tells the end record.
func resized(data []byte, n int) []byte {
	at := len(data) - endSize
	out := append(bytes.Clone(data[:at]), bytes.Repeat([]byte("c"), n)...)
	out = append(out, data[at:]...)
	end := out[at+n:]
	binary.LittleEndian.PutUint32(end[12:], binary.LittleEndian.Uint32(end[12:])+uint32(n))
	return out
}

func counted(data []byte, n uint16) []byte {
	out := bytes.Clone(data)
	end := out[len(out)-endSize:]
	binary.LittleEndian.PutUint16(end[8:], n)
	binary.LittleEndian.PutUint16(end[10:], n)
	return out
}

func parted(data []byte) []byte {
	out := bytes.Clone(data)
	out[len(out)-endSize+4] = 1
	return out
}

// TestTruncated: a file that is not whole yet is told from one that is wrong, wherever it was cut.
func TestTruncated(t *testing.T) {
	for name, data := range map[string][]byte{
		"ours": sealed(t, usual()),
		"the library's": library(t, func(w *zip.Writer) {
			for _, e := range usual() {
				put(t, w, &zip.FileHeader{Name: e.Name, Method: zip.Deflate}, e.Data)
			}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			for n := range len(data) {
				_, err := Open(data[:n], DefaultLimits())
				if !IsTruncated(err) {
					t.Fatalf("cut at %d of %d: %v", n, len(data), err)
				}
			}
		})
	}
	if IsTruncated(nil) || IsTruncated(refuse(CodeJunk, "x")) || IsTruncated(io.EOF) {
		t.Error("truncated without reason")
	}
}

func TestDescriptorThatLies(t *testing.T) {
	data := library(t, func(w *zip.Writer) { put(t, w, &zip.FileHeader{Name: "a.xml", Method: zip.Store}, []byte("<a/>")) })
	at := bytes.Index(data, []byte("PK\x07\x08"))
	if at < 0 {
		t.Fatal("the library wrote no descriptor")
	}
	data[at+4] ^= 1
	if got := code(t, data, DefaultLimits()); got != CodeJunk {
		t.Errorf("code %q", got)
	}
}

func TestLimits(t *testing.T) {
	data := sealed(t, []Entry{{"a.xml", noise(2000)}, {"b.xml", noise(3000)}})
	fine := Limits{Entries: 2, EntryBytes: 3000, TotalBytes: 5000, FileBytes: int64(len(data)), Ratio: 1}
	if got := code(t, data, fine); got != "" {
		t.Errorf("refused at its limits: %s", got)
	}
	for name, change := range map[string]func(*Limits){
		"entries": func(l *Limits) { l.Entries = 1 }, "entry": func(l *Limits) { l.EntryBytes = 2999 },
		"total": func(l *Limits) { l.TotalBytes = 4999 }, "file": func(l *Limits) { l.FileBytes-- },
	} {
		l := fine
		change(&l)
		if got := code(t, data, l); got != CodeLimit {
			t.Errorf("%s: code %q", name, got)
		}
	}
}

func TestSealRefusesWhatOpenWould(t *testing.T) {
	for name, entries := range map[string][]Entry{
		"no entries":      nil,
		"folder":          {{"a/b.xml", nil}},
		"doubled":         {{"a.xml", nil}, {"A.xml", nil}},
		"file too large":  {{"a.xml", noise(10<<20 + 1)}},
		"archive inside":  {{"a.xml", one("b.xml")}},
		"too many":        make([]Entry, 101),
		"name of 70,000":  {{strings.Repeat("a", 70_000), nil}},
		"65,536 and more": make([]Entry, 70_000),
	} {
		if data, err := Seal(entries); err == nil {
			t.Errorf("%s: sealed %d octets", name, len(data))
		}
	}
	t.Run("a very repetitive file is stored", func(t *testing.T) {
		if _, err := Seal([]Entry{{"a.xml", make([]byte, 1<<20)}}); err != nil {
			t.Error(err)
		}
	})
}

func TestNames(t *testing.T) {
	for _, name := range []string{"piev_1.zip", "req_45411000000003.zip", "rcp_A-b-9.zip", "abcde_" + strings.Repeat("a", 64) + ".zip"} {
		prefix, id, err := ParseName(name)
		if err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if back, err := Name(prefix, id); err != nil || back != name {
			t.Errorf("%q became %q: %v", name, back, err)
		}
	}
	for _, name := range []string{
		"", ".", "..", "/", "piev_.zip", "_1.zip", "pi_1.zip", "pievxy_1.zip", "Piev_1.zip", "piev_1.ZIP", "piev_1.zip.zip", "piev_1", "piev_1.xml", "piev-1.zip",
		"piev_1_2.zip", "piev_1.zip ", " piev_1.zip", "../piev_1.zip", "piev_../1.zip", "piev_1\x00.zip", "piev_1\n.zip", "piev_1\\.zip", "piev_C:.zip",
		"piev_1\u202e.zip", "piev_1\u200b.zip", "рiev_1.zip", "piev_1.part", "piev_1.zip.tmp", "~piev_1.zip", "-iev_1.zip", ".piev_1.zip", "CON", "NUL",
		"piev_" + strings.Repeat("a", 65) + ".zip", strings.Repeat("a", 70_000), "piev_é.zip", "piev_e\u0301.zip",
	} {
		if _, _, err := ParseName(name); err == nil {
			t.Errorf("%q passes", name)
		} else if strings.ContainsAny(err.Error(), "\n\x00\u202e") || len(err.Error()) > 500 {
			t.Errorf("the error cannot be logged: %q", err)
		}
	}
	for _, id := range []string{"", "a_b", "a/b", "a.b", strings.Repeat("a", 65)} {
		if name, err := Name("piev", id); err == nil {
			t.Errorf("made %q", name)
		}
	}
}

// planted are the committed corpus files; none is a failure.
func planted(t testing.TB) [][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/seeds/*.zip")
	if err != nil || len(files) == 0 {
		t.Fatalf("no seed in testdata/seeds: %v", err)
	}
	var all [][]byte
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

// FuzzEnvelopeOpen: no input breaks Open, and what it accepts the standard library reads as the same files.
func FuzzEnvelopeOpen(f *testing.F) {
	for _, data := range planted(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if code(t, data, DefaultLimits()) != "" {
			return
		}
		entries, err := Open(data, DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatalf("the library refuses what we accept: %v", err)
		}
		if len(r.File) != len(entries) {
			t.Fatalf("%d entries, the library sees %d", len(entries), len(r.File))
		}
		for i, file := range r.File {
			in, err := file.Open()
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(in)
			if err != nil || file.Name != entries[i].Name || !bytes.Equal(content, entries[i].Data) {
				t.Fatalf("%s: the library reads another file: %v", file.Name, err)
			}
		}
		again, err := Seal(entries)
		if err != nil {
			t.Fatalf("what was opened cannot be sealed: %v", err)
		}
		if back, err := Open(again, DefaultLimits()); err != nil || !cmp.Equal(entries, back, cmp.Comparer(bytes.Equal)) {
			t.Fatal(err)
		}
	})
}

// FuzzName: what is parsed is the whole name and is made again.
func FuzzName(f *testing.F) {
	for _, name := range []string{"piev_1.zip", "rcp_A-b-9.zip", "../../etc/passwd", "piev_1.zip.part", "piev_\u202e.zip"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		prefix, id, err := ParseName(name)
		if err != nil {
			return
		}
		if back, err := Name(prefix, id); err != nil || back != name || name != filepath.Base(name) || len(name) > 74 {
			t.Fatalf("%q became %q: %v", name, back, err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	entries := []Entry{{"piev_1.xml", noise(4000)}, {"piev_1.xml.sig", noise(2500)}, {"manifest.xml", noise(1200)}, {"manifest.xml.sig", noise(2500)}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Seal(entries); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	data := sealed(b, []Entry{{"piev_1.xml", noise(4000)}, {"piev_1.xml.sig", noise(2500)}, {"manifest.xml", noise(1200)}, {"manifest.xml.sig", noise(2500)}})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(data, DefaultLimits()); err != nil {
			b.Fatal(err)
		}
	}
}
