package strict

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// scan refuses a text that is not clean UTF-8 before anything parses it: broken octets, control characters, and
// characters that change how a line looks without being seen (bidirectional marks, zero width, soft hyphen). A byte
// order mark at the start and Windows line ends are accepted.
func scan(file string, data []byte) Problems {
	if len(data) > maxFile {
		return Problems{{File: file, Text: fmt.Sprintf("it is larger than %s", Size(maxFile))}}
	}
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return Problems{{File: file, Line: 1, Column: 1, Text: "it is UTF-16; save it as UTF-8"}}
	}
	var problems Problems
	line, column := 1, 1
	for i := len(data) - len(trimBOM(data)); i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		text := unclean(r, size, i+1 < len(data) && data[i+1] == '\n')
		if text != "" && len(problems) < maxProblems && !follows(problems, line, text) {
			problems = append(problems, Problem{File: file, Line: line, Column: column, Text: text})
		}
		i += size
		if r == '\n' {
			line, column = line+1, 1
		} else {
			column++
		}
	}
	return problems
}

// follows reports whether a line has shown the same fault just before: a word in another encoding is one fault.
func follows(problems Problems, line int, text string) bool {
	n := len(problems)
	return n > 0 && problems[n-1].Line == line && problems[n-1].Text == text
}

// unclean says what is wrong with one character of the raw text, "" for nothing.
func unclean(r rune, size int, beforeLineEnd bool) string {
	switch {
	case r == utf8.RuneError && size == 1:
		return "these octets are not UTF-8; save the file as UTF-8"
	case r == '\n' || r == '\t' || r == '\r' && beforeLineEnd:
		return ""
	case r == '\r':
		return "a carriage return without a line end; save the file with ordinary line ends"
	}
	return unseen(r)
}

// unseen says why a character may stand nowhere in a configuration, "" for nothing.
func unseen(r rune) string {
	switch {
	case unicode.Is(unicode.Cc, r):
		return fmt.Sprintf("control character U+%04X", r)
	case unicode.Is(unicode.Cf, r), unicode.In(r, unicode.Zl, unicode.Zp, unicode.Variation_Selector):
		return fmt.Sprintf("invisible character U+%04X; delete it", r)
	case unicode.Is(unicode.Noncharacter_Code_Point, r), unicode.Is(unicode.Co, r):
		return fmt.Sprintf("U+%04X is no character", r)
	}
	return ""
}

// trimBOM drops the byte order mark that Windows editors put first.
func trimBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\ufeff")) }
