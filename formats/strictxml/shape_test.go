package strictxml

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parcel and item are a document with every sort of part.
type parcel struct {
	Key   string
	Code  int
	Note  string
	Tags  []string
	Owner *item
	First item
	Items []item
	Held  []item
}

type item struct{ Name string }

func any1(s string) Why {
	if s == "" {
		return Why{"пусто", "empty"}
	}
	return Why{}
}

func (i *item) shape() Shape { return Shape{Parts: []Part{One("Name", Text(&i.Name, any1))}} }

func (p *parcel) shape() Shape {
	s := func(i *item) Shape { return i.shape() }
	key := One("Key", Text(&p.Key, any1)).With(func(s string) Why {
		if s == "odd" {
			return Why{"странно", "odd"}
		}
		return Why{}
	})
	key.Also = "Kye"
	return Shape{
		Parts: []Part{
			key,
			Maybe("Code", Number(&p.Code, Range[int]{Least: 0, Most: 12, Width: 2})),
			Maybe("Note", Text(&p.Note, any1)),
			Leaves("Tag", &p.Tags, any1, true),
			MaybeBlock("Owner", &p.Owner, s),
			Block("First", &p.First, s),
			Blocks("Item", &p.Items, s),
			Wrapped("Held", "Thing", &p.Held, s),
		},
		Check: func(c *Cursor) {
			if p.Note == "check" {
				c.Add(CodeLogic, "Item[2]/Name", Why{"второй", "second"})
				c.Need("Absent/Deep", Why{"надо", "needed"})
				c.Add(CodeAddressee, "", Why{"не туда", "not here"})
				c.Add(CodeLogic, "Code", Why{})
			}
		},
	}
}

const whole = `<?xml version="1.0" encoding="UTF-8"?>
<p:Parcel xmlns:p="urn:a&amp;b">
  <p:Key>k</p:Key>
  <p:Code>03</p:Code>
  <p:Note>a&lt;b&gt;&amp;&quot;c&quot;&#13;
d</p:Note>
  <p:Tag>1</p:Tag>
  <p:Tag>2</p:Tag>
  <p:Owner>
    <p:Name>o</p:Name>
  </p:Owner>
  <p:First>
    <p:Name>f</p:Name>
  </p:First>
  <p:Item>
    <p:Name>i1</p:Name>
  </p:Item>
  <p:Item>
    <p:Name>i2</p:Name>
  </p:Item>
  <p:Held>
    <p:Thing>
      <p:Name>h</p:Name>
    </p:Thing>
  </p:Held>
</p:Parcel>
`

func TestWrittenIsRead(t *testing.T) {
	want := parcel{
		Key: "k", Code: 3, Note: "a<b>&\"c\"\r\nd", Tags: []string{"1", "2"}, Owner: &item{"o"}, First: item{"f"},
		Items: []item{{"i1"}, {"i2"}}, Held: []item{{"h"}},
	}
	data, err := Write(Document{Root: "Parcel", Space: "urn:a&b", Prefix: "p"}, want.shape())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, string(data)); diff != "" {
		t.Errorf("written:\n%s", diff)
	}
	root, fault := Parse(data, Options{})
	if fault != nil {
		t.Fatal(*fault)
	}
	var got parcel
	if faults := Read(root, got.shape()); len(faults) > 0 {
		t.Fatal(faults)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWriteRefuses(t *testing.T) {
	for name, p := range map[string]parcel{
		"control character": {Key: "a\x00"},
		"broken UTF-8":      {Key: "a\xff"},
		"U+FFFE":            {Key: "a\uFFFE"},
	} {
		t.Run(name, func(t *testing.T) {
			if data, err := Write(Document{Root: "Parcel"}, p.shape()); err == nil {
				t.Errorf("written: %q", data)
			}
		})
	}
	t.Run("prefix without namespace", func(t *testing.T) {
		if _, err := Write(Document{Root: "Parcel", Prefix: "p"}, (&parcel{}).shape()); err == nil {
			t.Error("no error")
		}
	})
}

func TestReadTellsAllFaults(t *testing.T) {
	const rest = "<Tag>1</Tag><First><Name>f</Name></First>"
	for _, tt := range []struct {
		name, text string
		want       []string // path:line:code
	}{
		{"nothing wrong", "<P><Key>k</Key>" + rest + "</P>", nil},
		{"second spelling", "<P><Kye>k</Kye>" + rest + "</P>", nil},
		{"both spellings", "<P><Kye>k</Kye><Key>k</Key>" + rest + "</P>", []string{"/P/Key:1:91"}},
		{"all absent", "<P/>", []string{"/P/Key:1:91", "/P/Tag:1:91", "/P/First:1:91"}},
		{
			"many, in the order of lines, one per path", "<P a='1'>\n<Item/>\n<Item><Name/><Name>x</Name></Item>\n<Code>x</Code>\n<Odd/>\n<Key>odd</Key>" + rest + "</P>",
			[]string{"/P:1:91", "/P/Item[1]/Name:2:91", "/P/Item[2]/Name:3:91", "/P/Code:4:91", "/P/Odd:5:91", "/P/Key:6:92"},
		},
		{"number too large", "<P><Key>k</Key><Code>13</Code>" + rest + "</P>", []string{"/P/Code:1:91"}},
		{"number of too many digits", "<P><Key>k</Key><Code>003</Code>" + rest + "</P>", []string{"/P/Code:1:91"}},
		{"number beyond int64", "<P><Key>k</Key><Code>99999999999999999999</Code>" + rest + "</P>", []string{"/P/Code:1:91"}},
		{"empty repeated leaf", "<P><Key>k</Key><Tag>1</Tag><Tag/><First><Name>f</Name></First></P>", []string{"/P/Tag[2]:1:91"}},
		{"block as value", "<P><Key>k</Key><Owner>x</Owner>" + rest + "</P>", []string{"/P/Owner:1:91"}},
		{"value as block", "<P><Key><b/></Key>" + rest + "</P>", []string{"/P/Key:1:91"}},
		{"wrapper without content", "<P><Key>k</Key>" + rest + "<Held/></P>", []string{"/P/Held/Thing:1:91"}},
		{"other namespace", "<P><Key>k</Key><x:Note xmlns:x='u'>n</x:Note>" + rest + "</P>", []string{"/P/Note:1:91"}},
		{
			"rules of the whole", "<P><Key>k</Key><Note>check</Note>" + rest + "<Item>\n<Name>1</Name></Item><Item>\n<Name>2</Name></Item></P>",
			[]string{"/P/Absent/Deep:1:92", "/P:1:93", "/P/Item[2]/Name:3:92"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root, fault := Parse([]byte(tt.text), Options{})
			if fault != nil {
				t.Fatal(*fault)
			}
			var p parcel
			var got []string
			for _, f := range Read(root, p.shape()) {
				got = append(got, fmt.Sprintf("%s:%d:%d", f.Path, f.Line, f.Code))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("the list is bounded", func(t *testing.T) {
		root, fault := Parse([]byte("<P>"+strings.Repeat("<Item/>", 5000)+"</P>"), Options{})
		if fault != nil {
			t.Fatal(*fault)
		}
		var p parcel
		if n := len(Read(root, p.shape())); n != maxFaults {
			t.Errorf("%d faults", n)
		}
	})
	t.Run("an open shape passes over what it does not know", func(t *testing.T) {
		root, _ := Parse([]byte("<P a='1'><Odd b='2'><Key/></Odd><Key>1</Key><Key>2</Key></P>"), Options{})
		var key string
		part := One("Key", Text(&key, any1))
		part.Twice = true
		if faults := Read(root, Shape{Open: true, Parts: []Part{part}}); len(faults) > 0 || key != "1" {
			t.Errorf("key %q, faults %v", key, faults)
		}
	})
}

func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		name  string
		codes []int
		want  int
	}{
		{"none", nil, 0},
		{"form before all", []int{92, 93, 91}, 91},
		{"addressee before control", []int{92, 93}, 93},
		{"control", []int{92, 95}, 92},
		{"other: the first", []int{95, 99}, 95},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f Faults
			for _, c := range tt.codes {
				f = append(f, Fault{Code: c})
			}
			if got := f.Code(); got != tt.want {
				t.Errorf("Code() = %d, want %d", got, tt.want)
			}
		})
	}
	t.Run("text has a line per fault", func(t *testing.T) {
		f := Faults{{Path: "/a", Line: 1, Code: 91, EN: "x"}, {Path: "/b", Line: 2, Code: 92, EN: "y"}}
		if got, want := f.Error(), "/a (line 1, code 91): x\n/b (line 2, code 92): y"; got != want {
			t.Errorf("%q", got)
		}
	})
}
