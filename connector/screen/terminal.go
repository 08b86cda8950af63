package screen

import (
	"io"
	"log/slog"
	"strings"

	"golang.org/x/term"
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

// Terminal tells whether an output is a person's screen.
func Terminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}

// Logger writes JSON for journald, text for a person; a level that is none is warn.
func Logger(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelWarn
	}
	o := &slog.HandlerOptions{Level: l}
	if Terminal(w) {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}
