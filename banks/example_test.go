package banks

import (
	"cmp"
	"reflect"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v4"
)

// every calls f for each key that a bank file can have: its path, its field and the field's value in b.
func every(v reflect.Value, path string, f func(path string, field reflect.StructField, v reflect.Value)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		at := strings.TrimPrefix(path+"."+name, ".")
		f(at, field, v.Field(i))
		inner := v.Field(i)
		if inner.Kind() == reflect.Slice && inner.Type().Elem().Kind() == reflect.Struct {
			inner = reflect.New(inner.Type().Elem()).Elem()
		}
		if inner.Kind() == reflect.Struct && inner.Type() != reflect.TypeFor[time.Time]() {
			every(inner, at, f)
		}
	}
}

// rule reads one rule from a field's tag: its value, "yes" for one without value, "" for none.
func rule(field reflect.StructField, name string) string {
	for part := range strings.SplitSeq(field.Tag.Get("jsonschema"), ",") {
		if key, value, _ := strings.Cut(part, "="); key == name {
			return cmp.Or(value, "yes")
		}
	}
	return ""
}

func readExample(t *testing.T) Bank {
	t.Helper()
	var b Bank
	if err := Decode("example.yaml", []byte(Example()), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestTheExampleHasEveryKey wants each key of a bank file in the example with a remark that says its default, and the
// value shown to be that default.
func TestTheExampleHasEveryKey(t *testing.T) {
	notes, count := notes(Example()), 0
	every(reflect.ValueOf(readExample(t)), "", func(path string, field reflect.StructField, v reflect.Value) {
		count++
		preset, note := rule(field, "default"), notes[path]
		group := v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]()
		switch {
		case group:
		case note == "":
			t.Errorf("%s has no remark, or is not there", path)
		case rule(field, "required") != "":
			if !strings.HasPrefix(note, "required.") {
				t.Errorf("%s is required; its remark is %q", path, note)
			}
		case preset != "":
			if !strings.Contains(note, "Default "+preset) {
				t.Errorf("%s has the default %s; its remark is %q", path, preset, note)
			}
			if shown := shownInExample(path); shown != preset && !strings.HasPrefix(path, "schedule.") {
				t.Errorf("%s shows %q instead of its default %s", path, shown, preset)
			}
		case strings.HasSuffix(path, "_file"), path == "schedule.every":
		case !strings.Contains(note, "Default"):
			t.Errorf("the remark of %s says no default: %q", path, note)
		}
		for _, bound := range []string{rule(field, "minimum"), rule(field, "maximum")} {
			if !strings.Contains(note, bound) && path != "sftp.port" {
				t.Errorf("the remark of %s lacks its bound %s: %q", path, bound, note)
			}
		}
		for part := range strings.SplitSeq(field.Tag.Get("jsonschema"), ",") {
			if word, ok := strings.CutPrefix(part, "enum="); ok && !strings.Contains(note, word) {
				t.Errorf("the remark of %s lacks %s: %q", path, word, note)
			}
		}
	})
	if count < 50 {
		t.Errorf("only %d keys seen", count)
	}
	if len(notes) != count {
		t.Errorf("the example has %d keys, a bank %d", len(notes), count)
	}
}

// shownInExample finds the value that the example shows for a key.
func shownInExample(path string) string {
	block, name, _ := strings.Cut(path, ".")
	_, rest, _ := strings.Cut(Example(), "\n"+block+":")
	_, rest, _ = strings.Cut(rest, "\n  "+name+": ")
	value, _, _ := strings.Cut(rest, " ")
	return value
}

func TestTheExampleMeansWhatItSays(t *testing.T) {
	b := readExample(t)
	if got := b.Codes(); !diff.Equal(got, []string{"044525225", "043601607"}) {
		t.Errorf("codes %v", got)
	}
	if b.SFTP.KeyFile == "keys/044525225.key" || !strings.HasSuffix(b.SFTP.KeyFile, "/banks/keys/044525225.key") {
		t.Errorf("the path %s does not begin at the folder of the file", b.SFTP.KeyFile)
	}
	next := b.SFTP.HostKeys[1]
	from := time.Date(2026, 11, 30, 21, 0, 0, 0, time.UTC)  // the beginning of 1 December in Moscow
	until := time.Date(2027, 12, 31, 21, 0, 0, 0, time.UTC) // the end of 31 December in Moscow
	if !next.From.Equal(from) || !next.Until.Equal(until) {
		t.Errorf("in force from %s until %s", next.From, next.Until)
	}
	for at, want := range map[time.Time]bool{from.Add(-1): false, from: true, until.Add(-1): true, until: false} {
		if next.In(at) != want {
			t.Errorf("in force at %s: %t", at, !want)
		}
	}
}

// TestDefaults wants the smallest file to give every default, and an absent block the same as an empty one.
func TestDefaults(t *testing.T) {
	small := string(content(t, "testdata/good/smallest.yaml"))
	var b, c Bank
	if err := Decode("a/bank.yaml", []byte(small), &b); err != nil {
		t.Fatal(err)
	}
	every(reflect.ValueOf(b), "", func(path string, field reflect.StructField, v reflect.Value) {
		preset := rule(field, "default")
		got := strings.ReplaceAll(strings.ReplaceAll(strings.TrimSuffix(textOf(v), "0s"), "h0m", "h"), "m0s", "m")
		if preset == "0s" {
			preset = ""
		}
		if preset != "" && got != preset && textOf(v) != preset {
			t.Errorf("%s is %s by default, want %s", path, textOf(v), preset)
		}
	})
	if err := Decode("a/bank.yaml", []byte(small+"limits: {}\ndelivery: {}\n"), &c); err != nil {
		t.Fatal(err)
	}
	if d := diff.Diff(b, c, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("an empty block changes something:\n%s", d)
	}
}

func textOf(v reflect.Value) string {
	text, err := yaml.Marshal(v.Interface())
	if err != nil {
		return err.Error()
	}
	return strings.Trim(string(text), "\n\"")
}

// TestAMarshalledBankReadsBackTheSame lets programs write bank files.
func TestAMarshalledBankReadsBackTheSame(t *testing.T) {
	var small Bank
	if err := Decode("bank.yaml", content(t, "testdata/good/smallest.yaml"), &small); err != nil {
		t.Fatal(err)
	}
	for _, b := range []Bank{readExample(t), small} {
		text, err := yaml.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		var again Bank
		if err := Decode("other/bank.yaml", text, &again); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if d := diff.Diff(b, again); d != "" {
			t.Errorf("comes back different:\n%s", d)
		}
	}
}
