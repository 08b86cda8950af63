package screen

import (
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
)

// Table prints to an output, framed on a terminal, plain otherwise.
func Table(w io.Writer) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	if !Is(w) {
		t.Style().Options = table.OptionsNoBordersAndSeparators
	}
	return t
}

// Row is a row of a table; NULL shows as nothing.
func Row(values []any) table.Row {
	row := make(table.Row, len(values))
	for i, v := range values {
		if row[i] = v; v == nil {
			row[i] = ""
		}
	}
	return row
}
