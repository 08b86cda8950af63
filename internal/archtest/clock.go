package archtest

import (
	"go/ast"
	"slices"
	"strings"
)

// ambient names what product code takes from its caller instead of from the air, each with the reason.
var ambient = map[string]string{
	"time.Now":           "the clock comes as a field",
	"time.Since":         "the clock comes as a field",
	"time.Until":         "the clock comes as a field",
	"time.Sleep":         "wait with a timer and the context",
	"context.Background": "contexts come from main",
	"context.TODO":       "contexts come from main",
}

// airy tells the rooms in which the clock and the first context are made, or which are not product code.
func airy(dir string) bool {
	switch home(dir) {
	case "connector/install", "bench", testkit:
		return true
	case "connector":
		return dir == "connector" // its inner rooms take the clock from it like everybody
	}
	return strings.HasPrefix(dir, "internal/archtest")
}

// checkClock wants time and contexts handed down from main.
func checkClock(h *house) []violation {
	var out []violation
	for r, s := range h.all() {
		if s.test || s.generated || airy(r.dir) {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			name := s.qualified(n)
			if why, ok := ambient[name]; ok {
				out = append(out, h.named(s, n, name, "%s: %s", name, why))
			}
			return true
		})
	}
	return out
}

// qualified is "time.Now" where n names something of an imported package, "" elsewhere.
func (s *source) qualified(n ast.Node) string {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	base, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	all := s.imports()
	i := slices.IndexFunc(all, func(i imported) bool { return i.name == base.Name })
	if i < 0 {
		return ""
	}
	return all[i].path + "." + sel.Sel.Name
}
