package archtest

import (
	"fmt"
	"strings"
	"testing"
)

const bank = "// Package banks is a room for tests.\npackage banks\n"

func TestDoors(t *testing.T) {
	file := func(pkg string, imports ...string) string {
		text := "// Package " + pkg + " is a room for tests.\npackage " + pkg + "\n"
		for _, i := range imports {
			text += fmt.Sprintf("import _ %q\n", i)
		}
		return text
	}
	tests := map[string]struct {
		path, text string
		want       []string
	}{
		"open door":               {"banks/mailbox/a.go", file("mailbox", "bankconnector/banks"), nil},
		"main opens all":          {"connector/a.go", file("main", "bankconnector/connector/install", "bankconnector/crypto/gost"), nil},
		"test opens testkit":      {"banks/a_test.go", file("banks", "bankconnector/internal/testkit"), nil},
		"outer test opens itself": {"banks/a_test.go", file("banks_test", "bankconnector/banks"), nil},
		"closed door":             {"banks/mailbox/a.go", file("mailbox", "bankconnector/formats"), []string{"banks/mailbox/a.go:3: banks/mailbox may not open formats: its doors are banks"}},
		"calls up":                {"schedule/a.go", file("schedule", "bankconnector/connector/flow"), []string{"schedule may not open connector/flow: its doors are none"}},
		"nobody opens main":       {"connector/install/a.go", file("install", "bankconnector/connector"), []string{"may not open connector:"}},
		"only main opens install": {"bench/a.go", file("bench", "bankconnector/connector/install"), []string{"may not open connector/install"}},
		"product opens testkit":   {"connector/a.go", file("main", "bankconnector/internal/testkit"), []string{"may not open internal/testkit"}},
		"test opens a side room":  {"schedule/a_test.go", file("schedule", "bankconnector/banks"), []string{"schedule may not open banks: its doors are internal/testkit"}},
		"skips a step":            {"crypto/cms/a.go", file("cms", "bankconnector/crypto/gost"), []string{"crypto/cms may not open crypto/gost"}},
		"room that does not exist": {
			"extra/a.go", file("extra"),
			[]string{"extra: is not a room of the house"},
		},
		"Go file in crypto":                          {"crypto/a.go", file("crypto"), []string{"no Go file stands here"}},
		"room opens its inner room":                  {"connector/journal/a.go", file("journal", "bankconnector/connector/journal/sqlite"), nil},
		"inner room opens another":                   {"connector/journal/proof/a.go", file("proof", "bankconnector/connector/journal/sqlite"), nil},
		"inner room opens what its may":              {"banks/mailbox/line/a.go", file("line", "bankconnector/banks"), nil},
		"inner room opens its room":                  {"banks/mailbox/line/a.go", file("line", "bankconnector/banks/mailbox"), []string{"banks/mailbox/line may not open banks/mailbox: its doors are banks"}},
		"inner room opens what may not":              {"banks/mailbox/line/a.go", file("line", "bankconnector/formats"), []string{"may not open formats"}},
		"inner room of another":                      {"connector/flow/a.go", file("flow", "bankconnector/connector/journal/sqlite"), []string{"may not open connector/journal/sqlite"}},
		"inner room of a room that another may open": {"connector/status/a.go", file("status", "bankconnector/connector/journal/sqlite"), []string{"may not open connector/journal/sqlite"}},
		"main opens an inner room":                   {"connector/a.go", file("main", "bankconnector/connector/journal/sqlite"), nil},
		"install opens an inner room":                {"connector/install/a.go", file("install", "bankconnector/connector/journal/sqlite"), nil},
		"inner room of main":                         {"connector/extra/a.go", file("extra", "bankconnector/connector/install", "bankconnector/connector/other"), nil},
		"inner room of main opens main":              {"connector/extra/a.go", file("extra", "bankconnector/connector"), []string{"may not open connector:"}},
		"inner room of main is main's":               {"connector/install/a.go", file("install", "bankconnector/connector/extra"), []string{"may not open connector/extra"}},
		"generator stays in tests":                   {"crypto/gost/a.go", file("gost", "bankconnector/crypto/gost/internal/gen"), []string{"may not open crypto/gost/internal/gen"}},
		"unknown target":                             {"connector/a.go", file("main", "bankconnector/other"), []string{"may not open other"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wants(t, brokenIn(t, "doors", map[string]string{tt.path: tt.text}), tt.want...)
		})
	}
}

func TestGuests(t *testing.T) {
	tests := map[string]struct {
		path, guest string
		want        []string
	}{
		"at home":              {"banks/mailbox/a.go", "github.com/pkg/sftp", nil},
		"in a test":            {"connector/flow/a_test.go", "github.com/pkg/sftp", nil},
		"part of a module":     {"schedule/a.go", "github.com/robfig/cron/v3", nil},
		"of no interest":       {"banks/a.go", "golang.org/x/text/unicode/norm", nil},
		"in an inner room":     {"connector/journal/sqlite/a.go", "github.com/mattn/go-sqlite3", nil},
		"sftp elsewhere":       {"connector/flow/a.go", "github.com/pkg/sftp", []string{"only banks/mailbox, banks/rehearsal, internal/testkit may import github.com/pkg/sftp"}},
		"SQLite elsewhere":     {"connector/status/a.go", "github.com/mattn/go-sqlite3", []string{"only connector/journal may import"}},
		"cron in a test":       {"banks/a_test.go", "github.com/robfig/cron/v3", []string{"only schedule may import"}},
		"test tool in product": {"banks/a.go", "github.com/google/go-cmp/cmp", []string{"for tests"}},
		"testing in product":   {"banks/a.go", "testing", []string{"for tests"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprintf("package x\nimport _ %q\n", tt.guest)
			wants(t, brokenIn(t, "guests", map[string]string{tt.path: text}), tt.want...)
		})
	}
}

func TestSizes(t *testing.T) {
	lines := func(n int) string { return strings.Repeat("\t_ = 0\n", n) }
	names := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "const N%d = 0\n", i)
		}
		return b.String()
	}
	nested := func(n int) string {
		return "func f() {\n" + strings.Repeat("if true {\n", n) + strings.Repeat("}\n", n) + "}\n"
	}
	tests := map[string]struct {
		path, text string
		want       []string
	}{
		"function of 70 lines":     {"banks/a.go", "func f() {\n" + lines(68) + "}\n", nil},
		"function of 71 lines":     {"banks/a.go", "func f() {\n" + lines(69) + "}\n", []string{"f has 71 lines"}},
		"method of 71 lines":       {"banks/a.go", "type T struct{}\nfunc (t *T) F() {\n" + lines(69) + "}\n", []string{"T.F has 71 lines"}},
		"long test":                {"banks/a_test.go", "func f() {\n" + lines(100) + "}\n", nil},
		"long file":                {"banks/a.go", strings.Repeat("\n", 500), []string{"502 lines, at most 500"}},
		"long table of cases":      {"banks/a_test.go", strings.Repeat("\n", 990), nil},
		"very long test":           {"banks/a_test.go", strings.Repeat("\n", 1000), []string{"1002 lines, at most 1000"}},
		"generated file":           {"banks/a.go", "// Code generated by gen; DO NOT EDIT.\nfunc f() {\n" + lines(2000) + "}\n", nil},
		"five parameters":          {"banks/a.go", "func f(a, b, c int, d, e string) {}\n", nil},
		"six parameters":           {"banks/a.go", "func f(a, b, c int, d, e, g string) {}\n", []string{"f has 6 parameters"}},
		"four levels":              {"banks/a.go", nested(4), nil},
		"five levels":              {"banks/a.go", nested(5), []string{"f nests 5 deep"}},
		"else-if is no level":      {"banks/a.go", "func f() {\nif a {\n} else if b {\n} else if c {\n} else if d {\n} else if e {\n}\n}\n", nil},
		"else is one":              {"banks/a.go", "func f() {\nif a {\n} else {\n" + strings.Repeat("for {\n", 4) + strings.Repeat("}\n", 4) + "}\n}\n", []string{"f nests 5 deep"}},
		"thirty names":             {"banks/a.go", names(30), nil},
		"thirty-one names":         {"banks/a.go", names(31), []string{"31 exported top-level names, at most 30"}},
		"more names where allowed": {"formats/a.go", names(60), nil},
		"methods are no names":     {"banks/a.go", names(30) + "type t int\nfunc (t) A() {}\n", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wants(t, brokenIn(t, "sizes", map[string]string{tt.path: "package x\n\n" + tt.text}), tt.want...)
		})
	}
	t.Run("levels in a literal", func(t *testing.T) {
		text := "package x\nfunc f() {\nfor {\nfunc() {\n" + strings.Repeat("if a {\n", 4) + strings.Repeat("}\n", 4) + "}()\n}\n}\n"
		wants(t, brokenIn(t, "sizes", map[string]string{"banks/a.go": text}), "f nests 5 deep")
	})
	t.Run("room of many lines", func(t *testing.T) {
		files := map[string]string{}
		for i := range 4 {
			files[fmt.Sprintf("banks/f%d.go", i)] = "package x\n" + strings.Repeat("\n", 400)
		}
		files["banks/a_test.go"] = "package x\n" + strings.Repeat("\n", 400)
		wants(t, brokenIn(t, "sizes", files), "banks: 1604 lines of product code, at most 1500")
	})
}

func TestComments(t *testing.T) {
	tests := map[string]struct {
		path, text string
		want       []string
	}{
		"all said":            {"banks/a.go", bank + "// A is one.\nconst A = 1\n", nil},
		"group comment":       {"banks/a.go", bank + "// These are states.\nconst (\n\tA = 1\n\tB = 2\n)\n", nil},
		"comment behind":      {"banks/a.go", bank + "const (\n\tA = 1 // one\n)\n", nil},
		"well-known method":   {"banks/a.go", bank + "// T is one.\ntype T int\nfunc (t T) String() string { return \"\" }\n", nil},
		"no package comment":  {"banks/a.go", "package banks\n", []string{"banks: no package comment"}},
		"wrong beginning":     {"banks/a.go", "// banks are here.\npackage banks\n", []string{"must begin with Package banks"}},
		"main is a command":   {"connector/a.go", "// Package main is it.\npackage main\n", []string{"must begin with Command"}},
		"constant":            {"banks/a.go", bank + "const A = 1\n", []string{"A has no doc comment"}},
		"type in a group":     {"banks/a.go", bank + "// Types.\ntype (\n\tA int\n)\n", []string{"A has no doc comment"}},
		"function":            {"banks/a.go", bank + "func A() {}\n", []string{"A has no doc comment"}},
		"method":              {"banks/a.go", bank + "// T is one.\ntype T[K any] int\nfunc (t *T[K]) A() {}\n", []string{"T.A has no doc comment"}},
		"method of a private": {"banks/a.go", bank + "type t int\nfunc (t) A() {}\n", nil},
		"in a test":           {"banks/a_test.go", "package banks\nfunc A() {}\n", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wants(t, brokenIn(t, "comments", map[string]string{tt.path: tt.text}), tt.want...)
		})
	}
	t.Run("two package comments", func(t *testing.T) {
		wants(t, brokenIn(t, "comments", map[string]string{"banks/a.go": bank, "banks/b.go": bank}), "more than one package comment: banks/a.go, banks/b.go")
	})
}

func TestState(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"sentinel error":        {"var ErrGone = errors.New(\"gone\")\n", nil},
		"regular expression":    {"var name = regexp.MustCompile(`a`)\n", nil},
		"template":              {"var page = template.Must(template.New(\"\").Parse(``))\n", nil},
		"embedded file":         {"//go:embed a.sql\nvar Schema []byte\n", nil},
		"table nobody writes":   {"var table = map[string]int{\"a\": 1}\nfunc f() int { return table[\"a\"] }\n", nil},
		"assertion of a type":   {"var _ I = (*T)(nil)\n", nil},
		"version set by linker": {"var version = \"devel\"\n", nil},
		"conversion":            {"var magic = []byte(\"PK\")\n", nil},
		"local of the same name": {
			"var table = []int{1}\nfunc f() { table := []int{2}; table[0] = 3 }\n", nil,
		},
		"init":             {"func init() {}\n", []string{"init runs unasked"}},
		"method init":      {"type t int\nfunc (t) init() {}\n", nil},
		"counter":          {"var n int\nfunc f() { n++ }\n", []string{"package variable n is written"}},
		"element written":  {"var table = []int{1}\nfunc f() { table[0] = 3 }\n", []string{"package variable table is written"}},
		"field written":    {"var s struct{ a []int }\nfunc f() { (s.a)[1] += 2 }\n", []string{"package variable s is written"}},
		"map emptied":      {"var m = map[int]int{}\nfunc f() { delete(m, 1) }\n", []string{"package variable m is written"}},
		"copied over":      {"var m = [4]int{}\nfunc f() { copy(m[:], x) }\n", []string{"package variable m is written"}},
		"range into":       {"var i int\nfunc f() { for i = range 3 {} }\n", []string{"package variable i is written"}},
		"lock":             {"var mu sync.Mutex\n", []string{"package variable mu is shared state"}},
		"pool":             {"var p = &sync.Pool{}\n", []string{"package variable p is shared state"}},
		"atomic":           {"var p atomic.Pointer[int]\n", []string{"package variable p is shared state"}},
		"channel":          {"var c = make(chan int)\n", []string{"package variable c is shared state"}},
		"computed":         {"var c = build()\n", []string{"package variable c is computed at start"}},
		"exported slice":   {"var Codes = []string{\"a\"}\n", []string{"package variable Codes can be changed by every importer"}},
		"exported pointer": {"var Default = &T{}\n", []string{"package variable Default can be changed"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wants(t, brokenIn(t, "state", map[string]string{"banks/a.go": bank + tt.text}), tt.want...)
		})
	}
	t.Run("written in another file", func(t *testing.T) {
		files := map[string]string{"banks/a.go": bank + "var n int\n", "banks/b.go": "package banks\nfunc f() { n = 1 }\n"}
		wants(t, brokenIn(t, "state", files), "banks/a.go:3: package variable n is written")
	})
}

func TestClock(t *testing.T) {
	const body = "import (\n\tclock \"time\"\n\t\"context\"\n)\nvar now = clock.Now\nfunc f() { clock.Sleep(1); context.Background(); clock.NewTimer(1) }\n"
	tests := map[string]struct {
		path string
		want []string
	}{
		"product": {"banks/a.go", []string{"time.Now: the clock comes as a field", "time.Sleep", "context.Background"}},
		"main":    {"connector/a.go", nil},
		"install": {"connector/install/a.go", nil},
		"flow":    {"connector/flow/a.go", []string{"time.Now", "time.Sleep", "context.Background"}},
		"test":    {"banks/a_test.go", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wants(t, brokenIn(t, "clock", map[string]string{tt.path: bank + body}), tt.want...)
		})
	}
	t.Run("a field called time", func(t *testing.T) {
		text := bank + "func f() { time.Now() }\n"
		wants(t, brokenIn(t, "clock", map[string]string{"banks/a.go": text}))
	})
}
