package flow

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// matrix is the document whose table says of every fault and every bad input which test
// holds it. A table that names tests which do not exist would be worse than none.
const matrix = "RELIABILITY"

var (
	matrixRow  = regexp.MustCompile(`(?m)^\| ([FB][0-9]{2,3}) \| ([^|]+) \| ([^|]*) \| ([^|]*) \|$`)
	matrixTest = regexp.MustCompile("`([a-z0-9/]+) ((?:Test|Fuzz)[A-Za-z0-9_]+)(?:/([^`]+))?`")
)

// tests reads the test sources of a room as one text, and the names of its test data.
func testsOf(t *testing.T, room string) (source string, data []string) {
	t.Helper()
	dir := filepath.Join("../..", room)
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	must(t, err)
	var all strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		must(t, err)
		all.Write(text)
	}
	data, err = filepath.Glob(filepath.Join(dir, "testdata", "*", "*"))
	must(t, err)
	return all.String(), data
}

// missing says what is wrong with one name of a test, or nothing.
func missing(source string, data []string, name, sub string) string {
	if !strings.Contains(source, "\nfunc "+name+"(") {
		return "there is no such test"
	}
	if sub == "" || strings.Contains(source, `"`+sub+`"`) {
		return ""
	}
	for _, file := range data {
		if strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)) == sub {
			return ""
		}
	}
	return "the test has no such case"
}

func TestEveryFaultAndBadInputHasItsRow(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("../../docs", matrix+".md"))
	must(t, err)
	rows := make(map[string][]string)
	for _, m := range matrixRow.FindAllStringSubmatch(string(text), -1) {
		if rows[m[1]] != nil {
			t.Errorf("%s stands twice", m[1])
		}
		rows[m[1]] = m
	}
	for _, list := range []struct {
		letter string
		last   int
	}{{"F", 94}, {"B", 124}} {
		for n := 1; n <= list.last; n++ {
			if id := fmt.Sprintf("%s%02d", list.letter, n); rows[id] == nil {
				t.Errorf("%s has no row", id)
			}
		}
	}
	if len(rows) != 94+124 {
		t.Errorf("%d rows, want %d", len(rows), 94+124)
	}
	sources, datas := map[string]string{}, map[string][]string{}
	for id, m := range rows {
		tests := matrixTest.FindAllStringSubmatch(m[3], -1)
		if len(tests) == 0 && !regexp.MustCompile(`^(not yet|out of reach|by design)\b`).MatchString(m[4]) {
			t.Errorf("%s names no test and no reason (not yet, out of reach, by design): %q", id, m[4])
		}
		if named := strings.Count(m[3], "`") / 2; named != len(tests) {
			t.Errorf("%s: %d names of tests, %d of them readable: %s", id, named, len(tests), m[3])
		}
		for _, x := range tests {
			if _, read := sources[x[1]]; !read {
				sources[x[1]], datas[x[1]] = testsOf(t, x[1])
			}
			if why := missing(sources[x[1]], datas[x[1]], x[2], x[3]); why != "" {
				t.Errorf("%s: %s: %s", id, x[0], why)
			}
		}
	}
}

func TestMatrixNoticesWhatIsNotThere(t *testing.T) {
	source, data := "\nfunc TestA(t *testing.T) {\n\tt.Run(\"One\", nil)\n}\n", []string{"testdata/bad/B01-two.yaml"}
	for _, tt := range []struct {
		name, sub string
		want      string
	}{
		{"TestA", "", ""},
		{"TestA", "One", ""},
		{"TestA", "B01-two", ""},
		{"TestA", "Three", "the test has no such case"},
		{"TestB", "", "there is no such test"},
	} {
		if got := missing(source, data, tt.name, tt.sub); got != tt.want {
			t.Errorf("%s/%s: %q, want %q", tt.name, tt.sub, got, tt.want)
		}
	}
}
