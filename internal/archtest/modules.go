package archtest

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

const (
	moduleFile = "go.mod"
	reasonFile = "docs/DEPENDENCIES.md"
)

var (
	required  = regexp.MustCompile(`(?m)^(?:require\s+|\t)([a-z0-9.-]+\.[a-z]+/\S+) v\S+`)
	explained = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [^|]+ \\| [^|]+ \\|")
)

// checkModules wants a line with licence and reason for every module that our code imports, and no line beyond.
func checkModules(h *house) []violation {
	gomod, err := fs.ReadFile(h.fsys, moduleFile)
	if err != nil {
		return []violation{{path: moduleFile, subject: moduleFile, text: err.Error()}}
	}
	reasons, err := fs.ReadFile(h.fsys, reasonFile)
	if err != nil {
		return []violation{{path: reasonFile, subject: reasonFile, text: err.Error()}}
	}
	used, listed := h.direct(firsts(required, gomod)), firsts(explained, reasons)
	var out []violation
	for _, m := range used {
		if !slices.Contains(listed, m) {
			out = append(out, violation{path: reasonFile, subject: m, text: m + " is imported and has no line with its reason"})
		}
	}
	for _, m := range listed {
		if !slices.Contains(used, m) {
			out = append(out, violation{path: reasonFile, subject: m, text: m + " is explained and nothing imports it"})
		}
	}
	return out
}

// direct lists the modules of go.mod that some file imports a package of.
func (h *house) direct(modules []string) []string {
	var out []string
	for _, s := range h.all() {
		for _, i := range s.imports() {
			m := owner(i.path, modules)
			if m != "" && !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	slices.Sort(out)
	return out
}

// owner is the longest module that a package can belong to.
func owner(pkg string, modules []string) string {
	best := ""
	for _, m := range modules {
		if under(pkg, m) && len(m) > len(best) {
			best = m
		}
	}
	return best
}

// firsts lists what the first group of a pattern matched.
func firsts(pattern *regexp.Regexp, text []byte) []string {
	var out []string
	for _, m := range pattern.FindAllSubmatch(text, -1) {
		out = append(out, strings.TrimSpace(string(m[1])))
	}
	return out
}
