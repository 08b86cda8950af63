// Package written tells which package-level variables the code of a package writes to. It type-checks the package by
// itself, without its imports, and opens no other room.
package written

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"slices"
)

// Variables finds the package-level variables that some of the files assign to, as a whole or in part, by the place
// of their declaration. Imports are not followed: what a name inside the package means is clear without them.
func Variables(dir string, fset *token.FileSet, files []*ast.File) map[token.Pos]bool {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: blind{}, Error: func(error) {}, IgnoreFuncBodies: false}
	pkg, _ := config.Check(dir, fset, files, info) // errors of unknown imports are expected
	out := map[token.Pos]bool{}
	mark := func(x ast.Expr) {
		if v, ok := info.Uses[root(x)].(*types.Var); ok && v.Parent() == pkg.Scope() {
			out[v.Pos()] = true
		}
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			for _, x := range targets(n) {
				mark(x)
			}
			return true
		})
	}
	return out
}

// targets lists what a statement writes to.
func targets(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return []ast.Expr{n.Key, n.Value}
		}
	case *ast.CallExpr:
		f, ok := n.Fun.(*ast.Ident)
		if ok && len(n.Args) > 0 && slices.Contains([]string{"delete", "clear", "copy"}, f.Name) {
			return n.Args[:1]
		}
	}
	return nil
}

// root is the variable that an expression like table[i].field begins with, nil if there is none.
func root(x ast.Expr) *ast.Ident {
	for {
		switch e := x.(type) {
		case *ast.Ident:
			return e
		case *ast.IndexExpr:
			x = e.X
		case *ast.SelectorExpr:
			x = e.X
		case *ast.StarExpr:
			x = e.X
		case *ast.ParenExpr:
			x = e.X
		case *ast.SliceExpr:
			x = e.X
		default:
			return nil
		}
	}
}

// blind is an importer that knows every package and nothing in it.
type blind struct{}

// Import returns an empty package of that path.
func (blind) Import(p string) (*types.Package, error) {
	pkg := types.NewPackage(p, path.Base(p))
	pkg.MarkComplete()
	return pkg, nil
}
