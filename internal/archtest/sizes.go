package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
)

// The hard limits. What we aim at is far below: docs/ARCHITECTURE.md.
const (
	maxFunctionLines = 70 // from func to the closing brace, comments included
	maxFileLines     = 500
	maxTestLines     = 1000 // of a test file
	maxParameters    = 5
	maxNesting       = 4 // if, for, switch and select inside each other; else-if stays on its level
)

// maxRoomLines counts the lines of all product files of a room.
func maxRoomLines(dir string) int {
	if dir == "connector" {
		return 2200
	}
	return 1500
}

// maxNames counts exported constants, variables, types and functions; methods do not count.
func maxNames(dir string) int {
	switch dir {
	case "formats":
		return 60
	case "connector/journal", "connector/journal/record", "crypto/pki", "crypto/cms":
		return 45
	}
	return 30
}

// checkSizes holds functions, files and rooms to their limits. Generated files are exempt; in tests only the
// file's length counts, and may be twice as much, because a table of cases is long by nature.
func checkSizes(h *house) []violation {
	var out []violation
	for _, r := range h.rooms {
		total, names := 0, 0
		for _, s := range r.sources {
			limit := maxFileLines
			if s.test {
				limit = maxTestLines
			}
			if !s.generated && s.lines > limit {
				out = append(out, violation{path: s.path, subject: s.path, text: fmt.Sprintf("%d lines, at most %d", s.lines, limit)})
			}
		}
		for _, s := range r.product() {
			total += s.lines
			names += len(exportedNames(s))
			out = append(out, h.checkFunctions(s)...)
		}
		if limit := maxRoomLines(r.dir); total > limit {
			out = append(out, violation{path: r.dir, subject: r.dir + ":lines", text: fmt.Sprintf("%d lines of product code, at most %d", total, limit)})
		}
		if limit := maxNames(r.dir); names > limit {
			out = append(out, violation{path: r.dir, subject: r.dir + ":names", text: fmt.Sprintf("%d exported top-level names, at most %d", names, limit)})
		}
	}
	return out
}

func (h *house) checkFunctions(s *source) []violation {
	var out []violation
	for _, d := range s.syntax.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := functionName(f)
		if n := h.functionLines(f); n > maxFunctionLines {
			out = append(out, h.named(s, f, name, "%s has %d lines, at most %d", name, n, maxFunctionLines))
		}
		if n := f.Type.Params.NumFields(); n > maxParameters {
			out = append(out, h.named(s, f, name, "%s has %d parameters, at most %d", name, n, maxParameters))
		}
		if n := nesting(f); n > maxNesting {
			out = append(out, h.named(s, f, name, "%s nests %d deep, at most %d", name, n, maxNesting))
		}
	}
	return out
}

func (h *house) functionLines(f *ast.FuncDecl) int {
	return h.fset.Position(f.End()).Line - h.fset.Position(f.Type.Func).Line + 1
}

// functionName is "Visit" or "Courier.Visit".
func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return f.Name.Name
	}
	return receiver(f) + "." + f.Name.Name
}

// receiver is the name of the type that a method belongs to.
func receiver(f *ast.FuncDecl) string {
	t := f.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return "?"
		}
	}
}

// exportedNames lists a file's exported top-level names without methods.
func exportedNames(s *source) []*ast.Ident {
	var out []*ast.Ident
	add := func(i *ast.Ident) {
		if i.IsExported() {
			out = append(out, i)
		}
	}
	for _, d := range s.syntax.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				add(d.Name)
			}
		case *ast.GenDecl:
			if d.Tok == token.IMPORT {
				continue
			}
			for _, spec := range d.Specs {
				for _, i := range specNames(spec) {
					add(i)
				}
			}
		}
	}
	return out
}

func specNames(spec ast.Spec) []*ast.Ident {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		return []*ast.Ident{spec.Name}
	case *ast.ValueSpec:
		return spec.Names
	}
	return nil
}

// nesting is the deepest level of control statements in a function.
func nesting(f *ast.FuncDecl) int {
	deepest := 0
	if f.Body != nil {
		ast.Walk(level{deepest: &deepest}, f.Body)
	}
	return deepest
}

// level is an ast.Visitor that knows how deep it stands.
type level struct {
	depth   int
	deepest *int
}

// Visit goes one level down at every control statement.
func (l level) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.IfStmt:
		inner := l.down()
		for _, part := range []ast.Node{n.Init, n.Cond, n.Body} {
			if part != nil {
				ast.Walk(inner, part)
			}
		}
		switch n.Else.(type) {
		case nil:
		case *ast.IfStmt:
			ast.Walk(l, n.Else) // else-if is the same question asked on, not a deeper one
		default:
			ast.Walk(inner, n.Else)
		}
		return nil
	case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
		return l.down()
	}
	return l
}

func (l level) down() level {
	inner := level{depth: l.depth + 1, deepest: l.deepest}
	*l.deepest = max(*l.deepest, inner.depth)
	return inner
}
