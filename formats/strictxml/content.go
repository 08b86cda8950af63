package strictxml

import (
	"strconv"
	"strings"
)

// content reads what stands between the start tag and the end tag of n, which is the last of p.open. Text may stand only
// alone: before the end tag of an element without children and comments.
func (p *parser) content(n *Node) bool {
	commented := false
	for {
		next := strings.IndexByte(p.rest(), '<')
		if next < 0 {
			p.pos = len(p.src)
			return p.refuse("файл оборван: элемент не закрыт", "the file ends before the element is closed")
		}
		text, ok := p.text(p.rest()[:next])
		if !ok {
			return false
		}
		ends := strings.HasPrefix(p.rest()[next:], "</")
		if alone := ends && !commented && len(n.Children) == 0; !alone && strings.Trim(text, " \n\t\r") != "" {
			return p.between(n, p.rest()[next:])
		}
		p.pos += next
		switch {
		case ends:
			if commented && len(n.Children) == 0 {
				return p.between(n, "<!--")
			}
			if len(n.Children) == 0 {
				n.Text = text
			}
			return p.endTag()
		case strings.HasPrefix(p.rest(), "<!--"):
			commented = true
			if !p.comment() {
				return false
			}
		case strings.HasPrefix(p.rest(), "<!"), strings.HasPrefix(p.rest(), "<?"):
			return p.markup()
		default:
			n.Children = append(n.Children, Node{})
			if !p.element(&n.Children[len(n.Children)-1]) {
				return false
			}
		}
	}
}

// endTag reads the end tag of the last open element.
func (p *parser) endTag() bool {
	at := p.pos
	p.pos += 2
	raw, ok := p.name()
	if !ok {
		return false
	}
	if raw != p.open[len(p.open)-1] {
		p.pos = at
		return p.refuse("закрывающий тег "+raw+" не соответствует открывающему", "end tag "+raw+" does not match the start tag")
	}
	p.blanks()
	if !p.take(">") {
		return p.refuse("недопустимый знак в закрывающем теге", "a character that an end tag cannot hold")
	}
	return true
}

// between refuses text that does not stand alone; what follows it tells why.
func (p *parser) between(n *Node, follows string) bool {
	p.blanks() // the line told is that of the text
	comment := strings.HasPrefix(follows, "<!--") || strings.HasPrefix(follows, "</")
	switch {
	case strings.HasPrefix(follows, "<![") || strings.HasPrefix(follows, "<?"):
		p.pos = len(p.src) - len(follows)
		return p.markup()
	case comment && len(n.Children) == 0:
		return p.refuse("комментарий внутри значения", "a comment inside a value")
	default:
		return p.refuse("текст между элементами", "text between elements")
	}
}

// text resolves references of character data and makes every line end \n (XML 1.0, 2.11).
func (p *parser) text(raw string) (string, bool) {
	if strings.Contains(raw, "]]>") {
		return "", p.refuse("последовательность ]]> в тексте", "the sequence ]]> in a text")
	}
	if strings.IndexByte(raw, '\r') >= 0 {
		raw = strings.ReplaceAll(strings.ReplaceAll(raw, "\r\n", "\n"), "\r", "\n")
	}
	return p.references(raw)
}

// references resolves the five predefined entities and character references; every other entity is refused.
func (p *parser) references(raw string) (string, bool) {
	at := strings.IndexByte(raw, '&')
	if at < 0 {
		return raw, true
	}
	var b strings.Builder
	for at >= 0 {
		b.WriteString(raw[:at])
		raw = raw[at+1:]
		end := strings.IndexByte(raw, ';')
		if end < 0 || end > 16 {
			return "", p.refuse("знак & записывается как &amp;", "write & as &amp;")
		}
		r, ok := reference(raw[:end])
		if !ok {
			return "", p.refuse("сущность или ссылка на знак не допускается; разрешены &amp; &lt; &gt; &quot; &apos;",
				"an entity or character reference that is not allowed; use &amp; &lt; &gt; &quot; &apos;")
		}
		b.WriteRune(r)
		raw = raw[end+1:]
		at = strings.IndexByte(raw, '&')
	}
	b.WriteString(raw)
	return b.String(), true
}

func reference(name string) (rune, bool) {
	switch name {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, numeric := strings.CutPrefix(name, "#")
	base := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	if !numeric || strings.ContainsAny(digits, "+-_") {
		return 0, false
	}
	v, err := strconv.ParseUint(digits, base, 21)
	if err != nil || !allowed(rune(v)) {
		return 0, false
	}
	return rune(v), true
}

// allowed says whether XML 1.0 (2.2) lets a document hold the character.
func allowed(r rune) bool {
	switch {
	case r < 0x20:
		return r == '\t' || r == '\n' || r == '\r'
	case r < 0xD800:
		return true
	case r < 0xE000:
		return false
	case r < 0xFFFE:
		return true
	default:
		return r > 0xFFFF && r <= 0x10FFFF
	}
}
