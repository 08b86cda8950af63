package strict

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// scalar reads one value, or the default when the file does not have it.
func (f *File) scalar(n *yaml.Node, v reflect.Value, path string, rule rules) {
	text, plain := rule.preset, true
	switch {
	case n == nil && text == "":
		return
	case n == nil:
	case n.Kind != yaml.ScalarNode:
		f.Tell(path, "must be one value, not a list or a block")
		return
	default:
		text, plain = n.Value, n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	}
	if err := f.assign(v, text, plain, rule); err != nil {
		f.Tell(path, "%v", err)
	}
}

// assign converts the text by the type of the field. A number and a boolean must be plain; everything else may be
// quoted or not, but not a word that other YAML readers take for a boolean.
func (f *File) assign(v reflect.Value, text string, plain bool, rule rules) error {
	switch target := v.Addr().Interface().(type) {
	case *time.Duration:
		return duration(target, text, rule)
	case *time.Time:
		return moment(target, text, rule)
	case *Size:
		return size(target, text, rule)
	case encoding.TextUnmarshaler:
		return target.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		return f.text(v, text, plain, rule)
	case reflect.Bool:
		if !plain || text != "true" && text != "false" {
			return fmt.Errorf("%s is not a yes or no; write true or false", Shown(text))
		}
		v.SetBool(text == "true")
		return nil
	case reflect.Int, reflect.Int64:
		if !plain {
			return fmt.Errorf("%s is a text; write the number without quotes", Shown(text))
		}
		return number(v, text, rule)
	}
	return fmt.Errorf("a value of type %s cannot be read", v.Type())
}

// text sets a string: its length, list of words, pattern and path.
func (f *File) text(v reflect.Value, text string, plain bool, rule rules) error {
	if plain && ambiguous(text) {
		return fmt.Errorf("%s without quotes is a yes or no to other readers of YAML; write \"%s\" if the text is meant", text, text)
	}
	length := utf8.RuneCountInString(text)
	switch {
	case text == "":
		return errors.New("is empty; give it a value or delete the key")
	case strings.TrimSpace(text) != text:
		return errors.New("has blanks at its beginning or end")
	case rule.enum != nil && !slices.Contains(rule.enum, text):
		return fmt.Errorf("%s is not known here; one of: %s", Shown(text), strings.Join(rule.enum, ", "))
	case length < rule.minLength || rule.maxLength > 0 && length > rule.maxLength:
		return fmt.Errorf("has %d characters; from %d to %d are allowed", length, rule.minLength, rule.maxLength)
	case rule.pattern != "" && !matches(rule.pattern, text):
		return fmt.Errorf("%s has not the right form (%s)", Shown(text), rule.pattern)
	}
	if rule.path {
		absolute, err := f.resolve(text)
		if err != nil {
			return err
		}
		text = absolute
	}
	v.SetString(text)
	return nil
}

// resolve makes a path absolute: from the folder of the file, or systemd's credentials folder for credential:NAME.
func (f *File) resolve(text string) (string, error) {
	if name, ok := strings.CutPrefix(text, "credential:"); ok {
		folder := os.Getenv("CREDENTIALS_DIRECTORY")
		switch {
		case name == "" || name != filepath.Base(name) || name == "." || name == "..":
			return "", errors.New("credential: must be followed by the name of a credential")
		case folder == "":
			return "", fmt.Errorf("there are no systemd credentials here; start the service with LoadCredential=%s:/its/file, or name a file", name)
		}
		return filepath.Join(folder, name), nil
	}
	if !filepath.IsAbs(text) {
		text = filepath.Join(filepath.Dir(f.name), text)
	}
	return filepath.Abs(text)
}

// ambiguous reports the words that YAML 1.1 readers take for a boolean or for nothing.
func ambiguous(text string) bool {
	switch strings.ToLower(text) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~":
		return true
	}
	return false
}

func matches(pattern, text string) bool {
	ok, err := regexp.MatchString(pattern, text)
	return err == nil && ok
}

// decimal reads a whole number as it is written by people: no leading zero (elsewhere read as octal), no plus, no
// underscore, no other base.
func decimal(text string) (int64, error) {
	digits := strings.TrimPrefix(text, "-")
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%s is not a whole number", Shown(text))
		}
	}
	if len(digits) > 1 && digits[0] == '0' {
		meant := strings.TrimSuffix(text, digits) + cmp.Or(strings.TrimLeft(digits, "0"), "0")
		return 0, fmt.Errorf("%s begins with a zero, which some readers take for octal; write %s", Shown(text), meant)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is not a whole number", Shown(text))
	}
	return n, nil
}

func number(v reflect.Value, text string, rule rules) error {
	n, err := decimal(text)
	if err != nil {
		return err
	}
	low, lowErr := decimal(rule.minimum)
	high, highErr := decimal(rule.maximum)
	if lowErr == nil && n < low || highErr == nil && n > high {
		return fmt.Errorf("%d is out of range; %s", n, span(rule))
	}
	v.SetInt(n)
	return nil
}

func duration(d *time.Duration, text string, rule rules) error {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return fmt.Errorf("%s has no unit; write 30s, 5m or 2h", Shown(text))
	}
	value, err := time.ParseDuration(text)
	if err != nil || strings.HasPrefix(text, "+") {
		return fmt.Errorf("%s is not a duration; write 30s, 5m or 2h", Shown(text))
	}
	low, lowErr := time.ParseDuration(rule.minimum)
	high, highErr := time.ParseDuration(rule.maximum)
	if lowErr == nil && value < low || highErr == nil && value > high {
		return fmt.Errorf("%s is out of range; %s", Shown(text), span(rule))
	}
	*d = value
	return nil
}

func size(s *Size, text string, rule rules) error {
	var value, low, high Size
	if err := value.UnmarshalText([]byte(text)); err != nil {
		return err
	}
	lowErr := low.UnmarshalText([]byte(rule.minimum))
	highErr := high.UnmarshalText([]byte(rule.maximum))
	if lowErr == nil && value < low || highErr == nil && value > high {
		return fmt.Errorf("%s is out of range; %s", Shown(text), span(rule))
	}
	*s = value
	return nil
}

// span says a range in words.
func span(rule rules) string {
	switch {
	case rule.minimum == "":
		return "at most " + rule.maximum
	case rule.maximum == "":
		return "at least " + rule.minimum
	}
	return "from " + rule.minimum + " to " + rule.maximum
}

// moment reads a time: RFC 3339 with its zone, or a date, which is a whole day of Moscow, the time of the law.
func moment(t *time.Time, text string, rule rules) error {
	if at, err := time.Parse(time.RFC3339, text); err == nil && sane(at) {
		*t = at.UTC()
		return nil
	}
	day, err := time.ParseInLocation(time.DateOnly, text, time.FixedZone("MSK", 3*60*60))
	if err != nil || !sane(day) {
		return fmt.Errorf("%s is not a date; write 2026-11-22, or 2026-11-22T18:00:00+03:00", Shown(text))
	}
	if rule.wholeDay {
		day = day.AddDate(0, 0, 1)
	}
	*t = day.UTC()
	return nil
}

// sane refuses years that are slips of the finger.
func sane(t time.Time) bool { return t.Year() >= 2000 && t.Year() < 2100 }
