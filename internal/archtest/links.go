package archtest

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
)

var link = regexp.MustCompile(`\]\(([^)\s#]+)[^)]*\)`)

// checkLinks wants every relative link of a text for people to lead to something.
func checkLinks(h *house) []violation {
	var out []violation
	for _, p := range h.files {
		if path.Ext(p) != ".md" || hidden(p) {
			continue
		}
		text, err := fs.ReadFile(h.fsys, p)
		if err != nil {
			out = append(out, violation{path: p, subject: p, text: err.Error()})
			continue
		}
		for _, to := range firsts(link, text) {
			if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
				continue
			}
			if _, err := fs.Stat(h.fsys, path.Join(path.Dir(p), to)); err != nil {
				out = append(out, violation{path: p, subject: p, text: "the link to " + to + " leads nowhere"})
			}
		}
	}
	return out
}
