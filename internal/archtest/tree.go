// Package archtest holds the rules of the house and fails when the source tree breaks one.
//
// A rule is a function over the parsed tree that returns every place where it is broken; the tests of this
// package run all of them over the repository, report all violations at once, and prove on small made-up trees
// that each rule does fail. Permitted exceptions stand in exceptions.go, each with its reason.
//
// It builds nothing, needs no tool besides the standard library, knows nothing of what the program does, and
// opens no other room. Nothing may import it; its inner rooms are list, which reads the lists of tests, and gate, the
// command behind the tests.
package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"iter"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// module is the import path of the repository's root.
const module = "bankconnector"

// house is the source tree as the rules see it.
type house struct {
	fsys  fs.FS
	fset  *token.FileSet
	rooms []*room // by directory
	files []string
}

// room is one directory with Go files.
type room struct {
	dir     string // slash path from the root: "connector/flow"
	sources []*source
}

// source is one Go file.
type source struct {
	path      string
	syntax    *ast.File
	lines     int
	test      bool // *_test.go
	generated bool // carries the standard "Code generated … DO NOT EDIT." header
	ignored   bool // has the build tag ignore: a script for go run, part of no package
}

// violation is one place where a rule is broken.
type violation struct {
	path    string
	line    int    // 0 where the whole file or folder is meant
	subject string // what an exception names: a path, or path:Name
	text    string
}

// String gives the place in the form that editors jump to, then what is wrong there.
func (v violation) String() string {
	if v.line == 0 {
		return v.path + ": " + v.text
	}
	return fmt.Sprintf("%s:%d: %s", v.path, v.line, v.text)
}

var (
	generatedHeader = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)
	ignoreTag       = regexp.MustCompile(`(?m)^//go:build ignore$`)
)

// load reads every file name below the root and parses every Go file outside testdata.
func load(fsys fs.FS) (*house, error) {
	h := &house{fsys: fsys, fset: token.NewFileSet()}
	rooms := map[string]*room{}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if outside(p) {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || p == ".git" { // a file in a linked work tree
			return nil
		}
		h.files = append(h.files, p)
		if path.Ext(p) != ".go" || hidden(p) {
			return nil
		}
		s, err := h.parse(p)
		if err != nil || s.ignored {
			return err
		}
		dir := path.Dir(p)
		if rooms[dir] == nil {
			rooms[dir] = &room{dir: dir}
			h.rooms = append(h.rooms, rooms[dir])
		}
		rooms[dir].sources = append(rooms[dir].sources, s)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the tree: %w", err)
	}
	slices.SortFunc(h.rooms, func(a, b *room) int { return strings.Compare(a.dir, b.dir) })
	return h, nil
}

func (h *house) parse(p string) (*source, error) {
	text, err := fs.ReadFile(h.fsys, p)
	if err != nil {
		return nil, err
	}
	syntax, err := parser.ParseFile(h.fset, p, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &source{
		path:      p,
		syntax:    syntax,
		lines:     bytes.Count(text, []byte("\n")),
		test:      strings.HasSuffix(p, "_test.go"),
		generated: generatedHeader.Match(text),
		ignored:   ignoreTag.Match(text),
	}, nil
}

// outside tells the folders that are not part of the source: version control and what make builds.
func outside(dir string) bool {
	switch dir {
	case ".git", ".tools", "bin", "dist", "demo":
		return true
	}
	return false
}

// hidden tells whether the go command would overlook a file because of its folder.
func hidden(p string) bool {
	for part := range strings.SplitSeq(path.Dir(p), "/") {
		if part == "testdata" || len(part) > 1 && (part[0] == '.' || part[0] == '_') {
			return true
		}
	}
	return false
}

// all goes through every Go file of every room.
func (h *house) all() iter.Seq2[*room, *source] {
	return func(yield func(*room, *source) bool) {
		for _, r := range h.rooms {
			for _, s := range r.sources {
				if !yield(r, s) {
					return
				}
			}
		}
	}
}

// product lists the room's files that are neither tests nor generated.
func (r *room) product() []*source {
	var out []*source
	for _, s := range r.sources {
		if !s.test && !s.generated {
			out = append(out, s)
		}
	}
	return out
}

func (h *house) line(n ast.Node) int { return h.fset.Position(n.Pos()).Line }

// at makes a violation whose exception would name the whole file.
func (h *house) at(s *source, n ast.Node, format string, args ...any) violation {
	return violation{path: s.path, line: h.line(n), subject: s.path, text: fmt.Sprintf(format, args...)}
}

// named makes a violation whose exception would name one thing in the room: "connector/flow:Visit".
func (h *house) named(s *source, n ast.Node, name, format string, args ...any) violation {
	v := h.at(s, n, format, args...)
	v.subject = path.Dir(s.path) + ":" + name
	return v
}

func (s *source) imports() []imported {
	var out []imported
	for _, i := range s.syntax.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue // the parser has refused such a file already
		}
		name := path.Base(p)
		if i.Name != nil {
			name = i.Name.Name
		}
		out = append(out, imported{spec: i, path: p, name: name})
	}
	return out
}

// imported is one import of a file, with the name by which the file knows it.
type imported struct {
	spec *ast.ImportSpec
	path string
	name string
}
