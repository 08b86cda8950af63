package archtest

import (
	"go/ast"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// checkCorpora wants no corpus that quietly became empty: every fuzz target keeps its own beside it, whatever
// seeds its code adds, and every pattern or folder of testdata that a test names is there.
func checkCorpora(h *house) []violation {
	var out []violation
	for r, s := range h.all() {
		if !s.test {
			continue
		}
		for _, d := range s.syntax.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && target(f) && !h.exists(path.Join(r.dir, "testdata/fuzz", f.Name.Name, "*")) {
				out = append(out, h.named(s, f, f.Name.Name, "%s has no corpus: nothing is in testdata/fuzz/%s", f.Name.Name, f.Name.Name))
			}
		}
		out = append(out, h.patterns(r, s)...)
	}
	return out
}

// target tells whether a function is a fuzz target: it takes one *testing.F.
func target(f *ast.FuncDecl) bool {
	return strings.HasPrefix(f.Name.Name, "Fuzz") && f.Recv == nil && f.Type.Params.NumFields() == 1
}

// patterns checks the glob patterns into testdata that stand as literals in a test.
func (h *house) patterns(r *room, s *source) []violation {
	var out []violation
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if err != nil || !strings.HasPrefix(text, "testdata/") || !strings.ContainsRune(text, '*') {
			return true
		}
		if !h.exists(path.Join(r.dir, text)) {
			out = append(out, h.at(s, lit, "%s matches no file", text))
		}
		return true
	})
	return out
}

func (h *house) exists(pattern string) bool {
	found, err := fs.Glob(h.fsys, pattern)
	return err == nil && len(found) > 0
}
