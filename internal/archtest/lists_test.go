package archtest

import (
	"strings"
	"testing"
)

func TestSkips(t *testing.T) {
	const skip = "package banks\nimport \"testing\"\nfunc TestA(t *testing.T) { t.Skip(\"no\") }\n"
	tests := map[string]struct {
		files map[string]string
		want  []string
	}{
		"none":             {map[string]string{"banks/a_test.go": "package banks\n"}, nil},
		"skip":             {map[string]string{"banks/a_test.go": skip}, []string{"banks/a_test.go:3: TestA may skip"}},
		"skip on the list": {map[string]string{"banks/a_test.go": skip, skipsFile: "banks TestA: needs a token.\n"}, nil},
		"list without a reason": {
			map[string]string{"banks/a_test.go": skip, skipsFile: "banks TestA\n"},
			[]string{skipsFile + ":1: want"},
		},
		"helper in testkit": {
			map[string]string{"internal/testkit/a.go": "package testkit\nimport \"testing\"\nfunc Need(tb testing.TB) { tb.SkipNow() }\n"},
			[]string{"Need may skip"},
		},
		"subtest": {
			map[string]string{"banks/a_test.go": "package banks\nfunc TestA(t *testing.T) { t.Run(\"\", func(u *testing.T) { u.Skipf(\"\") }) }\n"},
			[]string{"TestA may skip"},
		},
		"something else skips": {
			map[string]string{"banks/a_test.go": "package banks\nfunc TestA(t *testing.T) { d.Skip() }\n"}, nil,
		},
		"tag that nothing sets": {
			map[string]string{"banks/a_test.go": "//go:build integration && linux\n\npackage banks\n"},
			[]string{"sets the build tag integration"},
		},
		"tag of a target": {map[string]string{"banks/a_test.go": "//go:build crash\n\npackage banks\n"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { wants(t, brokenIn(t, "skips", tt.files), tt.want...) })
	}
}

func TestRequired(t *testing.T) {
	list := map[string]string{requiredFile: "banks TestA/sub: why.\nbanks TestB: why.\n", "banks/a_test.go": "package banks\nfunc TestA() {}\n"}
	wants(t, brokenIn(t, "required", list), "banks TestB does not exist")
}

func TestNames(t *testing.T) {
	tests := map[string]struct {
		path string
		want []string
	}{
		"one word":         {"banks/registry.go", nil},
		"test of a word":   {"banks/registry_test.go", nil},
		"word with number": {"formats/cp1251.go", nil},
		"two words":        {"banks/bank_registry.go", []string{"one word"}},
		"two words, test":  {"banks/registry_fuzz_test.go", []string{"one word"}},
		"capital":          {"banks/Registry.go", []string{"one word"}},
		"vague":            {"banks/helpers.go", []string{"says nothing"}},
		"vague room":       {"connector/common/a.go", []string{"a room is named by what it holds"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wants(t, brokenIn(t, "names", map[string]string{tt.path: "package x\n"}), tt.want...)
		})
	}
}

func TestLeaks(t *testing.T) {
	const test = "package x\nfunc TestA(t *testing.T) {}\n"
	tests := map[string]struct {
		files map[string]string
		want  []string
	}{
		"looked for": {map[string]string{
			"banks/a_test.go": test, "banks/b_test.go": "package x\nfunc TestMain(m *testing.M) { goleak.VerifyTestMain(m) }\n",
		}, nil},
		"no test":         {map[string]string{"banks/a.go": bank}, nil},
		"no look":         {map[string]string{"banks/a_test.go": test}, []string{"banks: nothing looks for goroutines"}},
		"main of its own": {map[string]string{"banks/a_test.go": "package x\nfunc TestMain(m *testing.M) { os.Exit(m.Run()) }\n"}, []string{"nothing looks"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { wants(t, brokenIn(t, "leaks", tt.files), tt.want...) })
	}
}

func TestCorpora(t *testing.T) {
	const target = "package x\nfunc FuzzA(f *testing.F) {\nSEED\nf.Fuzz(func(t *testing.T, b []byte) {})\n}\n"
	fuzz := func(seed string) string { return strings.Replace(target, "SEED", seed, 1) }
	tests := map[string]struct {
		files map[string]string
		want  []string
	}{
		"corpus":           {map[string]string{"banks/a_test.go": fuzz(""), "banks/testdata/fuzz/FuzzA/1": "x"}, nil},
		"another's corpus": {map[string]string{"banks/a_test.go": fuzz(""), "banks/testdata/fuzz/FuzzB/1": "x"}, []string{"FuzzA has no corpus"}},
		"seed in the code": {map[string]string{"banks/a_test.go": fuzz("f.Add([]byte{})")}, []string{"FuzzA has no corpus"}},
		"no seed":          {map[string]string{"banks/a_test.go": fuzz("")}, []string{"FuzzA has no corpus"}},
		"not a target":     {map[string]string{"banks/a_test.go": "package x\nfunc FuzzyMatch() {}\n"}, nil},
		"full pattern":     {map[string]string{"banks/a_test.go": "package x\nconst p = \"testdata/*.xml\"\n", "banks/testdata/a.xml": ""}, nil},
		"empty pattern":    {map[string]string{"banks/a_test.go": "package x\nconst p = \"testdata/*.xml\"\n"}, []string{"matches no file"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { wants(t, brokenIn(t, "corpora", tt.files), tt.want...) })
	}
}

func TestWords(t *testing.T) {
	trace := "see /wo" + "rk/notes"
	tests := map[string]struct {
		path, text string
		want       []string
	}{
		"clean":           {"docs/a.md", "the network/works and docs/ARCHITECTURE.md\n", nil},
		"trace":           {"docs/a.md", "one\n" + trace, []string{"docs/a.md:2:"}},
		"trace in code":   {"banks/a.go", "package banks // " + trace, []string{"banks/a.go:1:"}},
		"trace in a dot":  {".ci/run", trace, []string{".ci/run:1:"}},
		"trace in a tool": {".tools/x", trace, nil},
		"binary":          {"banks/testdata/a.bin", "\x00" + trace, nil},
		"built program":   {"connector/connector", "\x7fELF\x00", []string{"connector/connector: is no text"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wants(t, brokenIn(t, "words", map[string]string{tt.path: tt.text}), tt.want...)
		})
	}
	t.Run("every word is found", func(t *testing.T) {
		for _, w := range foreign {
			if len(brokenIn(t, "words", map[string]string{"a": "x" + w + "y"})) == 0 {
				t.Errorf("%q is not found", w)
			}
		}
	})
}

func TestPermits(t *testing.T) {
	h, err := load(tree(map[string]string{"banks/bank_file.go": "package banks\n"}))
	if err != nil {
		t.Fatal(err)
	}
	const reason = "Kept for the length of this test only."
	tests := map[string]struct {
		allowed []exception
		want    []string
	}{
		"permitted":  {[]exception{{"names", "banks/bank_file.go", reason}}, nil},
		"not needed": {[]exception{{"names", "banks/bank_file.go", reason}, {"names", "banks/x.go", reason}}, []string{"banks/x.go: the exception from \"names\" is not needed"}},
		"no reason":  {[]exception{{"names", "banks/bank_file.go", "because"}}, []string{"gives no reason"}},
		"other rule": {[]exception{{"words", "banks/bank_file.go", reason}}, []string{"one word"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, v := range find(t, "names").broken(h, tt.allowed) {
				got = append(got, v.String())
			}
			wants(t, got, tt.want...)
		})
	}
}

func TestModules(t *testing.T) {
	const gomod = "module bankconnector\n\nrequire (\n\tgolang.org/x/text v0.1.0\n\tgolang.org/x/text/deep v0.1.0 // indirect\n)\n\nrequire go.uber.org/goleak v1.0.0\n"
	const head = "| module | licence | reason | used in |\n|---|---|---|---|\n"
	code := map[string]string{
		"banks/a.go":      "package banks\nimport _ \"golang.org/x/text/deep/er\"\n",
		"banks/a_test.go": "package banks\nimport _ \"go.uber.org/goleak\"\n",
		moduleFile:        gomod,
	}
	tests := map[string]struct {
		lines string
		want  []string
	}{
		"all explained": {"| `go.uber.org/goleak` | MIT | why | tests |\n| `golang.org/x/text/deep` | BSD | why | banks |\n", nil},
		"one missing":   {"| `go.uber.org/goleak` | MIT | why | tests |\n", []string{"golang.org/x/text/deep is imported"}},
		"one too many": {
			"| `go.uber.org/goleak` | MIT | why | tests |\n| `golang.org/x/text/deep` | BSD | why | banks |\n| `golang.org/x/text` | BSD | why | banks |\n",
			[]string{"golang.org/x/text is explained and nothing imports it"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			code[reasonFile] = head + tt.lines
			wants(t, brokenIn(t, "modules", code), tt.want...)
		})
	}
}

func TestLinks(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"there":        {"see [a](b.md), [folder](sub) and [part](b.md#part)", nil},
		"elsewhere":    {"see [a](https://example.org/a)", nil},
		"nowhere":      {"see [a](c.md) and [b](b.md)", []string{"docs/a.md: the link to c.md leads nowhere"}},
		"up and down":  {"[a](../docs/b.md)", nil},
		"off the tree": {"[a](../../b.md)", []string{"leads nowhere"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"docs/a.md": tt.text, "docs/b.md": "", "docs/sub/c.md": ""}
			wants(t, brokenIn(t, "links", files), tt.want...)
		})
	}
}
