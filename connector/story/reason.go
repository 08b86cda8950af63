package story

import (
	_ "embed" // the reasons
	"regexp"
	"strconv"
	"strings"
	"sync"

	"bankconnector/crypto/cms/codes"
)

//go:embed reasons.txt
var reasons string

// pattern is one of the program's own reasons: its English form, which the journal keeps and which is its stable code, and
// how it is said in Russian.
type pattern struct {
	en *regexp.Regexp
	ru string
}

// patterns reads the table once.
var patterns = sync.OnceValue(func() (list []pattern) {
	for block := range strings.SplitSeq(reasons, "\n\n") {
		en, ru, ok := strings.Cut(strings.Trim(block, "\n"), "\n")
		if ok && !strings.HasPrefix(en, "#") {
			list = append(list, pattern{compiled(en), ru})
		}
	}
	return list
})

// compiled makes the holes of an English form groups: {n} holds a number, {w} one word, {} anything.
func compiled(en string) *regexp.Regexp {
	holes := strings.NewReplacer(`\{n\}`, `(\d+)`, `\{w\}`, `(\S+)`, `\{\}`, `(.*?)`)
	return regexp.MustCompile("(?s)^" + holes.Replace(regexp.QuoteMeta(en)) + "$")
}

// Reason is a reason that the journal gives, in the language of the reader. One that the program did not write, as a
// person's own, or one of an older program, stays as it is.
func Reason(text, lang string) string {
	if lang != "ru" || text == "" {
		return text
	}
	lines := strings.Split(text, "\n") // a refused document has one for each fault
	for i, line := range lines {
		lines[i] = sentence(line)
	}
	return strings.Join(lines, "\n")
}

func sentence(text string) string {
	if told, ok := known(text); ok {
		return told
	}
	return text
}

// known says one of the program's own reasons or words in Russian.
func known(text string) (string, bool) {
	if word := russian(text); word != "" {
		return word, true
	}
	for _, p := range patterns() {
		if found := p.en.FindStringSubmatch(text); found != nil {
			if told, ok := fill(p.ru, found); ok {
				return told, true
			}
		}
	}
	return "", false
}

var slot = regexp.MustCompile(`\{(\d)(:[a-z]+)?\}`)

// fill puts what was found into the Russian form: {1} as it is, {1:reason} a reason or a word, {1:code} the code of a bad
// signature. It fails where a reason or a code is none of ours.
func fill(ru string, found []string) (told string, ok bool) {
	ok = true
	told = slot.ReplaceAllStringFunc(ru, func(s string) string {
		parts := slot.FindStringSubmatch(s)
		n, _ := strconv.Atoi(parts[1]) // a digit
		if n >= len(found) {
			ok = false
			return s
		}
		text, is := found[n], true
		switch parts[2] {
		case ":reason":
			text, is = known(text)
		case ":code":
			text, _ = codes.Explain(text, "ru")
			is = text != ""
		}
		ok = ok && is
		return text
	})
	return told, ok
}
