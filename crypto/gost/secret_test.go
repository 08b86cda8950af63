package gost

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// secretFunctions are all that a private key or a nonce passes through between its
// octets and the signature. %s stands for each field.
var secretFunctions = []string{
	"%s.mul", "%s.square", "%s.add", "%s.sub", "%s.double", "%s.triple", "%s.negate", "%s.choose",
	"%s.set", "%s.number", "%s.invert", "%s.squares", "%sOne", "%sPrime", "%sPick",
	"%sCurve.multiply", "%sComplete.add", "%sComplete.addEasy",
	"order.montgomery", "order.once", "order.reduce", "order.multiply", "order.add", "order.wide",
	"number.little", "number.big", "readLittle", "odd", "comb.window", "equal",
}

// publicNames are the only values a condition, a loop or an index of these functions may
// depend on: counters, sizes and which curve it is. A digit, a mask, a carry or a scalar
// is not among them.
var publicNames = map[string]bool{
	"i": true, "j": true, "n": true, "at": true, "top": true, "size": true, "words": true, "easy": true,
	"line": true, "p": true, "table": true, "out": true, "full": true, "len": true,
	"combWidth": true, "combLine": true, "combDigits256": true, "combDigits512": true,
}

// TestSecretsSteerNothing reads the sources: where nothing secret decides a branch, a loop
// or an address, the instructions and the addresses of a signature are the same for all
// keys. What is left is that the processor's multiplication takes one time for all values,
// and that the compiler makes no branch of the masks, as it does not today.
func TestSecretsSteerNothing(t *testing.T) {
	found := map[string]bool{}
	files := token.NewFileSet()
	for _, name := range []string{
		"a256.go", "b256.go", "c256.go", "a512.go", "b512.go", "order.go", "number.go", "scalar.go",
	} {
		file, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		field := strings.TrimSuffix(name, ".go")
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !isSecret(f, field) {
				continue
			}
			found[functionName(f)] = true
			for _, secret := range steering(f.Body) {
				t.Errorf("%s: %s depends on %s", files.Position(secret.Pos()), functionName(f), secret.Name)
			}
		}
	}
	for _, name := range secretFunctions {
		for _, field := range []string{"a256", "b256", "c256", "a512", "b512"} {
			if name := strings.ReplaceAll(name, "%s", field); !found[name] {
				t.Errorf("%s is gone: this test must know where secrets go now", name)
			}
		}
	}
}

func functionName(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	return receiver.(*ast.Ident).Name + "." + f.Name.Name
}

func isSecret(f *ast.FuncDecl, field string) bool {
	for _, name := range secretFunctions {
		if functionName(f) == strings.ReplaceAll(name, "%s", field) {
			return true
		}
	}
	return false
}

// steering lists the names that are not public in the conditions, loops and indices of
// a function, and every short-circuit.
func steering(body *ast.BlockStmt) []*ast.Ident {
	var out []*ast.Ident
	check := func(e ast.Expr) {
		if e != nil {
			out = append(out, privateNames(e)...)
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			check(n.Cond)
		case *ast.ForStmt:
			check(n.Cond)
		case *ast.RangeStmt:
			if _, array := n.X.(*ast.Ident); !array {
				check(n.X)
			}
		case *ast.SwitchStmt:
			out = append(out, &ast.Ident{NamePos: n.Pos(), Name: "a switch"})
		case *ast.IndexExpr:
			check(n.Index)
		case *ast.SliceExpr:
			check(n.Low)
			check(n.High)
		case *ast.BinaryExpr:
			if n.Op == token.LAND || n.Op == token.LOR {
				out = append(out, &ast.Ident{NamePos: n.Pos(), Name: "a short-circuit"})
			}
		}
		return true
	})
	return out
}

func privateNames(e ast.Expr) []*ast.Ident {
	var out []*ast.Ident
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if !publicNames[n.Sel.Name] {
				out = append(out, n.Sel)
			}
			return false
		case *ast.Ident:
			if !publicNames[n.Name] {
				out = append(out, n)
			}
		}
		return true
	})
	return out
}

// TestSteeringIsSeen proves the reader on code that leaks.
func TestSteeringIsSeen(t *testing.T) {
	for name, body := range map[string]string{
		"a branch":         "if k[0] == 1 { x++ }",
		"an index":         "x = table[digit]",
		"a loop":           "for digit > 0 { digit-- }",
		"a counted loop":   "for range int(k) { x++ }",
		"a slice":          "x = table[digit:]",
		"a switch":         "switch { case true: }",
		"a short-circuit":  "x = a && b",
		"a field's branch": "if s.secret { x++ }",
	} {
		t.Run(name, func(t *testing.T) {
			file, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc f() {\n"+body+"\n}", 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(steering(file.Decls[0].(*ast.FuncDecl).Body)) == 0 {
				t.Error("not seen")
			}
		})
	}
}
