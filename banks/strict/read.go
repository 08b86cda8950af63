package strict

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// File is one configuration file as it was read: where each key stands, and what is wrong.
type File struct {
	name     string
	nodes    map[string]*yaml.Node // path of a key -> where its value stands
	problems Problems
	flaws    map[*yaml.Node]int // a value that is refused as it stands -> its problem
}

// Read reads a file's text into the struct that into points to. How a struct says what is allowed, and what is
// refused whatever it says, stands at banks.Decode. Further problems can be told afterwards, by the paths of keys.
func Read(name string, data []byte, into any) *File {
	f := &File{name: name, nodes: map[string]*yaml.Node{}}
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() || target.Elem().Kind() != reflect.Struct {
		f.problems = Problems{{File: name, Text: fmt.Sprintf("cannot decode into %T: a pointer to a struct is needed", into)}}
		return f
	}
	root, t := parse(name, data)
	f.problems, f.flaws = t.problems, t.flaws
	if root != nil {
		f.value(root, target.Elem(), "", rules{})
	}
	return f
}

// Problems returns what was found so far.
func (f *File) Problems() Problems { return f.problems }

// Told reports whether a problem at this key or inside it was found already: what is said about a whole with a broken
// part would only confuse.
func (f *File) Told(path string) bool {
	for _, p := range f.problems {
		if rest, below := strings.CutPrefix(p.Path, path); below && (rest == "" || path == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// Tell notes a problem at the key that its path names, or at the nearest one around it that the file has.
func (f *File) Tell(path, format string, args ...any) {
	if len(f.problems) < maxProblems {
		p := f.At(path)
		p.Text = fmt.Sprintf(format, args...)
		f.problems = append(f.problems, p)
	}
}

// At returns a problem without text at the place of a key.
func (f *File) At(path string) Problem {
	p := Problem{File: f.name, Path: path}
	for at := path; ; at = at[:max(strings.LastIndexAny(at, ".["), 0)] {
		if n := f.nodes[at]; n != nil {
			p.Line, p.Column = n.Line, n.Column
			return p
		}
		if at == "" {
			return p
		}
	}
}

// value reads node n, nil when the file does not have the key, into v.
func (f *File) value(n *yaml.Node, v reflect.Value, path string, rule rules) {
	if n != nil {
		f.nodes[path] = n
		if i, flawed := f.flaws[n]; flawed {
			f.problems[i].Path = path
			if n.Anchor == "" { // an anchored value can still be read for what else is wrong in it
				return
			}
		}
		if n.Tag == "!!null" && n.Kind == yaml.ScalarNode {
			f.Tell(path, "has no value; give it one or delete the key")
			return
		}
	}
	if v.Kind() == reflect.Pointer {
		if n == nil {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	short, textual := v.Addr().Interface().(encoding.TextUnmarshaler)
	isTime := v.Type() == reflect.TypeFor[time.Time]()
	switch {
	case isTime, textual && (n == nil || n.Kind == yaml.ScalarNode) && v.Kind() != reflect.Struct:
		f.scalar(n, v, path, rule)
	case textual && n != nil && n.Kind == yaml.ScalarNode:
		if err := short.UnmarshalText([]byte(n.Value)); err != nil {
			f.Tell(path, "%v", err)
		}
	case v.Kind() == reflect.Struct:
		f.structure(n, v, path)
	case v.Kind() == reflect.Slice:
		f.list(n, v, path, rule)
	case v.Kind() == reflect.Map:
		f.table(n, v, path, rule)
	default:
		f.scalar(n, v, path, rule)
	}
}

// structure reads a mapping into a struct: known keys, defaults for absent ones, then the struct's own check.
func (f *File) structure(n *yaml.Node, v reflect.Value, path string) {
	if n != nil && n.Kind != yaml.MappingNode {
		f.Tell(path, "must be a block of keys, each with its value")
		return
	}
	fields := keysOf(v.Type())
	children := f.children(n, path, fields)
	for _, k := range fields {
		child := children[k.name]
		if child == nil && k.rule.required {
			f.Tell(join(path, k.name), "is missing")
			continue
		}
		f.value(child, v.Field(k.index), join(path, k.name), k.rule)
	}
	checked, ok := v.Addr().Interface().(interface{ Check() Problems })
	if !ok {
		return
	}
	for _, p := range checked.Check() {
		if at := join(path, p.Path); !f.Told(at) {
			f.Tell(at, "%s", p.Text)
		}
	}
}

// children returns the values of a mapping by key and tells the keys that the struct does not have.
func (f *File) children(n *yaml.Node, path string, fields []key) map[string]*yaml.Node {
	children := map[string]*yaml.Node{}
	if n == nil {
		return children
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		if name.Kind != yaml.ScalarNode || name.Tag == "!!merge" || children[name.Value] != nil {
			continue // told by the tree's check
		}
		children[name.Value] = n.Content[i+1]
		if !known(fields, name.Value) {
			at := join(path, shownBare(name.Value))
			f.nodes[at] = name
			f.Tell(at, "%s", unknown(fields, name.Value))
		}
	}
	return children
}

func (f *File) list(n *yaml.Node, v reflect.Value, path string, rule rules) {
	if n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode {
		f.Tell(path, "must be a list, each item on a line of its own after \"- \"")
		return
	}
	if len(n.Content) < rule.minItems || rule.maxItems > 0 && len(n.Content) > rule.maxItems {
		f.Tell(path, "has %d items; %s", len(n.Content), rule.items())
	}
	if len(n.Content) == 0 {
		v.SetZero() // an empty list says what a missing one says
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		f.value(item, list.Index(i), fmt.Sprintf("%s[%d]", path, i), rule.ofItem())
	}
	v.Set(list)
}

func (f *File) table(n *yaml.Node, v reflect.Value, path string, rule rules) {
	if n == nil {
		return
	}
	if n.Kind != yaml.MappingNode || v.Type().Key().Kind() != reflect.String {
		f.Tell(path, "must be a block of keys, each with its value")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for name, child := range f.children(n, path, nil) {
		item := reflect.New(v.Type().Elem()).Elem()
		f.value(child, item, join(path, name), rule.ofItem())
		v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), item)
	}
}

// join puts a key behind a path; an index or an empty path needs no dot.
func join(path, key string) string {
	if path == "" || key == "" || key[0] == '[' {
		return path + key
	}
	return path + "." + key
}
