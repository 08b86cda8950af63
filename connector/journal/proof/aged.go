package proof

import (
	"fmt"
	"strings"
)

// Aged says in words, "ru" or "en", what lies in archives and what the rule of retention
// removed; nothing where there is nothing.
func (r *Report) Aged(lang string) string {
	archives, retired := "events of earlier months in archives: %d\n", "  removed by the rule of retention: %s\n"
	discarded := "stored files removed by the rule of retention: %d\n"
	if lang == "ru" {
		archives, retired = "архивов с событиями прежних месяцев: %d\n", "  удалено по сроку хранения: %s\n"
		discarded = "хранимых файлов удалено по сроку хранения: %d\n"
	}
	var b strings.Builder
	if r.Archives > 0 {
		fmt.Fprintf(&b, archives, r.Archives)
	}
	if r.Discarded > 0 {
		fmt.Fprintf(&b, discarded, r.Discarded)
	}
	for _, name := range r.Retired {
		fmt.Fprintf(&b, retired, name)
	}
	return b.String()
}
