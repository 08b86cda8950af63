package strictxml

import (
	"sort"
	"strconv"
	"strings"
)

// Cursor stands on one block while it is read and checked.
type Cursor struct {
	node   *Node
	above  *Cursor // nil at the root
	index  int     // place among its twins from 1, 0 when the element may stand once
	space  string  // namespace of the root
	faults *Faults
}

// Read maps the tree on the shape and returns all faults in the order of lines. What was well formed is kept.
func Read(root *Node, s Shape) Faults {
	var faults Faults
	c := Cursor{node: root, space: root.Space, faults: &faults}
	c.block(s)
	sort.SliceStable(faults, func(i, j int) bool { return faults[i].Line < faults[j].Line })
	return faults
}

// Add records a fault of the child element (a relative path, "" for the block itself) unless why is zero or that element
// already has one. The line is the child's, or the block's when the child is absent.
func (c *Cursor) Add(code int, child string, why Why) {
	if why == (Why{}) || len(*c.faults) >= maxFaults {
		return
	}
	n, path := c.node, c.path()
	if child != "" {
		path += "/" + child
		for _, name := range strings.Split(child, "/") {
			next := n.child(name)
			if next == nil {
				break
			}
			n = next
		}
	}
	if !c.has(path) {
		*c.faults = append(*c.faults, Fault{Path: path, Line: n.Line, Code: code, RU: why.RU, EN: why.EN})
	}
}

// Need records that the child is absent although something requires it; reason says what.
func (c *Cursor) Need(child string, reason Why) {
	c.Add(CodeLogic, child, Why{"элемент обязателен: " + reason.RU, "the element is required: " + reason.EN})
}

// Faulty says whether a fault was recorded in the child element (any of its twins) or below it; "" asks for the block.
func (c *Cursor) Faulty(child string) bool {
	if len(*c.faults) == 0 {
		return false
	}
	path := c.path()
	if child != "" {
		path += "/" + child
	}
	for _, f := range *c.faults {
		if rest, ok := strings.CutPrefix(f.Path, path); ok && (rest == "" || rest[0] == '/' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// path is built only when a fault needs it.
func (c *Cursor) path() string {
	path := "/" + c.node.Name
	if c.index > 0 {
		path += "[" + strconv.Itoa(c.index) + "]"
	}
	if c.above != nil {
		path = c.above.path() + path
	}
	return path
}

func (c *Cursor) has(path string) bool {
	for _, f := range *c.faults {
		if f.Path == path {
			return true
		}
	}
	return false
}

// child finds the child that a step of a path names: name, or name[index] with an index from 1.
func (n *Node) child(step string) *Node {
	name, index, _ := strings.Cut(strings.TrimSuffix(step, "]"), "[")
	left, _ := strconv.Atoi(index)
	for i := range n.Children {
		if n.Children[i].Name == name {
			if left--; left <= 0 {
				return &n.Children[i]
			}
		}
	}
	return nil
}

// block reads the children of the present node.
func (c *Cursor) block(s Shape) {
	if !s.Open && len(c.node.Attrs) > 0 {
		c.Add(CodeSchema, "", unknownAttribute(c.node))
	}
	if len(c.node.Children) == 0 && strings.Trim(c.node.Text, " \n\t\r") != "" {
		c.Add(CodeSchema, "", Why{"ожидаются вложенные элементы, а не текст", "child elements are expected, not text"})
		return
	}
	var counts [64]int
	for i := range c.node.Children {
		child := &c.node.Children[i]
		at := find(s.Parts, child.Name)
		if at < 0 {
			if !s.Open {
				c.at(child, 0).Add(CodeSchema, "", Why{"элемент здесь не предусмотрен", "the element is not known here"})
			}
			continue
		}
		counts[at]++
		c.part(&s.Parts[at], child, counts[at])
	}
	for i, part := range s.Parts {
		if part.required && counts[i] == 0 {
			c.Add(CodeSchema, part.Name, Why{"обязательный элемент отсутствует", "a required element is absent"})
		}
	}
	if s.Check != nil {
		s.Check(c)
	}
}

func find(parts []Part, name string) int {
	for i := range parts {
		if parts[i].Name == name || parts[i].Also == name && name != "" {
			return i
		}
	}
	return -1
}

func (c *Cursor) at(child *Node, index int) *Cursor {
	return &Cursor{node: child, above: c, index: index, space: c.space, faults: c.faults}
}

// part reads one occurrence of a declared child; count says which.
func (c *Cursor) part(p *Part, child *Node, count int) {
	index := 0
	if p.many {
		index = count
	}
	if count > 1 && !p.many && p.Twice {
		return
	}
	why, code := Why{}, CodeSchema
	switch {
	case child.Space != c.space:
		why = Why{"другое пространство имён, чем у корня", "another namespace than that of the root"}
	case count > 1 && !p.many:
		why = Why{"элемент повторяется, а допускается один раз", "the element is doubled but may stand once"}
	case p.enter != nil:
		c.at(child, index).block(p.enter())
	default:
		why, code = p.leaf(child)
	}
	if why != (Why{}) {
		c.at(child, index).Add(code, "", why)
	}
}

// leaf reads a value and judges it.
func (p *Part) leaf(n *Node) (why Why, code int) {
	switch {
	case len(n.Children) > 0:
		return Why{"ожидается значение, а не вложенные элементы", "a value is expected, not child elements"}, CodeSchema
	case len(n.Attrs) > 0:
		return unknownAttribute(n), CodeSchema
	}
	if why = p.value.Read(n.Text); why != (Why{}) || p.Logic == nil {
		return why, CodeSchema
	}
	return p.Logic(n.Text), CodeLogic
}

func unknownAttribute(n *Node) Why {
	return Why{"атрибут " + n.Attrs[0] + " не предусмотрен", "attribute " + n.Attrs[0] + " is not known here"}
}
