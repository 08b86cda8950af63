package archtest

import (
	"go/ast"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// checkCorpora wants no corpus that quietly became empty: every fuzz target has seeds, and every pattern or
// folder of testdata that a test names is there.
func checkCorpora(h *house) []violation {
	var out []violation
	for r, s := range h.all() {
		if !s.test {
			continue
		}
		for _, d := range s.syntax.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && strings.HasPrefix(f.Name.Name, "Fuzz") && !adds(f) && !h.exists(path.Join(r.dir, "testdata/fuzz", f.Name.Name, "*")) {
				out = append(out, h.named(s, f, f.Name.Name, "%s has no seed: neither f.Add nor testdata/fuzz/%s", f.Name.Name, f.Name.Name))
			}
		}
		out = append(out, h.patterns(r, s)...)
	}
	return out
}

// adds tells whether a fuzz target adds seeds, itself or by handing f to a function that does.
func adds(f *ast.FuncDecl) bool {
	if f.Type.Params.NumFields() != 1 || len(f.Type.Params.List[0].Names) != 1 {
		return true // not a fuzz target
	}
	name, found := f.Type.Params.List[0].Names[0].Name, false
	ast.Inspect(f.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Add" {
			base, ok := sel.X.(*ast.Ident)
			found = found || ok && base.Name == name
		}
		for _, a := range call.Args {
			if i, ok := a.(*ast.Ident); ok && i.Name == name {
				found = true
			}
		}
		return true
	})
	return found
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
