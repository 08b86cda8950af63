package archtest

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// vague names say nothing of what is inside.
var vague = []string{"util", "utils", "common", "helper", "helpers", "types", "models", "manager", "misc", "base", "shared"}

var oneWord = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// checkNames wants files and rooms named by one word that says what they hold.
func checkNames(h *house) []violation {
	var out []violation
	for _, r := range h.rooms {
		if slices.Contains(vague, path.Base(r.dir)) {
			out = append(out, violation{path: r.dir, subject: r.dir, text: "a room is named by what it holds"})
		}
		for _, s := range r.sources {
			word := strings.TrimSuffix(strings.TrimSuffix(path.Base(s.path), ".go"), "_test")
			switch {
			case !oneWord.MatchString(word):
				out = append(out, violation{path: s.path, subject: s.path, text: "a file is named by one word in lower case"})
			case slices.Contains(vague, word):
				out = append(out, violation{path: s.path, subject: s.path, text: "the name says nothing of what is inside"})
			}
		}
	}
	return out
}
