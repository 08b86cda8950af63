package table

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"
)

// The limits of a sheet; what does not fit is never cut off in silence.
const (
	sheetRows = 1<<20 - 1 // without the head
	cellChars = 32767     // UTF-16 code units
	exact     = 1 << 53   // above it a number of a spreadsheet is not exact
)

// book is a workbook being written: rows go to a temporary file, not to memory.
type book struct {
	file  *excelize.File
	sheet *excelize.StreamWriter
	count int // sheets
	row   int // in the sheet, from 1
	head  []any
}

func exportXLSX(ctx context.Context, db *sql.DB, query string, w io.Writer) (err error) {
	b := &book{file: excelize.NewFile()}
	defer func() { err = errors.Join(err, b.file.Close()) }()
	err = ask(ctx, db, query, func(names []string) error {
		b.head = make([]any, len(names))
		for i, name := range names {
			b.head[i] = name
		}
		return b.next()
	}, b.add)
	if err != nil {
		return err
	}
	if err := b.sheet.Flush(); err != nil {
		return fmt.Errorf("write xlsx: %w", err)
	}
	if err := b.file.Write(w); err != nil {
		return fmt.Errorf("write xlsx: %w", err)
	}
	return nil
}

// next begins a sheet.
func (b *book) next() error {
	if b.sheet != nil {
		if err := b.sheet.Flush(); err != nil {
			return err
		}
	}
	b.count++
	b.row = 1
	name := "Sheet" + strconv.Itoa(b.count)
	if b.count > 1 { // a new workbook has the first
		if _, err := b.file.NewSheet(name); err != nil {
			return err
		}
	}
	var err error
	if b.sheet, err = b.file.NewStreamWriter(name); err != nil {
		return err
	}
	return b.sheet.SetRow("A1", b.head)
}

func (b *book) add(values []any) error {
	if b.row > sheetRows {
		if err := b.next(); err != nil {
			return err
		}
	}
	b.row++
	cells := make([]any, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case string:
			if n := len(utf16.Encode([]rune(v))); n > cellChars {
				return fmt.Errorf("row %d, column %v has %d characters, a cell takes %d: export it as csv, json or parquet", b.row, b.head[i], n, cellChars)
			}
			cells[i] = v // a text cell, whatever it begins with
		case int64:
			if cells[i] = any(v); v > exact || v < -exact {
				cells[i] = strconv.FormatInt(v, 10)
			}
		default:
			cells[i] = v
		}
	}
	at, err := excelize.CoordinatesToCellName(1, b.row)
	if err != nil {
		return err
	}
	return b.sheet.SetRow(at, cells)
}
