package banks

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// Decode reads a strict YAML file into a struct; file is its name for messages and the folder that relative paths
// start from. The error is [Problems]: every fault at once, with line and column.
//
// The struct says what is allowed, by tags:
//
//	yaml:"name"                  the key
//	jsonschema:"…"               required, default=, enum=, minimum=, maximum=, minLength=, maxLength=, pattern=,
//	                             minItems=, maxItems=; bounds of durations and sizes carry their unit (maximum=1h)
//	resolve:"path"               a path: made absolute from the file's folder; credential:NAME is the systemd credential
//	whole:"day"                  a time given as a bare date means the end of that day, not its beginning
//
// Fields are strings, bool, int, [time.Duration] (30s), [time.Time] (RFC 3339 with a zone, or a date, which begins at
// 00:00 Moscow time), structs, slices, maps by string, pointers, and whatever has UnmarshalText. A struct with a method
// Check() Problems is asked after it was read; paths in its answer are relative to it.
//
// Refused: unknown and doubled keys, anchors, aliases, merge keys, tags, a second document, empty values, numbers with
// leading zeros or in any base but ten, booleans but true and false, durations without unit, invisible characters,
// more than 1 MiB or 16 levels.
func Decode(file string, data []byte, into any) error {
	return decode(file, data, into).problems.err()
}

// decode does the work of Decode and keeps where each key stands.
func decode(file string, data []byte, into any) *reader {
	r := &reader{file: file, nodes: map[string]*yaml.Node{}}
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() || target.Elem().Kind() != reflect.Struct {
		r.problems = Problems{{File: file, Text: fmt.Sprintf("cannot decode into %T: a pointer to a struct is needed", into)}}
		return r
	}
	root, problems := parse(file, data)
	r.problems = problems
	if root != nil {
		r.value(root, target.Elem(), "", rules{})
	}
	return r
}

// reader walks the YAML tree and the Go value side by side.
type reader struct {
	file     string
	nodes    map[string]*yaml.Node // path of a key -> where its value stands
	problems Problems
}

// add notes a problem at the key that path names, or at the nearest one around it that the file has.
func (r *reader) add(path, format string, args ...any) {
	r.put(Problem{Path: path, Text: fmt.Sprintf(format, args...)})
}

func (r *reader) put(p Problem) {
	if len(r.problems) >= maxProblems {
		return
	}
	r.locate(&p)
	r.problems = append(r.problems, p)
}

// locate fills in where the key of a problem stands.
func (r *reader) locate(p *Problem) {
	p.File = r.file
	for at := p.Path; ; at = at[:max(strings.LastIndexAny(at, ".["), 0)] {
		if n := r.nodes[at]; n != nil {
			p.Line, p.Column = n.Line, n.Column
			return
		}
		if at == "" {
			return
		}
	}
}

// value reads node n, nil when the file does not have the key, into v.
func (r *reader) value(n *yaml.Node, v reflect.Value, path string, rule rules) {
	if n != nil {
		r.nodes[path] = n
		if n.Kind == yaml.AliasNode {
			return // told by the tree's check
		}
		if n.Tag == "!!null" && n.Kind == yaml.ScalarNode {
			r.add(path, "has no value; give it one or delete the key")
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
		r.scalar(n, v, path, rule)
	case textual && n != nil && n.Kind == yaml.ScalarNode:
		if err := short.UnmarshalText([]byte(n.Value)); err != nil {
			r.add(path, "%v", err)
		}
	case v.Kind() == reflect.Struct:
		r.structure(n, v, path)
	case v.Kind() == reflect.Slice:
		r.list(n, v, path, rule)
	case v.Kind() == reflect.Map:
		r.table(n, v, path, rule)
	default:
		r.scalar(n, v, path, rule)
	}
}

// structure reads a mapping into a struct: known keys, defaults for absent ones, then the struct's own check.
func (r *reader) structure(n *yaml.Node, v reflect.Value, path string) {
	if n != nil && n.Kind != yaml.MappingNode {
		r.add(path, "must be a block of keys, each with its value")
		return
	}
	fields := keysOf(v.Type())
	children := r.children(n, path, fields)
	for _, f := range fields {
		child := children[f.key]
		if child == nil && f.rule.required {
			r.add(join(path, f.key), "is missing")
			continue
		}
		r.value(child, v.Field(f.index), join(path, f.key), f.rule)
	}
	checked, ok := v.Addr().Interface().(interface{ Check() Problems })
	if !ok {
		return
	}
	for _, p := range checked.Check() {
		if p.Path = join(path, p.Path); !r.told(p.Path) {
			r.put(p)
		}
	}
}

// children returns the values of a mapping by key and tells the keys that the struct does not have.
func (r *reader) children(n *yaml.Node, path string, fields []key) map[string]*yaml.Node {
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
			r.nodes[at] = name
			r.add(at, "%s", unknown(fields, name.Value))
		}
	}
	return children
}

// told reports whether a problem at this very key was found already; a second one would only confuse.
func (r *reader) told(path string) bool {
	for _, p := range r.problems {
		if p.Path == path {
			return true
		}
	}
	return false
}

func (r *reader) list(n *yaml.Node, v reflect.Value, path string, rule rules) {
	if n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.add(path, "must be a list, each item on a line of its own after \"- \"")
		return
	}
	if len(n.Content) < rule.minItems || rule.maxItems > 0 && len(n.Content) > rule.maxItems {
		r.add(path, "has %d items; %s", len(n.Content), rule.items())
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		r.value(item, list.Index(i), fmt.Sprintf("%s[%d]", path, i), rule.ofItem())
	}
	v.Set(list)
}

func (r *reader) table(n *yaml.Node, v reflect.Value, path string, rule rules) {
	if n == nil {
		return
	}
	if n.Kind != yaml.MappingNode || v.Type().Key().Kind() != reflect.String {
		r.add(path, "must be a block of keys, each with its value")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for name, child := range r.children(n, path, nil) {
		item := reflect.New(v.Type().Elem()).Elem()
		r.value(child, item, join(path, name), rule.ofItem())
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
