package strictxml

import (
	"strconv"
	"strings"
)

// content reads what stands between the start tag and the end tag of n, which is the last of p.open.
func (p *parser) content(n *Node) bool {
	commented, text := false, ""
	for {
		next := strings.IndexByte(p.rest(), '<')
		if next < 0 {
			p.pos = len(p.src)
			return p.refuse("файл оборван: элемент не закрыт", "the file ends before the element is closed")
		}
		piece, ok := p.text(p.rest()[:next])
		if !ok {
			return false
		}
		if text == "" || strings.TrimLeft(text, " \n\t\r") == "" {
			text = piece
		} else if strings.Trim(piece, " \n\t\r") != "" {
			return p.between(n)
		}
		p.pos += next
		switch {
		case strings.HasPrefix(p.rest(), "</"):
			return p.finish(n, text, commented)
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

// finish reads the end tag and decides whether the element is a value or a block.
func (p *parser) finish(n *Node, text string, commented bool) bool {
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
	if len(n.Children) == 0 {
		n.Text = text
		if commented {
			return p.refuse("комментарий внутри значения", "a comment inside a value")
		}
		return true
	}
	if strings.Trim(text, " \n\t\r") != "" {
		return p.between(n)
	}
	return true
}

func (p *parser) between(n *Node) bool {
	if len(n.Children) == 0 {
		return p.refuse("комментарий внутри значения", "a comment inside a value")
	}
	return p.refuse("текст между элементами", "text between elements")
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
