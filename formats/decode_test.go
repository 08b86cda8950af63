package formats

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
)

var documentKinds = []Kind{KindOrder, KindQuery, KindReport, KindAnswer, KindReceipt}

// document decodes a fixture that must be right.
func document(t testing.TB, kind Kind) Document {
	t.Helper()
	d, faults := Decode([]byte(good(t, kind)), rules())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return d
}

func TestDecodedIsEncodedToTheSameBytes(t *testing.T) {
	for _, kind := range documentKinds {
		t.Run(string(kind), func(t *testing.T) {
			d := document(t, kind)
			if d.Kind() != kind || d.Key() == "" {
				t.Errorf("kind %q, key %q", d.Kind(), d.Key())
			}
			data, err := Encode(d, "")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(good(t, kind), string(data)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("manifest", func(t *testing.T) {
		m, faults := DecodeManifest([]byte(good(t, kindManifest)))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		data, err := EncodeManifest(m)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(good(t, kindManifest), string(data)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("original without what is passed over", func(t *testing.T) {
		o, faults := DecodeOriginal([]byte(good(t, kindOriginal)), rules())
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		data, err := EncodeOriginal(o)
		if err != nil {
			t.Fatal(err)
		}
		again, faults := DecodeOriginal(data, rules())
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		if diff := cmp.Diff(o, again); diff != "" {
			t.Error(diff)
		}
	})
}

// reversed turns the order of the root's children round.
func reversed(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var children []string
	for _, line := range lines[2 : len(lines)-1] {
		if strings.HasPrefix(line, "  <") && !strings.HasPrefix(line, "  </") {
			children = append(children, line)
		} else {
			children[len(children)-1] += "\n" + line
		}
	}
	slices.Reverse(children)
	return strings.Join(lines[:2], "\n") + strings.Join(children, "\n") + lines[len(lines)-1]
}

// TestTolerance: what the reader takes beyond the schema means the same document, and is written again as the schema wants.
func TestTolerance(t *testing.T) {
	agreed := rules()
	agreed.Namespaces = []string{"urn:one", "urn:two"}
	agreed.Windows1251 = true
	cp1251, err := charmap.Windows1251.NewEncoder().String(strings.Replace(good(t, KindOrder), "UTF-8", "windows-1251", 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		kind Kind
		text string
	}{
		{"children of an order in any order", KindOrder, swapData(reversed(good(t, KindOrder)))},
		{"children of a report in any order", KindReport, reversed(good(t, KindReport))},
		{"children of a query in any order", KindQuery, swapKinds(reversed(good(t, KindQuery)))},
		{"second spelling of the order's key", KindReport, strings.ReplaceAll(good(t, KindReport), "RestrictnInternalKey", "RestrctnInternalKey")},
		{"answer code with one digit", KindReport, strings.Replace(good(t, KindReport), ">04<", ">4<", 1)},
		{"state with one digit", KindReceipt, strings.Replace(good(t, KindReceipt), ">02<", ">2<", 1)},
		{"time with an offset", KindReceipt, strings.Replace(good(t, KindReceipt), "07:00:00.25Z", "10:00:00.25+03:00", 1)},
		{"rouble as 810", KindReport, strings.Replace(good(t, KindReport), "<CurrencyCode>643", "<CurrencyCode>810", 1)},
		{"rouble as 810 in an answer", KindAnswer, strings.Replace(good(t, KindAnswer), "<CurrencyCode>643", "<CurrencyCode>810", 1)},
		{"СНИЛС bare", KindOrder, strings.Replace(good(t, KindOrder), "112-233-445 95", "11223344595", 1)},
		{"sum without kopecks", KindOrder, strings.Replace(good(t, KindOrder), "<Amount>1500.00", "<Amount>1500", 1)},
		{"sum with tens of kopecks", KindOrder, strings.Replace(good(t, KindOrder), "2000.50", "2000.5", 1)},
		{"agreed namespace", KindOrder, strings.Replace(good(t, KindOrder), "<Restrictn>", "<Restrictn xmlns=\"urn:two\">", 1)},
		{"agreed namespace by prefix", KindReceipt, prefixed(good(t, KindReceipt))},
		{"byte order mark", KindOrder, "\xEF\xBB\xBF" + good(t, KindOrder)},
		{"no declaration", KindOrder, strings.SplitN(good(t, KindOrder), "\n", 2)[1]},
		{"windows-1251", KindOrder, cp1251},
		{"line ends of Windows", KindOrder, strings.ReplaceAll(good(t, KindOrder), "\n", "\r\n")},
		{"comments", KindReport, strings.Replace(good(t, KindReport), "<Report>", "<!-- x --><Report><!-- y -->", 1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.text == good(t, tt.kind) {
				t.Fatal("nothing was changed")
			}
			d, faults := Decode([]byte(tt.text), agreed)
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			if diff := cmp.Diff(document(t, tt.kind), d); diff != "" {
				t.Errorf("another document:\n%s", diff)
			}
		})
	}
}

// swapData and swapKinds put repeated children back in their order, which is part of what a document says.
func swapData(text string) string {
	first, second := strings.Index(text, "  <Data>\n    <accountDatum>"), strings.Index(text, "  <Data>\n    <IdentificationData>")
	end := second + strings.Index(text[second:], "</Data>") + len("</Data>")
	return text[:first] + text[second:end] + "\n" + text[first:second] + text[end:]
}

func swapKinds(text string) string {
	return strings.NewReplacer(">10<", ">09<", ">09<", ">10<").Replace(text)
}

func prefixed(text string) string {
	text = strings.NewReplacer("</", "</x:", "<?", "<?", "<", "<x:").Replace(text)
	return strings.Replace(text, "<x:DocumentStateReceipt>", "<x:DocumentStateReceipt xmlns:x=\"urn:one\">", 1)
}

func TestDecodeRefusesTheWhole(t *testing.T) {
	agreed := rules()
	agreed.Namespaces = []string{"urn:one", "urn:two"}
	order := good(t, KindOrder)
	for _, tt := range []struct{ name, text, path, en string }{
		{"empty file", "", "/", "empty"},
		{"unknown root", "<Restriction/>", "/Restriction", "does not belong here"},
		{"signed original without its companion", good(t, kindOriginal), "/OIp", "companion"},
		{"manifest", good(t, kindManifest), "/Manifest", "does not belong here"},
		{"namespace that is not agreed", strings.Replace(order, "<Restrictn>", "<Restrictn xmlns=\"urn:three\">", 1), "/Restrictn", "not agreed"},
		{"namespaces of two agreements mixed", strings.Replace(strings.Replace(order, "<Restrictn>", "<Restrictn xmlns=\"urn:one\">", 1), "<IP>", "<IP xmlns=\"urn:two\">", 1), "/Restrictn/IP", "another namespace"},
		{"namespace and none mixed", strings.Replace(order, "<DocNum>77041/26/1</DocNum>", "<x:DocNum xmlns:x=\"urn:one\">77041/26/1</x:DocNum>", 1), "/Restrictn/DocNum", "another namespace"},
		{"windows-1251 without agreement", strings.Replace(order, "UTF-8", "windows-1251", 1), "/", "not agreed"},
		{"second document", order + strings.SplitN(order, "\n", 2)[1], "/", "second root"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, faults := Decode([]byte(tt.text), agreed)
			if len(faults) != 1 || faults[0].Path != tt.path || faults.Code() != 91 || !strings.Contains(faults[0].EN, tt.en) {
				t.Errorf("faults: %v", faults)
			}
		})
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	text := good(t, KindOrder)
	for old, bad := range map[string]string{
		"<DocDate>2026-02-03<": "<DocDate>2026-02-30<", ">77041/26/1<": ">17<", ">770000000082<": ">770000000083<",
		"<BicBank>044525974<": "<BicBank>049805974<", "<RecpKPP>770901001</RecpKPP>": "", "<Priority>4<": "<Priority>9<",
	} {
		text = strings.Replace(text, old, bad, 1)
	}
	d, faults := Decode([]byte(text), rules())
	var got []string
	for _, f := range faults {
		got = append(got, fmt.Sprintf("%s %d", f.Path, f.Code))
	}
	want := []string{
		"/Restrictn/DocDate 91", "/Restrictn/DocNum 92", "/Restrictn/Priority 91", "/Restrictn/IP/DebtorINN 92",
		"/Restrictn/Data[2]/accountDatum/BicBank 93", "/Restrictn/OspProperty/RecpKPP 91",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if faults.Code() != StateBadSchema {
		t.Errorf("code of the document %d", faults.Code())
	}
	if d == nil || d.Key() != "45411000000001" {
		t.Errorf("a refused document must still be named: %v", d)
	}
}

func TestRefusedKeyIsNotKept(t *testing.T) {
	d, faults := Decode([]byte(strings.Replace(good(t, KindOrder), ">45411000000001<", ">../../x<", 1)), rules())
	if len(faults) == 0 || d.Key() != "" {
		t.Errorf("key %q, faults %v", d.Key(), faults)
	}
}

func TestTodayRulesTheDates(t *testing.T) {
	at := func(day string, hour int) Rules {
		d, err := time.ParseInLocation(time.DateOnly, day, today().Location())
		if err != nil {
			t.Fatal(err)
		}
		return Rules{Today: d.Add(time.Duration(hour) * time.Hour)}
	}
	order := []byte(good(t, KindOrder)) // dated 2026-02-03
	for _, tt := range []struct {
		name  string
		rules Rules
		fine  bool
	}{
		{"day before, first hour", at("2026-02-02", 0), true},
		{"two days before, last hour", at("2026-02-01", 23), false},
		{"years after", at("2030-01-01", 0), true},
		{"no day given: everything is in the future", Rules{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, faults := Decode(order, tt.rules)
			if fine := len(faults) == 0; fine != tt.fine {
				t.Errorf("faults: %v", faults)
			}
		})
	}
	t.Run("birth date of 150 years ago", func(t *testing.T) {
		late := at("2050-01-02", 0)
		text := strings.Replace(good(t, KindOrder), "<birthDate>1990-01-01<", "<birthDate>1900-01-01<", 1)
		if _, faults := Decode([]byte(text), late); len(faults) != 1 || faults[0].Path != "/Restrictn/Data[1]/IdentificationData/birthDate" {
			t.Errorf("faults: %v", faults)
		}
	})
}

// TestSchemaOfANamespace: a bank that wants a namespace includes our schema into its own.
func TestSchemaOfANamespace(t *testing.T) {
	data, err := Encode(document(t, KindOrder), "urn:bank:1")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	included := filepath.Join(dir, "order.xsd")
	if err := os.WriteFile(included, Schema(KindOrder), 0o600); err != nil {
		t.Fatal(err)
	}
	outer := `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:bank:1"><xs:include schemaLocation="` + included + `"/></xs:schema>`
	if valid := xmllint(t, []byte(outer), map[string]string{"order": string(data), "none": good(t, KindOrder)}); !valid["order"] || valid["none"] {
		t.Errorf("xmllint: %v", valid)
	}
}

func TestSchemas(t *testing.T) {
	types := map[string]string{}
	for _, kind := range append([]Kind{kindManifest}, documentKinds...) {
		for _, block := range strings.Split(string(Schema(kind)), "<xs:simpleType ")[1:] {
			name, body, _ := strings.Cut(block, ">")
			body, _, _ = strings.Cut(body, "</xs:simpleType>")
			if other, known := types[name]; known && other != body {
				t.Errorf("%s is declared in two ways", name)
			}
			types[name] = body
		}
	}
	if len(types) < 40 {
		t.Errorf("only %d simple types seen", len(types))
	}
	if Schema("nothing") != nil || Schema("../schema/order") != nil {
		t.Error("a schema of an unknown kind")
	}
}

func TestEncodeRefusesWhatDecodeWould(t *testing.T) {
	amount := Money(-1)
	for name, change := range map[string]func(*Order){
		"no key":            func(o *Order) { o.InternalKey = "" },
		"key that is none":  func(o *Order) { o.InternalKey = "../x" },
		"negative sum":      func(o *Order) { o.Amount = &amount },
		"control character": func(o *Order) { o.DebtText = "a\x01" },
		"text too long":     func(o *Order) { o.DebtText = long(201) },
		"unknown code":      func(o *Order) { o.DocCode = "X" },
		"impossible date":   func(o *Order) { o.DocDate = "2026-02-30" },
	} {
		t.Run(name, func(t *testing.T) {
			o := *document(t, KindOrder).(*Order)
			change(&o)
			if data, err := Encode(&o, ""); err == nil {
				t.Errorf("written:\n%s", data)
			} else if !strings.HasPrefix(err.Error(), "encode order: ") {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("manifest without entries", func(t *testing.T) {
		m := &Manifest{Version: 1, Sender: "FSSP", Recipient: "044525225", Stream: "documents", Seq: 1, CreatedAt: today()}
		if _, err := EncodeManifest(m); err == nil {
			t.Error("no error")
		}
	})
	t.Run("faults of control are the reader's", func(t *testing.T) {
		o := *document(t, KindOrder).(*Order)
		o.IP.DebtorINN = "770000000083"
		if _, err := Encode(&o, ""); err != nil {
			t.Error(err)
		}
	})
}

func TestKinds(t *testing.T) {
	for _, kind := range documentKinds {
		if back, ok := KindByPrefix(kind.Prefix()); !ok || back != kind {
			t.Errorf("%s: prefix %q leads to %q", kind, kind.Prefix(), back)
		}
	}
	if _, ok := KindByPrefix("manifest"); ok || Kind("manifest").Prefix() != "" {
		t.Error("a manifest has no prefix of its own")
	}
}
