package strict

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// level is a pattern of text that is a type of its own.
type level string

func (l *level) UnmarshalText(text []byte) error {
	if len(text) != 1 {
		return fmt.Errorf("%s is no level", Shown(string(text)))
	}
	*l = level(text)
	return nil
}

// pair can be written short, as one text.
type pair struct {
	Left  string `yaml:"left" jsonschema:"required"`
	Right string `yaml:"right"`
}

func (p *pair) UnmarshalText(text []byte) error {
	left, right, ok := strings.Cut(string(text), "=")
	if !ok {
		return fmt.Errorf("no = in it")
	}
	*p = pair{left, right}
	return nil
}

func (p *pair) Check() Problems {
	if p.Left == p.Right {
		return Problems{{Path: "right", Text: "is the same"}}
	}
	return nil
}

// all has a field of every kind that is read.
type all struct {
	Text    string         `yaml:"text" jsonschema:"default=abc,maxLength=5"`
	Word    string         `yaml:"word" jsonschema:"enum=one,enum=two"`
	Flag    bool           `yaml:"flag" jsonschema:"default=true"`
	Number  int            `yaml:"number" jsonschema:"default=7,minimum=-5,maximum=100"`
	Long    int64          `yaml:"long"`
	Pause   time.Duration  `yaml:"pause" jsonschema:"default=5m,minimum=1s"`
	Room    Size           `yaml:"room" jsonschema:"maximum=1MiB"`
	At      time.Time      `yaml:"at"`
	Through time.Time      `yaml:"through" whole:"day"`
	Level   level          `yaml:"level" jsonschema:"default=x"`
	Path    string         `yaml:"path" resolve:"path"`
	Paths   []string       `yaml:"paths" resolve:"path"`
	Levels  []level        `yaml:"levels"`
	Words   []string       `yaml:"words" jsonschema:"enum=one,enum=two,maxItems=2"`
	Pairs   []pair         `yaml:"pairs"`
	Maybe   *pair          `yaml:"maybe"`
	Table   map[string]int `yaml:"table" jsonschema:"minimum=1"`
	Inner   struct {
		Deep int `yaml:"deep" jsonschema:"default=3"`
	} `yaml:"inner"`
	Hidden  string  `yaml:"-"`
	private string  //nolint:unused // a field that no key may reach
	Float   float64 `yaml:"float"`
}

func read(t *testing.T, text string) (all, Problems) {
	t.Helper()
	var v all
	f := Read("/etc/c.yaml", []byte(text), &v)
	return v, f.Problems()
}

func TestEveryKindOfValueIsRead(t *testing.T) {
	text := `text: a b
word: two
flag: false
number: -5
long: 9223372036854775807
pause: 1h30m
room: 512 KiB
at: 2026-11-22T10:00:00+03:00
through: 2026-11-22
level: y
path: keys/a
paths: [/b, ../c]
levels: [p, "q"]
words: [one, two]
pairs:
  - l=r
  - {left: a, right: b}
maybe: {left: z}
table: {a: 1, "b c": 2}
inner: {deep: 4}
`
	want := all{
		Text: "a b", Word: "two", Number: -5, Long: 1<<63 - 1, Pause: 90 * time.Minute, Room: 512 << 10,
		At: time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC), Through: time.Date(2026, 11, 22, 21, 0, 0, 0, time.UTC),
		Level: "y", Path: "/etc/keys/a", Paths: []string{"/b", "/c"}, Levels: []level{"p", "q"}, Words: []string{"one", "two"},
		Pairs: []pair{{"l", "r"}, {"a", "b"}}, Maybe: &pair{Left: "z"}, Table: map[string]int{"a": 1, "b c": 2},
	}
	want.Inner.Deep = 4
	got, problems := read(t, text)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(all{})); d != "" {
		t.Error(d)
	}
}

func TestAbsentKeysTakeTheirDefaults(t *testing.T) {
	want := all{Text: "abc", Flag: true, Number: 7, Pause: 5 * time.Minute, Level: "x", Word: "one"}
	want.Inner.Deep = 3
	got, problems := read(t, "word: one\n")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(all{})); d != "" {
		t.Error(d)
	}
}

func TestMessages(t *testing.T) {
	for _, v := range []struct{ name, text, want string }{
		{"a text too long", "text: abcdef", "1:7: text: has 6 characters; from 0 to 5 are allowed"},
		{"letters are counted, not octets", "text: приве", ""},
		{"a word that is not known", "word: three", `1:7: word: "three" is not known here; one of: one, two`},
		{"a word in a list", "words: [one, three]", `1:14: words[1]: "three" is not known here; one of: one, two`},
		{"a list too long", "words: [one, two, one]", "1:8: words: has 3 items; from 0 to 2 allowed"},
		{"a number below its range", "number: -6", "1:9: number: -6 is out of range; from -5 to 100"},
		{"minus nothing", "number: \"-\"", `1:9: number: "-" is a text; write the number without quotes`},
		{"two minuses", "number: --5", `1:9: number: "--5" is not a whole number`},
		{"a number with plus", "number: +5", `1:9: number: "+5" is not a whole number`},
		{"a number in exponents", "number: 1e3", `1:9: number: "1e3" is not a whole number`},
		{"an octal number of our days", "number: 0o17", `1:9: number: "0o17" is not a whole number`},
		{"a negative number with zero", "number: -05", `1:9: number: "-05" begins with a zero, which some readers take for octal; write -5`},
		{"only zeros", "number: 000", `1:9: number: "000" begins with a zero, which some readers take for octal; write 0`},
		{"Arabic digits", "number: ١٢", `1:9: number: "١٢" is not a whole number`},
		{"a duration in words", "pause: 5 minutes", `1:8: pause: "5 minutes" is not a duration; write 30s, 5m or 2h`},
		{"a duration without end", "pause: 9999999h", `1:8: pause: "9999999h" is not a duration; write 30s, 5m or 2h`},
		{"a duration with plus", "pause: +5m", `1:8: pause: "+5m" is not a duration; write 30s, 5m or 2h`},
		{"a duration of infinity", "pause: .inf", `1:8: pause: ".inf" is not a duration; write 30s, 5m or 2h`},
		{"a duration below its least", "pause: 1ms", `1:8: pause: "1ms" is out of range; at least 1s`},
		{"a size above its most", "room: 2MiB", `1:7: room: "2MiB" is out of range; at most 1MiB`},
		{"a size in decimal units", "room: 2MB", "1:7: room: a size needs a unit: KiB, MiB or GiB, as in 16MiB"},
		{"a size below nothing", "room: -1KiB", "1:7: room: not a size; write a whole number and a unit, as in 16MiB"},
		{"a size with a leading zero", "room: 010KiB", "1:7: room: not a size; write a whole number and a unit, as in 16MiB"},
		{"a year that is a slip", "at: 2206-01-01", `1:5: at: "2206-01-01" is not a date; write 2026-11-22, or 2026-11-22T18:00:00+03:00`},
		{"a date of our people", "at: 22.11.2026", `1:5: at: "22.11.2026" is not a date; write 2026-11-22, or 2026-11-22T18:00:00+03:00`},
		{"a block for a date", "at: {}", "1:5: at: must be one value, not a list or a block"},
		{"a type that says no", "level: xy", `1:8: level: "xy" is no level`},
		{"a type that says no in a list", "levels: [a, bc]", `1:13: levels[1]: "bc" is no level`},
		{"a list for a type", "level: [a]", "1:8: level: must be one value, not a list or a block"},
		{"a short form that says no", "pairs: [a]", "1:9: pairs[0]: no = in it"},
		{"a check of a list item", "pairs: [{left: a, right: a}]", "1:26: pairs[0].right: is the same"},
		{"a check of a pointer", "maybe: {left: a, right: a}", "1:25: maybe.right: is the same"},
		{"a missing key of a list item", "pairs:\n  - right: a", "2:5: pairs[0].left: is missing"},
		{"an unknown key of a list item", "pairs:\n  - left: a\n    wrong: b", "3:5: pairs[0].wrong: unknown key; known here: left, right"},
		{"a value of a table", "table: {a: 0}", "1:12: table.a: 0 is out of range; at least 1"},
		{"a list for a table", "table: [a]", "1:8: table: must be a block of keys, each with its value"},
		{"a doubled key of a table", "table: {a: 1, a: 2}", `1:15: key "a" stands twice; the first is in line 1`},
		{"an unexported field is no key", "private: a", "1:1: private: unknown key; known here: text, word,"},
		{"a hidden field is no key", "hidden: a", "1:1: hidden: unknown key; known here: text, word,"},
		{"a kind that is not read", "float: 1.5", "1:8: float: a value of type float64 cannot be read"},
		{"the nearest key is proposed", "wards: [one]", "1:1: wards: unknown key; did you mean words?"},
		{"a letter too many", "flagg: true", "1:1: flagg: unknown key; did you mean flag?"},
		{"a nested key", "inner: {deep: 0x1}", `1:15: inner.deep: "0x1" is not a whole number`},
		{"a long value is cut in the message", "word: " + strings.Repeat("x", 200), `1:7: word: "` + strings.Repeat("x", 60) + `…" is not known here; one of: one, two`},
		{"an escape in a value is shown as one", `word: "a\tb"`, "1:7: word: control character U+0009 in this text"},
		{"a credential that climbs", "path: credential:../x", "1:7: path: credential: must be followed by the name of a credential"},
		{"a credential that is the folder", "path: credential:.", "1:7: path: credential: must be followed by the name of a credential"},
		{"a credential above the folder", "path: credential:..", "1:7: path: credential: must be followed by the name of a credential"},
		{"a quoted no is a text", `text: "no"`, ""},
		{"a moment in a year that is a slip", "at: 2206-01-01T00:00:00Z", `1:5: at: "2206-01-01T00:00:00Z" is not a date; write 2026-11-22, or 2026-11-22T18:00:00+03:00`},
		{"a doubled unknown key is told once as unknown", "x: 1\nx: 2", "2:1: key \"x\" stands twice; the first is in line 1\n/etc/c.yaml:1:1: x: unknown key; known here: text, word, flag, number, long, pause, room, at, through, level, path, paths, levels, words, pairs, maybe, table, inner, float"},
		{"a line separator", "text: a\u2028b", "1:8: invisible character U+2028; delete it"},
		{"a variation selector", "text: a\ufe0fb", "1:8: invisible character U+FE0F; delete it"},
		{"a character that is none", "text: a\ufffeb", "1:8: U+FFFE is no character"},
		{"a character of private use", "text: a\ue000b", "1:8: U+E000 is no character"},
		{"a byte order mark inside", "text: a\ufeffb", "1:8: invisible character U+FEFF; delete it"},
		{"a character that could not be decoded once", "text: a\ufffdb", ""},
		{"a credential without name", `path: "credential:"`, "1:7: path: credential: must be followed by the name of a credential"},
		{"a value behind an anchor is still checked", "number: &n 0x1", "1:9: number: anchors (&n) are not used here; delete it\n/etc/c.yaml:1:9: number: \"0x1\" is not a whole number"},
		{"a directive with a tag of its own", "%TAG ! tag:x,2000:\n---\nword: !y one", "3:7: word: tags (tag:x,2000:y) are not used here; delete it"},
		{"a bare tag", "word: ! one", "1:7: word: tags (!) are not used here; delete it"},
		{"an unclosed list", "words: [one", "2:1: not YAML: did not find expected ',' or ']' (while parsing a flow sequence)"},
		{"a fault in the second document", "word: one\n---\n[", "4:1: not YAML: did not find expected node content (while parsing a flow node)"},
		{"only a comment", "# nothing", " it is empty"},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x.service")
			_, problems := read(t, v.text)
			got := strings.TrimPrefix(problems.Error(), "/etc/c.yaml:")
			if got != v.want && (v.want == "" || !strings.HasSuffix(v.want, ",") || !strings.HasPrefix(got, v.want)) {
				t.Errorf("says\n%s\nwant\n%s", got, v.want)
			}
		})
	}
}

func TestProblemsAreAnErrorOnlyWhenThereAreSome(t *testing.T) {
	if err := (Problems{}).Err(); err != nil {
		t.Errorf("no problems are %v", err)
	}
	err := Problems{{File: "b", Line: 1, Column: 1, Text: "x"}, {File: "a", Line: 2, Column: 1, Text: "y"}, {File: "a", Line: 1, Column: 9, Path: "k", Text: "z"}}.Err()
	if err == nil || err.Error() != "a:1:9: k: z\na:2:1: y\nb:1:1: x" {
		t.Errorf("says %v", err)
	}
}

func TestWhatIsToldOnce(t *testing.T) {
	f := Read("/etc/c.yaml", []byte("pairs: [{left: a, right: a}, {left: b}]\n"), new(all))
	for path, want := range map[string]bool{
		"": true, "pairs": true, "pairs[0]": true, "pairs[0].right": true, "pairs[0].left": false, "pairs[1]": false, "pair": false, "text": false,
	} {
		if got := f.Told(path); got != want {
			t.Errorf("%q: %t", path, got)
		}
	}
	if clean := Read("/etc/c.yaml", []byte("word: one\n"), new(all)); clean.Told("") {
		t.Error("a file without problems has told one")
	}
}

func TestWhatCannotBeDecodedInto(t *testing.T) {
	for _, into := range []any{nil, all{}, new(string), (*all)(nil)} {
		if p := Read("c.yaml", []byte("a: b"), into).Problems(); len(p) != 1 || !strings.Contains(p.Error(), "a pointer to a struct is needed") {
			t.Errorf("%T: %v", into, p)
		}
	}
}

func TestCredentialsAreFoundWhereSystemdPutsThem(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x.service")
	got, problems := read(t, "path: credential:bank.key\n")
	if len(problems) > 0 || got.Path != "/run/credentials/x.service/bank.key" {
		t.Errorf("%s, %v", got.Path, problems)
	}
}

func TestSizesAreWrittenAsTheyAreRead(t *testing.T) {
	for text, want := range map[string]Size{"0KiB": 0, "1KiB": 1 << 10, "64MiB": 64 << 20, "3GiB": 3 << 30, "1536MiB": 1536 << 20} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want || s.String() != text {
			t.Errorf("%s reads as %d (%v) and is written %s", text, s, err, s)
		}
	}
	if Size(1000).String() != "1000 octets" {
		t.Errorf("an odd size is %s", Size(1000))
	}
	if _, err := Size(1000).MarshalText(); err == nil {
		t.Error("an odd size cannot be read back and must not be written")
	}
}

// TestHostileTextsCostLittle bounds the time of texts made to be slow, each of 256 KiB.
func TestHostileTextsCostLittle(t *testing.T) {
	const length = 1 << 18 // a quarter; the time grows with the length
	fill := func(piece string) string { return strings.Repeat(piece, length/len(piece)) }
	many := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < length-32; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"open lists":         fill("["),
		"open blocks":        fill("{a: "),
		"dashes":             fill("- "),
		"question marks":     fill("? "),
		"closed lists":       "a: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"one long key":       fill("k") + ": a",
		"one long text":      "word: \"" + fill("\\u0041") + "\"",
		"many unknown keys":  many("key%d: a\n"),
		"many doubled keys":  fill("word: a\n"),
		"many list items":    "levels:\n" + fill("- ab\n"),
		"many anchors":       many("k%d: &a a\n"),
		"aliases of aliases": "a: &a [x]\n" + many("b%[1]d: &b%[1]d [*a, *a]\n"),
		"many colons":        fill(": "),
		"a growing indent": func() string {
			var b strings.Builder
			for i := range 1400 {
				b.WriteString(strings.Repeat(" ", i) + "a:\n")
			}
			return b.String()
		}(),
		"many documents": fill("---\na: b\n"),
		"many comments":  fill("# x\n"),
		"many folds":     "word: >\n" + fill("  x\n\n"),
	} {
		t.Run(name, func(t *testing.T) {
			begin := processor(t)
			_, problems := read(t, text)
			if took := processor(t) - begin; took > 10*time.Second {
				t.Errorf("took %s of processor time", took)
			}
			if len(problems) == 0 || len(problems) > 2*maxProblems {
				t.Errorf("%d problems", len(problems))
			}
		})
	}
}

// processor is the time that this process has worked; a busy machine does not lengthen it.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestB18WhoMayWrite(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("a: b\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := filepath.Join(dir, "link.yaml")
	if err := os.Symlink(file("target.yaml", 0o600), link); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(dir, "fifo.yaml")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		file("mine.yaml", 0o600):          "",
		file("readable.yaml", 0o644):      "",
		file("group.yaml", 0o660):         "its group or others can write it (mode 0660); run: chmod go-w ",
		file("others.yaml", 0o646):        "its group or others can write it (mode 0646); run: chmod go-w ",
		link:                              "it is a symbolic link; put the file itself here",
		fifo:                              "it is not a plain file (p---------)",
		dir:                               "it is not a plain file (d---------)",
		"/dev/zero":                       "it is not a plain file (Dc---------)",
		filepath.Join(dir, "absent.yaml"): "no such file or directory",
		filepath.Join(dir, "mine.yaml/x"): "not a directory",
	} {
		data, err := ReadFile(path)
		switch {
		case want == "" && (err != nil || string(data) != "a: b\n"):
			t.Errorf("%s: %q, %v", path, data, err)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), path+": "+want)):
			t.Errorf("%s: says %v, want %s", path, err, want)
		}
	}
}

// owned is a file of some user.
type owned struct {
	os.FileInfo
	uid uint32
}

func (o owned) Mode() os.FileMode { return 0o644 }

func (o owned) Sys() any { return &syscall.Stat_t{Uid: o.uid} }

func TestB18WhoseFile(t *testing.T) {
	me := uint32(os.Geteuid())
	for uid, want := range map[uint32]bool{0: false, me: false, me + 1: true, 65534: true} {
		if got := Foreign(owned{uid: uid}); got != want {
			t.Errorf("a file of user %d read by %d: foreign is %t", uid, me, got)
		}
		if err := guarded("x.yaml", owned{uid: uid}); (err != nil) != want {
			t.Errorf("a file of user %d read by %d: %v", uid, me, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"text: a\nnumber: 1\n", "pairs: [a=b, {left: c}]", "a: &a [*a]", "? {a: b}\n: c", "\ufeffword: one\r\n", "at: 2026-01-01", "<<: {a: b}",
		"table: {a: 1}\n---\n", "words:\n- one\n-   two", "text: |\n  a\n", "inner: {deep: 1, deep: 2}", "%YAML 1.1\n---\nflag: on", "level: \"\\u200b\"", "path: credential:x",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v all
		problems := Read("/etc/c.yaml", data, &v).Problems()
		lines := bytes.Count(data, []byte("\n")) + 1
		for _, p := range problems {
			if p.Text == "" || p.File != "/etc/c.yaml" || p.Line < 0 || p.Line > lines+1 || (p.Line > 0) != (p.Column > 0) {
				t.Errorf("an odd problem: %+v", p)
			}
			if strings.ContainsAny(p.String(), "\x00\x1b\n\u202e\u200b") {
				t.Errorf("a message that shows what it must not: %q", p.String())
			}
		}
		if len(problems) == 0 && (v.Text == "" || v.Number < -5 || v.Number > 100 || v.Pause < time.Second || v.Room > 1<<20) {
			t.Errorf("accepted out of range: %+v", v)
		}
	})
}
