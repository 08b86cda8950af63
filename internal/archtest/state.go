package archtest

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"

	"bankconnector/internal/archtest/written"
)

// checkState wants no init and no variable that lives as long as the program and can change. Allowed are
// sentinel errors, embedded files, values compiled once (a regular expression, a template), and tables: composite
// values that no other package can reach and that nothing in their own package ever writes.
func checkState(h *house) []violation {
	var out []violation
	for _, r := range h.rooms {
		changed := written.Variables(r.dir, h.fset, r.syntax())
		for _, s := range r.sources {
			if s.generated {
				continue
			}
			for _, d := range s.syntax.Decls {
				out = append(out, h.checkDeclaration(s, d, changed)...)
			}
		}
	}
	return out
}

func (h *house) checkDeclaration(s *source, d ast.Decl, changed map[token.Pos]bool) []violation {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil && d.Name.Name == "init" {
			return []violation{h.named(s, d, "init", "init runs unasked: call a function from main")}
		}
	case *ast.GenDecl:
		if d.Tok == token.VAR && !s.test {
			return h.checkVariables(s, d, changed)
		}
	}
	return nil
}

func (h *house) checkVariables(s *source, d *ast.GenDecl, changed map[token.Pos]bool) []violation {
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
			if text := s.variableFault(name, v.Type, value, changed[name.Pos()]); text != "" {
				out = append(out, h.named(s, name, name.Name, "package variable %s %s", name.Name, text))
			}
		}
	}
	return out
}

// variableFault says what is wrong with a package-level variable, "" if nothing is.
func (s *source) variableFault(name *ast.Ident, typ, value ast.Expr, changed bool) string {
	switch {
	case changed:
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

// syntax gives the room's files that are no tests.
func (r *room) syntax() []*ast.File {
	var out []*ast.File
	for _, s := range r.sources {
		if !s.test {
			out = append(out, s.syntax)
		}
	}
	return out
}
