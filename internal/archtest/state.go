package archtest

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"slices"
	"strings"
)

// checkState wants no init and no variable that lives as long as the program and can change. Allowed are
// sentinel errors, embedded files, values compiled once (a regular expression, a template), and tables: composite
// values that no other package can reach and that nothing in their own package ever writes.
func checkState(h *house) []violation {
	var out []violation
	for _, r := range h.rooms {
		written := writtenVariables(h, r)
		for _, s := range r.sources {
			if s.generated {
				continue
			}
			for _, d := range s.syntax.Decls {
				out = append(out, h.checkDeclaration(s, d, written)...)
			}
		}
	}
	return out
}

func (h *house) checkDeclaration(s *source, d ast.Decl, written map[token.Pos]bool) []violation {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.Name == "init" {
			return []violation{h.named(s, d, "init", "init runs unasked: call a function from main")}
		}
	case *ast.GenDecl:
		if d.Tok == token.VAR && !s.test {
			return h.checkVariables(s, d, written)
		}
	}
	return nil
}

func (h *house) checkVariables(s *source, d *ast.GenDecl, written map[token.Pos]bool) []violation {
	var out []violation
	for _, spec := range d.Specs {
		v := spec.(*ast.ValueSpec)
		if embedded(d, v) {
			continue
		}
		for n, name := range v.Names {
			var value ast.Expr
			if n < len(v.Values) {
				value = v.Values[n]
			}
			if name.Name == "_" {
				continue
			}
			if text := s.variableFault(name, v.Type, value, written[name.Pos()]); text != "" {
				out = append(out, h.named(s, name, name.Name, "package variable %s %s", name.Name, text))
			}
		}
	}
	return out
}

// variableFault says what is wrong with a package-level variable, "" if nothing is.
func (s *source) variableFault(name *ast.Ident, typ, value ast.Expr, written bool) string {
	switch {
	case written:
		return "is written: keep it in a value that somebody owns"
	case guarded(typ) || guarded(value):
		return "is shared state: keep it in a value that somebody owns"
	}
	call, isCall := value.(*ast.CallExpr)
	switch {
	case isCall && s.compiled(call):
		return ""
	case isCall && !conversion(call):
		return "is computed at start, which is an init by another name"
	case name.IsExported() && composite(typ, value):
		return "can be changed by every importer: give out a copy by a function"
	}
	return ""
}

// compiled tells the calls that make a constant which the language has no literal for.
func (s *source) compiled(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	base, ok := sel.X.(*ast.Ident)
	if !ok {
		return s.nested(sel.X)
	}
	names := map[string][]string{
		"errors":   {"New"},
		"fmt":      {"Errorf"},
		"regexp":   {"MustCompile"},
		"template": {"Must", "New"},
		"strings":  {"NewReplacer"},
		"sync":     {"OnceValue", "OnceValues"},
		"time":     {"FixedZone", "Date"},
		"big":      {"NewInt"},
		"language": {"MustParse", "NewMatcher"},
	}
	return slices.Contains(names[base.Name], sel.Sel.Name)
}

// nested follows template.Must(template.New("x").Parse(…)) down to its first call.
func (s *source) nested(x ast.Expr) bool {
	call, ok := x.(*ast.CallExpr)
	return ok && s.compiled(call)
}

// conversion tells []byte("…") and the like, which compute nothing.
func conversion(call *ast.CallExpr) bool {
	switch call.Fun.(type) {
	case *ast.ArrayType, *ast.MapType, *ast.InterfaceType, *ast.ParenExpr:
		return true
	}
	return false
}

// guarded tells types that exist to be changed: locks, pools, atomics, channels.
func guarded(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.ChanType:
		return true
	case *ast.StarExpr:
		return guarded(x.X)
	case *ast.UnaryExpr:
		return guarded(x.X)
	case *ast.CompositeLit:
		return guarded(x.Type)
	case *ast.IndexExpr:
		return guarded(x.X)
	case *ast.CallExpr:
		f, ok := x.Fun.(*ast.Ident)
		return ok && (f.Name == "make" || f.Name == "new")
	case *ast.SelectorExpr:
		base, ok := x.X.(*ast.Ident)
		return ok && (base.Name == "sync" || base.Name == "atomic")
	}
	return false
}

// composite tells values whose parts can be set from outside.
func composite(typ, value ast.Expr) bool {
	for _, x := range []ast.Expr{typ, value} {
		switch x := x.(type) {
		case *ast.CompositeLit, *ast.ArrayType, *ast.MapType, *ast.StructType, *ast.StarExpr, *ast.CallExpr:
			return true
		case *ast.UnaryExpr:
			return x.Op == token.AND
		}
	}
	return false
}

func embedded(d *ast.GenDecl, v *ast.ValueSpec) bool {
	for _, c := range []*ast.CommentGroup{d.Doc, v.Doc} {
		if c == nil {
			continue
		}
		for _, line := range c.List {
			if strings.HasPrefix(line.Text, "//go:embed ") {
				return true
			}
		}
	}
	return false
}

// writtenVariables finds the package-level variables that some product file of the room assigns to, as a whole
// or in part. Imports are not followed: what a name inside the package means is clear without them.
func writtenVariables(h *house, r *room) map[token.Pos]bool {
	var files []*ast.File
	for _, s := range r.sources {
		if !s.test {
			files = append(files, s.syntax)
		}
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: blind{}, Error: func(error) {}, IgnoreFuncBodies: false}
	pkg, _ := config.Check(r.dir, h.fset, files, info) // errors of unknown imports are expected
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
