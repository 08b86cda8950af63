// Package strictxml reads and writes the small, strict part of XML that the exchange uses.
//
// Reading has two steps. Parse makes a tree and refuses everything that two readers could understand differently:
// a second root, text outside of values, doubled attributes, DTD, entities of the author, processing instructions,
// CDATA, comments inside values, other encodings than declared. Read then maps the tree on a declared Shape: every
// child element with its cardinality and rule, all faults at once, each with path and line. Write uses the same Shape.
//
// The package knows no document of the exchange, touches no disk or network, and calls no other room.
package strictxml

import (
	"strings"
)

// Limits of a document (design decision: far above any real document, far below what hurts).
const (
	MaxBytes     = 10 << 20 // octets of the file
	maxDepth     = 32       // nested elements, the root counts as 1
	maxElements  = 100_000  // elements of the document
	maxAttribute = 4 << 10  // octets of one attribute value
	maxPerTag    = 32       // attributes of one element
)

// Node is one element. A Node has either Children or Text; blanks between children are not kept.
type Node struct {
	Name     string // local name
	Space    string // namespace, "" for none
	Line     int    // line of the start tag, from 1
	Text     string // value with references resolved and line ends as \n
	Attrs    []string
	Children []Node
}

// Options of Parse.
type Options struct {
	Windows1251 bool // the encoding windows-1251 is allowed beside UTF-8
}

// parser walks over src once. Every method that returns false has set fault.
type parser struct {
	src      string
	pos      int
	line     int // line of pos counted up to mark
	mark     int
	elements int
	open     []string // raw names of the open elements
	spaces   []binding
	fault    *Fault
}

// binding is one namespace declaration in force.
type binding struct{ prefix, uri string }

// Parse reads one document and returns its root element, or the first fault that makes it unreadable (code 91).
func Parse(data []byte, o Options) (*Node, *Fault) {
	src, fault := decode(data, o)
	if fault != nil {
		return nil, fault
	}
	p := &parser{src: src, line: 1}
	if !p.declaration() || !p.outside(true) {
		return nil, p.fault
	}
	root := new(Node)
	if !p.element(root) || !p.outside(false) {
		return nil, p.fault
	}
	return root, nil
}

// RootName is the local name of the first element, "" when none can be found. It judges nothing: the file may be broken.
func RootName(data []byte) string {
	p := &parser{src: string(data[:min(len(data), 4096)])}
	for {
		at := strings.IndexByte(p.rest(), '<')
		if at < 0 {
			return ""
		}
		p.pos += at
		end := strings.IndexByte(p.rest(), '>')
		switch {
		case strings.HasPrefix(p.rest(), "<!--"):
			if !p.comment() {
				return ""
			}
		case (strings.HasPrefix(p.rest(), "<?") || strings.HasPrefix(p.rest(), "<!")) && end >= 0:
			p.pos += end + 1
		default:
			p.pos++
			raw, _ := p.name()
			_, local, prefixed := strings.Cut(raw, ":")
			if prefixed {
				return local
			}
			return raw
		}
	}
}

// refuse sets the fault at the present place; it always returns false so that callers can return it.
func (p *parser) refuse(ru, en string) bool {
	if p.fault == nil {
		p.fault = &Fault{Path: "/" + strings.Join(p.open, "/"), Line: p.lineAt(p.pos), Code: CodeSchema, RU: ru, EN: en}
	}
	return false
}

func (p *parser) lineAt(pos int) int {
	if pos > len(p.src) {
		pos = len(p.src)
	}
	if pos > p.mark {
		p.line += strings.Count(p.src[p.mark:pos], "\n")
		p.mark = pos
	}
	return p.line
}

func (p *parser) rest() string { return p.src[p.pos:] }

func (p *parser) take(token string) bool {
	if !strings.HasPrefix(p.rest(), token) {
		return false
	}
	p.pos += len(token)
	return true
}

func (p *parser) blanks() bool {
	from := p.pos
	for p.pos < len(p.src) && isBlank(p.src[p.pos]) {
		p.pos++
	}
	return p.pos > from
}

func isBlank(b byte) bool { return b == ' ' || b == '\n' || b == '\t' || b == '\r' }

// declaration reads <?xml ...?>; its encoding was judged by decode already.
func (p *parser) declaration() bool {
	if !strings.HasPrefix(p.rest(), "<?xml") || len(p.rest()) < 6 || !isBlank(p.rest()[5]) {
		return true
	}
	d, end := declared(p.src)
	if end < 0 {
		return p.refuse("объявление XML записано неверно; ожидается <?xml version=\"1.0\" encoding=\"UTF-8\"?>",
			"malformed XML declaration; expected <?xml version=\"1.0\" encoding=\"UTF-8\"?>")
	}
	if d.version != "1.0" {
		return p.refuse("версия XML должна быть 1.0", "the XML version must be 1.0")
	}
	p.pos = end
	return true
}

// outside passes blanks and comments before or after the root; anything else is refused.
func (p *parser) outside(before bool) bool {
	for {
		p.blanks()
		rest := p.rest()
		switch {
		case strings.HasPrefix(rest, "<!--"):
			if !p.comment() {
				return false
			}
		case before && rest == "":
			return p.refuse("документ пуст: нет корневого элемента", "the document is empty: it has no root element")
		case rest == "":
			return true
		case rest[0] != '<':
			return p.refuse("текст вне корневого элемента", "text outside of the root element")
		case strings.HasPrefix(rest, "<!") || strings.HasPrefix(rest, "<?"):
			return p.markup()
		case before:
			return true
		default:
			return p.refuse("второй корневой элемент; в файле должен быть один документ",
				"a second root element; a file holds one document")
		}
	}
}

// markup refuses what begins with <! or <? and is no comment, by its name.
func (p *parser) markup() bool {
	switch {
	case strings.HasPrefix(p.rest(), "<![CDATA["):
		return p.refuse("раздел CDATA не допускается; запишите значение текстом",
			"a CDATA section is not allowed; write the value as text")
	case strings.HasPrefix(p.rest(), "<!"):
		return p.refuse("DOCTYPE и объявления DTD не допускаются", "DOCTYPE and DTD declarations are not allowed")
	default:
		return p.refuse("инструкция обработки не допускается", "a processing instruction is not allowed")
	}
}

func (p *parser) comment() bool {
	body := p.src[p.pos+4:]
	end := strings.Index(body, "--")
	if end < 0 || !strings.HasPrefix(body[end:], "-->") {
		return p.refuse("комментарий записан неверно (-- внутри или нет конца)", "malformed comment (-- inside or no end)")
	}
	p.pos += 4 + end + 3
	return true
}

// element reads one element from its start tag to its end tag into n.
func (p *parser) element(n *Node) bool {
	n.Line = p.lineAt(p.pos)
	p.elements++
	if p.elements > maxElements {
		return p.refuse("больше 100 000 элементов", "more than 100,000 elements")
	}
	if len(p.open) == maxDepth {
		return p.refuse("вложенность больше 32 элементов", "elements are nested deeper than 32")
	}
	p.pos++ // the caller saw '<'
	raw, ok := p.name()
	if !ok {
		return false
	}
	p.open = append(p.open, raw)
	scope := len(p.spaces)
	empty, ok := p.startTag(n)
	if !ok {
		return false
	}
	n.Space, n.Name, ok = p.resolve(raw)
	if !ok {
		return false
	}
	if !empty && !p.content(n) {
		return false
	}
	p.spaces = p.spaces[:scope]
	p.open = p.open[:len(p.open)-1]
	return true
}

// startTag reads attributes up to > or />. Attributes that declare no namespace are kept by name for the reader to judge.
func (p *parser) startTag(n *Node) (empty, ok bool) {
	var seen []string
	for {
		spaced := p.blanks()
		switch {
		case p.take("/>"):
			return true, p.prefixes(n)
		case p.take(">"):
			return false, p.prefixes(n)
		case p.pos >= len(p.src):
			return false, p.refuse("файл оборван внутри тега", "the file ends inside a tag")
		case len(seen) == maxPerTag:
			return false, p.refuse("больше 32 атрибутов в одном теге", "more than 32 attributes in one tag")
		case !spaced:
			return false, p.refuse("недопустимый знак в теге", "a character that a tag cannot hold")
		}
		name, ok := p.name()
		if !ok {
			return false, false
		}
		value, ok := p.attribute()
		if !ok {
			return false, false
		}
		for _, s := range seen {
			if s == name {
				return false, p.refuse("атрибут "+name+" повторяется", "attribute "+name+" is doubled")
			}
		}
		seen = append(seen, name)
		prefix, declares := strings.CutPrefix(name, "xmlns:")
		switch {
		case name == "xmlns":
			p.spaces = append(p.spaces, binding{"", value})
		case declares && (prefix == "xml" || prefix == "xmlns" || value == ""):
			return false, p.refuse("недопустимое объявление пространства имён", "a namespace declaration that is not allowed")
		case declares:
			p.spaces = append(p.spaces, binding{prefix, value})
		default:
			n.Attrs = append(n.Attrs, name)
		}
	}
}

// prefixes refuses attributes whose prefix is declared nowhere.
func (p *parser) prefixes(n *Node) bool {
	for _, name := range n.Attrs {
		if prefix, _, found := strings.Cut(name, ":"); found && prefix != "xml" {
			if _, bound := p.lookup(prefix); !bound {
				return p.refuse("префикс "+prefix+" не объявлен", "prefix "+prefix+" is not declared")
			}
		}
	}
	return true
}

func (p *parser) lookup(prefix string) (uri string, bound bool) {
	for i := len(p.spaces) - 1; i >= 0; i-- {
		if p.spaces[i].prefix == prefix {
			return p.spaces[i].uri, true
		}
	}
	return "", prefix == ""
}

func (p *parser) resolve(raw string) (space, local string, ok bool) {
	prefix, local, found := strings.Cut(raw, ":")
	if !found {
		prefix, local = "", raw
	}
	space, bound := p.lookup(prefix)
	if !bound {
		return "", "", p.refuse("префикс "+prefix+" не объявлен", "prefix "+prefix+" is not declared")
	}
	return space, local, true
}

// name reads an element or attribute name. All names of the exchange are Latin, so a Cyrillic look-alike is told at once.
func (p *parser) name() (string, bool) {
	from, colons := p.pos, 0
	for p.pos < len(p.src) {
		b := p.src[p.pos]
		first := p.pos == from || p.src[p.pos-1] == ':'
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b == '_':
		case !first && (b >= '0' && b <= '9' || b == '-' || b == '.'):
		case !first && b == ':' && colons == 0:
			colons++
		case b >= 0x80:
			return "", p.refuse("в имени элемента или атрибута не латинская буква (возможно, похожая кириллическая)",
				"a name holds a letter that is not Latin (maybe a Cyrillic look-alike)")
		default:
			if first {
				return "", p.refuse("ожидается имя элемента или атрибута", "a name of an element or attribute is expected")
			}
			return p.src[from:p.pos], true
		}
		p.pos++
	}
	return "", p.refuse("файл оборван внутри тега", "the file ends inside a tag")
}

// attribute reads ="value".
func (p *parser) attribute() (string, bool) {
	p.blanks()
	if !p.take("=") {
		return "", p.refuse("после имени атрибута ожидается =", "= is expected after the name of an attribute")
	}
	p.blanks()
	if p.pos >= len(p.src) || (p.src[p.pos] != '"' && p.src[p.pos] != '\'') {
		return "", p.refuse("значение атрибута должно быть в кавычках", "the value of an attribute must be quoted")
	}
	quote := p.src[p.pos]
	p.pos++
	length := strings.IndexByte(p.rest(), quote)
	if length < 0 {
		return "", p.refuse("файл оборван внутри атрибута", "the file ends inside an attribute")
	}
	if length > maxAttribute {
		return "", p.refuse("атрибут длиннее 4 КиБ", "an attribute longer than 4 KiB")
	}
	value := p.rest()[:length]
	if strings.IndexByte(value, '<') >= 0 {
		return "", p.refuse("знак < внутри атрибута", "a < inside an attribute")
	}
	value, ok := p.references(value)
	if !ok {
		return "", false
	}
	p.pos += length + 1
	return value, true
}
