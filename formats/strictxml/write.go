package strictxml

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Document names the root of a document to write.
type Document struct {
	Root   string // local name of the root element
	Space  string // namespace, "" for none
	Prefix string // prefix of every element, "" for the default namespace
}

// writer collects the text of a document.
type writer struct {
	b      strings.Builder
	prefix string
	err    error
}

// Write makes the document in UTF-8, two blanks of indent per level, children in the order of the shape. The error names
// the first value that XML cannot carry.
func Write(d Document, s Shape) ([]byte, error) {
	if d.Prefix != "" && d.Space == "" {
		return nil, errors.New("write document: a prefix needs a namespace")
	}
	w := &writer{}
	if d.Prefix != "" {
		w.prefix = d.Prefix + ":"
	}
	w.b.Grow(4096)
	w.b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<" + w.prefix + d.Root)
	if d.Space != "" {
		w.b.WriteString(" xmlns")
		if d.Prefix != "" {
			w.b.WriteString(":" + d.Prefix)
		}
		w.b.WriteString("=\"")
		w.escape(d.Space)
		w.b.WriteByte('"')
	}
	w.b.WriteString(">\n")
	w.parts(s.Parts, "  ")
	w.b.WriteString("</" + w.prefix + d.Root + ">\n")
	if w.err != nil {
		return nil, w.err
	}
	return []byte(w.b.String()), nil
}

func (w *writer) parts(parts []Part, indent string) {
	for _, p := range parts {
		switch {
		case p.leaves != nil:
			for _, text := range p.leaves() {
				w.leaf(indent, p.Name, text)
			}
		case p.written != nil:
			for _, s := range p.written() {
				w.b.WriteString(indent + "<" + w.prefix + p.Name + ">\n")
				w.parts(s.Parts, indent+"  ")
				w.b.WriteString(indent + "</" + w.prefix + p.Name + ">\n")
			}
		default:
			if text, set := p.value.Write(); set || p.required {
				w.leaf(indent, p.Name, text)
			}
		}
	}
}

func (w *writer) leaf(indent, name, text string) {
	w.b.WriteString(indent)
	w.b.WriteByte('<')
	w.b.WriteString(w.prefix)
	w.b.WriteString(name)
	w.b.WriteByte('>')
	if badCharacter(text) >= 0 && w.err == nil {
		w.err = fmt.Errorf("write %s: a character that XML cannot carry", name)
	}
	w.escape(text)
	w.b.WriteString("</")
	w.b.WriteString(w.prefix)
	w.b.WriteString(name)
	w.b.WriteString(">\n")
}

// escape writes text so that Parse gives it back unchanged; a carriage return must be a reference or it would become \n.
func (w *writer) escape(text string) {
	from := 0
	for i := range len(text) {
		var ref string
		switch text[i] {
		case '&':
			ref = "&amp;"
		case '<':
			ref = "&lt;"
		case '>':
			ref = "&gt;"
		case '"':
			ref = "&quot;"
		case '\r':
			ref = "&#13;"
		default:
			continue
		}
		w.b.WriteString(text[from:i])
		w.b.WriteString(ref)
		from = i + 1
	}
	w.b.WriteString(text[from:])
	if !utf8.ValidString(text) && w.err == nil {
		w.err = errors.New("write text: broken UTF-8")
	}
}
