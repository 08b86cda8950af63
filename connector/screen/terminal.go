package screen

import (
	"strings"
)

// Language picks Russian or English, "ru" or "en", by the first locale that is set.
func Language(locales ...string) string {
	for _, l := range locales {
		if l != "" {
			if strings.HasPrefix(strings.ToLower(l), "ru") {
				return "ru"
			}
			return "en"
		}
	}
	return "en"
}
