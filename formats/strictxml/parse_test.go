package strictxml

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRefuses(t *testing.T) {
	deep := strings.Repeat("<a>", 33) + strings.Repeat("</a>", 33)
	for _, tt := range []struct {
		name, text string
		path       string
		line       int
		en         string // part of the sentence
	}{
		{"empty file", "", "/", 1, "empty"},
		{"blanks only", " \n\t", "/", 1, "empty"},
		{"byte order mark only", "\xEF\xBB\xBF", "/", 1, "empty"},
		{"ZIP archive", "PK\x03\x04rest", "/", 1, "ZIP"},
		{"HTML error page", "<!DOCTYPE html><html><body>502</body></html>", "/", 1, "HTML"},
		{"HTML without doctype", "<html><body>502</body></html>", "/", 1, "HTML"},
		{"UTF-16 little-endian", "\xff\xfe<\x00a\x00/\x00>\x00", "/", 1, "UTF-16"},
		{"UTF-16 big-endian", "\xfe\xff\x00<\x00a", "/", 1, "UTF-16"},
		{"UTF-16 without mark", "<\x00a\x00/\x00>\x00", "/", 1, "UTF-16"},
		{"plain text", "hello", "/", 1, "text outside"},
		{"declaration only", "<?xml version=\"1.0\"?>", "/", 1, "no root"},
		{"second root", "<a/>\n<b/>", "/", 2, "second root"},
		{"text after the root", "<a/>x", "/", 1, "text outside"},
		{"text before the root", "x<a/>", "/", 1, "text outside"},
		{"NUL after the root", "<a/>\x00", "/", 1, "forbids"},
		{"doctype", "<!DOCTYPE a><a/>", "/", 1, "DTD"},
		{"doctype with entities", "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "/", 1, "DTD"},
		{"doctype after the root", "<a/><!DOCTYPE a>", "/", 1, "DTD"},
		{"entity of the author", "<a>&x;</a>", "/a", 1, "entity"},
		{"HTML entity", "<a>&nbsp;</a>", "/a", 1, "entity"},
		{"bare ampersand", "<a>R & D</a>", "/a", 1, "&amp;"},
		{"reference to NUL", "<a>&#0;</a>", "/a", 1, "reference"},
		{"reference to U+FFFE", "<a>&#xFFFE;</a>", "/a", 1, "reference"},
		{"reference to a surrogate", "<a>&#xD800;</a>", "/a", 1, "reference"},
		{"reference beyond Unicode", "<a>&#x110000;</a>", "/a", 1, "reference"},
		{"reference with a sign", "<a>&#+65;</a>", "/a", 1, "reference"},
		{"reference in upper case X", "<a>&#X41;</a>", "/a", 1, "reference"},
		{"empty reference", "<a>&#;</a>", "/a", 1, "reference"},
		{"processing instruction before", "<?style x?><a/>", "/", 1, "processing"},
		{"processing instruction inside", "<a><?x?></a>", "/a", 1, "processing"},
		{"second declaration", "<?xml version=\"1.0\"?><?xml version=\"1.0\"?><a/>", "/", 1, "processing"},
		{"declaration after a blank", " <?xml version=\"1.0\"?><a/>", "/", 1, "processing"},
		{"CDATA as value", "<a><![CDATA[x]]></a>", "/a", 1, "CDATA"},
		{"CDATA inside a value", "<a>1<![CDATA[0]]>0</a>", "/a", 1, "CDATA"},
		{"CDATA between elements", "<a><b/><![CDATA[ ]]></a>", "/a", 1, "CDATA"},
		{"comment inside a value", "<a>10<!-- -->0</a>", "/a", 1, "comment"},
		{"comment before a value", "<a><!-- -->100</a>", "/a", 1, "comment"},
		{"comment after a value", "<a>100<!-- --></a>", "/a", 1, "comment"},
		{"comment as value", "<a><!-- --></a>", "/a", 1, "comment"},
		{"comment with two hyphens", "<!-- a -- b --><a/>", "/", 1, "comment"},
		{"comment without end", "<a/><!-- ", "/", 1, "comment"},
		{"text between elements", "<a><b/>x<c/></a>", "/a", 1, "text between"},
		{"text before elements", "<a>x<b/></a>", "/a", 1, "text between"},
		{"text after elements", "<a>\n<b/>\nx</a>", "/a", 3, "text between"},
		{"text in two pieces", "<a>x<b/>y</a>", "/a", 1, "text between"},
		{"end tag of another element", "<a><b></a></b>", "/a/b", 1, "end tag"},
		{"end tag in other case", "<a></A>", "/a", 1, "end tag"},
		{"end tag with an attribute", "<a></a b=\"1\">", "/a", 1, "end tag"},
		{"no end tag", "<a>\n<b>", "/a/b", 2, "ends before"},
		{"file ends inside a tag", "<a", "/", 1, "inside a tag"},
		{"file ends after a name", "<a ", "/a", 1, "inside a tag"},
		{"file ends inside an attribute", "<a b=\"", "/a", 1, "inside an attribute"},
		{"doubled attribute", "<a b=\"1\" b=\"2\"/>", "/a", 1, "doubled"},
		{"doubled namespace declaration", "<a xmlns=\"u\" xmlns=\"v\"/>", "/a", 1, "doubled"},
		{"attribute without quotes", "<a b=1/>", "/a", 1, "quoted"},
		{"attribute without value", "<a b/>", "/a", 1, "="},
		{"attributes without a blank", "<a b=\"1\"c=\"2\"/>", "/a", 1, "tag cannot hold"},
		{"less-than in an attribute", "<a b=\"<\"/>", "/a", 1, "<"},
		{"attribute above 4 KiB", "<a b=\"" + strings.Repeat("x", 4097) + "\"/>", "/a", 1, "4 KiB"},
		{"33 attributes", "<a" + attributes(33) + "/>", "/a", 1, "32 attributes"},
		{"undeclared prefix of an element", "<x:a/>", "/x:a", 1, "not declared"},
		{"undeclared prefix of an attribute", "<a x:b=\"1\"/>", "/a", 1, "not declared"},
		{"prefix out of scope", "<a><b xmlns:x=\"u\"/><x:c/></a>", "/a/x:c", 1, "not declared"},
		{"prefix undeclared", "<a xmlns:x=\"\"/>", "/a", 1, "not allowed"},
		{"prefix xml redeclared", "<a xmlns:xml=\"u\"/>", "/a", 1, "not allowed"},
		{"name with two colons", "<a:b:c xmlns:a=\"u\"/>", "/a:b", 1, "tag cannot hold"},
		{"name with a Cyrillic look-alike", "<\u0410cc/>", "/", 1, "not Latin"},
		{"name that begins with a digit", "<1a/>", "/", 1, "name"},
		{"name that ends with a colon", "<a:/>", "/", 1, "name"},
		{"blank after less-than", "< a/>", "/", 1, "name"},
		{"]]> in a text", "<a>x]]>y</a>", "/a", 1, "]]>"},
		{"broken UTF-8", "<a>\n\xff</a>", "/", 2, "UTF-8"},
		{"lone surrogate", "<a>\xed\xa0\x80</a>", "/", 1, "UTF-8"},
		{"overlong form", "<a>\xc0\xbc</a>", "/", 1, "UTF-8"},
		{"control character", "<a>\x01</a>", "/", 1, "forbids"},
		{"U+FFFE", "<a>\uFFFE</a>", "/", 1, "forbids"},
		{"U+FFFF", "<a>\uFFFF</a>", "/", 1, "forbids"},
		{"depth 33", deep, strings.Repeat("/a", 32), 1, "deeper"},
		{"100,001 elements", "<a>" + strings.Repeat("<b/>", 100_000) + "</a>", "/a", 1, "100,000"},
		{"above 10 MiB", "<a>" + strings.Repeat(" ", 10<<20) + "</a>", "/", 1, "10 MiB"},
		{"version 1.1", "<?xml version=\"1.1\"?><a/>", "/", 1, "1.0"},
		{"no version", "<?xml encoding=\"UTF-8\"?><a/>", "/", 1, "declaration"},
		{"encoding before version", "<?xml encoding=\"UTF-8\" version=\"1.0\"?><a/>", "/", 1, "declaration"},
		{"unknown word in the declaration", "<?xml version=\"1.0\" x=\"1\"?><a/>", "/", 1, "declaration"},
		{"standalone of another value", "<?xml version=\"1.0\" standalone=\"1\"?><a/>", "/", 1, "declaration"},
		{"declaration without end", "<?xml version=\"1.0\"><a/>", "/", 1, "declaration"},
		{"declaration of mixed quotes", "<?xml version=\"1.0'?><a/>", "/", 1, "declaration"},
		{"encoding koi8-r", "<?xml version=\"1.0\" encoding=\"koi8-r\"?><a/>", "/", 1, "not allowed"},
		{"encoding UTF-16 declared in UTF-8", "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>", "/", 1, "not allowed"},
		{"windows-1251 not agreed", "<?xml version=\"1.0\" encoding=\"windows-1251\"?><a/>", "/", 1, "not agreed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			node, fault := Parse([]byte(tt.text), Options{})
			if fault == nil {
				t.Fatalf("accepted: %+v", node)
			}
			if fault.Code != CodeSchema || fault.Path != tt.path || fault.Line != tt.line || !strings.Contains(fault.EN, tt.en) || fault.RU == "" {
				t.Errorf("fault %+v", *fault)
			}
		})
	}
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" a" + strings.Repeat("a", i) + "=\"\"")
	}
	return b.String()
}

func TestParseAccepts(t *testing.T) {
	leaf := func(text string) *Node { return &Node{Name: "a", Line: 1, Text: text} }
	for _, tt := range []struct {
		name, text string
		want       *Node
	}{
		{"empty element", "<a/>", leaf("")},
		{"empty element with end tag", "<a></a >", leaf("")},
		{"byte order mark", "\xEF\xBB\xBF<a>1</a>", leaf("1")},
		{"declaration", "<?xml version='1.0' encoding='utf-8' standalone='yes' ?><a>1</a>", leaf("1")},
		{"comments around", "<!-- x --><a>1</a><!-- y -->\n", leaf("1")},
		{"references", "<a>&lt;&amp;&gt;&quot;&apos;&#65;&#x42;</a>", leaf("<&>\"'AB")},
		{"line ends", "<a>x\r\ny\rz\n</a>", leaf("x\ny\nz\n")},
		{"carriage return by reference", "<a>x&#13;</a>", leaf("x\r")},
		{"blanks are kept in values", "<a> x </a>", leaf(" x ")},
		{"name of a processing instruction look-alike", "<xmla/>", &Node{Name: "xmla", Line: 1}},
		{"comment between elements", "<a>\n<!-- x --><b/></a>", &Node{Name: "a", Line: 1, Children: []Node{{Name: "b", Line: 2}}}},
		{"depth 32", strings.Repeat("<a>", 32) + strings.Repeat("</a>", 32), nil},
		{"default namespace", "<a xmlns=\"u\"><b/><c xmlns=\"\"/></a>", &Node{Name: "a", Space: "u", Line: 1, Children: []Node{{Name: "b", Space: "u", Line: 1}, {Name: "c", Line: 1}}}},
		{"prefix", "<p:a xmlns:p=\"u\"><p:b/><c/></p:a>", &Node{Name: "a", Space: "u", Line: 1, Children: []Node{{Name: "b", Space: "u", Line: 1}, {Name: "c", Line: 1}}}},
		{"attribute", "<a b=\"1\" xml:lang='ru'/>", &Node{Name: "a", Line: 1, Attrs: []string{"b", "xml:lang"}}},
		{"lines", "<a>\n<b>\n\n</b>\n<c/></a>", &Node{Name: "a", Line: 1, Children: []Node{{Name: "b", Line: 2, Text: "\n\n"}, {Name: "c", Line: 5}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			node, fault := Parse([]byte(tt.text), Options{})
			if fault != nil {
				t.Fatalf("refused: %+v", *fault)
			}
			if tt.want == nil {
				return
			}
			if diff := cmp.Diff(tt.want, node); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWindows1251(t *testing.T) {
	const head = "<?xml version=\"1.0\" encoding=\"Windows-1251\"?>"
	agreed := Options{Windows1251: true}
	t.Run("is read", func(t *testing.T) {
		node, fault := Parse([]byte(head+"<a>\xc8\xcf \xb9 1</a>"), agreed)
		if fault != nil || node.Text != "ИП № 1" {
			t.Errorf("node %+v, fault %+v", node, fault)
		}
	})
	t.Run("pure ASCII is read", func(t *testing.T) {
		if _, fault := Parse([]byte(head+"<a>1</a>"), agreed); fault != nil {
			t.Error(fault.EN)
		}
	})
	for name, text := range map[string]string{
		"octet 0x98 is undefined":      head + "<a>\x98</a>",
		"the file is UTF-8 in truth":   head + "<a>ИП</a>",
		"byte order mark of UTF-8":     "\xEF\xBB\xBF" + head + "<a>1</a>",
		"control characters stay out":  head + "<a>\x01</a>",
		"windows-1252 is not the same": "<?xml version=\"1.0\" encoding=\"windows-1252\"?><a/>",
		"octets without declaration":   "<a>\xc8\xcf</a>",
	} {
		t.Run(name, func(t *testing.T) {
			if node, fault := Parse([]byte(text), agreed); fault == nil {
				t.Errorf("accepted: %+v", node)
			}
		})
	}
}

// TestHostileShapesCostNoMore: input that a careless reader handles in quadratic time or memory. Each must end at once,
// accepted or not; a quadratic step over 10 MiB would run into the time limit of the test.
func TestHostileShapesCostNoMore(t *testing.T) {
	const size = 9 << 20
	blanks := strings.Repeat(" ", size/2)
	for name, text := range map[string]string{
		"text after blanks, then many children":  "<a>" + blanks + "x" + strings.Repeat("<b/>", 90_000) + "</a>",
		"blanks, then many children":             "<a>" + blanks + strings.Repeat("<b/>", 90_000) + "</a>",
		"blanks between many comments":           "<a>" + blanks + strings.Repeat("<!---->", 500_000) + "</a>",
		"many comments":                          strings.Repeat("<!---->", size/7) + "<a/>",
		"comment that never ends":                "<!--" + strings.Repeat("-", size),
		"attributes without end":                 "<a " + strings.Repeat("b='' ", size/5) + "/>",
		"name without end":                       "<" + strings.Repeat("a", size),
		"open tags":                              strings.Repeat("<a>", size/3),
		"ampersands":                             "<a>" + strings.Repeat("&amp;", size/5) + "</a>",
		"broken references":                      "<a>" + strings.Repeat("&", size) + "</a>",
		"line ends":                              "<a>" + strings.Repeat("\n", size) + "<b/></a>",
		"line ends, then faults":                 strings.Repeat("\n", size) + "<a",
		"brackets":                               "<a>" + strings.Repeat("]", size) + "</a>",
		"quotes":                                 "<a b=\"" + strings.Repeat("'", size),
		"declaration without end":                "<?xml " + strings.Repeat("version='1.0' ", size/14),
		"namespaces at every depth":              strings.Repeat("<a"+strings.Repeat(" xmlns:p='u'", 1)+">", 32) + strings.Repeat("</a>", 32),
		"100,000 elements of the same long name": strings.Repeat("<"+strings.Repeat("n", 40)+"/>", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			if node, fault := Parse([]byte(text), Options{}); (node == nil) == (fault == nil) {
				t.Errorf("node %v, fault %v", node != nil, fault)
			}
		})
	}
}

func TestRootName(t *testing.T) {
	for text, want := range map[string]string{
		"<a/>": "a", "<?xml version=\"1.0\"?>\n<!-- <b/> --><p:OIp>": "OIp", "": "", "x": "", "<": "", "<!-- ": "", "<!DOCTYPE x><OIp>": "OIp", "<?xml ": "",
		"\xEF\xBB\xBF<OIp attr": "OIp", "<OIp": "", "PK\x03\x04": "", "<!--x--": "",
	} {
		if got := RootName([]byte(text)); got != want {
			t.Errorf("RootName(%q) = %q, want %q", text, got, want)
		}
	}
}

// seeds are the committed corpus files of a fuzz target; none is a failure.
func seeds(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/seeds/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no seed in testdata/seeds: %v", err)
	}
	texts := make([]string, 0, len(files))
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(data))
	}
	return texts
}

// FuzzParse holds the parser against the standard library's: what we accept, it must read as the same elements and texts.
func FuzzParse(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		node, fault := Parse(data, Options{})
		if (node == nil) == (fault == nil) {
			t.Fatalf("node %v, fault %v", node, fault)
		}
		if fault != nil {
			if fault.Line < 1 || fault.RU == "" || fault.EN == "" || !strings.HasPrefix(fault.Path, "/") {
				t.Fatalf("fault %+v", *fault)
			}
			return
		}
		var ours, theirs strings.Builder
		flatten(&ours, node)
		if err := library(&theirs, strings.TrimPrefix(string(data), "\xEF\xBB\xBF")); err != nil {
			t.Fatalf("the library refuses what we accept: %v", err)
		}
		if ours.String() != theirs.String() {
			t.Fatalf("ours\n%s\ntheirs\n%s", ours.String(), theirs.String())
		}
	})
}

// flatten writes the tree as one line per element: depth is told by brackets.
func flatten(b *strings.Builder, n *Node) {
	b.WriteString("(" + n.Space + " " + n.Name + " ")
	if len(n.Children) == 0 {
		b.WriteString(n.Text)
	}
	for i := range n.Children {
		flatten(b, &n.Children[i])
	}
	b.WriteString(")")
}

// library writes the same from the token stream of encoding/xml.
func library(b *strings.Builder, text string) error {
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	type open struct {
		text  strings.Builder
		child bool
	}
	stack := []*open{{}}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		top := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			top.child = true
			b.WriteString("(" + token.Name.Space + " " + token.Name.Local + " ")
			stack = append(stack, &open{})
		case xml.CharData:
			top.text.Write(token)
		case xml.EndElement:
			if !top.child {
				b.WriteString(top.text.String())
			}
			b.WriteString(")")
			stack = stack[:len(stack)-1]
		}
	}
}
