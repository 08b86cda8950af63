package archtest

import (
	"go/ast"
	"go/build/constraint"
	"slices"
	"strings"

	"bankconnector/internal/archtest/list"
)

// The lists beside this file: tests that may skip, and tests that must have run and passed.
const (
	skipsFile    = "internal/archtest/skips.txt"
	requiredFile = "internal/archtest/required.txt"
)

// testTags are the build tags under which a target of the Makefile runs tests.
var testTags = []string{"linux", "amd64", "arm64", "race", "crash", "sim"}

// checkSkips wants no test that can leave itself out: no Skip, no build tag that nothing sets.
func checkSkips(h *house) []violation {
	allowed, err := list.Read(h.fsys, skipsFile)
	if err != nil {
		return []violation{{path: skipsFile, subject: skipsFile, text: err.Error()}}
	}
	var out []violation
	for r, s := range h.all() {
		if !s.test && r.dir != testkit {
			continue
		}
		out = append(out, h.checkTags(s)...)
		for _, d := range s.syntax.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && !slices.Contains(allowed, r.dir+" "+f.Name.Name) {
				out = append(out, h.skipCalls(s, f)...)
			}
		}
	}
	return out
}

func (h *house) skipCalls(s *source, f *ast.FuncDecl) []violation {
	testers := testerNames(f)
	var out []violation
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
			return true
		}
		if base, ok := sel.X.(*ast.Ident); ok && slices.Contains(testers, base.Name) {
			out = append(out, h.named(s, n, f.Name.Name, "%s may skip: fail with the command that installs what is missing, or list it in %s", f.Name.Name, skipsFile))
		}
		return true
	})
	return out
}

// testerNames lists what a function calls its *testing.T, in its own parameters and in those of its literals.
func testerNames(f *ast.FuncDecl) []string {
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		field, ok := n.(*ast.Field)
		if !ok {
			return true
		}
		t := field.Type
		if star, ok := t.(*ast.StarExpr); ok {
			t = star.X
		}
		sel, ok := t.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		base, ok := sel.X.(*ast.Ident)
		if ok && base.Name == "testing" {
			for _, name := range field.Names {
				out = append(out, name.Name)
			}
		}
		return true
	})
	return out
}

// checkTags wants a build constraint of a test to name only tags that some target sets.
func (h *house) checkTags(s *source) []violation {
	var out []violation
	for _, group := range s.syntax.Comments {
		for _, c := range group.List {
			if c.Pos() > s.syntax.Package || !constraint.IsGoBuild(c.Text) {
				continue
			}
			expr, err := constraint.Parse(c.Text)
			if err != nil {
				out = append(out, h.at(s, c, "%v", err))
				continue
			}
			expr.Eval(func(tag string) bool {
				if !slices.Contains(testTags, tag) {
					out = append(out, h.at(s, c, "no target of the Makefile sets the build tag %s, so these tests would never run", tag))
				}
				return true
			})
		}
	}
	return out
}

// checkRequired wants every test on the list of required ones to exist.
func checkRequired(h *house) []violation {
	required, err := list.Read(h.fsys, requiredFile)
	if err != nil {
		return []violation{{path: requiredFile, subject: requiredFile, text: err.Error()}}
	}
	var out []violation
	for _, want := range required {
		if !h.hasTest(want) {
			out = append(out, violation{path: requiredFile, subject: want, text: want + " does not exist"})
		}
	}
	return out
}

// hasTest looks for the function; whether a subtest of it exists shows only when it runs.
func (h *house) hasTest(want string) bool {
	dir, name, _ := strings.Cut(want, " ")
	name, _, _ = strings.Cut(name, "/")
	for r, s := range h.all() {
		if !s.test || r.dir != dir {
			continue
		}
		for _, d := range s.syntax.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == name {
				return true
			}
		}
	}
	return false
}
