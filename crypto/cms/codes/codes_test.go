package codes

import (
	"strings"
	"testing"
	"unicode"
)

// TestEveryRefusalTellsWhatToDo wants of every code, in both languages, what is wrong, in words of its own, and what to
// say to the bank or to do ourselves.
func TestEveryRefusalTellsWhatToDo(t *testing.T) {
	if len(All()) < 40 {
		t.Fatalf("%d codes, want at least 40", len(All()))
	}
	seen := map[string]string{}
	for _, code := range All() {
		if seen[code] != "" {
			t.Errorf("%s stands there twice", code)
		}
		seen[code] = code
		for _, lang := range []string{"ru", "en"} {
			t.Run(code+"/"+lang, func(t *testing.T) {
				what, todo := Explain(code, lang)
				if other := seen[what]; other != "" {
					t.Errorf("%s and %s are explained in the same words", code, other)
				}
				seen[what] = code
				for _, sentence := range []string{what, todo} {
					if len([]rune(sentence)) < 30 || !strings.HasSuffix(sentence, ".") || strings.TrimSpace(sentence) != sentence {
						t.Errorf("no sentence: %q", sentence)
					}
					if russian := strings.ContainsFunc(sentence, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) }); russian != (lang == "ru") {
						t.Errorf("not in this language: %q", sentence)
					}
				}
				if what == todo {
					t.Error("what is wrong is no advice")
				}
				if held := map[bool]string{true: "От банка ничего не требуется", false: "Nothing is asked of the bank"}[lang == "ru"]; ours(code) != strings.Contains(todo, held) {
					t.Errorf("who must act is told wrongly: %q", todo)
				}
			})
		}
	}
	for _, code := range []string{"", "no-such-code", "crl", "signature]"} {
		if what, todo := Explain(code, "ru"); what != "" || todo != "" {
			t.Errorf("%q is explained: %q %q", code, what, todo)
		}
	}
}

// ours are refusals that the bank can do nothing about: lists that we have to fetch.
func ours(code string) bool {
	return code != "ocsp-unknown" && (code == "no-crl" || strings.HasPrefix(code, "crl-") || strings.HasPrefix(code, "ocsp-"))
}

func TestNames(t *testing.T) {
	for id, want := range map[string]string{
		"1.2.840.113549.1.7.1": "data", "1.2.840.113549.1.9.16.1.4": "TSTInfo (time stamp)", "1.2.840.10045.4.3.4": "ECDSA with SHA-512",
		"1.2.3": "1.2.3", "1.2.840.113549.1.9": "1.2.840.113549.1.9", "": "",
	} {
		if got := Name(id); got != want {
			t.Errorf("%q is %q, want %q", id, got, want)
		}
	}
}
