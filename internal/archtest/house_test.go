package archtest

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestHouse runs every rule over the repository: go test ./internal/archtest -run TestHouse/doors.
func TestHouse(t *testing.T) {
	h, err := load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(h.rooms) < 10 {
		t.Fatalf("only %d rooms found: the tree was not read", len(h.rooms))
	}
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			for _, v := range r.broken(h, exceptions) {
				t.Error(v)
			}
		})
	}
}

// TestExceptions wants every exception to name a rule that exists.
func TestExceptions(t *testing.T) {
	for _, e := range exceptions {
		if !slices.ContainsFunc(rules, func(r rule) bool { return r.name == e.rule }) {
			t.Errorf("%s: no rule is called %q", e.subject, e.rule)
		}
	}
}

func find(t *testing.T, name string) rule {
	t.Helper()
	i := slices.IndexFunc(rules, func(r rule) bool { return r.name == name })
	if i < 0 {
		t.Fatalf("no rule is called %q", name)
	}
	return rules[i]
}

// tree makes a repository from pairs of path and text; the lists that the rules read are always there.
func tree(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{
		skipsFile:    {Data: []byte("# none\n")},
		requiredFile: {Data: []byte("# none\n")},
	}
	for p, text := range files {
		out[p] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func brokenIn(t *testing.T, rule string, files map[string]string) []string {
	t.Helper()
	h, err := load(tree(files))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, v := range find(t, rule).broken(h, nil) {
		out = append(out, v.String())
	}
	return out
}

// wants compares violations with the beginnings that are expected of them, in order.
func wants(t *testing.T, got []string, want ...string) {
	t.Helper()
	same := len(got) == len(want)
	for n := 0; same && n < len(got); n++ {
		same = strings.Contains(got[n], want[n])
	}
	if !same {
		t.Errorf("violations:\n  %s\nwant one each with:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
