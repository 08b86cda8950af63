package written

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

func TestVariables(t *testing.T) {
	const text = `package p
import "other/pkg"
var kept, gone, deep = 1, 2, [1]struct{ a []int }{}
func f() { gone = pkg.Value; deep[0].a[1]++; kept := 3; kept = 4; _ = kept }
`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "p.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := Variables("p", fset, []*ast.File{file})
	names := file.Decls[1].(*ast.GenDecl).Specs[0].(*ast.ValueSpec).Names
	for n, want := range []bool{false, true, true} {
		if got[names[n].Pos()] != want {
			t.Errorf("%s written: %t, want %t", names[n], !want, want)
		}
	}
	if len(got) != 2 {
		t.Errorf("%d variables written, want 2", len(got))
	}
}
