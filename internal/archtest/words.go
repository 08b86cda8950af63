package archtest

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
)

// foreign words belong to the workplace where the code was written, not to the product. Each is cut in two here,
// so that this file does not hold what it looks for.
var foreign = []string{
	"/wo" + "rk/", "/tmp" + "/gl", "/tmp" + "/bash_jobs", "fa" + "rm-", "sub" + "agent", "issues" + " show",
	"cla" + "ude", "anth" + "ropic", "large lang" + "uage", "../sha" + "red", "before" + "-stop",
	"sign/arch" + "itecture.md", "inter" + "faces.md", "reli" + "ability.md", "domain/for" + "mats.md",
	"design/cry" + "pto.md", "design/per" + "formance.md", "design/depen" + "dencies.md", "style/mod" + "els.md",
	"common" + ".md", "design/pe" + "ers.md",
}

// checkWords wants every file to be a text, testdata aside, and no trace of a workplace in any of them.
func checkWords(h *house) []violation {
	var out []violation
	for _, p := range h.files {
		text, err := fs.ReadFile(h.fsys, p)
		if err != nil {
			out = append(out, violation{path: p, subject: p, text: err.Error()})
			continue
		}
		if bytes.IndexByte(text, 0) >= 0 {
			if !hidden(p) {
				out = append(out, violation{path: p, subject: p, text: "is no text: what is built does not belong into the repository, what a test reads belongs into testdata"})
			}
			continue
		}
		for n, line := range strings.Split(string(text), "\n") {
			low := strings.ToLower(line)
			for _, w := range foreign {
				if strings.Contains(low, w) {
					out = append(out, violation{path: p, line: n + 1, subject: p, text: fmt.Sprintf("%q is not a word of this project", w)})
				}
			}
		}
	}
	return out
}
