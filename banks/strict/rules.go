package strict

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// key is one key that a struct allows: its name in the file, its field and its rules.
type key struct {
	name  string
	index int
	rule  rules
}

// rules are what the tags of a field say about its value.
type rules struct {
	required             bool
	preset               string // the default, as it would stand in a file
	enum                 []string
	minimum, maximum     string
	minLength, maxLength int
	minItems, maxItems   int
	pattern              string
	path, wholeDay       bool
}

// keysOf lists the keys of a struct in the order of its fields.
func keysOf(t reflect.Type) []key {
	var keys []key
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || name == "-" || name == "" {
			continue
		}
		keys = append(keys, key{name, i, rulesOf(f.Tag)})
	}
	return keys
}

func rulesOf(tag reflect.StructTag) rules {
	rule := rules{path: tag.Get("resolve") == "path", wholeDay: tag.Get("whole") == "day"}
	for part := range strings.SplitSeq(tag.Get("jsonschema"), ",") {
		name, value, _ := strings.Cut(part, "=")
		number, _ := strconv.Atoi(value)
		switch name {
		case "required":
			rule.required = true
		case "default":
			rule.preset = value
		case "enum":
			rule.enum = append(rule.enum, value)
		case "minimum":
			rule.minimum = value
		case "maximum":
			rule.maximum = value
		case "minLength":
			rule.minLength = number
		case "maxLength":
			rule.maxLength = number
		case "minItems":
			rule.minItems = number
		case "maxItems":
			rule.maxItems = number
		case "pattern":
			rule.pattern = value
		}
	}
	return rule
}

// ofItem are the rules of a list's items: what the tag says about values, not about the list.
func (r rules) ofItem() rules {
	r.minItems, r.maxItems, r.preset, r.required = 0, 0, "", false
	return r
}

// items says in words how many items are allowed.
func (r rules) items() string {
	if r.maxItems == 0 {
		return fmt.Sprintf("at least %d needed", r.minItems)
	}
	return fmt.Sprintf("from %d to %d allowed", r.minItems, r.maxItems)
}

// known reports whether a struct has a key; a map (no keys given) has every one.
func known(keys []key, name string) bool {
	for _, k := range keys {
		if k.name == name {
			return true
		}
	}
	return keys == nil
}

// unknown words the refusal of a key, with the nearest right one. It never repeats the value: it may be a secret.
func unknown(keys []key, name string) string {
	switch name {
	case "password", "passphrase", "private_key", "secret", "token", "pin":
		return "a secret is never written into the configuration: put it into a file of its own and name that file under the key that ends with _file"
	case "include":
		return "there are no includes: one file is one whole"
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	nearest, far := "", min(2, len(name)/3)+1
	for _, candidate := range names {
		if d := distance(candidate, name); d < far {
			nearest, far = candidate, d
		}
	}
	if nearest != "" {
		return fmt.Sprintf("unknown key; did you mean %s?", nearest)
	}
	return "unknown key; known here: " + strings.Join(names, ", ")
}

// distance counts the letters to change, add or drop to get from one word to the other (Levenshtein); words whose
// lengths differ by more than two are far apart without counting.
func distance(a, b string) int {
	if len(a)-len(b) > 2 || len(b)-len(a) > 2 {
		return 3
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
