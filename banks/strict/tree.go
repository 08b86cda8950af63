package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
)

const (
	maxDepth    = 16  // levels of nesting; a real file has five
	maxProblems = 100 // told per file; more help nobody
)

// parse reads the one YAML document of a file into its tree and refuses what makes a file mean something else than
// it shows: anchors, aliases, merge keys, tags, doubled keys, a second document, deep nesting.
// It returns no root when there is none to go on with.
func parse(file string, data []byte) (*yaml.Node, *tree) {
	t := &tree{file: file, flaws: map[*yaml.Node]int{}}
	if t.problems = scan(file, data); len(t.problems) > 0 {
		return nil, t
	}
	loader, err := yaml.NewLoader(bytes.NewReader(trimBOM(data)))
	if err != nil {
		t.problems = Problems{{File: file, Text: err.Error()}}
		return nil, t
	}
	var document, second yaml.Node
	if err := loader.Load(&document); errors.Is(err, io.EOF) || err == nil && empty(&document) {
		t.problems = Problems{{File: file, Text: "it is empty"}}
		return nil, t
	} else if err != nil {
		t.problems = Problems{syntax(file, err)}
		return nil, t
	}
	switch err := loader.Load(&second); {
	case err == nil:
		t.add(&second, "a second document begins here; one file holds one document")
	case !errors.Is(err, io.EOF):
		t.problems = append(t.problems, syntax(file, err))
	}
	root := document.Content[0]
	t.walk(root, 1)
	if t.deep {
		return nil, t
	}
	return root, t
}

// empty reports a document without content: only comments, or a null.
func empty(document *yaml.Node) bool {
	return len(document.Content) == 0 || document.Content[0].Tag == "!!null"
}

// syntax turns the parser's error into a problem at its place.
func syntax(file string, err error) Problem {
	p := Problem{File: file, Text: "not YAML: " + err.Error()}
	var fault *yaml.LoadError
	if !errors.As(err, &fault) {
		return p
	}
	p.Text = "not YAML: " + fault.Message
	if fault.ContextMsg != "" {
		p.Text += " (" + fault.ContextMsg + ")"
	}
	p.Line, p.Column = fault.Mark.Line, fault.Mark.Column
	return p
}

// tree checks the shape of a YAML tree, whatever it is about.
type tree struct {
	file     string
	deep     bool
	problems Problems
	flaws    map[*yaml.Node]int // a value that is refused as it stands -> its problem
}

func (t *tree) add(n *yaml.Node, format string, args ...any) {
	if len(t.problems) < maxProblems {
		t.flaws[n] = len(t.problems)
		t.problems = append(t.problems, Problem{File: t.file, Line: n.Line, Column: n.Column, Text: fmt.Sprintf(format, args...)})
	}
}

func (t *tree) walk(n *yaml.Node, depth int) {
	if depth > maxDepth {
		if !t.deep {
			t.add(n, "nested deeper than %d levels", maxDepth)
		}
		t.deep = true
		return
	}
	switch {
	case n.Kind == yaml.AliasNode:
		t.add(n, "aliases (*%s) are not used here; write the value itself", shownBare(n.Value))
		return
	case n.Anchor != "":
		t.add(n, "anchors (&%s) are not used here; delete it", shownBare(n.Anchor))
	case n.Style&yaml.TaggedStyle != 0 || n.Tag == "!":
		t.add(n, "tags (%s) are not used here; delete it", shownBare(n.Tag))
	}
	if n.Kind == yaml.ScalarNode {
		t.text(n)
	}
	if n.Kind == yaml.MappingNode {
		t.keys(n)
	}
	for _, child := range n.Content {
		t.walk(child, depth+1)
	}
}

// text refuses what an escape such as "\u202e" brings into a string past the scan of the raw file.
func (t *tree) text(n *yaml.Node) {
	if strings.Contains(n.Value, "PRIVATE KEY-----") {
		t.add(n, "a private key stands here; a secret is never written into the configuration: put it into a file of its own and name that file")
		return
	}
	for _, r := range n.Value {
		if text := unseen(r); text != "" {
			t.add(n, "%s in this text", text)
			return
		}
	}
}

// keys refuses merge keys, keys that are not plain words and keys that stand twice.
func (t *tree) keys(n *yaml.Node) {
	lines := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Tag == "!!merge":
			t.add(key, "merge keys (<<) are not used here; write the keys themselves")
			continue
		case key.Kind != yaml.ScalarNode:
			t.add(key, "a key must be a plain word")
			continue
		}
		if line, doubled := lines[key.Value]; doubled {
			t.add(key, "key %s stands twice; the first is in line %d", Shown(key.Value), line)
			continue
		}
		lines[key.Value] = key.Line
	}
}

// shownBare is Shown without the quotes, for words that are quoted by their sign already.
func shownBare(s string) string { return strings.Trim(Shown(s), `"`) }
