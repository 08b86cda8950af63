package archtest

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// checkComments wants a package comment in every room and a doc comment on every exported name.
func checkComments(h *house) []violation {
	var out []violation
	for _, r := range h.rooms {
		out = append(out, packageComment(r)...)
		for _, s := range r.product() {
			for _, d := range s.syntax.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					out = append(out, h.functionComment(s, d)...)
				case *ast.GenDecl:
					out = append(out, h.groupComments(s, d)...)
				}
			}
		}
	}
	return out
}

// packageComment wants the comment in exactly one product file, so that it is read as one text.
func packageComment(r *room) []violation {
	var found []string
	for _, s := range r.product() {
		if s.syntax.Doc == nil {
			continue
		}
		found = append(found, s.path)
		want := "Package " + s.syntax.Name.Name
		if s.syntax.Name.Name == "main" {
			want = "Command "
		}
		if text := s.syntax.Doc.Text(); !strings.HasPrefix(text, want) {
			return []violation{{path: s.path, subject: r.dir, text: "the package comment must begin with " + want}}
		}
	}
	switch len(found) {
	case 1:
		return nil
	case 0:
		if len(r.product()) == 0 {
			return nil // tests only
		}
		return []violation{{path: r.dir, subject: r.dir, text: "no package comment: say what it is, what it does not do, whom it may call"}}
	}
	return []violation{{path: r.dir, subject: r.dir, text: "more than one package comment: " + strings.Join(found, ", ")}}
}

// wellKnown methods say all by their name and signature.
var wellKnown = []string{
	"Error", "String", "Unwrap", "Is", "As", "Len", "Less", "Swap", "Read", "Write", "Close", "ServeHTTP",
	"MarshalJSON", "UnmarshalJSON", "MarshalText", "UnmarshalText", "LogValue", "Format",
}

func (h *house) functionComment(s *source, f *ast.FuncDecl) []violation {
	if !f.Name.IsExported() || documented(f.Doc) {
		return nil
	}
	if f.Recv != nil && (!ast.IsExported(receiver(f)) || slices.Contains(wellKnown, f.Name.Name)) {
		return nil
	}
	name := functionName(f)
	return []violation{h.named(s, f, name, "%s has no doc comment", name)}
}

// groupComments accepts a comment over the group, over the line, or for constants and variables behind it.
func (h *house) groupComments(s *source, d *ast.GenDecl) []violation {
	if d.Tok == token.IMPORT {
		return nil
	}
	var out []violation
	for _, spec := range d.Specs {
		own := false
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			own = documented(spec.Doc) || !d.Lparen.IsValid() && documented(d.Doc)
		case *ast.ValueSpec:
			own = documented(spec.Doc) || documented(spec.Comment) || documented(d.Doc)
		}
		for _, i := range specNames(spec) {
			if i.IsExported() && !own {
				out = append(out, h.named(s, i, i.Name, "%s has no doc comment", i.Name))
			}
		}
	}
	return out
}

func documented(c *ast.CommentGroup) bool { return c != nil && strings.TrimSpace(c.Text()) != "" }
