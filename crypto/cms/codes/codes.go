// Package codes holds the refusal codes of signatures and, in Russian and English, what is wrong and what to say to the
// bank; and the usual names of object identifiers. It is an inner room of crypto/cms and calls no other.
package codes

import (
	_ "embed" // the texts
	"strings"
)

//go:embed codes.txt
var text string

//go:embed names.txt
var names string

// Name gives the usual name of an object identifier, or the identifier itself.
func Name(id string) string {
	_, rest, ok := strings.Cut("\n"+names, "\n"+id+" ")
	if !ok {
		return id
	}
	name, _, _ := strings.Cut(rest, "\n")
	return name
}

// All lists every code, in the order of the checks.
func All() []string {
	var all []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "[") {
			all = append(all, strings.Trim(line, "[]\n"))
		}
	}
	return all
}

// Explain gives the two sentences of a code: what is wrong, and what to tell the bank or to do ourselves. lang is "ru" or
// "en"; anything else is English. Both are empty for a code that is none.
func Explain(code, lang string) (what, todo string) {
	if lang != "ru" {
		lang = "en"
	}
	_, block, _ := strings.Cut(text, "\n["+code+"]\n")
	block, _, _ = strings.Cut(block, "\n[")
	for line := range strings.Lines(block) {
		key, sentence, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case lang:
			what = sentence
		case "bank-" + lang:
			todo = sentence
		}
	}
	return what, todo
}
