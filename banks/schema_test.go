package banks

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("bank.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("bank.json")
	if err != nil {
		t.Fatal(err)
	}
	if s.DraftVersion != 2020 {
		t.Errorf("draft %d", s.DraftVersion)
	}
	return s
}

// plain turns YAML into what a JSON tool sees: texts, numbers, booleans, and dates as texts.
func plain(t *testing.T, data []byte) any {
	t.Helper()
	loader, err := yaml.NewLoader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	if err != nil {
		t.Fatal(err)
	}
	var n yaml.Node
	if err := loader.Load(&n); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return convert(n.Content[0])
}

func convert(n *yaml.Node) any {
	switch {
	case n.Kind == yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = convert(n.Content[i+1])
		}
		return m
	case n.Kind == yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, convert(item))
		}
		return list
	case n.Tag == "!!int", n.Tag == "!!float":
		return json.Number(strings.TrimLeft(n.Value, "0"))
	case n.Tag == "!!bool":
		return n.Value == "true"
	case n.Tag == "!!null":
		return nil
	}
	return n.Value
}

func TestSchemaAcceptsGoodFiles(t *testing.T) {
	s := schema(t)
	files := corpus(t, "testdata/good/*.yaml")
	for _, path := range append(files, "example.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			err := s.Validate(plain(t, content(t, path)))
			if strings.HasSuffix(path, "-without-quotes.yaml") {
				// An editor marks a БИК that other readers of YAML would take for an octal number; we read it right.
				if err == nil || !strings.Contains(err.Error(), "want string") {
					t.Errorf("says %v", err)
				}
				return
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSchemaAndDecoderAgree asks the schema about each bad file. Each says what the schema must do: "refuses" where
// the fault can be said in a schema, "cannot know" where only the decoder can see it (check digits, files, ranges of
// durations), "not asked" where the fault lies in the YAML itself and never reaches a schema.
func TestSchemaAndDecoderAgree(t *testing.T) {
	s := schema(t)
	verdict := regexp.MustCompile(`(?m)^# schema: (.*)$`)
	asked := 0
	for _, path := range corpus(t, "testdata/bad/*.yaml") {
		data := content(t, path)
		says := verdict.FindSubmatch(bytes.ReplaceAll(data, []byte{0}, nil))
		if says == nil {
			t.Errorf("%s does not say what the schema must do", path)
			continue
		}
		what := strings.TrimSpace(string(says[1]))
		if what == "not asked" {
			continue
		}
		asked++
		err := s.Validate(plain(t, data))
		switch {
		case what == "refuses" && err == nil:
			t.Errorf("%s: the schema accepts it", path)
		case what == "cannot know" && err != nil:
			t.Errorf("%s: the schema refuses what was thought beyond it: %v", path, err)
		case what != "refuses" && what != "cannot know":
			t.Errorf("%s: unknown verdict %q", path, what)
		}
	}
	if asked < 60 {
		t.Errorf("only %d files asked about", asked)
	}
}

func TestSchemaDescribesEveryKey(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"description": "required. Host name or address, nothing else"`,
		`"description": "accepted to the end of this day. Default: for ever"`,
		`only the bank's receipt tells). Default auto"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("lacks %s", want)
		}
	}
}
