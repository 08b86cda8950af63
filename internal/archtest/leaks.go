package archtest

import (
	"go/ast"
	"slices"
)

// checkLeaks wants every room that has tests to look for goroutines left behind when they are over: a goroutine that
// outlives a test is one that a daemon gathers, visit by visit.
func checkLeaks(h *house) []violation {
	looked := map[*room]bool{}
	var tested []*room
	for r, s := range h.all() {
		if !s.test {
			continue
		}
		if !slices.Contains(tested, r) {
			tested = append(tested, r)
		}
		looked[r] = looked[r] || looks(s.syntax)
	}
	var out []violation
	for _, r := range tested {
		if !looked[r] {
			out = append(out, violation{path: r.dir, subject: r.dir, text: "nothing looks for goroutines that its tests leave behind: " +
				"func TestMain(m *testing.M) { goleak.VerifyTestMain(m) } in one of its _test.go files"})
		}
	}
	return out
}

// looks tells whether a file has a TestMain that calls goleak.
func looks(f *ast.File) bool {
	found := false
	for _, d := range f.Decls {
		main, ok := d.(*ast.FuncDecl)
		if !ok || main.Name.Name != "TestMain" || main.Body == nil {
			continue
		}
		ast.Inspect(main.Body, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "VerifyTestMain" {
				base, ok := sel.X.(*ast.Ident)
				found = found || ok && base.Name == "goleak"
			}
			return !found
		})
	}
	return found
}
