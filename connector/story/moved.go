package story

import (
	"fmt"
	"strings"

	"bankconnector/connector/journal/record"
)

// Moved tells which archives were made or removed, a line each.
func Moved(list []record.Archived, lang string) string {
	line, none := "%s: events %d to %d, SHA-256 %s\n", "nothing is old enough\n"
	if lang == "ru" {
		line, none = "%s: события с %d по %d, SHA-256 %s\n", "ничего настолько старого нет\n"
	}
	if len(list) == 0 {
		return none
	}
	var b strings.Builder
	for _, m := range list {
		fmt.Fprintf(&b, line, m.File, m.First, m.Last, m.SHA256)
	}
	return b.String()
}
